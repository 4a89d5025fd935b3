"""The line between a connector and Kafka: what it changes, loses, holds back."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.authority import Authority
from certs.keys import write_certificates
from certs.profiles import CertProfile
from lienvien.enrolment import KeyFolder
from tests.chaos.proxy import Line
from transport.tls import client_context, server_context

METADATA, PRODUCE = 3, 0


def _identity(authority: Authority, folder: Path, name: str, profile: CertProfile) -> Path:
    keys = KeyFolder(folder)
    keys.make_keys(name, {"tls": profile})
    certificate = authority.issue(keys.request("tls").read_bytes(), profile, name, now=datetime.now(UTC))
    keys.install(write_certificates([certificate]))
    return keys.identity("tls")


def _frame(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def _request(api_key: int, correlation: int) -> bytes:
    return _frame(struct.pack(">hhi", api_key, 1, correlation) + b"...")


Ask = Callable[[int, int], Awaitable[bytes]]


class _Broker:
    """Answers every frame with its correlation id and its own address; counts what it got."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                api_key, _, correlation = struct.unpack_from(">hhi", await reader.readexactly(length))
                self.seen.append(api_key)
                address = struct.pack(">h", 9) + b"localhost" + struct.pack(">i", self.port)
                writer.write(_frame(struct.pack(">i", correlation) + address))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def _line(folder: Path) -> AsyncIterator[tuple[Line, _Broker, Ask]]:
    authority = Authority.init(folder / "ca", "thu", now=datetime.now(UTC))
    ca = folder / "ca" / "ca.pem"
    theirs = _identity(authority, folder / "broker", "broker-1", CertProfile.BROKER)
    ours = _identity(authority, folder / "client", "24Z01", CertProfile.TLS)
    broker = _Broker()
    server = await asyncio.start_server(broker.serve, "localhost", 0, ssl=server_context(ca, theirs), family=2)
    broker.port = server.sockets[0].getsockname()[1]
    line = Line("24Z01", f"localhost:{broker.port}")
    await line.open(ca=ca, broker=theirs, client=ours)
    reader, writer = await asyncio.open_connection("localhost", line.own_port, ssl=client_context(ca, ours))

    async def ask(api_key: int, correlation: int) -> bytes:
        writer.write(_request(api_key, correlation))
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(length)

    try:
        yield line, broker, ask
    finally:
        writer.transport.abort()
        await line.close()
        server.close()


async def test_nobody_finds_a_way_around_the_line(tmp_path: Path) -> None:
    async with _line(tmp_path) as (line, _broker, ask):
        answer = await ask(METADATA, 7)
        assert struct.unpack_from(">i", answer) == (7,)
        assert answer.endswith(struct.pack(">i", line.own_port))


async def test_the_reply_to_a_produce_is_lost_after_the_broker_has_it(tmp_path: Path) -> None:
    async with _line(tmp_path) as (line, broker, ask):
        line.begin("cut-reply")
        await ask(METADATA, 1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await ask(PRODUCE, 2)
        assert broker.seen == [METADATA, PRODUCE]
        assert line.replies_lost == 1


async def test_a_half_open_line_is_silent_and_is_cut_when_it_is_mended(tmp_path: Path) -> None:
    async with _line(tmp_path) as (line, broker, ask):
        await ask(METADATA, 1)
        line.begin("half-open")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(METADATA, 2)
        assert broker.seen == [METADATA]
        await line.end()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await ask(METADATA, 3)


async def test_a_cut_line_refuses_until_it_is_mended(tmp_path: Path) -> None:
    async with _line(tmp_path) as (line, _, ask):
        await ask(METADATA, 1)
        line.begin("cut")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await ask(METADATA, 2)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", line.own_port)
        await line.end()
        _, writer = await asyncio.open_connection("127.0.0.1", line.own_port)
        writer.close()
