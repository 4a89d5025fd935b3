"""Fixtures of the exchange's tests: keys once for all, a desk on each database for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.broker.desk import STRANGER, Desk
from tests.certs.pki import TestPki, make_pki
from tests.schemas.bundles import DESTINATION, SENDER


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    """Keys of the exchange and three facilities."""
    return make_pki(tmp_path_factory.mktemp("pki"), facilities=(SENDER, DESTINATION, STRANGER))


@pytest.fixture
async def desk(tmp_path: Path, pki: TestPki) -> AsyncIterator[Desk]:
    """An exchange on SQLite."""
    opened = await Desk.open(tmp_path / "exchange", pki)
    yield opened
    await opened.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Empty for SQLite in the exchange's own folder, else an empty PostgreSQL database."""
    return str(request.getfixturevalue("postgresql_url")) if request.param == "postgresql" else ""


@pytest.fixture
async def any_desk(database_url: str, tmp_path: Path, pki: TestPki) -> AsyncIterator[Desk]:
    """The same on both databases: what runs on it is the contract of the store."""
    opened = await Desk.open(tmp_path / "exchange", pki, database_url)
    yield opened
    await opened.close()
