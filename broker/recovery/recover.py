"""``exchange recover``: a database older than its log is brought forward to what the inbox topics prove.

Crash order: everything is read; the published checkpoint is copied aside; one transaction; the published checkpoint is
removed. Killed anywhere, the same command is simply given again.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from broker.audit.actions import Action
from broker.audit.publishing import FILE_NAME as CHECKPOINT_NAME
from broker.recording.context import Context
from broker.recording.rows import transfer_row
from broker.recording.signer import Signer
from broker.recording.writes import Writes
from broker.recovery import database as rows
from broker.recovery.evidence import Evidence, InboxReader, SubmitScan
from broker.recovery.ports import TopicLog
from broker.recovery.rebuilding import Rebuilt, Restored, rebuild
from broker.stages.examining import Material
from broker.store.engine import Database
from certs.keys import PublicKey
from schemas.times import iso
from schemas.topics import inbox_topic
from transport.clock import Clock

SHOWN_AT_MOST: Final = 1_000  # of the records that prove nothing


class Step(StrEnum):
    """What a recovery is doing; told with how much of it is done."""

    INBOXES = "inboxes"
    SUBMITS = "submits"
    WRITING = "writing"


Tell = Callable[[Step, int, int], None]  # step, done, of how many (0: not known)


class StillRunningError(Exception):
    """Workers are connected to the database; the text says so in Vietnamese and English."""

    def __init__(self, sessions: int) -> None:
        super().__init__(
            f"{sessions} phiên của tiến trình trục còn nối với cơ sở dữ liệu; hãy dừng mọi tiến trình trước."
            f" / {sessions} sessions of exchange workers are connected to the database; stop every worker first."
        )


@dataclass(frozen=True)
class Outcome:
    """What was found and done. ``needed`` is False where the database is as new as its log: nothing was changed."""

    needed: bool
    done: bool
    generation: int
    records_read: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As the command shows it."""
        return {
            "needed": self.needed,
            "done": self.done,
            "generation": self.generation,
            "records_read": self.records_read,
            **self.facts,
        }


