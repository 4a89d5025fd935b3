"""Who may use an SQLite database now, within one process: one writer alone, or any number of readers.

SQLite holds the same rule with locks on the file, but whoever meets one there sleeps and asks again, up to a tenth of a
second at a time. Here the next is woken. Readers go before waiting writers, so that one who reads may read once more
inside; they hold for milliseconds. Other processes meet the locks on the file.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class OneWriter:
    """``async with turns.writing():`` and ``async with turns.reading():``."""

    def __init__(self) -> None:
        self._writers = asyncio.Lock()  # in the order in which they came
        self._readers = 0
        self._is_written = False
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Alone."""
        async with self._writers:
            while self._readers:
                await self._freed.wait()
            self._is_written = True
            try:
                yield
            finally:
                self._is_written = False
                self._wake()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Beside other readers."""
        while self._is_written:
            await self._freed.wait()
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._wake()

    def _wake(self) -> None:
        """Everybody who waits looks again."""
        self._freed.set()
        self._freed = asyncio.Event()
