"""The database's side of a recovery: what it knows, and the one transaction that brings it forward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.ledger import Ledger
from broker.recording.rows import Row
from broker.recording.writes import Writes
from broker.recovery.evidence import Evidence
from broker.recovery.rebuilding import Inbox, Rebuilt, Restored, Waiting
from broker.store import bulk, counters, facilities, tables
from broker.store.engine import Database
from broker.store.looking_up import Questions, look_up
from broker.store.writing import write
from schemas.topics import submit_topic

PORTION: Final = 500  # rows of one statement, and ids of one question
_FIRST_GENERATION: Final = (1,)  # of certificates; ``facility add`` names others


async def read_restored(database: Database) -> Restored:
    """What the database knows of generation, numbers, positions, and what waits. Raises PassingError."""
    facility, counter, outbox, held = (
        tables.facility.c,
        tables.inbox_counter.c,
        tables.outbox.c,
        tables.held.c,
    )
    inboxes = select(
        facility.facility_id, func.coalesce(counter.next_seq, 1), func.coalesce(counter.published_through, 0)
    ).join_from(tables.facility, tables.inbox_counter, counter.destination == facility.facility_id, isouter=True)
    waiting = select(
        outbox.id, outbox.destination, outbox.record_type, outbox.record_sha256, outbox.message_id, outbox.sender
    ).where(outbox.delivery_seq.is_(None))
    position = tables.source_position.c
    async with database.read() as connection:
        return Restored(
            generation=await counters.value_of(connection, counters.GENERATION),
            inboxes={row[0]: Inbox(row[1], row[2]) for row in await connection.execute(inboxes)},
            waiting=[Waiting(*row) for row in await connection.execute(waiting.order_by(outbox.id))],
            positions=dict((await connection.execute(select(position.topic, position.next_offset))).all()),
            held=frozenset(
                (row.sender, row.message_id) for row in await connection.execute(select(held.sender, held.message_id))
            ),
        )


async def read_ledger(database: Database, evidence: Evidence, now: Any) -> Ledger:
    """What the database knows of the ids in evidence. Raises PassingError."""
    questions = Questions(
        message_ids={message_id for _, message_id in (*evidence.answers, *evidence.deliveries)}
        | {one.message_id for ack in evidence.acks for one in ack.acknowledged}
        | {one.message_id for scan in evidence.scans.values() for one in scan.passed if one.message_id},
        transfer_ids={
            str(one.receipt.transfer_id)
            for answers in evidence.answers.values()
            for one in answers
            if one.receipt.transfer_id
        }
        | {str(one.stamp.transfer_id) for one in evidence.deliveries.values()},
        bundle_ids={
            one.receipt.bundle_id for answers in evidence.answers.values() for one in answers if one.receipt.bundle_id
        },
        entries_of={facility for facility, _ in evidence.entries},
    )
    ledger = Ledger()
    async with database.write() as connection:  # it locks what it finds; nothing else runs, and nothing is written
        for portion in _questions(questions):
            found = await look_up(connection, portion, now)
            for one in fields(Ledger):
                value = getattr(found, one.name)
                if isinstance(value, dict):
                    getattr(ledger, one.name).update(value)
    return ledger


def _questions(questions: Questions) -> list[Questions]:
    sliced = {one.name: sorted(getattr(questions, one.name)) for one in fields(Questions)}
    longest = max(len(ids) for ids in sliced.values())
    return [
        Questions(**{name: set(ids[start : start + PORTION]) for name, ids in sliced.items()})
        for start in range(0, longest, PORTION)
    ]


async def audit_sizes(database: Database) -> tuple[int, int]:
    """How many leaves the tree has, and will have once everything that is committed has its number.

    Raises PassingError.
    """
    entry = tables.audit_entry.c
    async with database.read() as connection:
        size = int((await connection.execute(select(tables.audit_state.c.size))).scalar_one_or_none() or 0)
        unnumbered = select(func.count()).select_from(tables.audit_entry).where(entry.log_index.is_(None))
        return size, size + int((await connection.execute(unnumbered)).scalar_one())


async def busy_sessions(database: Database) -> int:
    """Sessions of workers on this database, wherever they run; always 0 on SQLite, where a file lock tells."""
    if database.is_sqlite:
        return 0
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name ~ '^lienvien-[0-9a-f]{8}-'"
    )
    async with database.read() as connection:
        return int((await connection.execute(statement)).scalar_one())


async def commit(
    database: Database, writes: Writes, rebuilt: Rebuilt, at: str, tell: Callable[[int, int], None]
) -> None:
    """Everything, or nothing. ``tell`` hears of portions written and all of them.

    Raises PassingError, CommitUnknownError.
    """
    portions = _portions(writes)
    total = len(portions) + sum(len(rows) // PORTION + 1 for rows in (rebuilt.numbered, rebuilt.given))
    async with database.write() as connection:
        await counters.ensure(connection)
        for facility in rebuilt.facilities:
            await facilities.admit(connection, facility, _FIRST_GENERATION, at)
        done = 0
        for rows in _sliced(rebuilt.numbered):
            await bulk.insert(connection, tables.outbox, rows)
            tell(done := done + 1, total)
        for rows in _sliced(rebuilt.given):
            await bulk.update(connection, tables.outbox, ("id",), rows)
            tell(done := done + 1, total)
        for portion in portions:
            await write(connection, portion)
            tell(done := done + 1, total)
        await bulk.upsert(connection, tables.inbox_counter, rebuilt.inboxes)
        await bulk.update(connection, tables.source_position, ("topic",), rebuilt.positions)
        await bulk.upsert(connection, tables.known_facility, rebuilt.register)
        await _raise_to(connection, counters.REGISTER_VERSION, rebuilt.register_version)
        await _raise_to(connection, counters.GENERATION, rebuilt.generation)


async def _raise_to(connection: AsyncConnection, name: str, value: int) -> None:
    counter = tables.counter
    await connection.execute(update(counter).where(counter.c.name == name, counter.c.value < value).values(value=value))


def _portions(writes: Writes) -> list[Writes]:
    """Each kind of row in statements of a lawful size; what is changed comes after everything that is made."""
    lists: Mapping[str, list[Row]] = {
        one.name: value for one in fields(Writes) if isinstance(value := getattr(writes, one.name), list)
    }
    made = [name for name in lists if name not in ("acked", "released")]
    longest = max(len(lists[name]) for name in made)
    found = [
        Writes(**{name: lists[name][start : start + PORTION] for name in made})  # type: ignore[arg-type]
        for start in range(0, longest, PORTION)
    ]
    return [*found, replace(Writes(), acked=writes.acked, released=writes.released)]


def _sliced(rows: Sequence[Row]) -> list[Sequence[Row]]:
    return [rows[start : start + PORTION] for start in range(0, len(rows), PORTION)]


def submit_topics(evidence: Evidence, restored: Restored) -> list[str]:
    """Every submit topic that there may be, whether the database follows it or not."""
    inboxes = {*restored.inboxes, *evidence.tops}
    return sorted({*restored.positions, *(submit_topic(facility) for facility in inboxes)})
