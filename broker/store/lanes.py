"""Who reads which submit topics and serves which inboxes.

A worker says that it lives by raising its own counter; no wall clock is in it. Another one takes its lanes only after
it has watched that counter stand still for 15 s of its own monotonic time. Epochs come from one counter for all lanes,
so an epoch names one taking of one lane, for ever.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.store import bulk, counters, tables
from broker.store.engine import Database, PositionLostError
from schemas.limits import LANES


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """Another worker, and its sign of life."""

    instance: str
    renewals: int


@dataclass(frozen=True, slots=True)
class LaneSeen:
    """A lane, its owner (None when free) and its epoch."""

    lane: int
    owner: str | None
    epoch: int


class LaneTable:
    """The lanes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enrol(self, instance: str, worker_id: str, started_at: str) -> None:
        """A worker begins. Lanes that do not exist yet are made."""
        async with self._database.write() as connection:
            await bulk.insert_new(connection, tables.lane, [{"lane": lane, "epoch": 0} for lane in range(LANES)])
            await counters.ensure(connection)
            row = {"instance": instance, "worker_id": worker_id, "renewals": 0, "started_at": started_at}
            await bulk.insert(connection, tables.worker, [row])

    async def renew(self, instance: str) -> tuple[list[WorkerSeen], list[LaneSeen]]:
        """Raise the own counter; returns all workers and lanes as they are. Raises PositionLostError when removed."""
        worker, lane = tables.worker, tables.lane
        async with self._database.write() as connection:
            statement = update(worker).where(worker.c.instance == instance).values(renewals=worker.c.renewals + 1)
            if (await connection.execute(statement)).rowcount != 1:
                raise PositionLostError("Worker")
            workers = await connection.execute(select(worker.c.instance, worker.c.renewals))
            lanes = await connection.execute(select(lane.c.lane, lane.c.owner, lane.c.epoch).order_by(lane.c.lane))
            return [WorkerSeen(*row) for row in workers], [LaneSeen(*row) for row in lanes]

    async def take(self, instance: str, wanted: Sequence[LaneSeen]) -> dict[int, int]:
        """Take lanes that are still as they were seen; returns those taken, with their new epochs.

        The former owner's sessions are ended first, so that nothing it has begun can commit afterwards.
        """
        if not wanted:
            return {}
        async with self._database.write() as connection:
            await self._end_sessions(connection, {one.owner for one in wanted if one.owner})
            taken: dict[int, int] = {}
            for one in wanted:
                epoch = await counters.raise_by_one(connection, counters.EPOCH)
                lane = tables.lane
                unchanged = (
                    lane.c.lane == one.lane,
                    lane.c.epoch == one.epoch,
                    lane.c.owner.is_not_distinct_from(one.owner),
                )
                statement = update(lane).where(*unchanged).values(owner=instance, epoch=epoch)
                if (await connection.execute(statement)).rowcount == 1:
                    taken[one.lane] = epoch
            await _stamp_positions(connection, taken)
        return taken

    async def release(self, instance: str, lanes: Collection[int]) -> None:
        """Give lanes back; whoever sees them free may take them at once."""
        lane = tables.lane
        async with self._database.write() as connection:
            statement = update(lane).where(lane.c.owner == instance, lane.c.lane.in_(sorted(lanes)))
            await connection.execute(statement.values(owner=None))

    async def leave(self, instance: str) -> None:
        """A worker ends: its lanes are free, its row is gone."""
        lane, worker = tables.lane, tables.worker
        async with self._database.write() as connection:
            await connection.execute(update(lane).where(lane.c.owner == instance).values(owner=None))
            await connection.execute(delete(worker).where(worker.c.instance == instance))

    async def forget(self, instances: Collection[str]) -> None:
        """Remove workers that live no more and own nothing."""
        if not instances:
            return
        lane, worker = tables.lane, tables.worker
        owners = select(lane.c.owner).where(lane.c.owner.is_not(None))
        async with self._database.write() as connection:
            statement = delete(worker).where(worker.c.instance.in_(sorted(instances)), worker.c.instance.not_in(owners))
            await connection.execute(statement)

    async def _end_sessions(self, connection: AsyncConnection, owners: set[str]) -> None:
        if self._database.is_sqlite or not owners:
            return
        statement = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = ANY(:names) AND pid <> pg_backend_pid()"
        )
        await connection.execute(statement, {"names": [session_name(owner) for owner in sorted(owners)]})


async def check_lanes(connection: AsyncConnection, epochs: Mapping[int, int]) -> None:
    """Raises PositionLostError unless all these lanes still have these epochs; they keep them until the end."""
    columns = tables.lane.c
    statement = select(columns.lane, columns.epoch).where(bulk.among_numbers(connection, columns.epoch, "epochs"))
    asked = {"epochs": bulk.listed_numbers(connection, sorted(set(epochs.values())))}
    found = dict((await connection.execute(statement.with_for_update(read=True), asked)).all())
    if any(found.get(lane) != epoch for lane, epoch in epochs.items()):
        raise PositionLostError("Lane")


def session_name(instance: str) -> str:
    """How a worker's writing sessions are called in PostgreSQL."""
    return f"lienvien-{instance}"


async def _stamp_positions(connection: AsyncConnection, taken: dict[int, int]) -> None:
    rows = [{"lane": lane, "epoch": epoch} for lane, epoch in taken.items()]
    await bulk.update(connection, tables.source_position, ("lane",), rows)
