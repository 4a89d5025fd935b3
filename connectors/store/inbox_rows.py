"""Messages and tokens that came in, and what could not be read."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.times import iso


@dataclass(frozen=True, slots=True)
class NewInboxMessage:
    """An opened and verified message. ``jws`` is what the sender signed, ``stamp`` what the exchange said of it."""

    sender: str
    message_id: str
    bundle_id: str
    case_id: str
    transfer_id: str
    case_code: str
    event: str
    priority: str
    kind: str | None
    tags: str
    event_seq: int | None
    delivery_seq: int
    payload_sha256: str
    record_sha256: str
    accepted_at: str
    flags: str
    jws: bytes
    stamp: bytes


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A message of the inbox, without its bytes."""

    id: int
    sender: str
    message_id: str
    case_id: str
    transfer_id: str
    case_code: str
    event: str
    priority: str
    kind: str | None
    event_seq: int | None
    delivery_seq: int
    accepted_at: str
    at: str
    flags: str


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A record set aside. ``proven``: the stamp on it was the exchange's."""

    topic: str
    offset: int
    record_sha256: str
    reason: str
    field: str
    proven: bool
    record_type: str | None
    sender: str | None
    message_id: str | None
    delivery_seq: int | None


_COLUMNS: Final = ", ".join(InboxRow.__dataclass_fields__)


def payload_known(c: sqlite3.Connection, sender: str, message_id: str) -> str | None:
    """The payload digest stored under a message id of a sender; None when the message is new."""
    found = c.execute(
        "SELECT payload_sha256 FROM inbox WHERE sender = ? AND message_id = ?", (sender, message_id)
    ).fetchone()
    return found[0] if found else None


def token_known(c: sqlite3.Connection, record_sha256: str) -> bool:
    """True when this very token was taken in before."""
    return c.execute("SELECT 1 FROM inbox_token WHERE record_sha256 = ?", (record_sha256,)).fetchone() is not None


def add_message(c: sqlite3.Connection, message: NewInboxMessage, now: datetime) -> int:
    """Store a new message. Raises sqlite3.IntegrityError when it is known; ask first."""
    values = [getattr(message, name) for name in NewInboxMessage.__dataclass_fields__]
    names = ", ".join(NewInboxMessage.__dataclass_fields__)
    marks = ", ".join("?" for _ in values)
    statement = f"INSERT INTO inbox ({names}, at) VALUES ({marks}, ?) RETURNING id"  # noqa: S608
    return int(c.execute(statement, (*values, iso(now))).fetchone()[0])


def add_token(
    c: sqlite3.Connection,
    record_sha256: str,
    *,
    record_type: str,
    delivery_seq: int,
    token: bytes,
    stamp: bytes,
    now: datetime,
) -> None:
    """Store a token as evidence and so that it is known when it comes again."""
    c.execute(
        "INSERT OR IGNORE INTO inbox_token VALUES (?, ?, ?, ?, ?, ?)",
        (record_sha256, record_type, delivery_seq, token, stamp, iso(now)),
    )


def row(c: sqlite3.Connection, inbox_id: int) -> InboxRow | None:
    """One message by its row."""
    found = c.execute(f"SELECT {_COLUMNS} FROM inbox WHERE id = ?", (inbox_id,)).fetchone()  # noqa: S608
    return InboxRow(*found) if found else None


def rows_of_case(c: sqlite3.Connection, case_id: str) -> list[InboxRow]:
    """What came in about a case, oldest first."""
    return [
        InboxRow(*found)
        for found in c.execute(f"SELECT {_COLUMNS} FROM inbox WHERE case_id = ? ORDER BY id", (case_id,))  # noqa: S608
    ]


def signed_and_stamp(c: sqlite3.Connection, inbox_id: int) -> tuple[bytes, bytes]:
    """The message as its sender signed it, and the stamp."""
    found = c.execute("SELECT jws, stamp FROM inbox WHERE id = ?", (inbox_id,)).fetchone()
    return found[0], found[1]


def ordinal_in_case(c: sqlite3.Connection, case_id: str) -> int:
    """How many messages of this case are here."""
    return int(c.execute("SELECT count(*) FROM inbox WHERE case_id = ?", (case_id,)).fetchone()[0])


def quarantine(
    c: sqlite3.Connection, found: QuarantineRow, now: datetime, value: bytes | None = None, stamp: bytes | None = None
) -> None:
    """Set a record aside; the same one set aside before gets its latest reason. ``value`` is kept only where it will
    be judged again here."""
    c.execute(
        "INSERT INTO quarantine (topic, offset, record_sha256, reason, field, proven, record_type, sender,"
        " message_id, delivery_seq, at, value, stamp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (topic, offset, record_sha256, coalesce(delivery_seq, 0)) DO UPDATE SET reason = excluded.reason,"
        " field = excluded.field, proven = excluded.proven, record_type = excluded.record_type,"
        " sender = excluded.sender, message_id = excluded.message_id, value = excluded.value,"
        " stamp = excluded.stamp, judged_again_at = NULL",
        (
            found.topic,
            found.offset,
            found.record_sha256,
            found.reason,
            found.field,
            int(found.proven),
            found.record_type,
            found.sender,
            found.message_id,
            found.delivery_seq,
            iso(now),
            value,
            stamp,
        ),
    )


@dataclass(frozen=True, slots=True)
class Parked:
    """A record kept to be judged again."""

    id: int
    topic: str
    offset: int
    value: bytes
    stamp: bytes
    record_type: str


def parked(c: sqlite3.Connection, after: int = 0, limit: int = 50) -> list[Parked]:
    """Records kept to be judged again, behind the one with the id ``after``, in the order of coming."""
    rows = c.execute(
        "SELECT id, topic, offset, value, stamp, record_type FROM quarantine"
        " WHERE value IS NOT NULL AND judged_again_at IS NULL AND id > ? ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [Parked(*found) for found in rows]


def unpark(c: sqlite3.Connection, quarantine_id: int, now: datetime) -> None:
    """A parked record was judged again and taken in."""
    c.execute(
        "UPDATE quarantine SET judged_again_at = ?, value = NULL, stamp = NULL WHERE id = ?", (iso(now), quarantine_id)
    )


def quarantined(c: sqlite3.Connection, limit: int = 100) -> list[QuarantineRow]:
    """What could not be read and was not settled since, newest first."""
    rows = c.execute(
        "SELECT topic, offset, record_sha256, reason, field, proven, record_type, sender, message_id, delivery_seq"
        " FROM quarantine WHERE judged_again_at IS NULL ORDER BY at DESC LIMIT ?",
        (limit,),
    )
    return [QuarantineRow(f[0], int(f[1]), f[2], f[3], f[4], bool(f[5]), f[6], f[7], f[8], f[9]) for f in rows]
