"""One HTTP connection: uvicorn's h11 protocol with receive deadlines, and the client's certificate in every scope."""

import asyncio
from enum import Enum, auto
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from transport.http_limits import Application, HttpLimits, Receive, Scope, Send

TLS_EXTENSION: Final = "tls"
CLIENT_CERTIFICATE: Final = "client_cert"


def client_certificate(scope: Scope) -> bytes | None:
    """The client's certificate (DER) as TLS proved it; None when it showed none, or the connection is plain."""
    certificate = scope.get("extensions", {}).get(TLS_EXTENSION, {}).get(CLIENT_CERTIFICATE)
    return certificate if isinstance(certificate, bytes) else None


class _Waiting(Enum):
    """What we wait for from the client."""

    HEADER = auto()
    BODY = auto()
    NOTHING = auto()  # it is our turn, or uvicorn's own timer counts the idle time


class GuardedConnection(H11Protocol):
    """Cuts clients that are too slow. ``proven`` is False until the first whole request header has come."""

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, limits: HttpLimits
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._limits = limits
        self._waiting = _Waiting.NOTHING
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._received = 0
        self._received_before = 0

    @property
    def proven(self) -> bool:
        return self.cycle is not None

    @property
    def is_open(self) -> bool:
        """True from the end of the handshake until the close begins."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.app = _WithClientCertificate(self.app, tls.getpeercert(binary_form=True))
        self._wait_for(_Waiting.HEADER)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_within_limit()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(_Waiting.NOTHING)
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        super().connection_lost(exc)

    def cut(self) -> None:
        """Close at once, without waiting for what is still to be written."""
        self.transport.abort()

    def _look(self) -> None:
        """Set the deadline for what is missing now. A header's deadline stands until that header is there."""
        if self.transport.is_closing():
            self._wait_for(_Waiting.NOTHING)
            self._write_within_limit()
        elif self.conn.their_state is h11.SEND_BODY:
            self._wait_for(_Waiting.BODY)
        elif self.conn.their_state is h11.IDLE and (not self.proven or self.conn.trailing_data[0]):
            self._wait_for(_Waiting.HEADER)
        else:
            self._wait_for(_Waiting.NOTHING)

    def _write_within_limit(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
        self._write_deadline = self.loop.call_later(self._limits.write_stall_s, self.cut)

    def _wait_for(self, wanted: _Waiting) -> None:
        if wanted is self._waiting:
            return
        self._waiting = wanted
        if self._deadline is not None:
            self._deadline.cancel()
        if wanted is _Waiting.HEADER:
            self._deadline = self.loop.call_later(self._limits.header_s, self.cut)
        elif wanted is _Waiting.BODY:
            self._open_body_window()

    def _open_body_window(self) -> None:
        self._received_before = self._received
        self._deadline = self.loop.call_later(self._limits.body_window_s, self._close_body_window)

    def _close_body_window(self) -> None:
        ours = self.flow.read_paused  # we have not asked for more: the application is the slow one
        if not ours and self._received - self._received_before < self._limits.body_window_bytes:
            self.cut()
        else:
            self._open_body_window()


class _WithClientCertificate:
    def __init__(self, application: Application, certificate: bytes | None) -> None:
        self._application = application
        self._certificate = certificate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), TLS_EXTENSION: {CLIENT_CERTIFICATE: self._certificate}}
        await self._application({**scope, "extensions": extensions}, receive, send)
