"""The submit topics of this worker's lanes, read from Kafka by positions that live in the database.

Each topic is first read from its anchor, the last record consumed: only when the log still holds that very record is
anything after it handed out. A connection that was lost makes every topic unproven again.
"""

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError, UnsupportedCodecError
from aiokafka.structs import ConsumerRecord

from broker.ports import LogUnavailableError, TopicBatch
from broker.stages.submission import Record
from broker.store.positions import Position
from schemas.limits import KIB, MIB, TURN_BYTES_PER_TOPIC, TURN_RECORDS_PER_TOPIC
from transport.kafka import KafkaLink, make_consumer, stop_consumer

TURN_MAX_BYTES: Final = 4 * MIB  # of all topics together: what a worker holds in memory at once, twice
TURN_MAX_RECORDS: Final = 100  # enough for a commit to cost little per record
PREFETCH_MAX_BYTES: Final = 2 * MIB  # one answer of a broker
PREFETCH_PER_TOPIC_BYTES: Final = 256 * KIB  # times the topics with a backlog: what waits in memory
_PARTITION: Final = 0  # every topic has one
_UNREADABLE: Final = (UnsupportedCodecError, CorruptRecordException)


@dataclass
class _Topic:
    """Reading one topic. ``next_offset`` is what is handed out next; ``anchor`` is still to be proven when set."""

    partition: TopicPartition
    next_offset: int
    anchor: tuple[int, str] | None
    position: Position
    rest: list[Record]  # read, but beyond this turn's share
    singly: bool = False  # something ahead cannot be expanded: one record at a time


