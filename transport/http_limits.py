"""How long a client may take and how much it may send: uvicorn itself sets hardly any limit."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from schemas.limits import KIB, SUBMIT_TOPIC_MAX_BYTES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Seconds, bytes and counts; each cut is by closing the connection, without any answer to a client that stalls."""

    handshake_s: float = 10.0  # TLS: from the accepted socket to the end of the handshake
    header_s: float = 10.0  # from the connection, or the first byte of a further request, to the end of its header
    body_window_s: float = 10.0  # in each such window of an unfinished body…
    body_window_bytes: int = 1 * KIB  # …so much must arrive; a line of 64 kbit/s brings 80 KiB
    idle_s: int = 5  # between two requests of one connection
    write_stall_s: float = 30.0  # an answer that is not taken off our hands
    header_bytes: int = 16 * KIB  # request line and header fields
    body_bytes: int = SUBMIT_TOPIC_MAX_BYTES  # nothing larger could go on to Kafka
    connections: int = 512  # at once; half of the usual 1,024 open files of a process
    stop_s: int = 5  # for requests under way when the server stops


class SizeGuard:
    """An ASGI application that lets no larger request through than the limits say (431, 413), and none whose
    length is said twice (400).
    """

    def __init__(self, application: Application, limits: HttpLimits) -> None:
        self._application = application
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif _has_two_lengths(scope):
            await _answer(send, 400, b"two-lengths")
        elif _header_bytes(scope) > self._limits.header_bytes:
            await _answer(send, 431, b"header-too-large")
        elif _declared_length(scope) > self._limits.body_bytes:
            await _answer(send, 413, b"body-too-large")
        else:
            counted = _CountedBody(receive, send, self._limits.body_bytes)
            await self._application(scope, counted.receive, counted.send)


class _CountedBody:
    """Counts a body of undeclared length. Too large a one is answered here; the application sees a lost client then,
    because an exception would be taken for a fault of its own.
    """

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._started = False
        self._refused = False

    async def receive(self) -> Message:
        if self._refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left >= 0:
            return message
        self._refused = True
        if not self._started:
            await _answer(self._send, 413, b"body-too-large")
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._started = True
            await self._send(message)
            # uvicorn drops what is sent to a client that has gone, without pausing: an endless answer would never
            # let anybody else run, not even the task that is to end it.
            await asyncio.sleep(0)


def _has_two_lengths(scope: Scope) -> bool:
    """Content-Length beside Transfer-Encoding: a proxy may have read another request (RFC 9112, 6.1)."""
    return {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}


def _header_bytes(scope: Scope) -> int:
    fields = sum(len(name) + len(value) for name, value in scope["headers"])
    return int(fields + len(scope["raw_path"]) + len(scope["query_string"]))


def _declared_length(scope: Scope) -> int:
    """Content-Length as h11 let it through (digits only), 0 when absent."""
    return max((int(value) for name, value in scope["headers"] if name == b"content-length"), default=0)


async def _answer(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})
