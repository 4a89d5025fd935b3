"""The addresses of the operator's pages. Every page is a GET; nothing can be changed here."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from broker.api import asking
from broker.api.answers import CaseAnswer
from broker.api.overview import overview
from broker.api.problems import Problem
from broker.console.assets import asset_routes
from broker.console.filters import read_filter
from broker.console.rendering import Renderer
from broker.queries import Queries
from broker.queries.views import OPERATOR
from broker.store.engine import StoreError
from schemas.ids import is_case_code, is_uuid
from transport.clock import Clock
from transport.pages.assets import load_assets

ROWS: Final = 50
ROWS_ON_HOME: Final = 15
SHOWN_AT_ONCE: Final = 8  # needing attention, on the overview; the rest on its own page

_STATIC: Final = Path(__file__).parent / "static"

Shown = Callable[[Request], Awaitable[Response]]


class _Console:
    """The pages, one method each."""

    def __init__(self, queries: Queries, clock: Clock, renderer: Renderer) -> None:
        self._queries = queries
        self._clock = clock
        self._renderer = renderer

    async def home(self, request: Request) -> Response:
        now = self._clock.now()
        wanted = read_filter({})
        newest = await asking.transfer_list(self._queries, OPERATOR, wanted.wanted, now, ROWS_ON_HOME)
        attention = await asking.attention(self._queries, OPERATOR, now)
        rows = [*newest.transfers, *attention.stuck]
        return self._renderer.page(
            request,
            "home.html",
            now,
            "/",
            overview=await overview(self._queries, now),
            attention=attention,
            transfers=newest.transfers,
            shown=SHOWN_AT_ONCE,
            names=await self._names(rows, attention.refused, attention.held),
        )

    async def transfers(self, request: Request) -> Response:
        now = self._clock.now()
        chosen = read_filter(request.query_params)
        if chosen.situation is None:
            found = await asking.transfer_list(self._queries, OPERATOR, chosen.wanted, now, ROWS)
        else:
            found = await asking.stuck_list(self._queries, OPERATOR, chosen.wanted, now)
        return self._renderer.page(
            request,
            "transfers.html",
            now,
            chosen.address("/transfers", before=chosen.values.get("before")),
            transfers=found.transfers,
            chosen=chosen,
            next=found.next,
            names=await self._names(found.transfers),
        )

    async def attention(self, request: Request) -> Response:
        now = self._clock.now()
        found = await asking.attention(self._queries, OPERATOR, now)
        names = await self._names(found.stuck, found.refused, found.held)
        return self._renderer.page(
            request, "attention.html", now, "/attention", attention=found, shown=None, names=names
        )

    async def facilities(self, request: Request) -> Response:
        now = self._clock.now()
        found = await overview(self._queries, now)
        return self._renderer.page(request, "facilities.html", now, "/facilities", facilities=found.facilities)

    async def engine(self, request: Request) -> Response:
        now = self._clock.now()
        return self._renderer.page(request, "engine.html", now, "/engine", overview=await overview(self._queries, now))

    async def case(self, request: Request) -> Response:
        now = self._clock.now()
        name = request.path_params["name"]
        try:
            found = await asking.case(self._queries, OPERATOR, name, now)
        except Problem:
            return self.not_found(request)
        names = await self._names(found.transfers, _all_messages(found))
        return self._renderer.page(request, "case.html", now, f"/cases/{name}", case=found, names=names)

    def not_found(self, request: Request) -> Response:
        """Says how a name must look; what was asked for is not repeated."""
        return self._renderer.page(request, "message.html", self._clock.now(), "/", 404, message="not_found")

    def unavailable(self, request: Request) -> Response:
        """The database cannot be asked."""
        return self._renderer.page(request, "message.html", self._clock.now(), "/", 503, message="unavailable")

    async def _names(self, *rows: Iterable[Any]) -> Mapping[str, str]:
        """The names of all facilities in some rows."""
        both = ((row.sender, getattr(row, "destination", None)) for part in rows for row in part)
        return await self._queries.names({code for pair in both for code in pair if code})


def console_routes(queries: Queries, clock: Clock, exchange: str) -> APIRouter:
    """The pages of one exchange, for the operator's application on loopback."""
    assets = load_assets(_STATIC)
    console = _Console(queries, clock, Renderer(exchange, assets))
    router = APIRouter(include_in_schema=False)
    pages: Mapping[str, Shown] = {
        "/": console.home,
        "/transfers": console.transfers,
        "/attention": console.attention,
        "/facilities": console.facilities,
        "/engine": console.engine,
        "/cases/{name}": console.case,
    }
    for path, page in pages.items():
        router.add_api_route(path, _shown(page, console), methods=["GET"])

    @router.get("/search")
    async def search(request: Request, q: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Leads to the case; a text that is no name of anything is not repeated, not even in an address."""
        name = q.strip()
        tidy = name.upper() if is_case_code(name.upper()) else name.lower()
        if is_case_code(tidy) or is_uuid(tidy):
            return RedirectResponse(f"/cases/{tidy}", 303)
        return console.not_found(request)

    router.include_router(asset_routes(assets))
    return router


def _shown(page: Shown, console: _Console) -> Shown:
    async def show(request: Request) -> Response:
        try:
            return await page(request)
        except StoreError:
            return console.unavailable(request)

    return show


def _all_messages(found: CaseAnswer) -> list[Any]:
    return [*found.messages, *(message for transfer in found.transfers for message in transfer.messages)]
