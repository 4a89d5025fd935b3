"""What the exchange needs from outside, each contract in words. The real ones are in ``kafka_log`` and ``store``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.recording.ledger import Ledger
from broker.recording.writes import Writes
from broker.stages.submission import Record
from broker.store.looking_up import Questions
from broker.store.numbering import Batch, Outgoing, Settled
from broker.store.positions import Move, Position
from broker.store.turns import Recorder


@dataclass(frozen=True, slots=True)
class TopicBatch:
    """What one topic had: records in order without a gap, or one place where something is wrong.

    ``next_offset`` is where reading goes on. ``unreadable`` is the offset of a record that the client cannot expand
    (another compression, a bomb); there are no records then. ``broken`` says that the log is not the one that was read
    before: it must be read again from ``next_offset``, its start.
    """

    topic: str
    records: tuple[Record, ...]
    next_offset: int
    unreadable: int | None = None
    broken: bool = False


class RecordLog(Protocol):
    """The submit topics of this worker's lanes."""

    async def follow(self, positions: Collection[Position]) -> None:
        """Read exactly these topics from now on, each from its position.

        Before anything of a topic is handed out, its anchor is read again and compared; also after the connection was
        lost. Replaces what was followed before, forgets what was handed out.
        """

    async def read(self, wait_s: float, last: Collection[str] = ()) -> Sequence[TopicBatch]:
        """The next records, at most ``TURN_RECORDS_PER_TOPIC`` and ``TURN_BYTES_PER_TOPIC`` of one topic.

        Waits up to ``wait_s`` when there is nothing. Topics in ``last`` give at most one record. What was handed out is
        not handed out again until ``follow``. Raises LogUnavailableError.
        """

    def committed(self, positions: Collection[Position]) -> None:
        """These positions are durable: their anchors are what the log must hold from now on."""


class InboxWriter(Protocol):
    """The inbox topics."""

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        """Write records in order; returns how many, from the first on, every replica has.

        Fewer than all means that the rest failed or is unknown: they must be written again, from the first of them.
        Safe to call for several destinations at once, never twice at once for one.
        """


class TurnStore(Protocol):
    """The transaction of a turn."""

    async def commit(
        self, moves: Sequence[Move], questions: Questions, record: Recorder, *, guard: Mapping[int, int] | None = None
    ) -> Writes:
        """See ``store.turns.Turns.commit``: atomic, durable on return."""


class NumberingStore(Protocol):
    """The transaction of the relay."""

    async def step(self, epochs: Mapping[int, int], settled: Settled, busy: Collection[str]) -> Sequence[Batch]:
        """See ``store.numbering.Numbering.step``: atomic, durable on return."""

    async def has_work(self, epochs: Mapping[int, int]) -> bool:
        """Whether a step would find anything: a look that changes nothing and locks nothing."""


class LogUnavailableError(Exception):
    """The log cannot be read now; the text names a class of error."""


__all__ = [
    "InboxWriter",
    "Ledger",
    "LogUnavailableError",
    "NumberingStore",
    "RecordLog",
    "TopicBatch",
    "TurnStore",
]
