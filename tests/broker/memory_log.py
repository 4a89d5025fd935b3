"""The log and the inboxes in memory: the same ports as Kafka's, and able to fail in both ways."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from broker.ports import LogUnavailableError, TopicBatch
from broker.stages.submission import Pointer, Record
from broker.store.numbering import Outgoing
from broker.store.positions import Position
from schemas.limits import TURN_BYTES_PER_TOPIC, TURN_RECORDS_PER_TOPIC
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, RecordType, submit_topic
from tests.broker.tokens import payload_of

EPOCH = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class MemoryLog:
    """Submit topics as lists. ``unreadable`` offsets cannot be expanded; ``down`` refuses everything."""

    topics: dict[str, list[Record]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    unreadable: set[tuple[str, int]] = field(default_factory=set)
    down: bool = False
    _followed: dict[str, Position] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)
    _proven: set[str] = field(default_factory=set)

    def append(
        self,
        facility: str,
        value: bytes,
        record_type: RecordType | str | None = RecordType.ENVELOPE,
        headers: tuple[tuple[str, bytes], ...] | None = None,
    ) -> Record:
        """Write one record as the facility would."""
        topic = submit_topic(facility)
        records = self.topics.setdefault(topic, [])
        if headers is None:
            headers = ((HEADER_RECORD_TYPE, str(record_type).encode()),) if record_type is not None else ()
        record = Record(topic, 0, self.starts.get(topic, 0) + len(records), value, headers, EPOCH)
        records.append(record)
        return record

    def replace(self, facility: str, values: Sequence[Record]) -> None:
        """Another log under the same name, as after a truncation."""
        self.topics[submit_topic(facility)] = list(values)

    def reconnect(self) -> None:
        """The connection was lost and is back: nothing is proven any more."""
        self._proven.clear()

    async def follow(self, positions: Collection[Position]) -> None:
        self._check()
        self._followed = {one.topic: one for one in positions}
        self._next = {one.topic: one.next_offset for one in positions}
        self._proven.clear()

    def committed(self, positions: Collection[Position]) -> None:
        self._followed |= {one.topic: one for one in positions if one.topic in self._followed}

    async def read(self, wait_s: float, last: Collection[str] = ()) -> Sequence[TopicBatch]:
        self._check()
        found = []
        for topic in sorted(self._followed, key=lambda one: (one in last, one)):
            batch = self._share(topic, 1 if topic in last else TURN_RECORDS_PER_TOPIC)
            if batch is not None:
                found.append(batch)
        return found

    async def fetch(self, pointers: Collection[Pointer]) -> Mapping[Pointer, bytes | None]:
        self._check()
        return {pointer: self._value(pointer) for pointer in pointers}

    def _check(self) -> None:
        if self.down:
            raise LogUnavailableError("Down")

    def _at(self, topic: str, offset: int) -> Record | None:
        records, index = self.topics.get(topic, []), offset - self.starts.get(topic, 0)
        return records[index] if 0 <= index < len(records) else None

    def _value(self, pointer: Pointer) -> bytes | None:
        record = self._at(pointer.topic, pointer.offset)
        same = record is not None and hashlib.sha256(record.value).hexdigest() == pointer.record_sha256
        return record.value if record is not None and same else None

    def _share(self, topic: str, limit: int) -> TopicBatch | None:
        position, offset = self._followed[topic], self._next[topic]
        if topic not in self._proven and not self._anchor_holds(position):
            self._next[topic] = self.starts.get(topic, 0)
            self._proven.add(topic)
            return TopicBatch(topic, (), self._next[topic], broken=True)
        self._proven.add(topic)
        if (topic, offset) in self.unreadable:
            self._next[topic] = offset + 1
            return TopicBatch(topic, (), offset + 1, unreadable=offset)
        taken: list[Record] = []
        size = 0
        while len(taken) < limit and (record := self._at(topic, offset)) and (topic, offset) not in self.unreadable:
            if taken and size + len(record.value) > TURN_BYTES_PER_TOPIC:
                break
            taken.append(record)
            size += len(record.value)
            offset += 1
        self._next[topic] = offset
        return TopicBatch(topic, tuple(taken), offset) if taken else None

    def _anchor_holds(self, position: Position) -> bool:
        start = self.starts.get(position.topic, 0)
        end = start + len(self.topics.get(position.topic, []))
        if not start <= position.next_offset <= end:
            return False
        if position.anchor_offset is None or position.anchor_offset < start:
            return True
        anchor = self._at(position.topic, position.anchor_offset)
        return anchor is not None and hashlib.sha256(anchor.value).hexdigest() == position.anchor_sha256


@dataclass(frozen=True)
class Published:
    """One record of an inbox, its stamp read."""

    record_type: RecordType
    value: bytes
    stamp: Stamp
    signed_stamp: str


@dataclass
class MemoryInbox:
    """Inboxes as lists. ``fails_after[destination]`` records are taken, the next ones fail; ``loses_answer`` takes a
    record and fails all the same.
    """

    inboxes: dict[str, list[Published]] = field(default_factory=dict)
    fails_after: dict[str, int] = field(default_factory=dict)
    loses_answer: set[str] = field(default_factory=set)

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        taken = 0
        for record, value in records:
            if self.fails_after.get(destination, 1) <= 0:
                break
            if destination in self.fails_after:
                self.fails_after[destination] -= 1
            stamp = Stamp.decode(payload_of(record.stamp))
            self.inboxes.setdefault(destination, []).append(Published(record.record_type, value, stamp, record.stamp))
            if destination in self.loses_answer:
                break
            taken += 1
        return taken

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        published = Published(RecordType.HEAD, token.encode(), Stamp.decode(payload_of(stamp)), stamp)
        self.inboxes.setdefault(destination, []).append(published)
        return True
