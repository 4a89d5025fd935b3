"""The relay's transaction: confirm what was published, then number and stamp what comes next.

A number is given only to a destination all of whose numbers are published, so that a destination has at most one batch
without acknowledgement, and a new owner finds exactly that batch. Urgent goes first, but each urgency keeps a tenth.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.sharding import lane_of
from broker.store import bulk, tables
from broker.store.bulk import among, among_numbers, listed, listed_numbers
from broker.store.engine import Database
from broker.store.lanes import check_lanes
from schemas.limits import NUMBERED_BATCH_BYTES, NUMBERED_BATCH_RECORDS
from schemas.times import iso
from schemas.topics import RecordType
from transport.clock import Clock

KEPT_FOR_OTHERS: Final = 2  # of the 16 records of a batch: at least a tenth is not for the most urgent

StampSigner = Callable[[str, int], str]  # facts, number → signed stamp


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One numbered, stamped record on its way to an inbox."""

    outbox_id: int
    destination: str
    record_type: RecordType
    delivery_seq: int
    stamp: str
    case_id: str | None
    topic: str | None
    offset: int | None
    record_sha256: str
    size: int
    token: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What may be published for one destination now, in number order; ``again`` means published before."""

    destination: str
    records: tuple[Outgoing, ...]
    again: bool = False


@dataclass
class Settled:
    """What the log has acknowledged since the last step."""

    published_through: dict[str, int] = field(default_factory=dict)  # destination → number
    sent_again: list[int] = field(default_factory=list)  # outbox ids


class Numbering:
    """Steps on one database."""

    def __init__(self, database: Database, clock: Clock, sign: StampSigner) -> None:
        self._database = database
        self._clock = clock
        self._sign = sign

    async def step(self, epochs: Mapping[int, int], settled: Settled, busy: Collection[str]) -> Sequence[Batch]:
        """Write down what is settled, and give each destination that is not ``busy`` its next batch.

        Args:
            epochs: the lanes that this worker owns, with their epochs.
            settled: written down first; the same again changes nothing.
            busy: destinations with a batch under way.

        Raises:
            PositionLostError: a lane is another worker's now.
            PassingError, CommitUnknownError: as every write.
        """
        if not epochs:
            return []
        async with self._database.write() as connection:
            await check_lanes(connection, epochs)
            await _settle(connection, settled)
            lanes = listed_numbers(connection, sorted(epochs))
            unpublished = await _unpublished(connection, lanes, busy)
            again = await _again(connection, lanes, {*busy, *(batch.destination for batch in unpublished)})
            taken = {*busy, *(batch.destination for batch in (*unpublished, *again))}
            fresh = await self._number(connection, await _waiting(connection, lanes, taken))
        return [*unpublished, *again, *fresh]

    async def has_work(self, epochs: Mapping[int, int]) -> bool:
        """Whether a step would find anything in these lanes. Raises PassingError."""
        if not epochs:
            return False
        async with self._database.read() as connection:
            is_postgresql = connection.dialect.name == "postgresql"
            statement = _WORK_POSTGRESQL if is_postgresql else _WORK_SQLITE
            asked = {"lanes": listed_numbers(connection, sorted(epochs))}
            return bool((await connection.execute(statement, asked)).scalar_one())

    async def _number(self, connection: AsyncConnection, chosen: Mapping[str, Sequence[Row[Any]]]) -> list[Batch]:
        if not chosen:
            return []
        next_seq = await _next_numbers(connection, sorted(chosen))
        stamped_at = iso(self._clock.now())
        batches, updates, counters = [], [], []
        for destination, rows in chosen.items():
            records = []
            for number, row in enumerate(rows, start=next_seq[destination]):
                stamp = self._sign(row.facts, number)
                records.append(_outgoing(row, number, stamp))
                updates.append(
                    {
                        "id": row.id,
                        "delivery_seq": number,
                        "stamp": stamp,
                        "facts": None,
                        "stamped_at": stamped_at,
                    }
                )
            counters.append({"destination": destination, "next_seq": next_seq[destination] + len(rows)})
            batches.append(Batch(destination, tuple(records)))
        await bulk.update(connection, tables.outbox, ("id",), updates)
        await bulk.update(connection, tables.inbox_counter, ("destination",), counters)
        return batches


_WORK: Final = (
    "SELECT EXISTS (SELECT 1 FROM outbox WHERE delivery_seq IS NULL AND lane IN (SELECT {lanes}))"
    " OR EXISTS (SELECT 1 FROM outbox WHERE resend AND lane IN (SELECT {lanes}))"
    " OR EXISTS (SELECT 1 FROM inbox_counter WHERE next_seq > published_through + 1 AND lane IN (SELECT {lanes}))"
)
_WORK_POSTGRESQL: Final = text(_WORK.format(lanes="unnest(CAST(:lanes AS integer[]))"))
_WORK_SQLITE: Final = text(_WORK.format(lanes="value FROM json_each(:lanes)"))


async def _settle(connection: AsyncConnection, settled: Settled) -> None:
    through = [
        {"destination": destination, "published_through": number}
        for destination, number in settled.published_through.items()
    ]
    await bulk.update(connection, tables.inbox_counter, ("destination",), through)
    again = [{"id": outbox_id, "resend": False} for outbox_id in settled.sent_again]
    await bulk.update(connection, tables.outbox, ("id",), again)


async def _unpublished(connection: AsyncConnection, lanes: Any, busy: Collection[str]) -> list[Batch]:
    """Numbered, but not acknowledged: after a failed send, or left by a former owner."""
    counter, columns = tables.inbox_counter.c, tables.outbox.c
    behind = select(counter.destination).where(
        among_numbers(connection, counter.lane, "lanes"), counter.next_seq > counter.published_through + 1
    )
    found = (await connection.execute(behind, {"lanes": lanes})).scalars()
    destinations = [one for one in found if one not in busy]
    if not destinations:
        return []
    statement = (
        select(tables.outbox)
        .join(tables.inbox_counter, counter.destination == columns.destination)
        .where(among(connection, columns.destination, "ids"), columns.delivery_seq > counter.published_through)
        .order_by(columns.destination, columns.delivery_seq)
    )
    rows = (await connection.execute(statement, {"ids": listed(connection, destinations)})).all()
    return _batches(rows, again=False)


async def _again(connection: AsyncConnection, lanes: Any, busy: Collection[str]) -> list[Batch]:
    """Published before, and missed by the reader: the same number, the same bytes. Each destination gets its share."""
    statement = _AGAIN_POSTGRESQL if connection.dialect.name == "postgresql" else _AGAIN_SQLITE
    asked = {"lanes": lanes, "busy": listed(connection, busy)}
    rows = (await connection.execute(statement, asked)).all()
    return _batches([row for row in rows if row.destination not in busy], again=True)


def _batches(rows: Sequence[Row[Any]], *, again: bool) -> list[Batch]:
    """The first of each destination, as many as a batch may hold, at least one."""
    by_destination: dict[str, list[Outgoing]] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        found = by_destination.setdefault(row.destination, [])
        sizes[row.destination] = sizes.get(row.destination, 0) + row.size
        fits = len(found) < NUMBERED_BATCH_RECORDS and sizes[row.destination] <= NUMBERED_BATCH_BYTES
        if fits or not found:
            found.append(_outgoing(row, row.delivery_seq, row.stamp))
    return [Batch(destination, tuple(records), again) for destination, records in by_destination.items()]


# The lowest numbers of each destination that misses any. "+ 0" keeps to the partial index, which holds these alone;
# SQLite is told which: among indexes that look alike to it, it takes the one made last.
_ONLY_AGAIN: Final = " INDEXED BY outbox_resend"
_LOWEST: Final = (
    "SELECT {columns} FROM outbox i{hint} WHERE i.resend AND i.lane = d.lane AND i.destination = d.destination"  # noqa: S608
    f" AND i.delivery_seq IS NOT NULL ORDER BY i.delivery_seq + 0 LIMIT {NUMBERED_BATCH_RECORDS}"
)
_AGAIN_POSTGRESQL: Final = text(
    "WITH RECURSIVE d AS ((SELECT lane, destination FROM outbox WHERE resend"  # noqa: S608  constants only
    " ORDER BY lane, destination LIMIT 1) UNION ALL SELECT n.lane, n.destination FROM d CROSS JOIN LATERAL"
    " (SELECT lane, destination FROM outbox WHERE resend"
    " AND (lane, destination) > (d.lane, d.destination) ORDER BY lane, destination LIMIT 1) n)"
    f" SELECT o.* FROM d CROSS JOIN LATERAL ({_LOWEST.format(columns='i.*', hint='')}) o"
    " WHERE d.lane = ANY(CAST(:lanes AS integer[])) AND d.destination <> ALL(CAST(:busy AS text[]))"
    " ORDER BY o.destination, o.delivery_seq"
)
_AGAIN_SQLITE: Final = text(
    f"SELECT o.* FROM (SELECT DISTINCT lane, destination FROM outbox{_ONLY_AGAIN}"  # noqa: S608  constants only
    " WHERE resend AND lane IN (SELECT value FROM json_each(:lanes))"
    f" AND destination NOT IN (SELECT value FROM json_each(:busy))) d"
    f" JOIN outbox o ON o.id IN ({_LOWEST.format(columns='i.id', hint=_ONLY_AGAIN)})"
    " ORDER BY o.destination, o.delivery_seq"
)

# The first of each urgency for each destination that has anything waiting; all read the partial index in its order.
# PostgreSQL goes from destination to destination, so that a long queue costs no more than a short one.
_COLUMNS: Final = (
    "id", "destination", "record_type", "case_id", "topic", "offset", "record_sha256", "size", "token", "facts"
)  # fmt: skip
_FIRST: Final = (
    "SELECT {columns} FROM outbox i{hint}"  # noqa: S608  constants only
    " WHERE i.delivery_seq IS NULL AND i.lane = d.lane AND i.destination = d.destination"
    f" AND i.priority_rank = u.urgency ORDER BY i.id LIMIT {NUMBERED_BATCH_RECORDS}"
)
_IN_ORDER: Final = " INDEXED BY outbox_waiting"  # SQLite would rather sort a destination's whole queue
_ALL_OF_OUTBOX: Final = ", ".join(f'o."{name}"' for name in _COLUMNS)
_URGENCIES: Final = "(SELECT 0 AS urgency UNION ALL SELECT 1 UNION ALL SELECT 2) u"
_WAITING_POSTGRESQL: Final = text(
    "WITH RECURSIVE d AS ((SELECT lane, destination FROM outbox WHERE delivery_seq IS NULL"  # noqa: S608
    " ORDER BY lane, destination LIMIT 1) UNION ALL SELECT n.lane, n.destination FROM d CROSS JOIN LATERAL"
    " (SELECT lane, destination FROM outbox WHERE delivery_seq IS NULL"
    " AND (lane, destination) > (d.lane, d.destination) ORDER BY lane, destination LIMIT 1) n)"
    f" SELECT {_ALL_OF_OUTBOX}, u.urgency FROM d CROSS JOIN {_URGENCIES}"
    f" CROSS JOIN LATERAL ({_FIRST.format(columns='i.*', hint='')}) o"
    " WHERE d.lane = ANY(CAST(:lanes AS integer[])) AND d.destination <> ALL(CAST(:busy AS text[]))"
    " ORDER BY o.destination, u.urgency, o.id"
)
_WAITING_SQLITE: Final = text(
    f"SELECT {_ALL_OF_OUTBOX}, u.urgency FROM (SELECT DISTINCT lane, destination FROM outbox{_IN_ORDER}"  # noqa: S608
    " WHERE delivery_seq IS NULL AND lane IN (SELECT value FROM json_each(:lanes))"
    f" AND destination NOT IN (SELECT value FROM json_each(:busy))) d CROSS JOIN {_URGENCIES}"
    f" JOIN outbox o ON o.id IN ({_FIRST.format(columns='i.id', hint=_IN_ORDER)})"
    " ORDER BY o.destination, u.urgency, o.id"
)


async def _waiting(connection: AsyncConnection, lanes: Any, busy: Collection[str]) -> dict[str, list[Row[Any]]]:
    """What gets a number now: rows of the outbox by destination, in the order of their numbers."""
    statement = _WAITING_POSTGRESQL if connection.dialect.name == "postgresql" else _WAITING_SQLITE
    asked = {"lanes": lanes, "busy": listed(connection, busy)}
    found: dict[str, list[Row[Any]]] = {}
    for row in (await connection.execute(statement, asked)).all():
        if row.destination not in busy:
            found.setdefault(row.destination, []).append(row)
    return {
        destination: [row for row in rows if row.id in wanted]
        for destination, rows in found.items()
        if (wanted := set(choose(rows)))
    }


def choose(rows: Sequence[Any]) -> list[int]:
    """Of rows with ``id``, ``size``, ``urgency`` in order, the ids of the next batch, in order.

    Each urgency keeps ``KEPT_FOR_OTHERS`` places while it has something waiting; the rest go to the most urgent. At
    least one record is chosen, whatever its size.
    """
    kept = {urgency: [row for row in rows if row.urgency == urgency][:KEPT_FOR_OTHERS] for urgency in (1, 2)}
    reserved = {row.id for few in kept.values() for row in few}
    free = NUMBERED_BATCH_RECORDS - len(reserved)
    chosen: list[int] = []
    size = 0
    for row in rows:
        is_kept = row.id in reserved
        if not is_kept and free == 0:
            continue
        if chosen and size + row.size > NUMBERED_BATCH_BYTES:
            break
        free -= not is_kept
        size += row.size
        chosen.append(row.id)
    return chosen


async def _next_numbers(connection: AsyncConnection, destinations: Sequence[str]) -> dict[str, int]:
    counter = tables.inbox_counter.c
    statement = (
        select(counter.destination, counter.next_seq)
        .where(among(connection, counter.destination, "ids"))
        .order_by(counter.destination)
        .with_for_update()
    )
    parameters = {"ids": listed(connection, destinations)}
    found = dict((await connection.execute(statement, parameters)).all())
    new = [
        {"destination": destination, "lane": lane_of(destination), "next_seq": 1, "published_through": 0}
        for destination in destinations
        if destination not in found
    ]
    await bulk.insert(connection, tables.inbox_counter, new)
    return {destination: found.get(destination, 1) for destination in destinations}


def _outgoing(row: Any, number: int, stamp: str) -> Outgoing:
    return Outgoing(
        outbox_id=row.id,
        destination=row.destination,
        record_type=RecordType(row.record_type),
        delivery_seq=number,
        stamp=stamp,
        case_id=row.case_id,
        topic=row.topic,
        offset=row.offset,
        record_sha256=row.record_sha256,
        size=row.size,
        token=row.token,
    )
