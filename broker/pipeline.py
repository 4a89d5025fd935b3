"""From the submit topics to the outbox, turn by turn.

What goes wrong, and what is done about it: another worker owns the lane now (forget everything, read positions again);
the database is away for a moment (the same turn again, after a while); the outcome of a commit is unknown (the process
ends, and reads back when it is started again); anything else is the fault of some record, so each is tried alone, with
its attempts counted before, and the one that fails is set aside.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from broker.audit.actions import Action
from broker.clock_guard import ClockGuard
from broker.flight import FlightMarker
from broker.material import CurrentMaterial
from broker.ports import RecordLog, TopicBatch, TurnStore
from broker.quota import Quota
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.turn import record_turn
from broker.recording.writes import Writes
from broker.stages.examining import Examined, Unproven, examine
from broker.stages.submission import Pointer, Record, pointer_to
from broker.stages.tokens import CheckedEntry
from broker.store.asking import questions_of
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError
from broker.store.positions import Move, Position
from broker.store.setbacks import Setbacks
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.topics import facility_of_topic
from transport.clock import Clock
from transport.logs import get_logger

YIELD_EVERY_S: Final = 0.005  # examining is arithmetic; the relay must get its turn in between
READ_WAIT_S: Final = 0.5
RETRY_FIRST_S: Final = 0.2
RETRY_MOST_S: Final = 5.0
RETRIES: Final = 6  # then positions are read again, which also sees that the process is to stop
TRIED_IN_CHILD_AFTER: Final = 2  # attempts that ended a process or failed
SET_ASIDE_AFTER: Final = 3
LOG_BROKEN: Final = "log-broken"


@dataclass
class Pipeline:
    """The turns of one worker."""

    log: RecordLog
    store: TurnStore
    setbacks: Setbacks
    material: CurrentMaterial
    signer: Signer
    quota: Quota
    marker: FlightMarker
    clock: Clock
    survives: Callable[[Record], Awaitable[bool]]  # looks at a record in a child process first
    on_committed: Callable[[Sequence[TopicBatch], Writes], None]  # the relay's turn

    def __post_init__(self) -> None:
        self._positions: dict[str, Position] = {}
        self._suspects: set[tuple[str, int]] = set()
        self._log = get_logger(__name__)
        self._clocks = ClockGuard()
        self._told_of_clocks = False
        self._attempts: dict[tuple[str, int], int] = {}  # counted, and not yet the record's own fault
        self._alone_at: tuple[str, int] | None = None  # the record that is tried alone, its attempt counted
        self.decided = 0

    async def follow(self, positions: Sequence[Position], suspects: Sequence[tuple[str, int]] = ()) -> None:
        """Read these topics. ``suspects`` are records that have failed before. Raises LogUnavailableError."""
        self._positions = {position.topic: position for position in positions}
        self._suspects = set(suspects)
        await self.log.follow(positions)

    async def turn(self) -> bool:
        """Read, and do whatever the records need; True when there were any.

        Raises PositionLostError, PassingError (follow anew: what was read is not committed), LogUnavailableError
        (later), CommitUnknownError (end the process).
        """
        now = self.clock.monotonic()
        batches = await self.log.read(READ_WAIT_S, self.quota.over(now))  # 1 read
        for batch in batches:
            self.quota.spend(facility_of_topic(batch.topic), len(batch.records), now)
        plain = [batch for batch in batches if not self._has_suspect(batch)]
        try:
            await self._turn_of(plain)
        except (PositionLostError, PassingError, CommitUnknownError):
            raise
        except Exception as error:
            self._log.error("turn.failed", error=type(error).__name__, count=len(plain))
            await self._one_by_one(plain)
        await self._one_by_one([batch for batch in batches if self._has_suspect(batch)])
        return bool(batches)

    async def _turn_of(self, batches: Sequence[TopicBatch]) -> None:
        """The recipe, from open to relay, for some records at once."""
        if not batches:
            return
        examined = await self._examine(batches)  # 2 open, 3 verify, 4 check
        moves = [self._move(batch) for batch in batches]
        writes = await self._commit(moves, examined, batches)  # 5 decide, 6 commit
        self._moved(moves, examined, writes)
        self.on_committed(batches, writes)  # 7 relay

    async def _examine(self, batches: Sequence[TopicBatch]) -> list[Examined]:
        material, now = self.material.current(), self.clock.now()
        signers = material.signers
        examined: list[Examined] = []
        since = self.clock.monotonic()
        for batch in batches:
            if batch.unreadable is not None:
                examined.append(_unreadable(batch.topic, batch.unreadable))
            for record in batch.records:
                self.marker.look_at(
                    record.topic, record.offset, counted=self._alone_at == (record.topic, record.offset)
                )
                one = examine(record, replace(material, signers=signers), now)
                if isinstance(one, CheckedEntry):  # what follows in this turn may be signed with its keys
                    signers = {**signers, one.submission.facility: one.signers}
                examined.append(one)
                if self.clock.monotonic() - since > YIELD_EVERY_S:
                    await asyncio.sleep(0)
                    since = self.clock.monotonic()
        self.marker.clear()
        return examined

    async def _commit(
        self, moves: Sequence[Move], examined: Sequence[Examined], batches: Sequence[TopicBatch]
    ) -> Writes:
        """Decide and commit; the same again while the database is away for a moment."""
        broken = [batch.topic for batch in batches if batch.broken]
        newest = max((batch.records[-1].appended_at for batch in batches if batch.records), default=None)
        wait_s, tries = RETRY_FIRST_S, 0
        while True:
            try:
                return await self.store.commit(moves, questions_of(examined), self._recorder(examined, broken, newest))
            except PassingError as error:
                tries += 1
                if tries == RETRIES:
                    raise
                self._log.warning("turn.waits", error=str(error).split()[0], seconds=wait_s)
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))  # noqa: S311  jitter, not a secret
                wait_s = min(2 * wait_s, RETRY_MOST_S)

    def _recorder(
        self, examined: Sequence[Examined], broken: Sequence[str], newest: datetime | None
    ) -> Callable[[Ledger, datetime], Writes]:
        over, wall, monotonic = self.quota.over(self.clock.monotonic()), self.clock.now(), self.clock.monotonic()

        def record(ledger: Ledger, now: datetime) -> Writes:
            ledger.over_quota = over
            ledger.clocks_disagree = self._clocks.disagree(now, wall, monotonic, newest)
            context = Context(ledger, Writes(), self.signer, now, os.urandom)
            record_turn(context, examined)
            if ledger.clocks_disagree and not self._told_of_clocks:
                context.alarm(ReasonCode.CLOCK_DISAGREEMENT, None, None)
            self._told_of_clocks = ledger.clocks_disagree
            for topic in broken:
                _reread(context, topic)
            return context.writes

        return record

    def _move(self, batch: TopicBatch) -> Move:
        before = self._positions[batch.topic]
        if batch.broken:
            after = replace(before, next_offset=batch.next_offset, anchor_offset=None, anchor_sha256=None)
        elif batch.records:
            last = batch.records[-1]
            after = replace(
                before,
                next_offset=batch.next_offset,
                anchor_offset=last.offset,
                anchor_sha256=pointer_to(last).record_sha256,
                appended_at=iso(last.appended_at),
            )
        else:
            after = replace(before, next_offset=batch.next_offset)
        return Move(before, after)

    def _moved(self, moves: Sequence[Move], examined: Sequence[Examined], writes: Writes) -> None:
        for move in moves:
            self._positions[move.after.topic] = move.after
        self.log.committed([move.after for move in moves])
        aside = {(row["topic"], row["offset"]) for row in writes.quarantine}
        for one in examined:
            if isinstance(one, CheckedEntry) and _place(one) not in aside:
                self.material.signers[one.submission.facility] = one.signers
        self.decided += len(examined)

    def _has_suspect(self, batch: TopicBatch) -> bool:
        return bool(self._suspects) and any((batch.topic, one.offset) in self._suspects for one in batch.records)

    async def _one_by_one(self, batches: Sequence[TopicBatch]) -> None:
        for batch in batches:
            if not batch.records:
                await self._turn_of([batch])
            for record in batch.records:
                await self._alone(TopicBatch(batch.topic, (record,), record.offset + 1))

    async def _alone(self, batch: TopicBatch) -> None:
        """One record, with its attempt counted first; one that cannot be processed is set aside.

        What the database interrupts is no attempt of its own: when the record comes again, the count stands.
        """
        (record,) = batch.records
        place = (record.topic, record.offset)
        if place not in self._attempts:
            self._attempts[place] = await self.setbacks.count(*place, iso(self.clock.now()))
        self._suspects.discard(place)
        self._alone_at = place
        await self._try(batch, record, self._attempts[place])
        del self._attempts[place]

    async def _try(self, batch: TopicBatch, record: Record, attempts: int) -> None:
        if attempts > SET_ASIDE_AFTER or (attempts > TRIED_IN_CHILD_AFTER and not await self.survives(record)):
            await self._set_aside(batch, ReasonCode.POISON)
            return
        try:
            await self._turn_of([batch])
        except (PositionLostError, PassingError, CommitUnknownError):
            raise
        except Exception as error:
            self._log.error("record.failed", topic=record.topic, offset=record.offset, error=type(error).__name__)
            await self._set_aside(batch, ReasonCode.PROCESSING_FAILED)

    async def _set_aside(self, batch: TopicBatch, reason: ReasonCode) -> None:
        (record,) = batch.records
        self.marker.clear()
        examined = [Unproven(pointer_to(record), None, reason, "", evidence=True)]
        moves = [self._move(batch)]
        writes = await self._commit(moves, examined, [batch])
        self._moved(moves, examined, writes)
        self.on_committed((), writes)


def _place(entry: CheckedEntry) -> tuple[str, int]:
    return entry.submission.pointer.topic, entry.submission.pointer.offset


def _unreadable(topic: str, offset: int) -> Unproven:
    return Unproven(Pointer(topic, 0, offset, "", 0), None, ReasonCode.RECORD_UNREADABLE, "", evidence=True)


def _reread(context: Context, topic: str) -> None:
    """The log is not the one that was read before: the topic is read again from its start, and ids catch repeats."""
    context.alarm(LOG_BROKEN, facility_of_topic(topic), Pointer(topic, 0, 0, "", 0))
    context.audit(Action.SOURCE_REREAD, {"topic": topic, "facility": facility_of_topic(topic)})
