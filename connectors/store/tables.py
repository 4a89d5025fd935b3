"""The connector's tables, and how an older database becomes the present one.

Times are ISO 8601 in UTC (``schemas.times.iso``); they are for people and for evidence. What waits for a moment (a
repeat, the next attempt) waits by the monotonic clock in memory, so that a jump of the wall clock delays nothing.
"""

import sqlite3
from typing import Final

_VERSION_1: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- where reading of a topic goes on; anchor = digest of the record before it, read again after every connection
CREATE TABLE position (topic TEXT PRIMARY KEY, next_offset INTEGER NOT NULL, anchor_sha256 TEXT) STRICT;

-- export files that were judged; never what is in them
CREATE TABLE seen_file (
    path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL,
    outcome TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (path, size, mtime_ns)
) STRICT;
CREATE INDEX seen_file_taken ON seen_file (sha256) WHERE outcome = 'taken';
CREATE TABLE folder_start (folder TEXT PRIMARY KEY, counts_from TEXT NOT NULL, first_pass_done INTEGER NOT NULL) STRICT;

-- what a person at the sending desk must know about a file or a slip in it; findings = JSON, no value of a patient
CREATE TABLE file_finding (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL, position INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('refused', 'not-connected', 'noted')),
    findings TEXT NOT NULL, slip_number TEXT, case_code TEXT, destination TEXT, destination_name TEXT, phone TEXT,
    document TEXT, at TEXT NOT NULL, cleared_at TEXT,
    UNIQUE (path, sha256, position)
) STRICT;

