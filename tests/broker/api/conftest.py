"""An exchange database of each kind, with one case of every sort in it. Tests here only read."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.queries import Queries
from broker.store.engine import Database
from broker.store.tables import metadata
from tests.broker.api.world import fill


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the filled SQLite database."""
    url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'exchange.db'}"
    asyncio.run(_make(url))
    return url


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def either_url(request: pytest.FixtureRequest) -> str:
    """The address of a filled database of each kind."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    url = asyncio.run(request.getfixturevalue("postgresql").new_database())
    asyncio.run(_make(url))
    return str(url)


async def _make(url: str) -> None:
    database = Database(url)
    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
        await fill(connection)
    await database.close()


@pytest.fixture
async def either(either_url: str) -> AsyncIterator[Queries]:
    """Questions to the filled database, on both kinds."""
    database = Database(either_url)
    yield Queries(database)
    await database.close()


@pytest.fixture
async def queries(sqlite_url: str) -> AsyncIterator[Queries]:
    """Questions to the filled database on SQLite."""
    database = Database(sqlite_url)
    yield Queries(database)
    await database.close()
