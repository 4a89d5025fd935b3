"""One SQLite file, one owner thread, one transaction per question.

Theory of operation. Every question is a function of a connection; ``write`` runs it between BEGIN EXCLUSIVE and
COMMIT, in the owner thread, so that two questions never mix and the event loop never waits for a disk. The journal is a
rollback journal in TRUNCATE mode with ``synchronous=FULL``: the SQLite that Python 3.11 to 3.13 bring has a fault in
WAL.

Three ways to fail, kept apart: before COMMIT (nothing happened, try again), at COMMIT (nobody knows:
CommitUnknownError, the process ends and its next start reads back), and a fault of ours inside the question (nothing
happened).
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol, TypeVar

from connectors.store.tables import bring_up_to_date

Answer = TypeVar("Answer")
Question = Callable[[sqlite3.Connection], Answer]

_BUSY_TIMEOUT_S: Final = 5.0  # a backup tool that reads the file may hold it this long


class CommitUnknownError(Exception):
    """COMMIT failed: whether it happened is unknown. Publish nothing, end the process, read back at the next start."""


class Store(Protocol):
    """The durable memory. ``write`` returns only when the answer is on disk; safe to call concurrently.

    Raises sqlite3.Error before anything happened, CommitUnknownError when nobody knows. Never retried inside.
    """

    async def write(self, question: Question[Answer]) -> Answer:
        """Run a question in a transaction of its own and make it durable."""

    async def read(self, question: Question[Answer]) -> Answer:
        """Run a question that changes nothing."""


class Database:
    """The production ``Store``. Open it while the folder's lock is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._failed = False

    async def open(self) -> None:
        """Open the file, create or migrate its tables. Raises sqlite3.Error, tables.NewerDatabaseError."""
        await self._in_owner(self._open)

    async def write(self, question: Question[Answer]) -> Answer:
        """See ``Store``. After an unknown commit everything else is refused."""
        return await self._in_owner(lambda: self._transact(question))

    async def read(self, question: Question[Answer]) -> Answer:
        """See ``Store``."""
        return await self._in_owner(lambda: self._look(question))

    async def close(self) -> None:
        """Wait for what runs, then close the file."""
        await self._in_owner(self._close)
        self._owner.shutdown(wait=True)

    async def _in_owner(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._owner, work)

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)  # nobody else on this machine reads patients
        os.close(descriptor)
        connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            bring_up_to_date(connection)
        except BaseException:
            connection.close()
            raise
        connection.row_factory = sqlite3.Row
        self._connection = connection

    def _transact(self, question: Question[Answer]) -> Answer:
        connection = self._usable()
        connection.execute(
            "BEGIN EXCLUSIVE"
        )  # a reader elsewhere is met here, where waiting is harmless, not at COMMIT
        try:
            answer = question(connection)
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled back already
                connection.execute("ROLLBACK")
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as cause:
            self._failed = True
            raise CommitUnknownError from cause
        return answer

    def _look(self, question: Question[Answer]) -> Answer:
        return question(self._usable())

    def _usable(self) -> sqlite3.Connection:
        if self._failed:
            raise CommitUnknownError
        if self._connection is None:
            raise sqlite3.ProgrammingError("the database is not open")
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
