"""The log's rows in the exchange's database: the Ledger of the anchor task, and what an export reads.

A commit whose outcome is unknown (``CommitUnknownError``) is not caught here: it ends the process.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.audit.entry import AuditEntry
from broker.audit.export import NumberedEntry
from broker.audit.merkle import Frontier
from broker.audit.ports import LedgerUnavailableError, NumberTakenError, StoredCheckpoint, Unnumbered
from broker.store import bulk
from broker.store.engine import Database, PassingError
from broker.store.tables import audit_entry, audit_state, checkpoint
from schemas.times import iso

PAGE_ROWS: Final = 1_000  # read at once for an export; an entry has a few hundred bytes
_STATE: Final = 1  # the table holds one row


class DatabaseLedger:
    """A Ledger in a Database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def frontier(self) -> Frontier:
        """The committed state of the tree; the empty tree where nothing was ever numbered."""
        async with self._reading() as connection:
            row = (await connection.execute(_STATE_ROW)).one_or_none()
        return Frontier() if row is None else Frontier.decode(row.size, bytes.fromhex(row.frontier))

    async def unnumbered(self, limit: int) -> Sequence[Unnumbered]:
        """Committed entries without a number, oldest first."""
        async with self._reading() as connection:
            rows = await connection.execute(_UNNUMBERED.limit(limit))
            return [Unnumbered(row.entry_id, row.leaf_hash) for row in rows]

    async def number(self, before: Frontier, after: Frontier, entries: Sequence[Unnumbered]) -> None:
        """Moves the state by compare-and-swap and numbers the entries. Raises NumberTakenError."""
        rows = [{"entry_id": entry.entry_id, "log_index": before.size + n} for n, entry in enumerate(entries)]
        async with self._writing() as connection:
            await _swap(connection, before.size, after)
            if await bulk.update(connection, audit_entry, ("entry_id",), rows) != len(rows):
                raise NumberTakenError("an entry is not there")

    async def last_checkpoint(self) -> StoredCheckpoint | None:
        """The stored checkpoint of the largest size."""
        async with self._reading() as connection:
            row = (await connection.execute(_CHECKPOINTS.order_by(checkpoint.c.size.desc()).limit(1))).one_or_none()
        return None if row is None else _stored(row)

    async def keep_checkpoint(self, kept: StoredCheckpoint, at: datetime) -> StoredCheckpoint:
        """Stores a checkpoint unless that size has one already; answers with the one that is stored."""
        row = {"size": kept.size, "root": kept.root.hex(), "note": kept.note.decode(), "at": iso(at)}
        async with self._writing() as connection:
            await bulk.insert_new(connection, checkpoint, [row])
            stored = (await connection.execute(_CHECKPOINTS.where(checkpoint.c.size == kept.size))).one()
        return _stored(stored)

    async def numbered(self, first: int, size: int) -> AsyncIterator[NumberedEntry]:
        """Entries with index ``first`` to ``size`` - 1, in order, a page at a time."""
        while first < size:
            page = _NUMBERED.where(audit_entry.c.log_index >= first, audit_entry.c.log_index < size).limit(PAGE_ROWS)
            async with self._reading() as connection:
                rows = (await connection.execute(page)).all()
            for row in rows:
                entry = AuditEntry(bytes(row.entry), row.leaf_hash, bytes(row.salt))
                yield NumberedEntry(row.log_index, entry, tuple(row.parties.split()))
            if not rows:
                return
            first = rows[-1].log_index + 1

    async def checkpoints(self, size: int) -> AsyncIterator[StoredCheckpoint]:
        """Every stored checkpoint up to a size, smallest first."""
        last = -1
        while True:
            page = _CHECKPOINTS.where(checkpoint.c.size > last, checkpoint.c.size <= size)
            async with self._reading() as connection:
                rows = (await connection.execute(page.order_by(checkpoint.c.size).limit(PAGE_ROWS))).all()
            for row in rows:
                yield _stored(row)
            if not rows:
                return
            last = rows[-1].size

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.read() as connection:
                yield connection
        except PassingError as error:
            raise LedgerUnavailableError(str(error)) from None

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.write() as connection:
                yield connection
        except PassingError as error:
            raise LedgerUnavailableError(str(error)) from None


_STATE_ROW: Final = select(audit_state.c.size, audit_state.c.frontier).where(audit_state.c.id == _STATE)
_UNNUMBERED: Final = (
    select(audit_entry.c.entry_id, audit_entry.c.leaf_hash)
    .where(audit_entry.c.log_index.is_(None))
    .order_by(audit_entry.c.at, audit_entry.c.entry_id)
)
_NUMBERED: Final = select(
    audit_entry.c.log_index, audit_entry.c.entry, audit_entry.c.leaf_hash, audit_entry.c.salt, audit_entry.c.parties
).order_by(audit_entry.c.log_index)
_CHECKPOINTS: Final[Select[Any]] = select(checkpoint.c.size, checkpoint.c.root, checkpoint.c.note)


async def _swap(connection: AsyncConnection, old_size: int, after: Frontier) -> None:
    if old_size == 0:  # the very first numbers; two anchors may both think so, and the second waits here for the first
        await bulk.insert_new(connection, audit_state, [{"id": _STATE, "size": 0, "frontier": ""}])
    unmoved = (audit_state.c.id == _STATE) & (audit_state.c.size == old_size)
    values = {"size": after.size, "frontier": after.encode().hex()}
    moved = await connection.execute(update(audit_state).where(unmoved).values(values))
    if moved.rowcount != 1:
        raise NumberTakenError("the tree has grown")


def _stored(row: Row[Any]) -> StoredCheckpoint:
    return StoredCheckpoint(row.size, bytes.fromhex(row.root), row.note.encode())
