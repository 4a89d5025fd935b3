"""A raw dump of topics: every record as Kafka has it, for whoever wants to check without us."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from lienvien.prove.evidence import DumpedRecord, write_dump
from transport.kafka import KafkaLink, describe_topics, make_consumer, stop_consumer

_POLL_MS: Final = 1_000


async def dump_topics(link: KafkaLink, topics: Iterable[str], folder: Path) -> dict[str, int]:
    """Writes each topic from its first record to its present end, a file each; how many records each had.

    Raises aiokafka.errors.KafkaError; LookupError for a topic that may not be read.
    """
    names = sorted(set(topics))
    described = await describe_topics(link, names)
    unusable = [name for name in names if not described[name].usable]
    if unusable:
        raise LookupError(unusable[0])
    consumer = make_consumer(link)
    await consumer.start()
    try:
        return {name: write_dump(folder, name, await _read(consumer, TopicPartition(name, 0))) for name in names}
    finally:
        await stop_consumer(consumer)


async def _read(consumer: AIOKafkaConsumer, partition: TopicPartition) -> list[DumpedRecord]:
    consumer.assign([partition])
    first = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    consumer.seek(partition, first)
    found: list[DumpedRecord] = []
    while not found or found[-1].offset < end - 1:
        if end <= first:
            break
        batch = await consumer.getmany(partition, timeout_ms=_POLL_MS)
        found += [
            DumpedRecord(r.topic, r.offset, r.timestamp, r.key, tuple(r.headers), r.value or b"")
            for records in batch.values()
            for r in records
        ]
    return found
