"""One PostgreSQL for the whole test run, run as an unprivileged user; each test gets a database of its own."""

import asyncio
from collections.abc import Iterator

import pytest

from transport.local_postgresql import LocalPostgresql, PostgresqlUnavailableError


@pytest.fixture(scope="session")
def postgresql() -> Iterator[LocalPostgresql]:
    """A running server; skips, with the reason, where none can be had."""
    try:
        server = LocalPostgresql()
    except PostgresqlUnavailableError as none:
        pytest.skip(str(none))
    try:
        asyncio.run(server.start())
        yield server
    except PostgresqlUnavailableError as none:
        pytest.skip(str(none))
    finally:
        asyncio.run(server.stop())


@pytest.fixture
def postgresql_url(postgresql: LocalPostgresql) -> str:
    """``postgresql://…`` of an empty database of one's own."""
    return asyncio.run(postgresql.new_database())
