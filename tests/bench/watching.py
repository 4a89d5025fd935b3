"""What the database says about a run: who owns the lanes, when the first decision was, who has decided how much."""

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import func, select

from broker.store import tables
from broker.store.engine import Database
from schemas.topics import submit_topic

_OWNED_WITHIN_S = 60.0
_NUMBERED_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.2


async def all_own_lanes(database: Database, workers: int) -> None:
    """Waits until every worker owns lanes, and as many as the others."""
    async with asyncio.timeout(_OWNED_WITHIN_S):
        while True:
            counts = Counter((await _owners(database)).values())
            if len(counts) == workers and max(counts.values()) - min(counts.values()) <= 1:
                return
            await asyncio.sleep(_LOOK_AGAIN_S)


async def decided_by_worker(database: Database, codes: Collection[str]) -> dict[str, int]:
    """Records of these senders that were decided, by the present owner of their lane."""
    owners = await _owners(database)
    position = tables.source_position.c
    statement = select(position.lane, position.next_offset).where(position.topic.in_(map(submit_topic, sorted(codes))))
    counts: Counter[str] = Counter()
    async with database.read() as connection:
        for lane, offset in (await connection.execute(statement)).tuples():
            counts[owners.get(lane, "?")] += offset
    return dict(counts)


async def first_decision(database: Database, codes: Collection[str]) -> tuple[datetime, int]:
    """When the first decision on these senders' records was committed, and how many were decided in that very turn."""
    message = tables.message.c
    asked = message.sender.in_(sorted(codes))
    first = select(func.min(message.decided_at)).where(asked).scalar_subquery()
    statement = select(message.decided_at, func.count()).where(asked, message.decided_at == first)
    async with database.read() as connection:
        at, count = (await connection.execute(statement.group_by(message.decided_at))).one()
    return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(UTC), count


async def audit_numbered(database: Database) -> int:
    """Waits until every audit entry has its number; returns how many there are."""
    statement = select(func.count(), func.count(tables.audit_entry.c.log_index)).select_from(tables.audit_entry)
    async with asyncio.timeout(_NUMBERED_WITHIN_S):
        while True:
            async with database.read() as connection:
                entries, numbered = (await connection.execute(statement)).one()
            if entries == numbered:
                return int(entries)
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _owners(database: Database) -> dict[int, str]:
    worker, lane = tables.worker.c, tables.lane.c
    statement = select(lane.lane, worker.worker_id).join_from(tables.lane, tables.worker, lane.owner == worker.instance)
    async with database.read() as connection:
        return dict((await connection.execute(statement)).tuples().all())
