"""Who may use an SQLite database now, within one process: one writer alone, or any number of readers.

SQLite holds the same rule with locks on the file, but whoever meets one there sleeps and asks again, up to a tenth of
a second at a time. Here the next is woken. While a writer waits nobody begins to read, so that no flood of questions
stops the work; only who reads already may read once more inside. Other processes meet the locks on the file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

PATIENCE_S: Final = 5.0  # as long as SQLite waits for a lock on the file

_reads: ContextVar[bool] = ContextVar("reads", default=False)  # this task reads already


class OneWriter:
    """``async with turns.writing():`` and ``async with turns.reading():``; both raise TimeoutError."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._writers = asyncio.Lock()  # in the order in which they came
        self._waits = False  # the next writer
        self._readers = 0
        self._is_written = False
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Alone."""
        async with asyncio.timeout(self._patience_s):
            await self._writers.acquire()
        try:
            await self._take()
            try:
                yield
            finally:
                self._is_written = False
                self._wake()
        finally:
            self._writers.release()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Beside other readers."""
        inside = _reads.get()
        await self._until(lambda: not self._is_written and (inside or not self._waits))
        self._readers += 1
        _reads.set(True)
        try:
            yield
        finally:
            _reads.set(inside)
            self._readers -= 1
            self._wake()

    async def _take(self) -> None:
        self._waits = True
        try:
            await self._until(lambda: not self._readers)
        finally:
            self._waits = False
            self._wake()
        self._is_written = True

    async def _until(self, free: Callable[[], bool]) -> None:
        async with asyncio.timeout(self._patience_s):
            while not free():
                await self._freed.wait()

    def _wake(self) -> None:
        """Everybody who waits looks again."""
        self._freed.set()
        self._freed = asyncio.Event()
