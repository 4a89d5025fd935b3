"""Stage 7: from the outbox to the inboxes, by destination.

One step is one transaction, which writes down what the log has acknowledged and gives every destination without a batch
under way its next one; then the batches are published side by side. A destination whose sending fails pauses alone, and
starts again at the first number that is not acknowledged.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from broker.ports import InboxWriter, LogUnavailableError, NumberingStore
from broker.sharding import lane_of
from broker.stages.submission import Pointer
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError, StoreError
from broker.store.numbering import Batch, Outgoing, Settled
from broker.trouble import TROUBLES, Trouble
from transport import failpoints
from transport.clock import Clock
from transport.logs import get_logger

PAUSE_FIRST_S: Final = 0.5  # after a failed send, doubled up to
PAUSE_MOST_S: Final = 30.0
COMPANY_S: Final = 0.008  # batches that end this soon after one another are written down together
LOOK_EVERY_S: Final = 0.03  # another worker's decision fills an outbox of this one's without a word
FINISH_WITHIN_S: Final = 5.0  # at a stop; what is not acknowledged by then is published again after the start
_POINTER_PARTITION: Final = 0


class Bytes(Protocol):
    """Where the bytes of an outbox row come from."""

    async def fetch(self, pointers: Collection[Pointer]) -> Mapping[Pointer, bytes | None]:
        """As ``ports.RecordLog.fetch``."""

    async def shared_tokens(self, digests: Collection[str]) -> Mapping[str, str]:
        """Tokens that stand in a table of their own, by digest."""


class Losses(Protocol):
    """What happens when the bytes behind a number are gone for good."""

    async def lost(self, record: Outgoing, epochs: Mapping[int, int]) -> None:
        """Put a void in the number's place, and ask the sender to send again; durable on return."""


@dataclass
class _Pause:
    until: float
    length: float


