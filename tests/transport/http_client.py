"""A small HTTP client on bare streams: it can be slow, silent and rude, which real ones cannot."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str, context: ssl.SSLContext | None = None) -> "Client":
        place = urlsplit(url)
        return cls(*await asyncio.open_connection(place.hostname, place.port, ssl=context))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, path: str = "/", headers: str = "") -> Answer:
        await self.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
        return await self.answer()

    async def answer(self) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body)

    async def cut_after(self, at_most: float) -> float:
        """Seconds until the server closed; TimeoutError when it did not within ``at_most``."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(at_most):
            try:
                while await self.reader.read(65_536):
                    pass
            except OSError:
                pass
        return loop.time() - began

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def get(url: str, path: str = "/", context: ssl.SSLContext | None = None, headers: str = "") -> Answer:
    """One request on a connection of its own."""
    client = await Client.connect(url, context)
    try:
        return await client.get(path, headers)
    finally:
        await client.close()
