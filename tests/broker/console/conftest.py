"""The pages over the same filled database as the interface."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from broker.api.operator_app import Exchange, operator_app
from broker.console.pages import console_routes
from broker.queries import Queries
from tests.broker.api.conftest import queries, sqlite_url
from tests.broker.api.serving import StillClock, client_of

__all__ = ["queries", "sqlite_url"]


@pytest.fixture
async def browser(queries: Queries) -> AsyncIterator[httpx2.AsyncClient]:
    """Asks for pages as a browser on this machine would."""
    clock = StillClock()
    app = operator_app(queries, clock, Exchange(), console_routes(queries, clock, "demo"))
    async with client_of(app) as client:
        yield client
