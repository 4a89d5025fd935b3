"""Every table of the exchange's database. No column holds content of a message.

Times are text in UTC with milliseconds (``schemas.times.iso``), which sorts and compares alike on both databases. Ids
lead their primary keys, because a turn asks for many ids at once and an id is all but unique by itself.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData()


def _code(length: int) -> TypeEngine[str]:
    """Short ASCII text; compared by bytes on PostgreSQL too, where a language's order costs time and means nothing."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


_ID: Final = _code(36)
_FACILITY: Final = _code(5)
_TOPIC: Final = _code(32)
_SHA256: Final = _code(64)
_TIME: Final = _code(24)
_CODE: Final = _code(40)
_BIG: Final = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY counts by itself on SQLite


# --- who takes part --------------------------------------------------------------------------------------------

facility: Final = Table(
    "facility",
    metadata,
    Column("facility_id", _FACILITY, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("status", _CODE, nullable=False),  # active, suspended
    Column("generations", _code(80), nullable=False),  # of its TLS certificates: "1" or "1,2"
    Column("admitted_at", _TIME, nullable=False),
    Column("suspended_at", _TIME),
    Index("facility_of_lane", "lane"),
)

known_facility: Final = Table(
    "known_facility",  # the register: who exists, connected or not
    metadata,
    Column("code", _FACILITY, primary_key=True),
    Column("valid_from", _code(10), primary_key=True),
    Column("valid_to", _code(10)),
    Column("name", Text, nullable=False),
    Column("phone", _code(40)),
    Column("province", Text),
    Column("role", Text),
)

directory_entry: Final = Table(
    "directory_entry",
    metadata,
    Column("facility", _FACILITY, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("entry_sha256", _SHA256, nullable=False),
    Column("countersigned", Text, nullable=False),  # the token that is handed on; holds the facility's own, unopened
    Column("received_at", _TIME, nullable=False),
)

# --- who does the work -----------------------------------------------------------------------------------------

counter: Final = Table(
    "counter",  # epoch, generation, register_version: numbers that only grow
    metadata,
    Column("name", _CODE, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

worker: Final = Table(
    "worker",
    metadata,
    Column("instance", _ID, primary_key=True),  # a new one at every start
    Column("worker_id", _code(32), nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("started_at", _TIME, nullable=False),
)

lane: Final = Table(
    "lane",
    metadata,
    Column("lane", Integer, primary_key=True),
    Column("owner", _ID),  # worker.instance; absent when never owned or released
    Column("epoch", BigInteger, nullable=False),
)

source_position: Final = Table(
    "source_position",
    metadata,
    Column("topic", _TOPIC, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("anchor_offset", BigInteger),  # the last record consumed, and its digest
    Column("anchor_sha256", _SHA256),
    Column("topic_id", _ID),
    Column("appended_at", _TIME),  # of the last record consumed: shows lag, decides nothing
    Index("source_position_of_lane", "lane"),
)

# --- what was decided ------------------------------------------------------------------------------------------

message: Final = Table(
    "message",
    metadata,
    Column("message_id", _ID, primary_key=True),
    Column("sender", _FACILITY, primary_key=True),
    Column("bundle_id", _ID),
    Column("destination", _FACILITY),
    Column("event", _CODE),
    Column("priority", _CODE),
    Column("case_id", _ID),
    Column("transfer_id", _ID),
    Column("origin", _code(48)),  # incarnation and counter of the connector's database
    Column("payload_sha256", _SHA256, nullable=False),
    Column("content_sha256", _SHA256),
    Column("duplicate_key", _SHA256),
    Column("topic", _TOPIC, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("record_sha256", _SHA256, nullable=False),
    Column("size", Integer, nullable=False),
    Column("verdict", _CODE, nullable=False),
    Column("reason", _CODE),
    Column("event_seq", BigInteger),
    Column("duplicate_of", _ID),
    Column("receipt", Text, nullable=False),  # signed once, replayed byte for byte
    Column("appended_at", _TIME, nullable=False),
    Column("decided_at", _TIME, nullable=False),
    Column("ack", _CODE),  # delivered or unreadable, as the destination signed
    Column("ack_reason", _CODE),
    Column("acked_at", _TIME),
    Index("message_bundle", "bundle_id", "sender", unique=True),
    Index(
        "message_duplicate",
        "duplicate_key",
        postgresql_where=text("duplicate_key IS NOT NULL"),
        sqlite_where=text("duplicate_key IS NOT NULL"),
    ),
    Index(
        "message_origin",
        "origin",
        postgresql_where=text("origin IS NOT NULL"),
        sqlite_where=text("origin IS NOT NULL"),
    ),
    Index("message_of_transfer", "transfer_id"),
    Index(
        "message_refused",
        "decided_at",
        postgresql_where=text("verdict <> 'accepted'"),
        sqlite_where=text("verdict <> 'accepted'"),
    ),
)

transfer: Final = Table(
    "transfer",
    metadata,
    Column("transfer_id", _ID, primary_key=True),
    Column("sender", _FACILITY, primary_key=True),
    Column("destination", _FACILITY, nullable=False),
    Column("case_id", _ID, nullable=False),
    Column("case_code", _code(24)),
    Column("kind", _CODE),
    Column("priority", _CODE, nullable=False),
    Column("unclassified", Boolean, nullable=False),
    Column("incomplete", Boolean, nullable=False),
    Column("delivery", _CODE, nullable=False),
    Column("decision", _CODE, nullable=False),
    Column("journey", _CODE, nullable=False),
    Column("loop", _CODE, nullable=False),
    Column("event_seq", BigInteger, nullable=False),
    Column("decision_seq", BigInteger),  # the event that made the present decision
    Column("slip_message_id", _ID, nullable=False),  # the newest message that carries the case
    Column("submitted_at", _TIME, nullable=False),
    Column("delivered_at", _TIME),
    Column("opened_at", _TIME),
    Column("decided_at", _TIME),
    Column("departed_at", _TIME),
    Column("arrived_at", _TIME),
    Column("completed_at", _TIME),
    Column("closed_at", _TIME),
    Column("changed_at", _TIME, nullable=False),
    Index("transfer_newest", "submitted_at", "transfer_id"),
    Index("transfer_of_sender", "sender", "submitted_at"),
    Index("transfer_of_destination", "destination", "submitted_at"),
    Index("transfer_of_case", "case_id"),
)

held: Final = Table(
    "held",  # messages that wait; their bytes lie in the submit topic
    metadata,
    Column("message_id", _ID, primary_key=True),
    Column("sender", _FACILITY, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("owner", _FACILITY, nullable=False),  # sender of the transfer it is about
    Column("transfer_id", _ID, nullable=False),
    Column("case_id", _ID, nullable=False),
    Column("event", _CODE, nullable=False),
    Column("priority", _CODE, nullable=False),
    Column("reason", _CODE, nullable=False),
    Column("payload_sha256", _SHA256, nullable=False),
    Column("topic", _TOPIC, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("record_sha256", _SHA256, nullable=False),
    Column("size", Integer, nullable=False),
    Column("appended_at", _TIME, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("held_at", _TIME, nullable=False),
    Column("try_at", _TIME, nullable=False),
    Index("held_of_case", "case_id"),
    Index("held_of_transfer", "transfer_id"),
    Index("held_due", "lane", "try_at"),
)

# --- what goes out ---------------------------------------------------------------------------------------------

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("destination", _FACILITY, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("record_type", _CODE, nullable=False),
    Column("priority_rank", Integer, nullable=False),
    Column("case_id", _ID),
    Column("message_id", _ID),
    Column("sender", _FACILITY),
    Column("topic", _TOPIC),  # where the bytes lie; a token of the exchange stands in the row or in shared_token
    Column("offset", BigInteger),
    Column("record_sha256", _SHA256, nullable=False),
    Column("size", Integer, nullable=False),
    Column("token", Text),
    Column("facts", Text),  # of the stamp, until it is signed
    Column("delivery_seq", BigInteger),
    Column("stamp", Text),
    Column("queued_at", _TIME, nullable=False),
    Column("stamped_at", _TIME),
    Column("resend", Boolean, nullable=False, server_default=text("false")),
    Index("outbox_number", "destination", "delivery_seq", unique=True),
    Index(
        "outbox_waiting",
        "lane",
        "destination",
        "priority_rank",
        "id",
        postgresql_where=text("delivery_seq IS NULL"),
        sqlite_where=text("delivery_seq IS NULL"),
    ),
    Index(
        "outbox_resend",
        "lane",
        "destination",
        postgresql_where=text("resend"),
        sqlite_where=text("resend"),
    ),
    Index(
        "outbox_delivery",
        "message_id",
        postgresql_where=text("record_type = 'envelope'"),
        sqlite_where=text("record_type = 'envelope'"),
    ),
    sqlite_autoincrement=True,
)

shared_token: Final = Table(
    "shared_token",  # one token that goes to many: directory entries, pages of the register
    metadata,
    Column("record_sha256", _SHA256, primary_key=True),
    Column("token", Text, nullable=False),
)

inbox_counter: Final = Table(
    "inbox_counter",
    metadata,
    Column("destination", _FACILITY, primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("next_seq", BigInteger, nullable=False),
    Column("published_through", BigInteger, nullable=False),  # every lower number has been acknowledged by Kafka
    Index("inbox_counter_of_lane", "lane"),
)

inbox_status: Final = Table(
    "inbox_status",  # what the destination says it holds; a number up to complete_to is closed
    metadata,
    Column("destination", _FACILITY, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("complete_to", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("missing_count", Integer, nullable=False),
    Column("incarnation", _ID, nullable=False),
    Column("said_at", _TIME, nullable=False),
    Column("received_at", _TIME, nullable=False),
)

# --- what went wrong -------------------------------------------------------------------------------------------

quarantine: Final = Table(
    "quarantine",
    metadata,
    Column("topic", _TOPIC, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("record_type", _CODE),
    Column("record_sha256", _SHA256),  # absent when not even the record could be read
    Column("size", Integer),
    Column("facility", _FACILITY),  # whom the signature proves, where it does
    Column("reason", _CODE, nullable=False),
    Column("position", _code(200)),  # a field path, never a value
    Column("found_at", _TIME, nullable=False),
    Index("quarantine_newest", "found_at"),
)

attempt: Final = Table(
    "attempt",
    metadata,
    Column("topic", _TOPIC, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("last_at", _TIME, nullable=False),
)

junk_counter: Final = Table(
    "junk_counter",
    metadata,
    Column("topic", _TOPIC, primary_key=True),
    Column("minute", _code(16), primary_key=True),
    Column("reason", _CODE, primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("reported", Boolean, nullable=False, server_default=text("false")),
    Index("junk_unreported", "minute", postgresql_where=text("NOT reported"), sqlite_where=text("NOT reported")),
)

alarm: Final = Table(
    "alarm",
    metadata,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("at", _TIME, nullable=False),
    Column("alarm", _CODE, nullable=False),
    Column("facility", _FACILITY),
    Column("topic", _TOPIC),
    Column("offset", BigInteger),
    Column("message_id", _ID),
    Column("seen_at", _TIME),
    sqlite_autoincrement=True,
)

# --- the audit log ---------------------------------------------------------------------------------------------

audit_entry: Final = Table(
    "audit_entry",
    metadata,
    Column("entry_id", _code(32), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("leaf_hash", _SHA256, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("parties", _code(24), nullable=False),  # facility codes with a space between; empty for the operator's own
    Column("log_index", BigInteger),
    UniqueConstraint("log_index"),
    Index(
        "audit_unnumbered",
        "at",
        "entry_id",
        postgresql_where=text("log_index IS NULL"),
        sqlite_where=text("log_index IS NULL"),
    ),
)

checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", _SHA256, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", _TIME, nullable=False),
)

audit_state: Final = Table(
    "audit_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", Text, nullable=False),
)
