"""The receiving hospitals' software: a process of its own that takes messages over HTTP, and has its moods.

``POST /<facility>``. Its ledger gets a line, flushed, for every request that came whole, *before* it is answered; only
a 200 means that it took the message. Moods are read from a file, so that the plan can change them while it runs:
``{"<facility>": "slow"}``; who is not named behaves.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import socket
import struct
from pathlib import Path
from typing import Any, Final

from schemas.codes.systems import SLIP_NUMBER
from tests.chaos.ledgers import Ledger

MISBEHAVES: Final = 0.7  # of the requests in a bad mood
SLOW_S: Final = (0.5, 2.0)
SILENT_S: Final = 30.0
GARBAGE: Final = b"\x16\x03\x01 HTTP/9.9 999 ???\r\n\r\n<html>"
HEAD_MAX: Final = 64 * 1024


class Receiver:
    """All receiving hospitals behind one port."""

    def __init__(self, folder: Path, moods: Path, seed: int) -> None:
        self._folder = folder
        self._moods = moods
        self._chance = random.Random(seed)
        self._ledgers: dict[str, Ledger] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: requests until the other side ends it, or we are in the mood to."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._request(reader, writer):
                pass
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        facility = head[0].split()[1].strip("/")
        behaviour = self._behaviour(facility)
        if behaviour == "slow":
            await asyncio.sleep(self._chance.uniform(*SLOW_S))
        answered: int | str = {"refuses": 503, "ok": 200, "slow": 200}.get(behaviour, behaviour)
        self._ledger(facility).write(
            key=headers.get("idempotency-key"),
            possible_duplicate=headers.get("x-possible-duplicate") == "true",
            sha256=hashlib.sha256(body).hexdigest(),
            slip=slip_of(body),
            event=headers.get("x-transfer-event"),
            answered=answered,
        )
        return await _answer(writer, answered)

    def _behaviour(self, facility: str) -> str:
        try:
            mood: str = json.loads(self._moods.read_text("ascii")).get(facility, "ok")
        except (OSError, ValueError):
            return "ok"
        return mood if self._chance.random() < MISBEHAVES else "ok"

    def _ledger(self, facility: str) -> Ledger:
        if facility not in self._ledgers:
            self._ledgers[facility] = Ledger(self._folder / f"{facility}.jsonl")
        return self._ledgers[facility]


async def _answer(writer: asyncio.StreamWriter, answered: int | str) -> bool:
    """True when the connection may go on."""
    if answered == "silent":
        await asyncio.sleep(SILENT_S)
        return False
    if answered == "reset":
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False
    if answered == "garbage":
        writer.write(GARBAGE)
        await writer.drain()
        return False
    words = "OK" if answered == 200 else "Service Unavailable"
    writer.write(f"HTTP/1.1 {answered} {words}\r\nContent-Length: 0\r\n\r\n".encode())
    await writer.drain()
    return True


def slip_of(body: bytes) -> str | None:
    """The number of the slip in a Bundle, where there is one."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("system") == SLIP_NUMBER and isinstance(value.get("value"), str):
                found.append(value["value"])
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    with contextlib.suppress(ValueError):
        look(json.loads(body))
    return found[0] if found else None


async def _run(folder: Path, moods: Path, port: int, seed: int) -> None:
    receiver = Receiver(folder, moods, seed)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, limit=HEAD_MAX)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serves until it is killed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--moods", type=Path, required=True)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--seed", type=int, required=True)
    given = arguments.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(_run(given.folder, given.moods, given.port, given.seed))


if __name__ == "__main__":
    main()
