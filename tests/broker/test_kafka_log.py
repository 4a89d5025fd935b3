"""Reading a real Kafka by positions: shares, anchors, batches that cannot be expanded, bytes fetched again."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from broker.kafka_log import KafkaRecordLog
from broker.kafka_reader import KafkaRecordReader, RecentBytes
from broker.ports import TopicBatch
from broker.stages.submission import Pointer, Record
from broker.store.positions import Position
from schemas.topics import HEADER_RECORD_TYPE, submit_topic
from tests.kafka_cluster import KafkaCluster
from tests.transport.raw_batches import GZIP, ZSTD, compressed, write_batch
from transport.kafka import make_producer

pytestmark = pytest.mark.kafka


@pytest.fixture
async def code(kafka: KafkaCluster) -> str:
    (fresh,) = kafka.fresh_codes(1)
    await kafka.admit(fresh)
    return fresh


@pytest.fixture
async def log(kafka: KafkaCluster) -> AsyncIterator[KafkaRecordLog]:
    opened = KafkaRecordLog(kafka.link("exchange"))
    yield opened
    await opened.close()


async def _write(kafka: KafkaCluster, code: str, *values: bytes) -> None:
    async with make_producer(kafka.facility(code)) as producer:
        for value in values:
            await producer.send_and_wait(submit_topic(code), value, headers=[(HEADER_RECORD_TYPE, b"envelope")])


def _position(code: str, next_offset: int = 0, anchor: tuple[int, bytes] | None = None) -> Position:
    offset, digest = (anchor[0], hashlib.sha256(anchor[1]).hexdigest()) if anchor else (None, None)
    return Position(submit_topic(code), 0, next_offset, 1, offset, digest)


async def _values(log: KafkaRecordLog, count: int) -> list[bytes]:
    found: list[Record] = []
    for _ in range(40):
        for batch in await log.read(0.5):
            assert not batch.broken
            found += batch.records
        if len(found) >= count:
            break
    return [record.value for record in found]


async def _first(log: KafkaRecordLog) -> TopicBatch:
    for _ in range(40):
        for batch in await log.read(0.5):
            return batch
    raise AssertionError("nothing came")


async def test_records_come_in_order_with_headers_and_time(kafka: KafkaCluster, log: KafkaRecordLog, code: str) -> None:
    await _write(kafka, code, b"one", b"two")
    await log.follow([_position(code)])
    batch = await _first(log)
    first = batch.records[0]
    assert (first.offset, first.value, first.headers) == (0, b"one", ((HEADER_RECORD_TYPE, b"envelope"),))
    assert first.appended_at.year >= 2026


@pytest.mark.parametrize("codec", [ZSTD, GZIP], ids=["zstd", "gzip bomb"])
async def test_a_batch_that_cannot_be_expanded_is_stepped_over_one_record_at_a_time(
    kafka: KafkaCluster, log: KafkaRecordLog, code: str, codec: int
) -> None:
    await _write(kafka, code, b"before")
    bad = [b"a", b"b"] if codec == ZSTD else [b"\0" * 6_000_000, b"b"]
    await write_batch(kafka.facility(code), submit_topic(code), compressed(bad, codec))
    await _write(kafka, code, b"after")
    await log.follow([_position(code)])
    seen: list[bytes] = []
    skipped: list[int] = []
    for _ in range(40):
        for batch in await log.read(0.5):
            seen += [record.value for record in batch.records]
            skipped += [] if batch.unreadable is None else [batch.unreadable]
        if b"after" in seen:
            break
    assert seen == [b"before", b"after"]
    assert skipped == [1, 2]


async def test_an_ordinary_gzip_batch_is_read(kafka: KafkaCluster, log: KafkaRecordLog, code: str) -> None:
    await write_batch(kafka.facility(code), submit_topic(code), compressed([b"a", b"b"], GZIP))
    await log.follow([_position(code)])
    assert await _values(log, 2) == [b"a", b"b"]


async def test_a_lost_connection_proves_the_anchors_again(kafka: KafkaCluster, log: KafkaRecordLog, code: str) -> None:
    await _write(kafka, code, b"one")
    await log.follow([_position(code)])
    assert await _values(log, 1) == [b"one"]
    log.committed([_position(code, 1, (0, b"not what was read"))])
    for connection in list(log._consumer._client._conns.values()):  # type: ignore[union-attr]
        connection.close()
    await _write(kafka, code, b"two")
    assert (await _first(log)).broken


async def test_bytes_are_fetched_again_and_compared(kafka: KafkaCluster, code: str) -> None:
    values = [b"zero", b"one", b"two"]
    await _write(kafka, code, *values)
    reader = KafkaRecordReader(kafka.link("exchange"), RecentBytes())
    try:

        def pointer(offset: int, value: bytes) -> Pointer:
            return Pointer(submit_topic(code), 0, offset, hashlib.sha256(value).hexdigest(), len(value))

        there = [pointer(2, b"two"), pointer(0, b"zero")]
        changed, beyond = pointer(1, b"was another"), pointer(9, b"never")
        found = await reader.fetch([*there, changed, beyond])
        assert [found[one] for one in there] == [b"two", b"zero"]
        assert found[changed] is None
        assert found[beyond] is None
        assert await reader.fetch(there) == {one: found[one] for one in there}
    finally:
        await reader.close()


def test_recent_bytes_forget_the_oldest_and_keep_at_least_one() -> None:
    recent = RecentBytes(limit=10)
    recent.keep("t", 1, b"12345")
    recent.keep("t", 2, b"12345")
    recent.keep("t", 3, b"1234567890123")
    assert [recent.get("t", offset) is not None for offset in (1, 2, 3)] == [False, False, True]
    recent.keep("t", 3, b"1")
    recent.keep("t", 4, b"12345")
    assert [recent.get("t", offset) is not None for offset in (3, 4)] == [True, True]
