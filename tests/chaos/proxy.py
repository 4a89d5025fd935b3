"""The line between one connector and Kafka: a proxy that can delay, cut, lose a reply, fall half open, and be slow.

Both sides speak mutual TLS, so it holds the broker's key towards the connector and the connector's towards the broker:
what is between is Kafka's protocol, frames of a length and a body. From requests it learns the kind (``api_key``), so
that it can lose exactly the answer to a Produce that the broker has carried out. In answers it puts its own port in the
place of the broker's, so that nobody finds a way around it.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from transport.free_ports import free_ports
from transport.tls import client_context, load_identity, server_context

PRODUCE: Final = 0
FRAME_MAX: Final = 64 * 1024 * 1024
DELAY_S: Final = 0.5
THROTTLED_BYTES_PER_S: Final = 64_000 // 8  # a line of 64 kbit/s
_HOST: Final = b"localhost"


@dataclass(eq=False)
class _Conversation:
    """One connection of the connector, and ours to the broker for it."""

    down: asyncio.StreamWriter  # towards the connector
    up: asyncio.StreamWriter  # towards the broker
    produces: set[int] = field(default_factory=set)  # correlation ids of Produce requests under way

    def cut(self) -> None:
        for writer in (self.down, self.up):
            writer.transport.abort()


class Line:
    """One connector's line. ``trouble`` is what is wrong with it now; see ``plan.LINE_TROUBLES``."""

    def __init__(self, name: str, broker: str) -> None:
        host, _, port = broker.rpartition(":")
        self._name = name
        self._host, self._port = host, int(port)
        self._server: asyncio.Server | None = None
        self._conversations: set[_Conversation] = set()
        self._ours: ssl.SSLContext | None = None
        self._theirs: ssl.SSLContext | None = None
        (self.own_port,) = free_ports(1)
        self.trouble: str | None = None
        self.replies_lost = 0
        self.connections_cut = 0

    @property
    def address(self) -> str:
        """Where the connector finds Kafka."""
        return f"localhost:{self.own_port}"

    async def open(self, *, ca: Path, broker: Path, client: Path) -> None:
        """Serve, with the broker's key towards the connector and the connector's towards the broker."""
        self._ours, self._theirs = client_context(ca, client), server_context(ca, broker)
        await self.listen()

    async def listen(self) -> None:
        """Let connections in, unless the line is cut."""
        if self._server is None and self.trouble != "cut":
            self._server = await asyncio.start_server(
                self._plain, "localhost", self.own_port, family=socket.AF_INET, ssl=self._theirs
            )

    def shut(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def new_identity(self, client: Path) -> None:
        """The connector has another certificate: so have we from the next connection on, which is soon."""
        assert self._ours is not None
        load_identity(self._ours, client)
        self.cut()

    def begin(self, trouble: str) -> None:
        """Something is wrong with the line from now on."""
        self.trouble = trouble
        if trouble == "cut":
            self.shut()

    async def end(self) -> None:
        """The line is well again. What was half open is only noticed when it is cut."""
        half_open = self.trouble == "half-open"
        self.trouble = None
        if half_open:
            self.cut()
        await self.listen()

    def cut(self) -> None:
        """All connections end at once."""
        for conversation in list(self._conversations):
            self.connections_cut += 1
            conversation.cut()

    async def close(self) -> None:
        """End."""
        self.shut()

    async def _plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
            await self._serve(reader, writer)
        writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up = await asyncio.open_connection(
            self._host, self._port, ssl=self._ours, server_hostname="localhost"
        )
        conversation = _Conversation(writer, up)
        self._conversations.add(conversation)
        try:
            ways = [
                asyncio.ensure_future(self._requests(reader, conversation)),
                asyncio.ensure_future(self._answers(up_reader, conversation)),
            ]
            _, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in rest:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._conversations.discard(conversation)
            conversation.cut()

    async def _requests(self, reader: asyncio.StreamReader, conversation: _Conversation) -> None:
        while True:
            frame = await _frame(reader)
            api_key, _, correlation = struct.unpack_from(">hhi", frame)
            if api_key == PRODUCE:
                conversation.produces.add(correlation)
            await self._pass(frame, conversation.up)

    async def _answers(self, reader: asyncio.StreamReader, conversation: _Conversation) -> None:
        theirs, ours = (struct.pack(">h", len(_HOST)) + _HOST + struct.pack(">i", port)
                        for port in (self._port, self.own_port))  # fmt: skip
        while True:
            frame = await _frame(reader)
            (correlation,) = struct.unpack_from(">i", frame)
            is_produce = correlation in conversation.produces
            conversation.produces.discard(correlation)
            if is_produce and self.trouble == "cut-reply":  # the broker has it; the connector will never hear
                self.replies_lost += 1
                return
            await self._pass(frame.replace(theirs, ours), conversation.down)

    async def _pass(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        while self.trouble == "half-open":  # nothing comes through, and nothing tells so
            await asyncio.sleep(0.05)
        if self.trouble == "delay":
            await asyncio.sleep(DELAY_S)
        if self.trouble == "throttle":
            await asyncio.sleep(len(frame) / THROTTLED_BYTES_PER_S)
        writer.write(struct.pack(">i", len(frame)) + frame)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 <= length <= FRAME_MAX:
        raise ValueError("no frame of Kafka's")
    return await reader.readexactly(length)
