"""What is stored of the directory: entries as they are handed on, the register, tokens that go to many."""

from collections.abc import Collection, Mapping

from sqlalchemy import func, select

from broker.store import tables
from broker.store.bulk import among, listed
from broker.store.engine import Database


class DirectoryTable:
    """Looks into the directory of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest_entries(self, facilities: Collection[str]) -> dict[str, str]:
        """The newest countersigned entry of each facility that has one."""
        entry = tables.directory_entry
        newest = select(entry.c.facility, func.max(entry.c.version).label("version")).group_by(entry.c.facility)
        found = newest.subquery()
        async with self._database.read() as connection:
            statement = (
                select(entry.c.facility, entry.c.countersigned)
                .join(found, (found.c.facility == entry.c.facility) & (found.c.version == entry.c.version))
                .where(among(connection, entry.c.facility, "ids"))
            )
            rows = await connection.execute(statement, {"ids": listed(connection, facilities)})
            return dict(rows.all())

    async def shared_tokens(self, digests: Collection[str]) -> Mapping[str, str]:
        """Tokens that go to many inboxes, by digest."""
        token = tables.shared_token.c
        async with self._database.read() as connection:
            statement = select(token.record_sha256, token.token).where(among(connection, token.record_sha256, "ids"))
            rows = await connection.execute(statement, {"ids": listed(connection, digests)})
            return dict(rows.all())
