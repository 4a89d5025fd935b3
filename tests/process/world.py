"""A whole world of real processes for tests: Kafka, exchange, four hospitals, each its own process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.settings import Settings, load
from connectors.sources.xml13.dates import VIETNAM
from connectors.store.folder_lock import AlreadyRunningError
from lienvien.connector_process import perform
from lienvien.control_file import NotRunningError
from lienvien.demo_exports import story
from lienvien.demo_exports.cases import CASES, DemoCase
from lienvien.demo_exports.envelope import transfer_file
from lienvien.world import build
from lienvien.world.running import RunningWorld

PATIENCE_S = 90.0


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
            await asyncio.sleep(0.25)


def many_cases(count: int, sender: str = "24Z01", destination: str = "01929") -> list[DemoCase]:
    """As many different slips as wanted, for one pair of hospitals, without tables, so that they are quick to make."""
    from dataclasses import replace

    return [
        replace(
            CASES[4],
            serial=2000 + number,
            sender=sender,
            destination=destination,
            with_tables=False,
            name=f"NGƯỜI BỆNH THỬ {number}",
        )
        for number in range(count)
    ]


def export_of(case: DemoCase) -> bytes:
    """The file a HIS would export now."""
    return transfer_file(case, datetime.now(VIETNAM))


@asynccontextmanager
async def running_world(folder: Path) -> AsyncIterator[ProcessWorld]:
    """Everything started and answering; everything stopped at the end."""
    world = build.lay_out(folder)
    running = RunningWorld(world)
    try:
        await running.start()
        settings = {code: load(site.config) for code, site in world.hospitals.items()}
        yield ProcessWorld(running, settings)
    finally:
        await running.stop()
