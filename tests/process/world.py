"""A whole world of real processes for tests: Kafka, exchange, four hospitals, each its own process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.settings import Settings, load
from connectors.sources.xml13.dates import VIETNAM
from connectors.store.folder_lock import AlreadyRunningError
from lienvien.connector_process import perform
from lienvien.control_file import NotRunningError
from lienvien.demo.evidence import gather
from lienvien.demo_exports import story
from lienvien.demo_exports.cases import CASES, DemoCase
from lienvien.demo_exports.envelope import transfer_file
from lienvien.prove.evidence import folder_digests
from lienvien.prove.recipe import prove
from lienvien.world import build
from lienvien.world.build import World
from lienvien.world.running import RunningWorld

PATIENCE_S = 90.0
LOOK_EVERY_S = 0.5  # a look at a connector's transfers costs it some work
UNANSWERED = {"every envelope is answered"}  # the one claim that time mends


@dataclass
class ProcessWorld:
    """A running world and what tests do to it."""

    running: RunningWorld
    settings: dict[str, Settings]

    @property
    def folder(self) -> Path:
        return self.running.world.folder

    def ask(self, code: str, name: str, **arguments: Any) -> Any:
        """A question to a hospital's connector."""
        return perform(self.settings[code], name, arguments, asks=True)

    def act(self, code: str, name: str, **arguments: Any) -> Any:
        """An act of a person at a hospital."""
        return perform(self.settings[code], name, arguments)

    def export(self, facility: str, name: str, content: bytes) -> None:
        """The HIS drops a file."""
        story.drop(self.running.world.hospitals[facility].export, [story.Drop(facility, name, content)])

    def kill(self, name: str) -> int:
        """``kill -9`` of a supervised process; its pid."""
        pid = self.running.supervisor[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def pause(self, name: str) -> None:
        """Stops a supervised process where it is; ``kill`` ends it, and it is started again."""
        pid = self.running.supervisor[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    def kill_if_there(self, name: str) -> None:
        """``kill -9``, unless it has just died by itself."""
        pid = self.running.supervisor[name].pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    def export_many(self, cases: Iterable[DemoCase]) -> set[str]:
        """The HIS of each sender drops a slip for each case; the numbers on them end with these words."""
        dropped = list(cases)
        for case in dropped:
            self.export(case.sender, f"{case.serial}.xml", export_of(case))
        return {str(1000 + case.serial) for case in dropped}

    def transfers(self, code: str) -> list[dict[str, Any]]:
        """The transfers that a hospital has sent, as its connector shows them."""
        rows: list[dict[str, Any]] = self.ask(code, "status")["transfers"]
        return [row for row in rows if row["sender"] == code]

    def delivered(self, sender: str, slips: set[str]) -> int:
        """How many of these slips their destination has acknowledged, as their sender knows it."""
        rows = self.transfers(sender)
        return sum(1 for row in rows if row["delivered_at"] and row["slip_number"].rsplit("/", 1)[-1] in slips)

    def handed_over(self, code: str) -> int:
        """How many messages lie in a hospital's incoming folder; what is still being written there is hidden."""
        incoming = self.running.world.hospitals[code].incoming
        cases = [incoming / name for name in _names(incoming) if not name.startswith(".")]
        return sum((case / name / "bundle.json").exists() for case in cases for name in _names(case))

    def log(self, name: str) -> str:
        """What a process has said so far."""
        return (self.folder / "logs" / f"{name}.log").read_text("utf-8")

    async def proven(self) -> set[str]:
        """A stranger's claims that do not hold, by their English words.

        Asked again while nothing but an answer is missing: a repeat may just be on its way, and a minute's junk is
        written down when the minute is over. What is lost or doubled is told at once.
        """
        small, loop = self.running.world, asyncio.get_running_loop()
        sources = {code: folder_digests(site.export) for code, site in small.hospitals.items()}
        give_up = loop.time() + PATIENCE_S
        while True:
            claims = await asyncio.to_thread(prove, await gather(small, sources))
            broken = {claim.en for claim in claims if not claim.holds}
            if broken != UNANSWERED or loop.time() > give_up:
                return broken
            await asyncio.sleep(1)

    async def until(self, happened: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Waits for something; a connector that is just being restarted is asked again."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + patience_s
        while True:
            try:
                if await asyncio.to_thread(happened):
                    return
            except (NotRunningError, AlreadyRunningError):
                pass
            assert loop.time() < give_up, f"took too long: {what}"
            await asyncio.sleep(LOOK_EVERY_S)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def many_cases(count: int, sender: str = "24Z01", destination: str = "01929", *, first: int = 2000) -> list[DemoCase]:
    """As many different slips as wanted, for one pair of hospitals, without tables, so that they are quick to make."""
    return [
        replace(
            CASES[4],
            serial=number,
            sender=sender,
            destination=destination,
            with_tables=False,
            name=f"NGƯỜI BỆNH THỬ {number}",
        )
        for number in range(first, first + count)
    ]


def export_of(case: DemoCase) -> bytes:
    """The file a HIS would export now."""
    return transfer_file(case, datetime.now(VIETNAM))


@asynccontextmanager
async def running_world(
    folder: Path, prepare: Callable[[World], None] = lambda world: None
) -> AsyncIterator[ProcessWorld]:
    """Everything started and answering; everything stopped at the end. ``prepare`` sees the world before its start."""
    world = build.lay_out(folder)
    prepare(world)
    running = RunningWorld(world)
    try:
        await running.start()
        settings = {code: load(site.config) for code, site in world.hospitals.items()}
        yield ProcessWorld(running, settings)
    finally:
        await running.stop()
