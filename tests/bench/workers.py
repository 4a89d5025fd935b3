"""The exchange's processes, started as an administrator starts them, and how large they become."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from broker.settings import ExchangeSettings
from lienvien.supervisor import Supervisor
from tests.bench.arithmetic import MIB


class WorkerDiedError(Exception):
    """A process ended by itself while it was measured; the text names it and its log."""


@dataclass
class Workers:
    """Running processes by name."""

    supervisor: Supervisor
    names: list[str]
    logs: Path
    died: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raises WorkerDiedError when one of them had to be started again: its figures would be worth nothing."""
        if self.died:
            raise WorkerDiedError(f"{self.died[0]}: {self.logs}")

    def peak_mib(self) -> float:
        """The largest resident memory that any of them has had."""
        return max(peak_mib(pid) for name in self.names if (pid := self.supervisor[name].pid) is not None)

    def processor_s(self) -> dict[str, float]:
        """Processor seconds used by each so far."""
        pids = {name: self.supervisor[name].pid for name in self.names}
        return {name: processor_s(pid) for name, pid in pids.items() if pid is not None}


def peak_mib(pid: int) -> float:
    """The largest resident memory of a process so far; where the system does not keep it, the present one."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return float(psutil.Process(pid).memory_info().rss) / MIB
    return kib / 1024


def processor_s(pid: int) -> float:
    """Processor seconds of a process and its living children."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


@asynccontextmanager
async def running(configurations: Sequence[ExchangeSettings], logs: Path) -> AsyncIterator[Workers]:
    """One process for each configuration, started side by side, stopped at the end."""
    died: list[str] = []
    supervisor = Supervisor(lambda name, code: died.append(f"{name} ({code})"))
    names = [settings.exchange.worker_id for settings in configurations]
    commands = [
        [sys.executable, "-m", "lienvien", "exchange", "run", "--no-web", "--config", str(settings.config)]
        for settings in configurations
    ]
    try:
        await asyncio.gather(
            *(supervisor.start(name, command, logs / f"{name}.log")
              for name, command in zip(names, commands, strict=True))
        )  # fmt: skip
        yield Workers(supervisor, names, logs, died)
    finally:
        await supervisor.stop()
