"""An ASGI application served inside a process that does other things too.

uvicorn does HTTP; what it lacks stands beside it: the client's certificate (``client_certificate(scope)``), deadlines
for slow clients, caps on header, body and connections, and a stop that ends.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self

import uvicorn
from uvicorn.config import Config

from transport.http_acceptor import Acceptor
from transport.http_connection import GuardedConnection, client_certificate
from transport.http_limits import Application, HttpLimits, SizeGuard

__all__ = ["HttpLimits", "HttpServer", "HttpServerError", "client_certificate"]

_BACKLOG: Final = 256


class HttpServerError(Exception):
    """The server could not start; the text says why, in Vietnamese and English."""


class HttpServer:
    """``await start()``, ``url``, ``await stop()``; also ``async with``.

    ``ssl_context`` None means plain HTTP (loopback only, please). ``stopping`` is set when the stop begins: endless
    answers (event streams) must watch it and end, or they are cut after ``limits.stop_s``. Where any free port will do,
    ``rather`` is tried first: pages that a browser has open go on after a crash.
    """

    def __init__(
        self,
        application: Application,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rather: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        limits: HttpLimits | None = None,
        stopping: asyncio.Event | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._rather = rather
        self._context = ssl_context
        self._limits = limits or HttpLimits()
        self._application = SizeGuard(application, self._limits)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self.stopping = stopping or asyncio.Event()

    @property
    def port(self) -> int:
        """The port that was asked for, or was free when 0 was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """``https://127.0.0.1:20443``, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._context else 'http'}://{host}:{self._port}"

    async def start(self) -> None:
        """Listen, and run the application's start-up. Raises HttpServerError."""
        listener = self._listen()
        self._port = listener.getsockname()[1]
        self._server = _Server(self._config(), listener, self._context, self._limits)
        self._task = asyncio.create_task(self._server.serve(), name="http-server")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait((up, self._task), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():  # with an exception: the server does not end by itself
            listener.close()
            await self._task

    async def stop(self) -> None:
        """Stop listening, let requests under way finish, cut what is left, run the application's shutdown."""
        self.stopping.set()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            for connection in list(self._server.server_state.connections):
                if isinstance(connection, GuardedConnection):
                    connection.cut()
            self._server = self._task = None

    async def wait(self) -> None:
        """Until the server ends; raises HttpServerError when it ended by a fault. For the process's list of tasks."""
        server, task = self._server, self._task
        if server is None or task is None:
            return
        await asyncio.shield(task)
        if server.deaf:
            raise HttpServerError(
                "Máy chủ HTTP không nhận kết nối nữa. / The HTTP server takes no connections any more."
            )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _listen(self) -> socket.socket:
        if self._port == 0 and self._rather:
            with contextlib.suppress(HttpServerError):
                return self._listen_on(self._rather)
        return self._listen_on(self._port)

    def _listen_on(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, port))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError as cause:
            listener.close()
            raise HttpServerError(
                f"Không mở được cổng {self._host}:{port}; có thể chương trình khác đang dùng. "
                f"/ {self._host}:{port} cannot be opened; another program may hold it."
            ) from cause
        return listener

    def _config(self) -> Config:
        return Config(
            self._application,
            http=GuardedConnection,
            ws="none",
            loop="none",
            lifespan="auto",
            interface="asgi3",
            log_config=None,  # logging is set up by the process, through its list of fields
            access_log=False,  # request lines hold ids, and could hold more
            proxy_headers=False,  # nobody in front of us may say who the client is
            server_header=False,
            timeout_keep_alive=self._limits.idle_s,
            timeout_graceful_shutdown=self._limits.stop_s,
            h11_max_incomplete_event_size=self._limits.header_bytes,
        )


class _Server(uvicorn.Server):
    """uvicorn's server around our acceptor; signals belong to the process, not to it."""

    def __init__(
        self, config: Config, listener: socket.socket, context: ssl.SSLContext | None, limits: HttpLimits
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._context = context
        self._limits = limits
        self.up = asyncio.Event()
        self.deaf = False

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise HttpServerError("Ứng dụng HTTP không khởi động được. / The HTTP application failed to start.")
        make = partial(GuardedConnection, self.config, self.server_state, self.lifespan.state, limits=self._limits)
        self._acceptor = Acceptor(self._listener, self._context, self._limits, make)
        self.servers = [self._acceptor]  # type: ignore[list-item]  # as far as uvicorn uses one
        self.started = True
        self.up.set()

    async def on_tick(self, counter: int) -> bool:
        self.deaf = self.deaf or self._acceptor.deaf
        return self.deaf or await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
