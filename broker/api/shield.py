"""The outermost layer of every HTTP application here: nothing leaves but what was meant to.

An exception is answered once (``problems``), logged by type and place, and goes no further: the server below would
log its text. Every response gets headers that keep it out of caches, frames and foreign pages.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from broker.api.problems import INTERNAL, known_problem
from transport.logs import get_logger

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCKED: Final = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS: Final = {
    b"cache-control": b"no-store",
    b"content-security-policy": _LOCKED,
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class Shield:
    """Wraps an ASGI application. A header that the application sets itself is kept."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._log = get_logger(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _complete(message.get("headers", []))}
            await send(message)

        try:
            await self._application(scope, receive, guarded)
        except Exception as error:
            self._log.error("http.failed", exc_info=error)
            if not started:
                await known_problem(500, INTERNAL)(scope, receive, guarded)


def _complete(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    return [*headers, *((name, value) for name, value in _HEADERS.items() if name not in present)]
