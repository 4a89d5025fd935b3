"""The local door of a running connector: loopback, bearer secret from ``control.json``, JSON in and out.

``GET /health`` (alive), ``GET /ready`` (linked, with room on the disk) and ``GET /metrics`` (counts) need no secret and
tell of no case. Everything under ``/control`` does. Pages come as an extension, with their own way to let people in.
"""

import hmac
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from connectors import metrics, status
from connectors.actions import ActionError
from connectors.control_acts import ACTS, ASKS, Parts
from transport import control_file
from transport.http_server import HttpServer

# pages beside the door: (parts, the door's secret) -> routes
Extension = Callable[[Parts, str], Sequence[BaseRoute]]
_BODY_MAX_BYTES: Final = 64 * 1024


class _NothingThereError(Exception):
    """There is no such act or question, or its body is none."""


class ControlDoor:
    """``async with``: serves while inside. Raises transport.http_server.HttpServerError."""

    def __init__(self, parts: Parts, extension: Extension | None = None) -> None:
        self._parts = parts
        self._data = parts.site.settings.folders.data
        self._secret = control_file.new_secret()
        routes: list[BaseRoute] = [
            Route("/health", self._health),
            Route("/ready", self._ready),
            Route("/metrics", self._metrics),
            Route("/control/{ask}", self._ask, methods=["GET"]),
            Route("/control/{act}", self._act, methods=["POST"]),
        ]
        routes += list(extension(parts, self._secret)) if extension else []
        control = parts.site.settings.control
        before = control_file.port_left_behind(self._data)
        self._server = HttpServer(Starlette(routes=routes), host=control.host, port=control.port, rather=before)

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return self._server.url

    async def __aenter__(self) -> Self:
        await self._server.start()
        control_file.write_control(self._data, control_file.ControlDoor(self.url, self._secret))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()
        if kind is None:
            control_file.remove_control(self._data)

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"ok": True})

    async def _ready(self, _: Request) -> Response:
        reasons = status.not_ready(self._parts.site)
        ready = not reasons
        return JSONResponse({"ready": ready, "reasons": reasons}, status_code=200 if ready else 503)

    async def _metrics(self, _: Request) -> Response:
        try:
            facts = await status.status(self._parts.site)
        except sqlite3.OperationalError:
            return JSONResponse({"code": "database-busy"}, status_code=503)
        return PlainTextResponse(metrics.exposition(facts), media_type=metrics.CONTENT_TYPE)

    async def _ask(self, request: Request) -> Response:
        async def asked() -> Any:
            ask = ASKS.get(request.path_params["ask"])
            if ask is None:
                raise _NothingThereError
            return await ask(self._parts, dict(request.query_params))

        return await self._answer(request, asked)

    async def _act(self, request: Request) -> Response:
        async def done() -> Any:
            act, arguments = ACTS.get(request.path_params["act"]), await _arguments(request)
            if act is None or arguments is None:
                raise _NothingThereError
            return await act(self._parts, arguments)

        return await self._answer(request, done)

    async def _answer(self, request: Request, work: Callable[[], Awaitable[Any]]) -> Response:
        """The secret first: whoever does not know it is told the same whatever he asks, and nothing is read."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return _json({"code": "secret-wrong"}, 403)
        try:
            return _json(await work(), 200)
        except _NothingThereError:
            return _json({"code": "not-found"}, 404)
        except ActionError as refused:
            return _json({"code": refused.code, "vi": refused.vi, "en": refused.en}, 409)
        except sqlite3.OperationalError:
            said = {"vi": "Cơ sở dữ liệu đang bận.", "en": "The database is busy."}
            return _json({"code": "database-busy", **said}, 503)


async def _arguments(request: Request) -> dict[str, Any] | None:
    """The JSON object in a body; None for anything else, and for more than an act can hold."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX_BYTES:
            return None
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json(value: Any, status: int) -> Response:
    return JSONResponse(value, status_code=status, headers={"cache-control": "no-store"})
