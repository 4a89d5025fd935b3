"""Bytes that no honest client sends: whatever comes, the next honest client is answered and nothing is left behind."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.transport.http_client import Client, get
from tests.transport.test_http_server import QUICK, echo
from transport.http_server import HttpServer

IMPATIENT = replace(QUICK, header_s=0.15, body_window_s=0.15, idle_s=1)
GOOD = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
)

# Requests that two servers may read differently (RFC 9112 sections 6.3, 11.2), or that hide one request in another.
SMUGGLING = {
    "both lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "two different lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "length with a plus": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
    "length of 10,000 digits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 3_900 + b"\r\n\r\n",
    "unknown transfer coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunk size not hexadecimal": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk size of 100 digits": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"f" * 100
    + b"\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "version of the future": b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    "TLS to a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
}


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with HttpServer(echo, limits=IMPATIENT) as running:
        yield running


async def outcome(server: HttpServer, data: bytes) -> bytes:
    """Everything the server says before it closes."""
    client = await Client.connect(server.url)
    said = bytearray()
    try:
        await client.send(data)
        async with asyncio.timeout(5):
            while part := await client.reader.read(65_536):
                said += part
    except OSError:
        pass
    await client.close()
    return bytes(said)


@pytest.mark.parametrize("data", SMUGGLING.values(), ids=SMUGGLING.keys())
async def test_ambiguous_request_is_never_two(server: HttpServer, data: bytes) -> None:
    said = await outcome(server, data)
    assert said.count(b"HTTP/1.1 ") <= 1
    if said:
        assert said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413", b"HTTP/1.1 501", b"HTTP/1.1 200"))
    assert (await get(server.url)).status == 200


@pytest.mark.parametrize("name", ["both lengths", "two different lengths", "length with a plus", "NUL in a header"])
async def test_request_that_could_be_read_in_two_ways_is_refused(server: HttpServer, name: str) -> None:
    assert b" 200 " not in await outcome(server, SMUGGLING[name])


@pytest.mark.parametrize("seed", range(6))
async def test_damaged_requests(server: HttpServer, seed: int) -> None:
    chance = random.Random(seed)
    damaged = [damage(chance.choice(GOOD), chance) for _ in range(40)]
    answers = await asyncio.gather(*(outcome(server, data) for data in damaged))
    assert all(answer == b"" or answer.startswith(b"HTTP/1.1 ") for answer in answers)
    assert (await get(server.url)).status == 200


def damage(data: bytes, chance: random.Random) -> bytes:
    """A request with some bytes changed, lost, doubled or inserted."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del changed[at : at + chance.randint(1, 10)]
            case 2:
                changed[at:at] = changed[: chance.randint(0, len(changed))]
            case _:
                changed[at:at] = chance.randbytes(chance.randint(1, 30))
    return bytes(changed)


async def test_a_thousand_requests_on_one_connection_without_reading(server: HttpServer) -> None:
    """Pipelined: answered one after another, in order, or cut; never all at once in memory."""
    client = await Client.connect(server.url)
    await client.send(GOOD[1] * 1_000)
    for _ in range(1_000):
        assert (await client.answer()).body == b"5"
    await client.close()


async def test_clients_that_vanish_at_every_point(server: HttpServer) -> None:
    for cut in range(0, len(GOOD[2]), 3):
        client = await Client.connect(server.url)
        await client.send(GOOD[2][:cut])
        client.writer.transport.abort()
    await asyncio.sleep(0.3)
    assert (await get(server.url)).status == 200
    await asyncio.sleep(0.1)
    assert server._server is not None
    assert len(server._server.server_state.connections) == 0
    assert len(server._server.server_state.tasks) == 0
