"""Bytes that are needed again: read from where the outbox points to, and compared with the digest it holds.

What was read lately is kept in memory, up to a limit: most deliveries leave a moment after they came. A fetch brings
its neighbours along, and those are kept too, since they are what is asked for next.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from broker.ports import LogUnavailableError
from broker.stages.submission import Pointer, Record
from schemas.limits import KIB, MIB
from transport.kafka import KafkaLink, make_consumer, stop_consumer

KEPT_BYTES: Final = 6 * MIB  # of a worker's 150
FETCH_WITHIN_S: Final = 10.0  # a log that has not given a record by then is not available
_PARTITION: Final = 0
_FETCH_MAX_BYTES: Final = 2 * MIB
_FETCH_PER_TOPIC_BYTES: Final = 512 * KIB

Place = tuple[str, int]  # topic, offset


class RecentBytes:
    """The values of records read lately, by place; the oldest go first."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Place, bytes] = OrderedDict()

    def keep(self, topic: str, offset: int, value: bytes) -> None:
        """Keep a value."""
        before = self._kept.pop((topic, offset), b"")
        self._kept[topic, offset] = value
        self._size += len(value) - len(before)
        while self._size > self._limit and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)

    def keep_all(self, records: Collection[Record]) -> None:
        """Keep the values of some records."""
        for record in records:
            self.keep(record.topic, record.offset, record.value)

    def get(self, topic: str, offset: int) -> bytes | None:
        """A value, if it is still kept."""
        return self._kept.get((topic, offset))


class KafkaRecordReader:
    """Fetches records by their place. One fetch at a time; others wait."""

    def __init__(self, link: KafkaLink, recent: RecentBytes) -> None:
        self._link = link
        self._recent = recent
        self._consumer: AIOKafkaConsumer | None = None
        self._one_at_a_time = asyncio.Lock()

    async def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await stop_consumer(consumer)

    async def fetch(self, pointers: Collection[Pointer]) -> Mapping[Pointer, bytes | None]:
        """The bytes at some places, None where they are gone or are others. Raises LogUnavailableError."""
        found = {pointer: self._remembered(pointer) for pointer in pointers}
        missing = [pointer for pointer, value in found.items() if value is None]
        if missing:
            async with self._one_at_a_time:
                found |= await self._fetch(missing)
        return found

    def _remembered(self, pointer: Pointer) -> bytes | None:
        value = self._recent.get(pointer.topic, pointer.offset)
        return value if value is not None and _is(value, pointer) else None

    async def _fetch(self, pointers: Collection[Pointer]) -> dict[Pointer, bytes | None]:
        wanted: dict[str, dict[int, Pointer]] = {}
        found: dict[Pointer, bytes | None] = {}
        for pointer in pointers:
            found[pointer] = self._remembered(pointer)  # the fetch before may have brought it along
            if found[pointer] is None:
                wanted.setdefault(pointer.topic, {})[pointer.offset] = pointer
        try:
            async with asyncio.timeout(FETCH_WITHIN_S):
                await self._read(wanted, found)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise LogUnavailableError(type(error).__name__) from None
        return found

    async def _read(self, wanted: dict[str, dict[int, Pointer]], found: dict[Pointer, bytes | None]) -> None:
        if not wanted:
            return
        consumer = await self._started()
        partitions = {topic: TopicPartition(topic, _PARTITION) for topic in wanted}
        consumer.assign(list(partitions.values()))
        starts = await consumer.beginning_offsets(list(partitions.values()))
        ends = await consumer.end_offsets(list(partitions.values()))
        for topic, partition in partitions.items():
            there = {o: p for o, p in wanted[topic].items() if starts[partition] <= o < ends[partition]}
            wanted[topic] = there
            if there:
                consumer.seek(partition, min(there))
            else:
                consumer.pause(partition)
        while any(wanted.values()):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    self._taken(wanted[partition.topic], record.offset, bytes(record.value or b""), found, partition)
                if not wanted[partition.topic]:
                    consumer.pause(partition)
                elif records and min(wanted[partition.topic]) > records[-1].offset + 1:
                    consumer.seek(partition, min(wanted[partition.topic]))

    def _taken(
        self,
        wanted: dict[int, Pointer],
        offset: int,
        value: bytes,
        found: dict[Pointer, bytes | None],
        partition: TopicPartition,
    ) -> None:
        self._recent.keep(partition.topic, offset, value)
        pointer = wanted.pop(offset, None)
        if pointer is not None and _is(value, pointer):
            found[pointer] = value
        for passed in [one for one in wanted if one < offset]:
            del wanted[passed]  # a hole in the log: it is not there

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = make_consumer(
                self._link, fetch_max_bytes=_FETCH_MAX_BYTES, max_partition_fetch_bytes=_FETCH_PER_TOPIC_BYTES
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer


def _is(value: bytes, pointer: Pointer) -> bool:
    return len(value) == pointer.size and hashlib.sha256(value).hexdigest() == pointer.record_sha256
