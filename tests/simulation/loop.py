"""An event loop whose time is virtual and whose order is drawn from a seed: the same seed, the same run.

Whatever is ready runs in a drawn order; when nothing is, time jumps to the next timer. There are no threads: what asks
for an executor runs in its turn on the loop, and so do the connections of ``aiosqlite``.
"""

import asyncio
import contextvars
import random
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import aiosqlite.core


class NothingLeftError(Exception):
    """Everybody waits for somebody, and no timer runs."""


class SimLoop(asyncio.SelectorEventLoop):
    """Reaches into the loop of Python 3.11 to 3.13; a test shows that it still does what it says."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._virtual = 0.0
        self._drawn = random.Random(f"order {seed}")
        self.turns = 0

    def time(self) -> float:
        return self._virtual

    def _run_once(self) -> None:
        self.turns += 1
        ready = self._ready  # type: ignore[attr-defined]
        if not ready:
            timers = [one for one in self._scheduled if not one._cancelled]  # type: ignore[attr-defined]
            if not timers:
                raise NothingLeftError
            self._virtual = max(self._virtual, min(one._when for one in timers))
        elif len(ready) > 1:
            order = list(ready)
            self._drawn.shuffle(order)
            ready.clear()
            ready.extend(order)
        super()._run_once()  # type: ignore[misc]

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        future = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except BaseException as error:
                future.set_exception(error)

        self.call_soon(run)
        return future


@dataclass
class Process:
    """What dies together: its tasks, and its connections to a database."""

    name: str
    alive: bool = True
    connections: list[Any] = field(default_factory=list)
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)


OF: contextvars.ContextVar[Process] = contextvars.ContextVar("process")


@dataclass
class SimClock:
    """The loop's time as a process sees it; ``skew`` is how far its wall clock is off."""

    began: datetime
    skew: float = 0.0

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.monotonic() + self.skew)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class _AtOnce:
    """In the place of a queue to a thread: what is put in is done."""

    def put_nowait(self, item: tuple["asyncio.Future[Any] | None", Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except BaseException as error:
            if future is not None:
                future.set_exception(error)
            return
        if future is not None:
            future.set_result(result)


class InlineConnection(aiosqlite.core.Connection):
    """A connection without a thread."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], iter_chunk_size: int, loop: Any = None) -> None:
        super().__init__(connector, iter_chunk_size)
        self._tx = _AtOnce()  # type: ignore[assignment]
        OF.get().connections.append(self)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._connect().__await__()

    def kill(self) -> None:
        """The process is dead: what is open is rolled back, and nothing more is done."""
        self._running = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def virtual(seed: int) -> Iterator[SimLoop]:
    """Run on such a loop."""
    loop = SimLoop(seed)
    with mock.patch.object(aiosqlite.core, "Connection", InlineConnection):
        try:
            yield loop
        finally:
            loop.close()
