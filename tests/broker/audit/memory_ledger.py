"""A Ledger and a Publisher in memory that can fail both ways: not written and failed, written and failed."""

from collections.abc import Sequence
from datetime import datetime

from broker.audit.entry import AuditEntry
from broker.audit.export import NumberedEntry
from broker.audit.merkle import Frontier
from broker.audit.ports import LedgerUnavailableError, NumberTakenError, StoredCheckpoint, Unnumbered


class MemoryLedger:
    """``faults`` maps the name of a step to "before" or "after"; a fault happens once."""

    def __init__(self) -> None:
        self.pending: dict[str, AuditEntry] = {}
        self.log: list[AuditEntry] = []
        self.state = Frontier()
        self.heads: dict[int, StoredCheckpoint] = {}
        self.faults: dict[str, str] = {}

    def commit(self, *entries: AuditEntry) -> None:
        """A decision's transaction wrote these."""
        self.pending.update({f"{len(self.log) + len(self.pending):032d}": entry for entry in entries[:1]})
        for entry in entries[1:]:
            self.commit(entry)

    def fail(self, step: str, when: str) -> None:
        if self.faults.get(step) == when:
            del self.faults[step]
            raise LedgerUnavailableError(step)

    async def frontier(self) -> Frontier:
        self.fail("frontier", "before")
        return self.state

    async def unnumbered(self, limit: int) -> Sequence[Unnumbered]:
        self.fail("unnumbered", "before")
        return [Unnumbered(key, entry.leaf_hash) for key, entry in sorted(self.pending.items())][:limit]

    async def number(self, before: Frontier, after: Frontier, entries: Sequence[Unnumbered]) -> None:
        self.fail("number", "before")
        if self.state.size != before.size:
            raise NumberTakenError("the tree has grown")
        self.log += [self.pending.pop(entry.entry_id) for entry in entries]
        self.state = after
        self.fail("number", "after")

    async def last_checkpoint(self) -> StoredCheckpoint | None:
        self.fail("last_checkpoint", "before")
        return self.heads[max(self.heads)] if self.heads else None

    async def keep_checkpoint(self, checkpoint: StoredCheckpoint, at: datetime) -> StoredCheckpoint:
        self.fail("keep_checkpoint", "before")
        stored = self.heads.setdefault(checkpoint.size, checkpoint)
        self.fail("keep_checkpoint", "after")
        return stored

    def numbered(self) -> list[NumberedEntry]:
        """The log as an export takes it."""
        return [NumberedEntry(index, entry, ()) for index, entry in enumerate(self.log)]


class MemoryPublisher:
    """Remembers everything that was ever published."""

    def __init__(self) -> None:
        self.history: list[bytes] = []
        self.faults: dict[str, str] = {}

    def fail(self, step: str, when: str) -> None:
        if self.faults.get(step) == when:
            del self.faults[step]
            raise OSError(step)

    async def published(self) -> bytes | None:
        self.fail("published", "before")
        return self.history[-1] if self.history else None

    async def publish(self, note: bytes) -> None:
        self.fail("publish", "before")
        self.history.append(note)
        self.fail("publish", "after")
