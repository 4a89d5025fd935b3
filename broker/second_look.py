"""Messages that were held are judged again, from their bytes in the log, exactly as if they had just come."""

import asyncio
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeAlias

from broker.material import CurrentMaterial
from broker.ports import TopicBatch, TurnStore
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.turn import record_turn
from broker.recording.writes import Writes
from broker.stages.examining import Examined, examine
from broker.stages.submission import Pointer, Record
from broker.store.asking import questions_of
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError
from broker.store.heldback import HeldBack
from broker.trouble import TROUBLES, Trouble
from schemas.times import iso, parse_iso
from schemas.topics import HEADER_RECORD_TYPE, RecordType
from transport.clock import Clock
from transport.logs import get_logger

LOOK_EVERY_S: Final = 1.0  # an event that came before its slip waits no longer than this after it
_HEADERS: Final = ((HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode()),)
_Waiting: TypeAlias = tuple[Pointer, bytes, str]  # where it lies, its bytes, when it was appended


class Fetcher(Protocol):
    """Where bytes come from."""

    async def fetch(self, pointers: Collection[Pointer]) -> Mapping[Pointer, bytes | None]:
        """See ``kafka_reader.KafkaRecordReader.fetch``."""


class Losses(Protocol):
    """What happens when the bytes of a waiting message are gone for good."""

    async def held_lost(self, pointers: Collection[Pointer], epochs: Mapping[int, int]) -> int:
        """See ``store.losses.LossTable.held_lost``."""


class SecondLook:
    """The second looks of one worker."""

    def __init__(
        self,
        held: HeldBack,
        store: TurnStore,
        fetcher: Fetcher,
        material: CurrentMaterial,
        signer: Signer,
        *,
        clock: Clock,
        losses: Losses,
        again_after_s: float,
        on_committed: Callable[[Sequence[TopicBatch], Writes], None],
    ) -> None:
        self._held = held
        self._store = store
        self._fetcher = fetcher
        self._material = material
        self._signer = signer
        self._clock = clock
        self._losses = losses
        self._again_after = timedelta(seconds=again_after_s)
        self._on_committed = on_committed
        self._log = get_logger(__name__)

    async def run(self, epochs: Callable[[], Mapping[int, int]], stop: asyncio.Event, trouble: Trouble) -> None:
        """Until ``stop``. Raises CommitUnknownError."""
        while not stop.is_set():
            try:
                await self.look(epochs())
                trouble.over()
            except TROUBLES as error:
                await trouble.rest(error, stop)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await stop.wait()
            except TimeoutError:
                continue

    async def look(self, epochs: Mapping[int, int]) -> int:
        """Judge again what is due; returns how many messages that was."""
        if not epochs:
            return 0
        now = self._clock.now()
        due = await self._held.due(epochs, iso(now - self._again_after), iso(now))
        if not due:
            return 0
        values = await self._fetcher.fetch(due.keys())
        found = [(pointer, value, due[pointer]) for pointer, value in values.items() if value is not None]
        gone = [pointer for pointer, value in values.items() if value is None]
        try:
            count = await self._judge(found, epochs, now)
        except (PositionLostError, PassingError, CommitUnknownError):
            raise
        except Exception as error:
            self._log.error("second-look.failed", error=type(error).__name__, count=len(found))
            count = await self._one_by_one(found, epochs, now)
        await self._held.looked_at([pointer for pointer, _, _ in found], iso(now))
        if gone:
            await self._losses.held_lost(gone, epochs)
            self._log.error("second-look.bytes-lost", count=len(gone))
        return count

    async def _judge(self, found: Sequence[_Waiting], epochs: Mapping[int, int], now: datetime) -> int:
        examined = [self._examine(pointer, value, parse_iso(at), now) for pointer, value, at in found]
        if examined:
            writes = await self._store.commit([], questions_of(examined), self._recorder(examined), guard=epochs)
            self._on_committed((), writes)
        return len(examined)

    async def _one_by_one(self, found: Sequence[_Waiting], epochs: Mapping[int, int], now: datetime) -> int:
        """Each alone; one that cannot be processed goes on waiting, and its answer says so."""
        count = 0
        for one in found:
            try:
                count += await self._judge([one], epochs, now)
            except (PositionLostError, PassingError, CommitUnknownError):
                raise
            except Exception as error:
                pointer = one[0]
                self._log.error("record.failed", topic=pointer.topic, offset=pointer.offset, error=type(error).__name__)
        return count

    def _examine(self, pointer: Pointer, value: bytes, appended_at: datetime, now: datetime) -> Examined:
        record = Record(pointer.topic, pointer.partition, pointer.offset, value, _HEADERS, appended_at)
        return examine(record, self._material.current(), now)

    def _recorder(self, examined: Sequence[Examined]) -> Callable[[Ledger, datetime], Writes]:
        def record(ledger: Ledger, now: datetime) -> Writes:
            context = Context(ledger, Writes(), self._signer, now, os.urandom)
            record_turn(context, examined)
            return context.writes

        return record