class Relay:
    """The relay of one worker."""

    def __init__(
        self,
        store: NumberingStore,
        writer: InboxWriter,
        source: Bytes,
        losses: Losses,
        *,
        clock: Clock,
        trouble: Trouble,
    ) -> None:
        self._store = store
        self._writer = writer
        self._source = source
        self._losses = losses
        self._clock = clock
        self._trouble = trouble
        self._settled = Settled()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._pauses: dict[str, _Pause] = {}
        self._lane_pauses: dict[int, _Pause] = {}
        self._woken = asyncio.Event()
        self._log = get_logger(__name__)
        self._fatal: CommitUnknownError | None = None
        self.published = 0

    def wake(self) -> None:
        """There is something to do."""
        self._woken.set()

    async def run(self, epochs: "EpochsOf", stop: asyncio.Event) -> None:
        """Step until ``stop``; then wait for what is under way. Raises CommitUnknownError.

        ``epochs`` gives the lanes that this worker owns now.
        """
        while not stop.is_set():
            if self._running:
                await asyncio.wait(self._running.values(), timeout=COMPANY_S)
            try:
                worked = await self.step(epochs())
                self._trouble.over()
            except StoreError as error:
                await self._trouble.rest(error, stop)
                continue
            if not worked:
                await self._rest(epochs, stop)
        await self.finish(epochs())

    async def step(self, epochs: Mapping[int, int]) -> bool:
        """One transaction, and the start of what it gave out; True when there was anything.

        A lane whose step the database refuses pauses alone. Raises PositionLostError, PassingError,
        CommitUnknownError, and StoreError when every lane is refused.
        """
        self._woken.clear()
        if self._fatal is not None:
            raise self._fatal
        now = self._clock.monotonic()
        lanes = {
            lane: epoch
            for lane, epoch in epochs.items()
            if (pause := self._lane_pauses.get(lane)) is None or pause.until <= now
        }
        settled, self._settled = self._settled, Settled()
        try:
            batches = await self._store.step(lanes, settled, self._busy())
        except PassingError:
            self._restore(settled)
            raise
        except (PositionLostError, CommitUnknownError):
            raise
        except StoreError as error:
            batches = await self._lane_by_lane(lanes, settled, error)
        else:
            for lane in lanes:
                self._lane_pauses.pop(lane, None)
        if settled.published_through:
            failpoints.hit("relay.after-mark")
        for batch in batches:
            self._running[batch.destination] = asyncio.create_task(
                self._publish(batch, epochs), name=f"publish-{batch.destination}"
            )
        return bool(batches or settled.published_through or settled.sent_again)

    async def finish(self, epochs: Mapping[int, int]) -> None:
        """Wait for what is under way, and write down what was acknowledged."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=FINISH_WITHIN_S)
        try:
            await self._store.step(epochs, self._settled, _Everybody())
        except CommitUnknownError:
            raise
        except StoreError:
            return  # it is published again: the same numbers, the same bytes

    async def _lane_by_lane(self, lanes: Mapping[int, int], settled: Settled, error: StoreError) -> list[Batch]:
        """A step in which something cannot be written: what can be is, and only the lane it lies in waits.

        What was sent again is not written down; it is sent once more. Raises as ``step``; ``error`` when no lane works.
        """
        batches: list[Batch] = []
        refused: dict[int, StoreError] = {}
        for lane, epoch in lanes.items():
            through = {one: number for one, number in settled.published_through.items() if lane_of(one) == lane}
            try:
                batches += await self._store.step({lane: epoch}, Settled(through), self._busy())
            except (PassingError, PositionLostError, CommitUnknownError):
                self._restore(settled)
                raise  # what was numbered until now is found by the next step
            except StoreError as refusal:
                refused[lane] = refusal
        if len(refused) == len(lanes):
            self._restore(settled)
            raise error
        for lane, reason in refused.items():
            self._lane_pauses[lane] = self._longer(self._lane_pauses.get(lane))
            await self._trouble.tell(reason, lane=lane)
        return batches

    def _longer(self, before: _Pause | None) -> _Pause:
        length = min(2 * before.length, PAUSE_MOST_S) if before else PAUSE_FIRST_S
        return _Pause(self._clock.monotonic() + length, length)

    def _busy(self) -> set[str]:
        now = self._clock.monotonic()
        waiting = {destination for destination, pause in self._pauses.items() if pause.until > now}
        return {*self._running, *waiting}

    def _restore(self, settled: Settled) -> None:
        newer = self._settled
        settled.published_through.update(newer.published_through)
        settled.sent_again.extend(newer.sent_again)
        self._settled = settled

    async def _rest(self, epochs: "EpochsOf", stop: asyncio.Event) -> None:
        """Until there is something to do. Other workers fill this one's outbox too, so it is looked at often."""
        while not stop.is_set() and not self._woken.is_set():
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                try:
                    if await self._store.has_work(epochs()):
                        return
                except StoreError:
                    return  # the step meets it too, and knows what to do

    async def _publish(self, batch: Batch, epochs: Mapping[int, int]) -> None:
        done = 0
        try:
            records = await self._with_bytes(batch.records, epochs)
            failpoints.hit("relay.before-publish")
            done = await self._writer.publish(batch.destination, records) if records else 0
            failpoints.hit("relay.after-publish")
        except CommitUnknownError as error:
            self._fatal = error  # the next step ends the process
        except TROUBLES as error:
            await self._tell(error, batch.destination)
        except Exception as error:  # of the program; this destination waits, the others go on
            self._log.error("relay.failed", facility=batch.destination, error=type(error).__name__)
        finally:
            self._running.pop(batch.destination, None)
            self._settle(batch, done)
            self._woken.set()

    async def _tell(self, error: StoreError | LogUnavailableError, destination: str) -> None:
        try:
            await self._trouble.tell(error, facility=destination)
        except CommitUnknownError as unknown:
            self._fatal = unknown

    def _settle(self, batch: Batch, done: int) -> None:
        self.published += done
        if done:
            if batch.again:
                self._settled.sent_again.extend(record.outbox_id for record in batch.records[:done])
            else:
                self._settled.published_through[batch.destination] = batch.records[done - 1].delivery_seq
        if done == len(batch.records):
            self._pauses.pop(batch.destination, None)
            return
        self._pauses[batch.destination] = self._longer(self._pauses.get(batch.destination))
        self._log.warning("relay.publish-failed", facility=batch.destination, count=len(batch.records) - done)

    async def _with_bytes(self, records: Sequence[Outgoing], epochs: Mapping[int, int]) -> list[tuple[Outgoing, bytes]]:
        """Records with their bytes, up to the first whose bytes are gone; that one becomes a void."""
        pointers = {record.outbox_id: _pointer(record) for record in records if record.topic is not None}
        values = await self._source.fetch(list(pointers.values())) if pointers else {}
        shared = [record.record_sha256 for record in records if record.topic is None and record.token is None]
        tokens = await self._source.shared_tokens(shared) if shared else {}
        found: list[tuple[Outgoing, bytes]] = []
        for record in records:
            pointer = pointers.get(record.outbox_id)
            token = record.token or tokens.get(record.record_sha256)
            value = values.get(pointer) if pointer else token.encode("ascii") if token else None
            if value is None:
                await self._lost(record, epochs)
                break
            found.append((record, value))
        return found

    async def _lost(self, record: Outgoing, epochs: Mapping[int, int]) -> None:
        """The bytes are gone; what comes before the record is published all the same. Raises CommitUnknownError."""
        try:
            await self._losses.lost(record, epochs)
        except CommitUnknownError:
            raise
        except StoreError as error:
            await self._tell(error, record.destination)


class EpochsOf(Protocol):
    """The lanes that this worker owns now, with their epochs."""

    def __call__(self) -> Mapping[int, int]: ...


class _Everybody(Collection[str]):
    """Every destination is busy: nothing new is given out."""

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(())

    def __len__(self) -> int:
        return 0


def _pointer(record: Outgoing) -> Pointer:
    assert record.topic is not None
    assert record.offset is not None
    return Pointer(record.topic, _POINTER_PARTITION, record.offset, record.record_sha256, record.size)
