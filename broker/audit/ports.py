"""What the anchor task needs from the database and from whoever publishes checkpoints, and what it may rely on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from broker.audit.merkle import Frontier


class NumberTakenError(Exception):
    """The tree has grown meanwhile: another anchor task is at work. Nothing was written."""


class LedgerUnavailableError(Exception):
    """The database could not be asked or did not commit; a later turn may not meet that. The text names no value."""


@dataclass(frozen=True, slots=True)
class Unnumbered:
    """A committed entry that has no number yet. ``leaf_hash`` is lower-case hexadecimal."""

    entry_id: str
    leaf_hash: str


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it was stored before it was published. ``note`` is the signed note, byte for byte."""

    size: int
    root: bytes
    note: bytes


class Ledger(Protocol):
    """The log's rows. Whatever a writing method wrote is durable when it returns.

    Every method may raise LedgerUnavailableError. A commit whose outcome is unknown is no such error: it ends the
    process, and the next start reads what was committed.
    """

    async def frontier(self) -> Frontier:
        """The committed state of the tree; the empty tree where nothing was ever numbered."""

    async def unnumbered(self, limit: int) -> Sequence[Unnumbered]:
        """Committed entries without a number, oldest first. A later call may show older ones: commits take time."""

    async def number(self, before: Frontier, after: Frontier, entries: Sequence[Unnumbered]) -> None:
        """In one transaction: the state moves from ``before.size`` to ``after`` by compare-and-swap, and the entries
        get the numbers in between, in their order.

        Raises:
            NumberTakenError: the state is not ``before.size`` any more.
        """

    async def last_checkpoint(self) -> StoredCheckpoint | None:
        """The stored checkpoint of the largest size."""

    async def keep_checkpoint(self, checkpoint: StoredCheckpoint, at: datetime) -> StoredCheckpoint:
        """Stores a checkpoint unless that size has one already; answers with the one that is stored."""


class Publisher(Protocol):
    """Where others find the newest checkpoint."""

    async def published(self) -> bytes | None:
        """The note that is published now; None where there never was one."""

    async def publish(self, note: bytes) -> None:
        """Replaces the published note; readers see the old one or the new one, never half of one."""
