"""The topics as a recovery reads them from Kafka: whole, a page at a time, to the end they had at the beginning."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError
from aiokafka.structs import ConsumerRecord
from kafka.errors import KafkaError as AdminError

from broker.ports import LogUnavailableError
from broker.stages.submission import Record
from schemas.topics import facility_of_topic
from transport import kafka_admin
from transport.kafka import KafkaLink, describe_topics, make_consumer, stop_consumer

POLL_MS: Final = 5_000
SILENT_POLLS: Final = 6  # so often may nothing come before Kafka counts as not reachable
PAGE_RECORDS: Final = 200
_PARTITION: Final = 0
_UNREADABLE: Final = (UnsupportedCodecError, CorruptRecordException)


class KafkaTopics:
    """One consumer; ``admin`` may list topics, ``link`` reads them."""

    def __init__(self, link: KafkaLink, admin: KafkaLink) -> None:
        self._link = link
        self._admin = admin
        self._consumer: AIOKafkaConsumer | None = None

    async def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            await stop_consumer(consumer)

    async def facilities(self) -> Sequence[str]:
        """See ``ports.TopicLog.facilities``."""
        try:
            names = await kafka_admin.list_topics(self._admin)
        except (AdminError, OSError) as error:
            raise LogUnavailableError(type(error).__name__) from None
        found = set()
        for name in names:
            try:
                found.add(facility_of_topic(name))
            except ValueError:
                continue
        return sorted(found)

    async def pages(self, topic: str, start: int) -> AsyncIterator[Sequence[Record]]:
        """See ``ports.TopicLog.pages``. What cannot be expanded is passed over, one record at a time."""
        try:
            described = await describe_topics(self._link, [topic])
            if topic not in described or not described[topic].usable:
                return
            consumer = await self._started()
            partition = TopicPartition(topic, _PARTITION)
            consumer.assign([partition])
            first = (await consumer.beginning_offsets([partition]))[partition]
            end = (await consumer.end_offsets([partition]))[partition]
            if start > end:
                return
            consumer.seek(partition, max(first, start))
            async for page in _pages(consumer, partition, end):
                yield page
        except (KafkaError, OSError) as error:
            raise LogUnavailableError(type(error).__name__) from None

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = make_consumer(self._link)
            await consumer.start()
            self._consumer = consumer
        return self._consumer


async def _pages(consumer: AIOKafkaConsumer, partition: TopicPartition, end: int) -> AsyncIterator[Sequence[Record]]:
    silent = 0
    while (at := await consumer.position(partition)) < end:
        try:
            came = await consumer.getmany(partition, timeout_ms=POLL_MS, max_records=PAGE_RECORDS)
        except _UNREADABLE:
            consumer.seek(partition, at + 1)
            continue
        records = [_record(one) for one in came.get(partition, []) if one.offset < end]
        silent = 0 if records else silent + 1
        if silent == SILENT_POLLS:
            raise LogUnavailableError("NothingComes")
        if records:
            yield records


def _record(found: ConsumerRecord[Any, Any]) -> Record:
    headers = tuple((str(name), bytes(value) if value is not None else b"") for name, value in found.headers)
    appended_at = datetime.fromtimestamp(max(found.timestamp, 0) / 1000, UTC)
    return Record(found.topic, found.partition, found.offset, bytes(found.value or b""), headers, appended_at)
