"""Everything that one turn caused, written in as few statements as there are tables."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.rows import Row
from broker.recording.writes import Writes
from broker.store import bulk, tables

# What waits there of a case rises to its most urgent message, so that the order of the case is kept.
_STILL_LOWER: Final = "outbox.delivery_seq IS NULL AND outbox.priority_rank > {new}priority_rank"


async def write(connection: AsyncConnection, writes: Writes) -> None:
    """Write a turn. The order matters: what refers comes after what is referred to, releases come after holds."""
    await bulk.insert(connection, tables.message, writes.new_messages)
    await bulk.update(connection, tables.message, ("message_id", "sender"), _last(writes.acked, "message_id", "sender"))
    completed = _last(writes.completed, "message_id", "sender")
    await bulk.update(connection, tables.message, ("message_id", "sender"), completed)
    await bulk.insert(connection, tables.transfer, writes.new_transfers)
    await bulk.update(connection, tables.transfer, ("transfer_id", "sender"), writes.changed_transfers)
    await bulk.upsert(connection, tables.held, _last(writes.held, "message_id", "sender"))
    await bulk.delete(connection, tables.held, writes.released)
    await bulk.insert_new(connection, tables.shared_token, writes.shared_tokens)
    await _write_outbox(connection, writes)
    await bulk.upsert(connection, tables.inbox_status, _last(writes.statuses, "destination"))
    await bulk.insert(connection, tables.directory_entry, writes.entries)
    await bulk.insert_new(connection, tables.quarantine, writes.quarantine)
    await _count_junk(connection, writes.junk)
    await bulk.insert(connection, tables.alarm, writes.alarms)
    await bulk.insert(connection, tables.audit_entry, writes.audit)


async def _write_outbox(connection: AsyncConnection, writes: Writes) -> None:
    await bulk.insert(connection, tables.outbox, writes.new_outbox)
    await bulk.update(
        connection, tables.outbox, ("lane", "destination", "case_id"), _most_urgent(writes.raised), only=_STILL_LOWER
    )
    await bulk.update(connection, tables.outbox, ("id",), _last(writes.repointed, "id"))
    await bulk.update(
        connection, tables.outbox, ("destination", "delivery_seq"), _last(writes.resend, "destination", "delivery_seq")
    )


async def _count_junk(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    for row in rows:
        await connection.execute(
            text(
                "INSERT INTO junk_counter (topic, minute, reason, records) VALUES (:topic, :minute, :reason, :records)"
                " ON CONFLICT (topic, minute, reason) DO UPDATE SET records = junk_counter.records + excluded.records"
            ),
            row,
        )


def _last(rows: Sequence[Row], *keys: str) -> list[Row]:
    """The last row of each key: within one turn the later word stands."""
    return list({tuple(row[key] for key in keys): row for row in rows}.values())


def _most_urgent(rows: Sequence[Row]) -> list[Row]:
    """Of several rises of one case, the highest."""
    return _last(sorted(rows, key=lambda row: -row["priority_rank"]), "destination", "case_id")
