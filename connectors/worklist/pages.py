"""The addresses of the hospital's pages, for the connector's local door.

``/enter`` lets a browser in; ``/board`` and ``/sending`` are shown to browsers that were let in, and so are their
fragments, with which a page keeps itself fresh. What people do goes through the same acts as the command line's.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from connectors import status
from connectors.actions import ActionError
from connectors.control_acts import ACTS, Parts
from connectors.sources.xml13.dates import VIETNAM
from connectors.worklist import forms
from connectors.worklist.assets import asset_route
from connectors.worklist.board import Section, board
from connectors.worklist.entering import Entrance, from_our_page, is_local
from connectors.worklist.forms import BadFormError, act_of, read_form
from connectors.worklist.rendering import Renderer
from connectors.worklist.sending import head_is_late, sending
from schemas.times import parse_iso
from transport.logs import get_logger
from transport.pages.assets import load_assets

_log = get_logger(__name__)
_ENTERED: Final = frozenset({"received", "accept", "decline", "arrived"})  # these travel; the others stay here

_STATIC: Final = Path(__file__).parent / "static"

Shown = Callable[[Request], Awaitable[Response]]


class Worklist:
    """The pages of one running connector, one method each."""

    def __init__(self, parts: Parts, secret: str) -> None:
        facility = parts.site.settings.facility
        self._parts = parts
        self._entrance = Entrance(secret, facility.code)
        self._assets = load_assets(_STATIC)
        self._renderer = Renderer(facility.code, facility.name, self._assets)

    def routes(self) -> list[BaseRoute]:
        """Every address."""
        shown: Mapping[str, Shown] = {
            "/board": self._board,
            "/board/fresh": self._board_fresh,
            "/sending": self._sending,
            "/sending/fresh": self._sending_fresh,
        }
        taken: Mapping[str, Shown] = {"/board": self._answer, "/sending": self._settle}
        return [
            Route("/", self._home),
            Route("/enter", self._guarded(self._enter)),
            *(Route(path, self._guarded(self._inside(page))) for path, page in shown.items()),
            *(Route(path, self._guarded(self._inside(act)), methods=["POST"]) for path, act in taken.items()),
            asset_route(self._assets),
        ]

    # --- who may come in ------------------------------------------------------------------------------------------

    async def _home(self, _: Request) -> Response:
        return RedirectResponse("/board", 303)

    async def _enter(self, request: Request) -> Response:
        if not is_local(request) or not self._entrance.is_key(request.query_params.get("key", "")):
            return self._message(request, "enter", 403)
        target = "/sending" if request.query_params.get("to") == "sending" else "/board"
        response = RedirectResponse(target, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        self._entrance.let_in(response)
        return response

    def _inside(self, page: Shown) -> Shown:
        async def show(request: Request) -> Response:
            if not self._entrance.knows(request):
                return self._message(request, "enter", 401)
            if request.method == "POST" and not from_our_page(request):
                return self._message(request, "foreign", 403)
            return await page(request)

        return show

    def _guarded(self, page: Shown) -> Shown:
        """Nothing of an exception reaches the browser, and its text reaches nobody."""

        async def show(request: Request) -> Response:
            try:
                return await page(request)
            except BadFormError:
                return self._message(request, "bad_form", 400)
            except sqlite3.OperationalError:
                return self._message(request, "busy", 503)
            except Exception:
                _log.error("page.failed", exc_info=True)
                return self._message(request, "fault", 500)

        return show

    def _message(self, request: Request, text: str, code: int) -> Response:
        return self._renderer.page(request, "message.html", "/board", code, message=text)

    # --- the receiving desk ---------------------------------------------------------------------------------------

    async def _board(self, request: Request) -> Response:
        return await self._show_board(request, "board.html")

    async def _board_fresh(self, request: Request) -> Response:
        return await self._show_board(request, "board_fresh.html")

    async def _show_board(
        self, request: Request, template: str, *, refused: ActionError | None = None, typed: Mapping[str, str] = {}
    ) -> Response:
        facts = await board(self._parts.site)
        rows = facts["rows"]
        return self._renderer.page(
            request,
            template,
            "/board",
            409 if refused else 200,
            board=facts,
            head_late=head_is_late(facts["link"], parse_iso(facts["at"])),
            sections=[(section.value, [row for row in rows if row["section"] is section]) for section in Section],
            refused=_words(refused),
            typed=typed,
            done=_done(request),
        )

    async def _answer(self, request: Request) -> Response:
        fields = await read_form(request)
        name, arguments = act_of(fields, forms.BOARD_ACTS)
        try:
            await ACTS[name](self._parts, arguments)
        except ActionError as refused:
            return await self._show_board(request, "board.html", refused=refused, typed=fields)
        return RedirectResponse(f"/board?done={'entered' if name in _ENTERED else 'done'}", 303)

    # --- the sending desk -----------------------------------------------------------------------------------------

    async def _sending(self, request: Request) -> Response:
        return await self._show_sending(request, "sending.html")

    async def _sending_fresh(self, request: Request) -> Response:
        return await self._show_sending(request, "sending_fresh.html")

    async def _show_sending(self, request: Request, template: str, refused: ActionError | None = None) -> Response:
        facts: dict[str, Any] = await status.status(self._parts.site)
        return self._renderer.page(
            request,
            template,
            "/sending",
            409 if refused else 200,
            facts=facts,
            head_late=head_is_late(facts["link"], parse_iso(facts["at"])),
            desk=(desk := sending(facts)),
            names=self._names(desk),
            refused=_words(refused),
            done=_done(request),
        )

    def _names(self, desk: Mapping[str, Any]) -> dict[str, str]:
        """The names of the facilities on the sending desk's page."""
        site = self._parts.site
        today = site.clock.now().astimezone(VIETNAM).date()
        codes = {row["destination"] for row in desk["sent"]}
        codes |= {row["recipient"] for part in ("refused", "questions", "waiting") for row in desk[part]}
        found = {code: site.book.listing(code, today) for code in codes}
        return {code: listing.name for code, listing in found.items() if listing}

    async def _settle(self, request: Request) -> Response:
        name, arguments = act_of(await read_form(request), forms.SENDING_ACTS)
        try:
            await ACTS[name](self._parts, arguments)
        except ActionError as refused:
            return await self._show_sending(request, "sending.html", refused)
        return RedirectResponse("/sending?done=done", 303)


def worklist(parts: Parts, secret: str) -> Sequence[BaseRoute]:
    """The pages as an extension of ``connectors.control.ControlDoor``."""
    return Worklist(parts, secret).routes()


def _words(refused: ActionError | None) -> dict[str, str] | None:
    return {"vi": refused.vi, "en": refused.en} if refused else None


def _done(request: Request) -> str | None:
    said = request.query_params.get("done")
    return said if said in ("entered", "done") else None
