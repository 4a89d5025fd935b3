"""Takes connections off the listening socket, handshakes included in the count.

At the cap the oldest connection that has not yet brought one whole request makes room: a crowd of silent clients
cannot keep an honest one out.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from transport.http_connection import GuardedConnection
from transport.http_limits import HttpLimits

_PAUSE_WITHOUT_FILES_S: Final = 0.2  # no file handle left: wait for somebody to close one
_TLS_CLOSE_S: Final = 3.0


@dataclass(slots=True)
class _Guest:
    """One accepted socket, with its protocol once the handshake is over."""

    socket: socket.socket
    task: asyncio.Task[None] | None = None
    connection: GuardedConnection | None = None

    @property
    def proven(self) -> bool:
        return self.connection is not None and self.connection.proven

    @property
    def gone(self) -> bool:
        handshaking = self.task is not None and not self.task.done()
        return not handshaking and (self.connection is None or not self.connection.is_open)

    def cut(self) -> None:
        """Close at once. A handshake is ended by taking the line away: uvloop leaves a cancelled one open for ever."""
        if self.connection is not None and self.connection.is_open:
            self.connection.cut()
        else:
            with suppress(OSError):  # the client was quicker
                self.socket.shutdown(socket.SHUT_RDWR)


class Acceptor:
    """Looks to uvicorn like a server of asyncio: ``close`` and ``wait_closed``."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext | None,
        limits: HttpLimits,
        make: Callable[[], GuardedConnection],
    ) -> None:
        self._listener = listener
        self._context = context
        self._limits = limits
        self._make = make
        self._guests: list[_Guest] = []  # oldest first
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._accept(), name="http-accept")

    def close(self) -> None:
        """Take no more connections; those whose handshake is not over are cut."""
        self._task.cancel()
        self._listener.close()
        for guest in self._guests:
            if guest.task is not None and not guest.task.done():
                guest.cut()

    @property
    def deaf(self) -> bool:
        """True when connections are no longer taken, by a fault: the server must end and be started again."""
        return self._task.done()

    async def wait_closed(self) -> None:
        handshakes = [guest.task for guest in self._guests if guest.task is not None]
        await asyncio.gather(self._task, *handshakes, return_exceptions=True)

    async def _accept(self) -> None:
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(self._listener)
            except OSError:
                await asyncio.sleep(_PAUSE_WITHOUT_FILES_S)
                continue
            if not self._make_room():
                accepted.close()
                continue
            guest = _Guest(accepted)
            self._guests.append(guest)
            guest.task = self._loop.create_task(self._adopt(guest))

    def _make_room(self) -> bool:
        if len(self._guests) < self._limits.connections:
            return True
        self._guests = [guest for guest in self._guests if not guest.gone]
        if len(self._guests) < self._limits.connections:
            return True
        for guest in self._guests:
            if not guest.proven:
                guest.cut()
                self._guests.remove(guest)
                return True
        return False

    async def _adopt(self, guest: _Guest) -> None:
        def make() -> GuardedConnection:  # what the call below returns is not it: uvloop returns its own TLS protocol
            guest.connection = self._make()
            return guest.connection

        guest.socket.setblocking(False)
        with suppress(OSError):  # a handshake that failed, ran out of time, or had to make room; the socket is closed
            await self._loop.connect_accepted_socket(
                make,
                guest.socket,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake_s if self._context else None,
                ssl_shutdown_timeout=_TLS_CLOSE_S if self._context else None,
            )