CREATE TABLE day_serial (day TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;

-- a slip of the HIS and the case it became; slip = its latest values, for the difference that an update shows
CREATE TABLE case_key (
    key TEXT PRIMARY KEY, case_id TEXT NOT NULL, transfer_id TEXT NOT NULL, case_code TEXT NOT NULL,
    destination TEXT NOT NULL, slip_sha256 TEXT NOT NULL, slip TEXT NOT NULL, priority TEXT NOT NULL,
    submit_message_id TEXT NOT NULL, last_message_id TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX case_key_case ON case_key (case_id);

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE, bundle_id TEXT NOT NULL UNIQUE, case_id TEXT NOT NULL, transfer_id TEXT NOT NULL,
    case_code TEXT NOT NULL, event TEXT NOT NULL, recipient TEXT NOT NULL, priority TEXT NOT NULL, kind TEXT,
    payload_sha256 TEXT NOT NULL,
    payload BLOB,           -- the Bundle while it is not sealed yet; afterwards it is in jws
    jws BLOB,               -- signed once
    sealed BLOB,            -- kept until 30 days past delivered
    sealed_for TEXT,        -- kid of the destination's key
    state TEXT NOT NULL CHECK (state IN
        ('waiting-person', 'waiting-key', 'ready', 'sent', 'held', 'accepted', 'refused', 'discarded')),
    wait_reason TEXT, attempts INTEGER NOT NULL DEFAULT 0, reseals INTEGER NOT NULL DEFAULT 0,
    source TEXT NOT NULL, at TEXT NOT NULL, sent_at TEXT,
    receipt BLOB, answer TEXT, reason TEXT, field TEXT, event_seq INTEGER, winning_event_seq INTEGER, received_at TEXT,
    ack BLOB, ack_verdict TEXT, ack_reason TEXT, delivered_at TEXT, seen_by_person_at TEXT
) STRICT;
CREATE INDEX outbox_open ON outbox (state) WHERE state IN ('waiting-person', 'waiting-key', 'ready', 'sent', 'held');
CREATE INDEX outbox_case ON outbox (case_id, seq);
CREATE INDEX outbox_transfer ON outbox (transfer_id);

-- every sealed form of a message that ever left: a receipt names the digest of one of them
CREATE TABLE sealed_digest (record_sha256 TEXT PRIMARY KEY, message_id TEXT NOT NULL) STRICT;

CREATE TABLE inbox (
    id INTEGER PRIMARY KEY, sender TEXT NOT NULL, message_id TEXT NOT NULL, bundle_id TEXT NOT NULL,
    case_id TEXT NOT NULL, transfer_id TEXT NOT NULL, case_code TEXT NOT NULL, event TEXT NOT NULL,
    priority TEXT NOT NULL, kind TEXT, tags TEXT NOT NULL, event_seq INTEGER, delivery_seq INTEGER NOT NULL,
    payload_sha256 TEXT NOT NULL, record_sha256 TEXT NOT NULL, accepted_at TEXT NOT NULL, at TEXT NOT NULL,
    flags TEXT NOT NULL, jws BLOB NOT NULL, stamp BLOB NOT NULL,
    UNIQUE (sender, message_id)
) STRICT;
CREATE INDEX inbox_case ON inbox (case_id, id);

-- tokens are deduplicated by their digest, for ever
CREATE TABLE inbox_token (
    record_sha256 TEXT PRIMARY KEY, record_type TEXT NOT NULL, delivery_seq INTEGER NOT NULL,
    token BLOB NOT NULL, stamp BLOB NOT NULL, at TEXT NOT NULL
) STRICT;

CREATE TABLE inbox_number (delivery_seq INTEGER PRIMARY KEY, record_sha256 TEXT NOT NULL) STRICT;
CREATE TABLE missing_range (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, since TEXT NOT NULL) STRICT;

CREATE TABLE quarantine (
    topic TEXT NOT NULL, offset INTEGER NOT NULL, record_sha256 TEXT NOT NULL, reason TEXT NOT NULL,
    field TEXT NOT NULL, proven INTEGER NOT NULL, record_type TEXT, sender TEXT, message_id TEXT, delivery_seq INTEGER,
    at TEXT NOT NULL, value BLOB, stamp BLOB, judged_again_at TEXT,
    PRIMARY KEY (topic, offset)
) STRICT;

-- what a person who looks after the connector must see
CREATE TABLE alarm (id INTEGER PRIMARY KEY, code TEXT NOT NULL, place TEXT NOT NULL, at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    times INTEGER NOT NULL, cleared_at TEXT) STRICT;
CREATE UNIQUE INDEX alarm_open ON alarm (code, place) WHERE cleared_at IS NULL;

CREATE TABLE ack_due (
    id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, message_id TEXT NOT NULL, payload_sha256 TEXT NOT NULL,
    delivery_seq INTEGER NOT NULL, verdict TEXT NOT NULL, reason TEXT, urgent INTEGER NOT NULL, at TEXT NOT NULL,
    token_id INTEGER REFERENCES ack_token (id),
    UNIQUE (recipient, message_id, delivery_seq, verdict)
) STRICT;
CREATE INDEX ack_due_open ON ack_due (urgent) WHERE token_id IS NULL;
CREATE TABLE ack_token (
    id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, token BLOB NOT NULL, urgent INTEGER NOT NULL, at TEXT NOT NULL,
    sent_at TEXT
) STRICT;
CREATE INDEX ack_token_open ON ack_token (urgent) WHERE sent_at IS NULL;

CREATE TABLE handover (
    inbox_id INTEGER PRIMARY KEY REFERENCES inbox (id), case_folder TEXT NOT NULL, ordinal INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done')), attempts INTEGER NOT NULL DEFAULT 0,
    open_attempt INTEGER NOT NULL DEFAULT 0, possible_duplicate INTEGER NOT NULL DEFAULT 0, last_error TEXT,
    at TEXT NOT NULL, done_at TEXT
) STRICT;
CREATE INDEX handover_open ON handover (inbox_id) WHERE state = 'waiting';

-- the local view of every transfer of this facility, either way; patient's words are for the hospital's own pages only
CREATE TABLE transfer (
    sender TEXT NOT NULL, transfer_id TEXT NOT NULL, destination TEXT NOT NULL, case_id TEXT NOT NULL,
    case_code TEXT NOT NULL, slip_number TEXT, priority TEXT NOT NULL, raised_priority TEXT, kind TEXT,
    tags TEXT NOT NULL, event_seq INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, case_folder TEXT,
    patient TEXT NOT NULL,
    submit_message_id TEXT, conflict TEXT,
    prepared_at TEXT, sent_at TEXT, received_at TEXT, delivered_at TEXT, opened_at TEXT, decided_at TEXT,
    departed_at TEXT, arrived_at TEXT, cancelled_at TEXT, first_at TEXT NOT NULL, last_at TEXT NOT NULL,
    PRIMARY KEY (sender, transfer_id)
) STRICT;
CREATE INDEX transfer_case ON transfer (case_id);
CREATE INDEX transfer_code ON transfer (case_code);
CREATE INDEX transfer_slip ON transfer (slip_number);

CREATE TABLE transfer_event (
    sender TEXT NOT NULL, transfer_id TEXT NOT NULL, message_id TEXT NOT NULL, event TEXT NOT NULL,
    by_facility TEXT NOT NULL,
    event_seq INTEGER, at TEXT NOT NULL, details TEXT NOT NULL, refused TEXT,
    PRIMARY KEY (message_id)
) STRICT;
CREATE INDEX transfer_event_transfer ON transfer_event (sender, transfer_id);

CREATE TABLE peer (
    facility TEXT PRIMARY KEY, version INTEGER NOT NULL, entry BLOB NOT NULL, countersigned BLOB NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE register_page (
    version INTEGER NOT NULL, page INTEGER NOT NULL, pages INTEGER NOT NULL, token BLOB NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (version, page)
) STRICT;
"""

# A place in a log is no identity: a topic that was made anew has the same places. What was set aside stays evidence.
_VERSION_2: Final = """
ALTER TABLE quarantine RENAME TO quarantine_1;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL, offset INTEGER NOT NULL, record_sha256 TEXT NOT NULL, reason TEXT NOT NULL,
    field TEXT NOT NULL, proven INTEGER NOT NULL, record_type TEXT, sender TEXT, message_id TEXT, delivery_seq INTEGER,
    at TEXT NOT NULL, value BLOB, stamp BLOB, judged_again_at TEXT
) STRICT;
INSERT INTO quarantine (topic, offset, record_sha256, reason, field, proven, record_type, sender, message_id,
    delivery_seq, at, value, stamp, judged_again_at) SELECT * FROM quarantine_1 ORDER BY offset;
DROP TABLE quarantine_1;
CREATE UNIQUE INDEX quarantine_record ON quarantine (topic, offset, record_sha256, coalesce(delivery_seq, 0));
"""

_SCRIPTS: Final = (_VERSION_1, _VERSION_2)
VERSION: Final = len(_SCRIPTS)


class NewerDatabaseError(Exception):
    """The database was written by a newer program; an older one must not touch it."""

    def __init__(self) -> None:
        super().__init__(
            "Cơ sở dữ liệu do phiên bản mới hơn ghi; hãy cài lại phiên bản đó. / "
            "The database was written by a newer program; install that one again."
        )


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Create or migrate the tables, one version per transaction. Raises NewerDatabaseError."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise NewerDatabaseError
    for number in range(found, VERSION):
        script = f"BEGIN EXCLUSIVE;\n{_SCRIPTS[number]}\nPRAGMA user_version = {number + 1};\nCOMMIT;"
        try:
            connection.executescript(script)
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
