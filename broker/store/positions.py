"""How far each submit topic is read, and the anchor in its log.

A position moves by compare-and-swap on its offset and on the epoch of its lane: a worker that lost the lane, or that
judged a batch twice, changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.store import bulk, tables
from broker.store.bulk import among, listed
from broker.store.engine import PositionLostError


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading of one topic goes on, and the record before it that must still be there."""

    topic: str
    lane: int
    next_offset: int
    epoch: int
    anchor_offset: int | None = None
    anchor_sha256: str | None = None
    topic_id: str | None = None
    appended_at: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A topic's position before a turn and after it."""

    before: Position
    after: Position


_COLUMNS = tables.source_position.c


async def lock(connection: AsyncConnection, moves: Sequence[Move], *, sqlite: bool) -> datetime | None:
    """Lock the positions in sorted order and check that they are where this worker left them.

    Returns the database's clock, None where the database has none of its own. Raises PositionLostError.
    """
    clock = literal_column("NULL") if sqlite else func.clock_timestamp()
    statement = (
        select(_COLUMNS.topic, _COLUMNS.next_offset, _COLUMNS.epoch, clock.label("clock"))
        .where(among(connection, _COLUMNS.topic, "topics"))
        .order_by(_COLUMNS.topic)
        .with_for_update()
    )
    topics = [move.before.topic for move in moves]
    rows = (await connection.execute(statement, {"topics": listed(connection, topics)})).all()
    there = {row.topic: (row.next_offset, row.epoch) for row in rows}
    if any(there.get(move.before.topic) != (move.before.next_offset, move.before.epoch) for move in moves):
        raise PositionLostError("SourcePosition")
    found: datetime | None = max((row.clock for row in rows), default=None) if not sqlite else None
    return found


async def move(connection: AsyncConnection, moves: Sequence[Move]) -> None:
    """Move the positions; each must be exactly one row. Raises PositionLostError."""
    rows = [
        {
            "topic": one.after.topic,
            "epoch": one.before.epoch,
            "next_offset": one.after.next_offset,
            "anchor_offset": one.after.anchor_offset,
            "anchor_sha256": one.after.anchor_sha256,
            "topic_id": one.after.topic_id,
            "appended_at": one.after.appended_at,
        }
        for one in moves
    ]
    if await bulk.update(connection, tables.source_position, ("topic", "epoch"), rows) != len(moves):
        raise PositionLostError("SourcePosition")


async def of_lanes(connection: AsyncConnection, lanes: Collection[int]) -> list[Position]:
    """The positions of all topics of some lanes, sorted by topic."""
    statement = select(tables.source_position).where(_COLUMNS.lane.in_(sorted(lanes))).order_by(_COLUMNS.topic)
    return [Position(**row._mapping) for row in (await connection.execute(statement)).all()]
