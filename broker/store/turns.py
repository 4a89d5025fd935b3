"""The one transaction of a turn: lock, look up, decide, write, move the position. All of it, or nothing."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.ledger import Ledger
from broker.recording.writes import Writes
from broker.store import positions
from broker.store.engine import Database
from broker.store.lanes import check_lanes
from broker.store.looking_up import Questions, look_up
from broker.store.positions import Move
from broker.store.writing import write
from transport import failpoints
from transport.clock import Clock

Recorder = Callable[[Ledger, datetime], Writes]


class Turns:
    """Turns on one database. The time of acceptance is the database's clock, which here never goes back."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._latest: datetime | None = None

    async def commit(
        self, moves: Sequence[Move], questions: Questions, record: Recorder, *, guard: Mapping[int, int] | None = None
    ) -> Writes:
        """Run one turn and return what it wrote. A turn without moves needs ``guard``: lanes, and their epochs.

        ``record`` gets what was looked up and the time, decides, and returns everything to be written; it must be pure,
        since it runs again when the turn is tried again.

        Raises:
            PositionLostError, PassingError: nothing was committed.
            CommitUnknownError: end the process.
        """
        async with self._database.write() as connection:
            found = await self._lock(connection, moves, guard or {})
            now = self._never_back(found or self._clock.now())
            writes = record(await look_up(connection, questions, now), now)
            failpoints.hit("turn.before-write")
            await write(connection, writes)
            await positions.move(connection, moves)
            failpoints.hit("turn.after-write")
        failpoints.hit("turn.after-commit")
        return writes

    async def _lock(
        self, connection: AsyncConnection, moves: Sequence[Move], guard: Mapping[int, int]
    ) -> datetime | None:
        if moves:
            return await positions.lock(connection, moves, sqlite=self._database.is_sqlite)
        await check_lanes(connection, guard)
        return None if self._database.is_sqlite else await database_clock(connection)

    # In memory only, on purpose, as in ``ClockGuard``: a clock that had run ahead and was put right is believed after
    # the next start. Kept in the database, the wrong moment would stamp every message until real time has caught up.
    # That times of acceptance may go back over a restart harms no order that parties are told: it is ``event_seq`` and
    # ``delivery_seq``, and that of waiting messages is ``held_at``, which is raised above what the case already has.
    def _never_back(self, now: datetime) -> datetime:
        self._latest = now if self._latest is None else max(now, self._latest)
        return self._latest


async def database_clock(connection: AsyncConnection) -> datetime:
    """PostgreSQL's clock."""
    now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return now
