"""Starts processes, restarts those that die, and leaves none behind.

One that says that its surroundings are unfit is not started again: a person must act first, and is told.

A process of ours that meets an outcome it cannot know ends itself (a failed commit, for one); its parent starts it
again and the start reads back what happened. In production systemd or Kubernetes is that parent, here this module is.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lienvien.answering import ENVIRONMENT

_RESTART_PAUSE_S: Final = 0.5  # first pause before a restart; doubles up to the cap
_RESTART_PAUSE_CAP_S: Final = 5.0
_STOP_PATIENCE_S: Final = 10.0  # a clean stop finishes what it began within this time
_STEADY_AFTER_S: Final = 10.0  # a process that ran this long starts with a short pause again
_SENTENCE_MAX_LINES: Final = 3
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: after a fork it may not be


def die_with_parent() -> None:
    """In the child, on Linux: end when the parent ends, however it ends. A no-op elsewhere."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One supervised process. ``restarts`` counts starts after the first; ``unfit`` is why there will be no more."""

    name: str
    command: Sequence[str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    unfit: str | None = None
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)
    _log_from: int = field(default=0, repr=False)  # where the log of the latest start begins

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process else None


class Supervisor:
    """A group of children. ``on_restart(name, exit_code)`` is told of every unplanned end, ``on_unfit(name, sentence)``
    of a child that was left stopped."""

    def __init__(
        self,
        on_restart: Callable[[str, int], None] | None = None,
        on_unfit: Callable[[str, str], None] | None = None,
    ) -> None:
        self._children: dict[str, Child] = {}
        self._stopping = False
        self._on_restart = on_restart
        self._on_unfit = on_unfit

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    async def start(self, name: str, command: Sequence[str], log: Path) -> Child:
        """Starts ``command``; standard output and error are appended to ``log``."""
        child = Child(name, command, log)
        self._children[name] = child
        await self._spawn(child)
        child._keeper = asyncio.create_task(self._keep(child), name=f"keep-{name}")
        return child

    async def stop(self) -> None:
        """Ends all children, newest first: politely, then by force after the patience is over."""
        self._stopping = True
        children = list(reversed(self._children.values()))
        for child in children:
            if child._keeper:
                child._keeper.cancel()
        await asyncio.gather(*(c._keeper for c in children if c._keeper), return_exceptions=True)
        await asyncio.gather(*(self._end(child) for child in children))

    async def _spawn(self, child: Child) -> None:
        child.log.parent.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child._log_from = log.tell()
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children in order
                preexec_fn=die_with_parent if os.name == "posix" else None,
            )

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        pause = _RESTART_PAUSE_S
        while not self._stopping and child.process is not None:
            began = loop.time()
            code = await child.process.wait()
            if self._on_restart:
                self._on_restart(child.name, code)
            if code == ENVIRONMENT:
                child.unfit = _last_words(child.log, child._log_from)
                if self._on_unfit:
                    self._on_unfit(child.name, child.unfit)
                return
            pause = _RESTART_PAUSE_S if loop.time() - began > _STEADY_AFTER_S else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RESTART_PAUSE_CAP_S)
            child.restarts += 1
            await self._spawn(child)

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_PATIENCE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _last_words(log: Path, start: int) -> str:
    """What a child said to people, not to a log, before it ended."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = [line for line in lines if line.strip() and not line.startswith("{")]
    return "\n".join(said[-_SENTENCE_MAX_LINES:])
