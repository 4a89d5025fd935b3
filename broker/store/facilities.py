"""Facilities and the register, as the administrator changes them, inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.rows import Row
from broker.sharding import lane_of
from broker.stages.known import Standing
from broker.store import bulk, counters, tables
from schemas.lifecycle import Decision, Journey
from schemas.tokens.directory import KnownFacility
from schemas.topics import submit_topic
from schemas.urgency import Priority

_UNDECIDED: Final = (Decision.OPEN, Decision.UNDER_REVIEW, Decision.AWAITING_INFORMATION, Decision.ACCEPTED)
_ON_THE_WAY: Final = (Journey.NOT_DEPARTED, Journey.DEPARTED)


@dataclass(frozen=True, slots=True)
class FacilityRow:
    """A facility that takes part. ``generations`` are those of its TLS certificates."""

    facility_id: str
    status: Standing
    generations: tuple[int, ...]
    admitted_at: str
    suspended_at: str | None


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A stat transfer that is not finished: what suspending a facility would touch."""

    sender: str
    destination: str
    transfer_id: str
    case_code: str | None
    submitted_at: str


async def all_facilities(connection: AsyncConnection) -> list[FacilityRow]:
    """Every facility that takes part, by code."""
    rows = await connection.execute(select(tables.facility).order_by(tables.facility.c.facility_id))
    return [_facility(row) for row in rows]


async def find(connection: AsyncConnection, facility: str) -> FacilityRow | None:
    """One facility."""
    found = await connection.execute(select(tables.facility).where(tables.facility.c.facility_id == facility))
    row = found.one_or_none()
    return _facility(row) if row is not None else None


async def admit(connection: AsyncConnection, facility: str, generations: Sequence[int], at: str) -> None:
    """A new facility, with its position and its inbox; or further certificate generations of a known one."""
    text = ",".join(str(generation) for generation in sorted(set(generations)))
    lane, admitted = lane_of(facility), tables.facility
    if await find(connection, facility) is not None:
        await connection.execute(update(admitted).where(admitted.c.facility_id == facility).values(generations=text))
        return
    row = {"facility_id": facility, "lane": lane, "status": Standing.ACTIVE, "generations": text, "admitted_at": at}
    await bulk.insert(connection, admitted, [row])
    found = select(tables.lane.c.epoch).where(tables.lane.c.lane == lane).with_for_update(read=True)
    epoch = (await connection.execute(found)).scalar_one_or_none() or 0
    position = {"topic": submit_topic(facility), "lane": lane, "next_offset": 0, "epoch": epoch}
    await bulk.insert_new(connection, tables.source_position, [position])
    inbox = {"destination": facility, "lane": lane, "next_seq": 1, "published_through": 0}
    await bulk.insert_new(connection, tables.inbox_counter, [inbox])


async def set_standing(connection: AsyncConnection, facility: str, standing: Standing, at: str | None) -> bool:
    """Suspend or resume; False when there is no such facility."""
    admitted = tables.facility
    statement = update(admitted).where(admitted.c.facility_id == facility).values(status=standing, suspended_at=at)
    return (await connection.execute(statement)).rowcount == 1


async def open_stat_cases(connection: AsyncConnection, facility: str) -> list[OpenCase]:
    """Stat transfers of a facility, sent or received, whose patient may still be on the way."""
    transfer = tables.transfer.c
    statement = (
        select(transfer.sender, transfer.destination, transfer.transfer_id, transfer.case_code, transfer.submitted_at)
        .where(
            (transfer.sender == facility) | (transfer.destination == facility),
            transfer.priority == Priority.STAT,
            transfer.decision.in_(_UNDECIDED),
            transfer.journey.in_(_ON_THE_WAY),
        )
        .order_by(transfer.submitted_at)
    )
    return [OpenCase(*row) for row in await connection.execute(statement)]


async def load_register(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Put facilities into the register, or change what it says of them (columns of ``known_facility``)."""
    await bulk.upsert(connection, tables.known_facility, rows)


async def register(connection: AsyncConnection) -> list[KnownFacility]:
    """The whole register, connected or not, by code and start of validity."""
    known, admitted = tables.known_facility.c, tables.facility.c
    connected = func.coalesce(admitted.status == Standing.ACTIVE, False)
    statement = (
        select(tables.known_facility, connected.label("connected"))
        .join(tables.facility, admitted.facility_id == known.code, isouter=True)
        .order_by(known.code, known.valid_from)
    )
    return [
        KnownFacility(
            code=row.code,
            name=row.name,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            phone=row.phone,
            connected=bool(row.connected),
            province=row.province,
            role=row.role,
        )
        for row in await connection.execute(statement)
    ]


async def newest_tokens(connection: AsyncConnection) -> list[str]:
    """The newest directory entry of every facility, as it is handed on."""
    entry = tables.directory_entry
    newest = select(entry.c.facility, func.max(entry.c.version).label("version")).group_by(entry.c.facility).subquery()
    statement = (
        select(entry.c.countersigned)
        .join(newest, (newest.c.facility == entry.c.facility) & (newest.c.version == entry.c.version))
        .order_by(entry.c.facility)
    )
    return list((await connection.execute(statement)).scalars())


async def active(connection: AsyncConnection) -> tuple[str, ...]:
    """The facilities that take part now."""
    admitted = tables.facility.c
    statement = select(admitted.facility_id).where(admitted.status == Standing.ACTIVE).order_by(admitted.facility_id)
    return tuple((await connection.execute(statement)).scalars())


async def next_register_version(connection: AsyncConnection) -> int:
    """A new number for the register."""
    return await counters.raise_by_one(connection, counters.REGISTER_VERSION)


def _facility(row: Any) -> FacilityRow:
    generations = tuple(int(one) for one in row.generations.split(",") if one)
    return FacilityRow(row.facility_id, Standing(row.status), generations, row.admitted_at, row.suspended_at)