class KafkaRecordLog:
    """One consumer for following, by ``assign`` and ``seek``."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link
        self._consumer: AIOKafkaConsumer | None = None
        self._topics: dict[str, _Topic] = {}
        self._turn = 0
        self._connections: frozenset[object] = frozenset()

    async def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await stop_consumer(consumer)

    async def follow(self, positions: Collection[Position]) -> None:
        """See ``ports.RecordLog.follow``. Raises LogUnavailableError."""
        try:
            consumer = await self._started()
            self._topics = {
                one.topic: _Topic(TopicPartition(one.topic, _PARTITION), one.next_offset, None, one, [])
                for one in positions
            }
            consumer.assign([topic.partition for topic in self._topics.values()])
            for topic in self._topics.values():
                self._to_anchor(consumer, topic)
            self._connections = _connections(consumer)
        except (KafkaError, OSError) as error:
            raise LogUnavailableError(type(error).__name__) from None

    async def read(self, wait_s: float, last: Collection[str] = ()) -> Sequence[TopicBatch]:
        """See ``ports.RecordLog.read``."""
        if not self._topics:
            return []
        try:
            consumer = await self._started()
            batches = await self._round(consumer, last)
            if not batches:
                await self._wait(consumer, wait_s)
                batches = await self._round(consumer, last)
            if batches and self._reconnected(consumer):
                return []  # another broker may hold another log: prove the anchors again first
        except (KafkaError, OSError) as error:
            raise LogUnavailableError(type(error).__name__) from None
        return batches

    def committed(self, positions: Collection[Position]) -> None:
        """See ``ports.RecordLog.committed``."""
        for position in positions:
            if position.topic in self._topics:
                self._topics[position.topic].position = position

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = make_consumer(
                self._link, fetch_max_bytes=PREFETCH_MAX_BYTES, max_partition_fetch_bytes=PREFETCH_PER_TOPIC_BYTES
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer

    def _to_anchor(self, consumer: AIOKafkaConsumer, topic: _Topic) -> None:
        position = topic.position
        topic.rest, topic.next_offset, topic.singly = [], position.next_offset, False
        proven_by_nothing = position.anchor_offset is None or position.anchor_sha256 is None
        topic.anchor = None if proven_by_nothing else (position.anchor_offset, position.anchor_sha256)  # type: ignore[assignment]
        consumer.seek(topic.partition, topic.anchor[0] if topic.anchor else topic.next_offset)

    def _reconnected(self, consumer: AIOKafkaConsumer) -> bool:
        before, self._connections = self._connections, _connections(consumer)
        if before <= self._connections:
            return False
        for topic in self._topics.values():
            self._to_anchor(consumer, topic)
        return True

    async def _wait(self, consumer: AIOKafkaConsumer, wait_s: float) -> None:
        """Until something came, or the time is over. Nothing is taken out: what is wrong must show with its topic."""
        something = consumer._fetcher._create_fetch_waiter()
        await asyncio.wait([something], timeout=wait_s)
        if not something.cancel():
            something.exception()  # seen; the round meets it again

    async def _round(self, consumer: AIOKafkaConsumer, last: Collection[str]) -> list[TopicBatch]:
        """One share of every topic, starting with another one each time."""
        names = list(self._topics)
        self._turn = (self._turn + 1) % len(names)
        ordered = names[self._turn :] + names[: self._turn]
        ordered.sort(key=lambda name: name in last)
        batches: list[TopicBatch] = []
        size = count = 0
        for name in ordered:
            topic = self._topics[name]
            limit = 1 if name in last else TURN_RECORDS_PER_TOPIC
            batch = await self._share(consumer, topic, min(limit, TURN_MAX_RECORDS - count))
            if batch is not None:
                batches.append(batch)
                size += sum(len(record.value) for record in batch.records)
                count += len(batch.records)
            if size >= TURN_MAX_BYTES or count >= TURN_MAX_RECORDS:
                break
        return batches

    async def _share(self, consumer: AIOKafkaConsumer, topic: _Topic, limit: int) -> TopicBatch | None:
        if len(topic.rest) < limit:
            wanted = 1 if topic.singly else limit - len(topic.rest)
            try:
                found = await consumer.getmany(topic.partition, timeout_ms=0, max_records=wanted)
            except _UNREADABLE:
                return self._unreadable(consumer, topic)
            except OffsetOutOfRangeError:
                return await self._out_of_range(consumer, topic)
            except KafkaError:
                return None  # this topic may not be read now; the others may
            records = self._proven(consumer, topic, found.get(topic.partition, []))
            if records is None:
                return await self._broken(consumer, topic)
            topic.rest.extend(records)
        return _take(topic, limit)

    def _proven(
        self, consumer: AIOKafkaConsumer, topic: _Topic, found: Sequence[ConsumerRecord[Any, Any]]
    ) -> list[Record] | None:
        """The records after the anchor, or None when the anchor is not what it was."""
        records = [_record(one) for one in found]
        if topic.anchor is None or not records:
            return records
        offset, digest = topic.anchor
        first, *rest = records
        if first.offset != offset or hashlib.sha256(first.value).hexdigest() != digest:
            return None
        topic.anchor = None
        if topic.next_offset != offset + 1:  # records in between could not be read, and were set aside
            consumer.seek(topic.partition, topic.next_offset)
            return []
        return rest

    def _unreadable(self, consumer: AIOKafkaConsumer, topic: _Topic) -> TopicBatch | None:
        """The client's own position is not to be trusted now: go back, one by one, until nothing comes before it."""
        ahead = topic.rest[-1].offset + 1 if topic.rest else topic.next_offset
        if topic.singly and topic.anchor is None and not topic.rest:
            topic.singly, topic.next_offset = False, ahead + 1
            consumer.seek(topic.partition, topic.next_offset)
            return TopicBatch(topic.partition.topic, (), ahead + 1, unreadable=ahead)
        topic.singly = True
        consumer.seek(topic.partition, topic.anchor[0] if topic.anchor else ahead)
        return _take(topic, TURN_RECORDS_PER_TOPIC)

    async def _out_of_range(self, consumer: AIOKafkaConsumer, topic: _Topic) -> TopicBatch | None:
        start, end = await self._bounds(consumer, topic.partition)
        if start <= topic.next_offset <= end:  # retention has taken the anchor, and nothing that was not read
            topic.anchor = None
            consumer.seek(topic.partition, topic.next_offset)
            return None
        return await self._broken(consumer, topic)

    async def _broken(self, consumer: AIOKafkaConsumer, topic: _Topic) -> TopicBatch:
        start, _ = await self._bounds(consumer, topic.partition)
        topic.anchor, topic.rest, topic.next_offset = None, [], start
        consumer.seek(topic.partition, start)
        return TopicBatch(topic.partition.topic, (), start, broken=True)

    async def _bounds(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> tuple[int, int]:
        start: Mapping[TopicPartition, int] = await consumer.beginning_offsets([partition])
        end: Mapping[TopicPartition, int] = await consumer.end_offsets([partition])
        return start[partition], end[partition]


def _take(topic: _Topic, limit: int) -> TopicBatch | None:
    """The topic's share of this turn from what was read."""
    taken: list[Record] = []
    size = 0
    for record in topic.rest[:limit]:
        if taken and size + len(record.value) > TURN_BYTES_PER_TOPIC:
            break
        taken.append(record)
        size += len(record.value)
    if not taken:
        return None
    topic.rest = topic.rest[len(taken) :]
    topic.next_offset = taken[-1].offset + 1
    return TopicBatch(topic.partition.topic, tuple(taken), topic.next_offset)


def _record(found: ConsumerRecord[Any, Any]) -> Record:
    headers = tuple((str(name), bytes(value) if value is not None else b"") for name, value in found.headers)
    appended_at = datetime.fromtimestamp(max(found.timestamp, 0) / 1000, UTC)
    return Record(found.topic, found.partition, found.offset, bytes(found.value or b""), headers, appended_at)


def _connections(consumer: AIOKafkaConsumer) -> frozenset[object]:
    """The client's connections; when one is gone, a broker or the way to it was lost."""
    return frozenset(consumer._client._conns.values())
