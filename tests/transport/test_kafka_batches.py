"""A batch that cannot be read is stepped over as a whole, and nothing around it is lost."""

import zlib

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnsupportedCodecError
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import MIB
from schemas.topics import submit_topic
from tests.kafka_cluster import KafkaCluster
from tests.transport.raw_batches import GZIP, ZSTD, compressed, plain, write_batch
from transport import bounded_gzip
from transport.bounded_gzip import EXPANDED_MAX_BYTES, BatchNotExpandableError, gunzip
from transport.kafka import make_consumer, make_producer
from transport.kafka_batches import BatchSpan, NotABatchError, batch_at, read_span
from transport.kafka_rights import EXCHANGE

# --- pure --------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.sampled_from([0, GZIP, ZSTD]))
def test_span_of_any_batch(values: list[bytes], codec: int) -> None:
    batch = compressed(values, codec) if codec else plain(values)
    span = read_span(batch + b"and what follows")
    assert (span.first_offset, span.next_offset, span.claimed_records) == (0, len(values), len(values))
    assert span.codec == {0: "none", GZIP: "gzip", ZSTD: "zstd"}[codec]
    assert span.stored_bytes == len(batch)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_batch_or_refused(stored: bytes) -> None:
    try:
        span = read_span(stored)
    except NotABatchError:
        return
    assert span.stored_bytes <= len(stored)


def test_cut_batch_is_refused() -> None:
    with pytest.raises(NotABatchError):
        read_span(plain([b"x" * 100])[:-1])


@given(st.lists(st.binary(max_size=2_000), max_size=4))
def test_gunzip_is_the_inverse_of_gzip_members(parts: list[bytes]) -> None:
    packed = b"".join(_gzip(part) for part in parts)
    assert gunzip(packed) == b"".join(parts)


@given(st.integers(min_value=0, max_value=300))
def test_gunzip_bound_is_exact(size: int) -> None:
    packed = _gzip(b"x" * size)
    assert len(gunzip(packed, limit=size)) == size
    if size:
        with pytest.raises(BatchNotExpandableError):
            gunzip(packed, limit=size - 1)


def test_bound_counts_all_members_together() -> None:
    with pytest.raises(BatchNotExpandableError):
        gunzip(_gzip(b"x" * 60) * 2, limit=100)


@given(st.binary(min_size=1, max_size=100))
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(BatchNotExpandableError):
        gunzip(b"\x00" + data)


def test_cut_gzip_is_refused() -> None:
    with pytest.raises(BatchNotExpandableError):
        gunzip(_gzip(b"x" * 1_000)[:-9])


def test_bomb_is_refused_without_being_expanded() -> None:
    import tracemalloc

    bomb = _gzip(b"\0" * (200 * MIB))
    tracemalloc.start()
    with pytest.raises(BatchNotExpandableError):
        gunzip(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * EXPANDED_MAX_BYTES


def test_install_says_when_the_decoder_is_not_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_gzip, "_DECODER", "no_such_decoder")
    with pytest.raises(ImportError):
        bounded_gzip.install()


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(data) + packer.flush()


# --- on a real broker ----------------------------------------------------------------------------------------------

BAD = {
    "zstd, three records": compressed([b"one", b"two", b"three"], ZSTD),
    "gzip bomb": compressed([b"\0" * (EXPANDED_MAX_BYTES + MIB)], GZIP),
    "gzip, more than allowed in ten thousand records": compressed([b"\0" * 1_000] * 10_000, GZIP),
}


@pytest.mark.kafka
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
async def test_bad_batch_between_good_ones(kafka: KafkaCluster, bad: bytes) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    topic = submit_topic(code)
    async with make_producer(kafka.facility(code)) as producer:
        await producer.send_and_wait(topic, b"before")
        first = await write_batch(kafka.facility(code), topic, bad)
        after = await producer.send_and_wait(topic, b"after")
    assert first == 1

    consumer = make_consumer(kafka.link(EXCHANGE))
    await consumer.start()
    try:
        values, stepped = await read_over(consumer, kafka, TopicPartition(topic, 0), after.offset)
    finally:
        await consumer.stop()
    assert values == [b"before", b"after"]
    assert [(span.first_offset, span.next_offset) for span in stepped] == [(first, after.offset)]


async def read_over(
    consumer: AIOKafkaConsumer, kafka: KafkaCluster, partition: TopicPartition, last: int
) -> tuple[list[bytes], list[BatchSpan]]:
    """What the module's text says to do."""
    values: list[bytes] = []
    stepped: list[BatchSpan] = []
    consumer.assign([partition])
    consumer.seek(partition, 0)
    while await consumer.position(partition) <= last:
        try:
            batch = await consumer.getmany(timeout_ms=2_000, max_records=1)
        except UnsupportedCodecError:
            span = await batch_at(kafka.link(EXCHANGE), partition.topic, await consumer.position(partition))
            stepped.append(span)
            consumer.seek(partition, span.next_offset)
            continue
        values += [record.value for records in batch.values() for record in records]
    return values, stepped


@pytest.mark.kafka
async def test_batch_beyond_the_end_is_none(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    with pytest.raises(NotABatchError):
        await batch_at(kafka.link(EXCHANGE), submit_topic(code), 0)


@pytest.mark.kafka
async def test_ordinary_gzip_is_read(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    topic = submit_topic(code)
    await write_batch(kafka.facility(code), topic, compressed([b"one", b"two"], GZIP))
    consumer = make_consumer(kafka.link(EXCHANGE))
    await consumer.start()
    try:
        values, stepped = await read_over(consumer, kafka, TopicPartition(topic, 0), 1)
    finally:
        await consumer.stop()
    assert (values, stepped) == ([b"one", b"two"], [])