@dataclass
class Recovery:
    """One recovery. ``published`` is the size of the checkpoint in ``data``, 0 where none is published."""

    database: Database
    log: TopicLog
    material: Material
    keys: Mapping[str, PublicKey]
    signer: Signer
    clock: Clock
    data: Path
    published: int
    actor: str
    tell: Tell = lambda step, done, total: None
    fresh: Callable[[int], bytes] = os.urandom

    async def run(self, *, dry_run: bool = False) -> Outcome:
        """Do it; with ``dry_run`` only find out what would be done.

        Raises StillRunningError, LogUnavailableError, PassingError (nothing was changed), CommitUnknownError (give the
        command again), OSError (the checkpoint cannot be copied).
        """
        sessions = await rows.busy_sessions(self.database)
        if sessions:
            raise StillRunningError(sessions)
        now = self.clock.now()
        restored = await rows.read_restored(self.database)
        evidence = Evidence()
        await self._read_inboxes(evidence, restored, now)
        numbered, size = await rows.audit_sizes(self.database)
        if self._is_outgrown(restored.generation) and not dry_run:
            self._remove_checkpoint()
        elif _is_older(restored, evidence) or self.published > numbered:
            return await self._bring_forward(evidence, restored, size, now, dry_run=dry_run)
        return Outcome(False, False, restored.generation, evidence.records)

    async def _bring_forward(
        self, evidence: Evidence, restored: Restored, size: int, now: datetime, *, dry_run: bool
    ) -> Outcome:
        await self._scan_submits(evidence, restored, now)
        ledger = await rows.read_ledger(self.database, evidence, now)
        context = Context(ledger, Writes(), self.signer, now, self.fresh)
        rebuilt = rebuild(context, evidence, restored, actor=self.actor)
        lost = self._outgrow(context, size)
        outcome = Outcome(
            True, not dry_run, rebuilt.generation, evidence.records, _facts(evidence, rebuilt, context, lost)
        )
        if not dry_run:
            self._keep_checkpoint(restored.generation)
            await rows.commit(
                self.database,
                _finished(context),
                rebuilt,
                iso(now),
                lambda done, total: self.tell(Step.WRITING, done, total),
            )
            self._remove_checkpoint()
        return outcome

    async def _read_inboxes(self, evidence: Evidence, restored: Restored, now: datetime) -> None:
        known = {facility: inbox.published_through for facility, inbox in restored.inboxes.items()}
        reader = InboxReader(evidence, self.material, self.keys, known, now)
        inboxes = sorted({*restored.inboxes, *await self.log.facilities()})
        for number, facility in enumerate(inboxes):
            self.tell(Step.INBOXES, number, len(inboxes))
            async for page in self.log.pages(inbox_topic(facility), 0):
                reader.take_all(page)
        self.tell(Step.INBOXES, len(inboxes), len(inboxes))

    async def _scan_submits(self, evidence: Evidence, restored: Restored, now: datetime) -> None:
        decided = evidence.decided()
        wanted = frozenset(
            one.receipt.record_sha256
            for key, answers in evidence.answers.items()
            if key not in evidence.contents
            for one in answers
        )
        scan = SubmitScan(evidence, self.material, decided, wanted, now)
        topics = rows.submit_topics(evidence, restored)
        for number, topic in enumerate(topics):
            self.tell(Step.SUBMITS, number, len(topics))
            async for page in self.log.pages(topic, restored.positions.get(topic, 0)):
                scan.take_all(page)
        self.tell(Step.SUBMITS, len(topics), len(topics))

    def _outgrow(self, context: Context, size: int) -> int:
        """No size of the tree gets two roots: the next head is larger than any that was published."""
        lost = max(0, self.published + 1 - size - len(context.writes.audit))
        for _ in range(lost):
            context.audit(Action.ENTRY_LOST, {"actor": self.actor})
        return lost

    def _is_outgrown(self, generation: int) -> bool:
        """A run was killed after its commit: the checkpoint that it kept as evidence is the published one, still."""
        kept, published = self._kept(generation - 1), self.data / CHECKPOINT_NAME
        return self.published > 0 and kept.exists() and kept.read_bytes() == published.read_bytes()

    def _kept(self, generation: int) -> Path:
        return self.data / f"{CHECKPOINT_NAME}.generation-{generation}"

    def _keep_checkpoint(self, generation: int) -> None:
        """The old head stays as evidence, under a name of its own."""
        source = self.data / CHECKPOINT_NAME
        if not self.published or not source.exists():
            return
        target = self._kept(generation)
        fresh = target.with_name(f".{target.name}.new")
        with fresh.open("wb") as file:
            file.write(source.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)

    def _remove_checkpoint(self) -> None:
        (self.data / CHECKPOINT_NAME).unlink(missing_ok=True)


def _is_older(restored: Restored, evidence: Evidence) -> bool:
    ahead = any(
        top > (restored.inboxes[facility].next_seq - 1 if facility in restored.inboxes else 0)
        for facility, top in evidence.tops.items()
    )
    return ahead or evidence.generation > restored.generation


def _finished(context: Context) -> Writes:
    """The changed transfers as rows, beside everything else."""
    ledger, writes = context.ledger, context.writes
    for key in sorted(ledger.changed_transfers):
        row = transfer_row(ledger.transfers[key], context.at)
        (writes.new_transfers if key in ledger.new_transfers else writes.changed_transfers).append(row)
    return writes


def _facts(evidence: Evidence, rebuilt: Rebuilt, context: Context, lost: int) -> dict[str, Any]:
    return {
        "messages": rebuilt.messages,
        "receipts_given_anew": rebuilt.receipts_given_anew,
        "transfers": rebuilt.transfers,
        "acks": rebuilt.acks,
        "numbers": rebuilt.numbers,
        "voids": rebuilt.voids,
        "queued_from_submit_topics": rebuilt.redelivered,
        "directory_entries": len(context.writes.entries),
        "facilities_admitted_again": rebuilt.facilities,
        "audit_entries_lost_at_least": lost,
        "resend": [asdict(one) for one in rebuilt.resend],
        "unproven": [
            {"topic": topic, "offset": offset, "reason": reason}
            for topic, offset, reason in evidence.unproven[:SHOWN_AT_MOST]
        ],
    }
