"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _participants()
    _workers()
    _messages()
    _transfers()
    _outgoing()
    _setbacks()
    _audit()


def downgrade() -> None:
    """Drop them, the last first."""
    for table in reversed(TABLES):
        op.drop_table(table)


def code(length: int) -> TypeEngine[str]:
    """Short ASCII text, compared by bytes."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def counting() -> TypeEngine[int]:
    """A primary key that counts by itself."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def only(where: str) -> dict[str, Any]:
    """A partial index."""
    return {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)}


TABLES = (
    "facility",
    "known_facility",
    "directory_entry",
    "counter",
    "worker",
    "lane",
    "source_position",
    "message",
    "transfer",
    "held",
    "outbox",
    "shared_token",
    "inbox_counter",
    "inbox_status",
    "quarantine",
    "attempt",
    "junk_counter",
    "alarm",
    "audit_entry",
    "checkpoint",
    "audit_state",
)


def _participants() -> None:
    """Who takes part."""
    op.create_table(
        "facility",
        sa.Column("facility_id", code(5), primary_key=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("status", code(40), nullable=False),
        sa.Column("generations", code(80), nullable=False),
        sa.Column("admitted_at", code(24), nullable=False),
        sa.Column("suspended_at", code(24)),
    )
    op.create_index("facility_of_lane", "facility", ["lane"])
    op.create_table(
        "known_facility",
        sa.Column("code", code(5), primary_key=True),
        sa.Column("valid_from", code(10), primary_key=True),
        sa.Column("valid_to", code(10)),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", code(40)),
        sa.Column("province", sa.Text()),
        sa.Column("role", sa.Text()),
    )
    op.create_table(
        "directory_entry",
        sa.Column("facility", code(5), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("entry_sha256", code(64), nullable=False),
        sa.Column("countersigned", sa.Text(), nullable=False),
        sa.Column("received_at", code(24), nullable=False),
    )


def _workers() -> None:
    """Who does the work."""
    op.create_table(
        "counter",
        sa.Column("name", code(40), primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "worker",
        sa.Column("instance", code(36), primary_key=True),
        sa.Column("worker_id", code(32), nullable=False),
        sa.Column("renewals", sa.BigInteger(), nullable=False),
        sa.Column("started_at", code(24), nullable=False),
    )
    op.create_table(
        "lane",
        sa.Column("lane", sa.Integer(), primary_key=True),
        sa.Column("owner", code(36)),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "source_position",
        sa.Column("topic", code(32), primary_key=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("anchor_offset", sa.BigInteger()),
        sa.Column("anchor_sha256", code(64)),
        sa.Column("topic_id", code(36)),
        sa.Column("appended_at", code(24)),
    )
    op.create_index("source_position_of_lane", "source_position", ["lane"])


def _messages() -> None:
    """What was decided on messages."""
    op.create_table(
        "message",
        sa.Column("message_id", code(36), primary_key=True),
        sa.Column("sender", code(5), primary_key=True),
        sa.Column("bundle_id", code(36)),
        sa.Column("destination", code(5)),
        sa.Column("event", code(40)),
        sa.Column("priority", code(40)),
        sa.Column("case_id", code(36)),
        sa.Column("transfer_id", code(36)),
        sa.Column("origin", code(48)),
        sa.Column("payload_sha256", code(64), nullable=False),
        sa.Column("content_sha256", code(64)),
        sa.Column("duplicate_key", code(64)),
        sa.Column("topic", code(32), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("record_sha256", code(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("verdict", code(40), nullable=False),
        sa.Column("reason", code(40)),
        sa.Column("event_seq", sa.BigInteger()),
        sa.Column("duplicate_of", code(36)),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("appended_at", code(24), nullable=False),
        sa.Column("decided_at", code(24), nullable=False),
        sa.Column("ack", code(40)),
        sa.Column("ack_reason", code(40)),
        sa.Column("acked_at", code(24)),
    )
    op.create_index("message_bundle", "message", ["bundle_id", "sender"], unique=True)
    op.create_index("message_duplicate", "message", ["duplicate_key"], **only("duplicate_key IS NOT NULL"))
    op.create_index("message_of_transfer", "message", ["transfer_id"])
    op.create_index("message_origin", "message", ["origin"], **only("origin IS NOT NULL"))
    op.create_index("message_refused", "message", ["decided_at"], **only("verdict <> 'accepted'"))


def _transfers() -> None:
    """What was decided on transfers, and what waits."""
    op.create_table(
        "transfer",
        sa.Column("transfer_id", code(36), primary_key=True),
        sa.Column("sender", code(5), primary_key=True),
        sa.Column("destination", code(5), nullable=False),
        sa.Column("case_id", code(36), nullable=False),
        sa.Column("case_code", code(24)),
        sa.Column("kind", code(40)),
        sa.Column("priority", code(40), nullable=False),
        sa.Column("unclassified", sa.Boolean(), nullable=False),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.Column("delivery", code(40), nullable=False),
        sa.Column("decision", code(40), nullable=False),
        sa.Column("journey", code(40), nullable=False),
        sa.Column("loop", code(40), nullable=False),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("decision_seq", sa.BigInteger()),
        sa.Column("slip_message_id", code(36), nullable=False),
        sa.Column("submitted_at", code(24), nullable=False),
        sa.Column("delivered_at", code(24)),
        sa.Column("opened_at", code(24)),
        sa.Column("decided_at", code(24)),
        sa.Column("departed_at", code(24)),
        sa.Column("arrived_at", code(24)),
        sa.Column("completed_at", code(24)),
        sa.Column("closed_at", code(24)),
        sa.Column("changed_at", code(24), nullable=False),
    )
    op.create_index("transfer_newest", "transfer", ["submitted_at", "transfer_id"])
    op.create_index("transfer_of_case", "transfer", ["case_id"])
    op.create_index("transfer_of_destination", "transfer", ["destination", "submitted_at"])
    op.create_index("transfer_of_sender", "transfer", ["sender", "submitted_at"])
    op.create_table(
        "held",
        sa.Column("message_id", code(36), primary_key=True),
        sa.Column("sender", code(5), primary_key=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("owner", code(5), nullable=False),
        sa.Column("transfer_id", code(36), nullable=False),
        sa.Column("case_id", code(36), nullable=False),
        sa.Column("event", code(40), nullable=False),
        sa.Column("priority", code(40), nullable=False),
        sa.Column("reason", code(40), nullable=False),
        sa.Column("payload_sha256", code(64), nullable=False),
        sa.Column("topic", code(32), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("record_sha256", code(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("appended_at", code(24), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("held_at", code(24), nullable=False),
        sa.Column("try_at", code(24), nullable=False),
    )
    op.create_index("held_due", "held", ["lane", "try_at"])
    op.create_index("held_of_case", "held", ["case_id"])
    op.create_index("held_of_transfer", "held", ["transfer_id"])


def _outgoing() -> None:
    """What goes out."""
    op.create_table(
        "outbox",
        sa.Column("id", counting(), primary_key=True),
        sa.Column("destination", code(5), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("record_type", code(40), nullable=False),
        sa.Column("priority_rank", sa.Integer(), nullable=False),
        sa.Column("case_id", code(36)),
        sa.Column("message_id", code(36)),
        sa.Column("sender", code(5)),
        sa.Column("topic", code(32)),
        sa.Column("offset", sa.BigInteger()),
        sa.Column("record_sha256", code(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("facts", sa.Text()),
        sa.Column("delivery_seq", sa.BigInteger()),
        sa.Column("stamp", sa.Text()),
        sa.Column("queued_at", code(24), nullable=False),
        sa.Column("stamped_at", code(24)),
        sa.Column("resend", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_delivery", "outbox", ["message_id"], **only("record_type = 'envelope'"))
    op.create_index("outbox_number", "outbox", ["destination", "delivery_seq"], unique=True)
    op.create_index("outbox_resend", "outbox", ["lane", "destination"], **only("resend"))
    op.create_index(
        "outbox_waiting", "outbox", ["lane", "destination", "priority_rank", "id"], **only("delivery_seq IS NULL")
    )
    op.create_table(
        "shared_token",
        sa.Column("record_sha256", code(64), primary_key=True),
        sa.Column("token", sa.Text(), nullable=False),
    )
    op.create_table(
        "inbox_counter",
        sa.Column("destination", code(5), primary_key=True),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("next_seq", sa.BigInteger(), nullable=False),
        sa.Column("published_through", sa.BigInteger(), nullable=False),
    )
    op.create_index("inbox_counter_of_lane", "inbox_counter", ["lane"])
    op.create_table(
        "inbox_status",
        sa.Column("destination", code(5), primary_key=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("complete_to", sa.BigInteger(), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("missing_count", sa.Integer(), nullable=False),
        sa.Column("incarnation", code(36), nullable=False),
        sa.Column("said_at", code(24), nullable=False),
        sa.Column("received_at", code(24), nullable=False),
    )


def _setbacks() -> None:
    """What went wrong."""
    op.create_table(
        "quarantine",
        sa.Column("topic", code(32), primary_key=True),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("record_type", code(40)),
        sa.Column("record_sha256", code(64)),
        sa.Column("size", sa.Integer()),
        sa.Column("facility", code(5)),
        sa.Column("reason", code(40), nullable=False),
        sa.Column("position", code(200)),
        sa.Column("found_at", code(24), nullable=False),
    )
    op.create_index("quarantine_newest", "quarantine", ["found_at"])
    op.create_table(
        "attempt",
        sa.Column("topic", code(32), primary_key=True),
        sa.Column("offset", sa.BigInteger(), primary_key=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_at", code(24), nullable=False),
    )
    op.create_table(
        "junk_counter",
        sa.Column("topic", code(32), primary_key=True),
        sa.Column("minute", code(16), primary_key=True),
        sa.Column("reason", code(40), primary_key=True),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("reported", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
    op.create_index("junk_unreported", "junk_counter", ["minute"], **only("NOT reported"))
    op.create_table(
        "alarm",
        sa.Column("id", counting(), primary_key=True),
        sa.Column("at", code(24), nullable=False),
        sa.Column("alarm", code(40), nullable=False),
        sa.Column("facility", code(5)),
        sa.Column("topic", code(32)),
        sa.Column("offset", sa.BigInteger()),
        sa.Column("message_id", code(36)),
        sa.Column("seen_at", code(24)),
        sqlite_autoincrement=True,
    )


def _audit() -> None:
    """The audit log."""
    op.create_table(
        "audit_entry",
        sa.Column("entry_id", code(32), primary_key=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", code(64), nullable=False),
        sa.Column("at", code(24), nullable=False),
        sa.Column("parties", code(24), nullable=False),
        sa.Column("log_index", sa.BigInteger()),
        sa.UniqueConstraint("log_index"),
    )
    op.create_index("audit_unnumbered", "audit_entry", ["at", "entry_id"], **only("log_index IS NULL"))
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("root", code(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", code(24), nullable=False),
    )
    op.create_table(
        "audit_state",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.Text(), nullable=False),
    )
