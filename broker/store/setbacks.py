"""Attempts at records that failed, counted durably before each next one."""

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.store import tables
from broker.store.engine import Database

_COUNT = text(
    'INSERT INTO attempt (topic, "offset", attempts, last_at) VALUES (:topic, :offset, 1, :at)'
    ' ON CONFLICT (topic, "offset") DO UPDATE SET attempts = attempt.attempts + 1, last_at = excluded.last_at'
    " RETURNING attempts"
)

_COUNT_FIRST = text(
    'INSERT INTO attempt (topic, "offset", attempts, last_at) VALUES (:topic, :offset, 1, :at)'
    ' ON CONFLICT (topic, "offset") DO NOTHING'
)


class Setbacks:
    """The attempts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, topic: str, offset: int, at: str) -> int:
        """One more attempt at this record; returns how many there are now. Durable on return."""
        async with self._database.write() as connection:
            parameters = {"topic": topic, "offset": offset, "at": at}
            attempts: int = (await connection.execute(_COUNT, parameters)).scalar_one()
        return attempts

    async def count_first(self, topic: str, offset: int, at: str) -> None:
        """An attempt that ended its process, unless it was counted before it began: only the first one is not."""
        async with self._database.write() as connection:
            await connection.execute(_COUNT_FIRST, {"topic": topic, "offset": offset, "at": at})

    async def of_topic(self, topic: str) -> dict[int, int]:
        """Attempts so far, by offset."""
        attempt = tables.attempt.c
        async with self._database.read() as connection:
            rows = await connection.execute(select(attempt.offset, attempt.attempts).where(attempt.topic == topic))
            return dict(rows.all())


async def forget_before(connection: AsyncConnection, topic: str, offset: int) -> None:
    """The records before this offset are done with."""
    attempt = tables.attempt.c
    await connection.execute(delete(tables.attempt).where(attempt.topic == topic, attempt.offset < offset))
