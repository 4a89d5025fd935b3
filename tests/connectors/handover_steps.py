"""Parcels and hospitals' software for the tests of hand-over."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connectors.handover import HandoverDesk, NotTakenError
from connectors.handover_folder import FolderTarget
from connectors.handover_http import HttpTarget
from connectors.parcel import Parcel
from connectors.store.handovers import Handover
from schemas.events import Event
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.bundles import CASE_CODE, make_bundle
from tests.connectors.site_world import World


@dataclass
class FakeHis:
    """Remembers what it was given; says no, or dies before or after taking it."""

    taken: list[tuple[Parcel, bool]] = field(default_factory=list)
    answers: list[BaseException | None] = field(default_factory=list)
    takes_before_failing: bool = False

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or self.takes_before_failing:
            self.taken.append((parcel, possible_duplicate))
        if answer is not None:
            raise answer

    async def close(self) -> None:
        pass


def send(world: World, **changes: Any) -> dict[str, Any]:
    bundle = make_bundle(BAC_GIANG, BACH_MAI, **changes)
    world.exchange.envelope(BAC_GIANG, BACH_MAI, bundle)
    return bundle


async def drain(world: World, desk: HandoverDesk) -> None:
    while await desk.hand_over_next():
        pass


def handovers_of(cases: list[tuple[str, Priority]]) -> list[Handover]:
    return [
        Handover(number, "f", number, 0, False, False, case, "transfer-submit", priority.value, "24001", str(number))
        for number, (case, priority) in enumerate(cases, 1)
    ]


def parcel(event: Event = Event.SUBMIT, number: int = 1, **changes: Any) -> Parcel:
    files = {"bundle.json": b"{}", "slip.xml": b"<a/>", "form.pdf": b"%PDF", "stamp.jws": b"s", "message.jws": b"m"}
    plain = {
        "message_id": f"00000000-0000-4000-8000-{number:012d}",
        "sender": BAC_GIANG,
        "event": event,
        "case_folder": f"stat-{CASE_CODE}",
        "folder": f"{number:02d}-{event.value}",
        "payload": b"{}",
        "files": files,
    }
    return Parcel(**{**plain, **changes})


def listing(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def deliver(root: Path, item: Parcel, *, duplicate: bool = False) -> None:
    await FolderTarget(root).deliver(item, possible_duplicate=duplicate)


def cases_in(root: Path) -> list[Path]:
    """What a HIS sees: folders of cases."""
    return [path for path in root.iterdir() if not path.name.startswith(".")]


def calls() -> list[tuple[Any, str]]:
    return [(os, "fsync"), (Path, "rename"), (Path, "mkdir")]


def fail_at(patch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
    """The ``number``-th call that changes a disk fails, before or after doing its work."""
    count = 0

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and not after:
                raise OSError(28, "No space left on device")
            result = real(*args, **kwargs)
            if count == number and after:
                raise OSError(28, "No space left on device")
            return result

        return call

    for owner, name in calls():
        patch.setattr(owner, name, failing(getattr(owner, name)))


@dataclass
class Server:
    """A HIS of a few lines: answers each request with the next status, or hangs up."""

    url: str
    seen: list[tuple[dict[str, str], bytes]]
    answers: list[int | str]


@contextlib.asynccontextmanager
async def his_server() -> AsyncIterator[Server]:
    server_state = Server("", [], [])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
        headers = {name.lower(): value for name, value in lines}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        server_state.seen.append((headers, body))
        answer = server_state.answers.pop(0) if server_state.answers else 200
        if answer == "hang up":
            writer.close()
            return
        if answer == "silence":
            await asyncio.sleep(5)
            return
        extra = "Location: http://127.0.0.1:9/elsewhere\r\n" if answer == 302 else ""
        writer.write(f"HTTP/1.1 {answer} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server_state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/his"
    yield server_state
    server.close()


async def post(server: Server, *, duplicate: bool = False, timeout_s: float = 5.0) -> NotTakenError | None:
    target = HttpTarget(server.url, timeout_s=timeout_s)
    try:
        await target.deliver(parcel(payload=b'{"signed": "bytes"}'), possible_duplicate=duplicate)
    except NotTakenError as refused:
        return refused
    finally:
        await target.close()
    return None
