"""Clients for the applications: in-process for the operator's, real TLS for the facilities'."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx2

from broker.api.shield import Application
from tests.broker.api.cases import NOON


class StillClock:
    """Stands at NOON."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at
        self.ticks = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, span: timedelta) -> None:
        """Lets both clocks run."""
        self.at += span
        self.ticks += span.total_seconds()


@asynccontextmanager
async def client_of(
    app: Application, *, client: tuple[str, int] = ("127.0.0.1", 50_000), base: str = "http://127.0.0.1:8080"
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that calls the application directly, from that address."""
    transport = httpx2.ASGITransport(app=app, client=client)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as made:
        yield made
