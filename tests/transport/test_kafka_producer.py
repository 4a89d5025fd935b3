"""The producer: what it refuses, what spoils it, what it lets through at once, and that it always stops."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, MessageSizeTooLargeError, OffsetOutOfRangeError
from aiokafka.errors import TopicAuthorizationFailedError as Denied
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import (
    ENVELOPE_MAX_BYTES,
    INBOX_TOPIC_MAX_BYTES,
    SOCKET_REQUEST_MAX_BYTES,
    STAMP_MAX_BYTES,
    SUBMIT_TOPIC_MAX_BYTES,
)
from schemas.topics import HEADER_STAMP, inbox_topic, submit_topic
from tests.kafka_cluster import KafkaCluster
from transport.kafka import make_consumer, make_producer
from transport.kafka_producer import (
    MAX_BATCH_BYTES,
    RECORD_OVERHEAD_BYTES,
    UNACKNOWLEDGED_MAX_BYTES,
    NoRoomError,
    Producer,
    ProducerSpentError,
    _Room,
)
from transport.kafka_rights import EXCHANGE
from transport.local_kafka import LocalKafka

# --- the room for unacknowledged bytes (pure) ----------------------------------------------------------------------


@given(st.lists(st.integers(min_value=1, max_value=150), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_room_is_never_overfull_and_everybody_gets_in_first_come_first_served(
    sizes: list[int], chance: random.Random
) -> None:
    asyncio.run(fill_and_empty(sizes, chance))


async def fill_and_empty(sizes: list[int], chance: random.Random) -> None:
    room, inside, entered = _Room(100), [], []

    async def enter(number: int) -> None:
        await room.take(sizes[number])
        inside.append(number)
        entered.append(number)

    tasks = [asyncio.create_task(enter(number)) for number in range(len(sizes))]
    while len(entered) < len(sizes):
        await asyncio.sleep(0)
        taken = [sizes[number] for number in inside]
        assert sum(taken) <= 100 or len(taken) == 1
        if inside:
            room.give_back(sizes[inside.pop(chance.randrange(len(inside)))])
    assert entered == sorted(entered)
    await asyncio.gather(*tasks)


async def test_one_who_gives_up_waiting_holds_nothing() -> None:
    room = _Room(100)
    await room.take(100)
    waiting = asyncio.create_task(room.take(50))
    behind = asyncio.create_task(room.take(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    room.give_back(100)
    await asyncio.wait_for(behind, 1)


async def test_who_waits_for_room_too_long_is_told_that_others_hold_it() -> None:
    producer = Producer({"bootstrap_servers": "localhost:1"}, max_record_bytes=1_000)
    await producer._room.take(UNACKNOWLEDGED_MAX_BYTES)
    with pytest.raises(NoRoomError):
        await producer.send("xfer.inbox.24Z01", b"x", room_within_s=0.01)
    assert not producer.spent
    assert producer._room._waiting[0][1].cancelled(), "its place goes to the next"
    await producer.stop(grace_s=0)


async def test_after_a_failed_batch_the_next_of_its_topic_never_leaves_even_in_the_same_step() -> None:
    """The client wakes its sender for whatever comes; then the second batch would go before anybody saw the failure."""
    producer = Producer({"bootstrap_servers": "localhost:1"}, max_record_bytes=1_000)
    accumulator, tp = producer._producer._message_accumulator, TopicPartition("xfer.inbox.24Z01", 0)
    other = TopicPartition("xfer.inbox.01929", 0)
    producer._producer._txn_manager.set_pid_and_epoch(1, 0)
    accumulator._cluster = SimpleNamespace(leader_for_partition=lambda _: 1)

    async def send(topic: str, value: bytes, **_: Any) -> Any:
        return await accumulator.add_message(TopicPartition(topic, 0), None, value, 1)

    producer._producer.send = send
    first = await producer.send(tp.topic, b"1")
    (batch,) = accumulator.drain_by_nodes(set())[0][1].values()
    second = await producer.send(tp.topic, b"2")
    healthy = await producer.send(other.topic, b"3")
    batch.failure(KafkaTimeoutError())  # and in the same step:
    assert set(accumulator.drain_by_nodes(set())[0][1]) == {other}
    assert producer.spent
    assert isinstance(first.exception(), KafkaTimeoutError)
    assert isinstance(second.exception(), ProducerSpentError)
    assert not healthy.done()
    await producer.stop(grace_s=0)


def test_a_full_room_fits_into_one_request_of_the_broker() -> None:
    """Everything unacknowledged may leave in one request; larger ones are cut by the broker without a word."""
    assert UNACKNOWLEDGED_MAX_BYTES + INBOX_TOPIC_MAX_BYTES < SOCKET_REQUEST_MAX_BYTES + SUBMIT_TOPIC_MAX_BYTES
    assert UNACKNOWLEDGED_MAX_BYTES < SOCKET_REQUEST_MAX_BYTES
    assert MAX_BATCH_BYTES + RECORD_OVERHEAD_BYTES < SUBMIT_TOPIC_MAX_BYTES


# --- on a real broker ----------------------------------------------------------------------------------------------


async def stored(kafka: KafkaCluster, topic: str, principal: str = EXCHANGE) -> list[bytes]:
    """Every value of a topic."""
    consumer = make_consumer(kafka.link(principal))
    partition = TopicPartition(topic, 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=2_000)).values():
                values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


@pytest.mark.kafka
async def test_broker_stamps_its_own_time(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    async with make_producer(kafka.facility(code)) as producer:
        written = await producer.send_and_wait(submit_topic(code), b"x")
    log_append_time = 1
    assert written.timestamp_type == log_append_time


@pytest.mark.kafka
async def test_largest_envelope_and_its_stamped_copy_pass(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    envelope, stamp = b"e" * ENVELOPE_MAX_BYTES, b"s" * STAMP_MAX_BYTES
    async with make_producer(kafka.facility(code)) as producer:
        await producer.send_and_wait(submit_topic(code), envelope)
    async with make_producer(kafka.link(EXCHANGE), max_record_bytes=INBOX_TOPIC_MAX_BYTES) as producer:
        await producer.send_and_wait(inbox_topic(code), envelope, headers=[(HEADER_STAMP, stamp)])
        await producer.send_and_wait(inbox_topic(code), b"e" * (INBOX_TOPIC_MAX_BYTES - 200))
    assert await stored(kafka, submit_topic(code)) == [envelope]
    assert len(await stored(kafka, inbox_topic(code))) == 2


@pytest.mark.kafka
async def test_oversize_is_refused_here_and_spoils_nothing(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    async with make_producer(kafka.facility(code)) as producer:
        for _ in range(5):  # more than may be unacknowledged, if they counted
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(submit_topic(code), b"x" * SUBMIT_TOPIC_MAX_BYTES)
        assert not producer.spent
        async with asyncio.timeout(10):
            await producer.send_and_wait(submit_topic(code), b"next")
    assert await stored(kafka, submit_topic(code)) == [b"next"]


@pytest.mark.kafka
async def test_oversize_is_refused_by_the_broker_and_spoils_the_producer(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    async with make_producer(kafka.facility(code), max_record_bytes=2 * SUBMIT_TOPIC_MAX_BYTES) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(submit_topic(code), b"x" * SUBMIT_TOPIC_MAX_BYTES)
        assert producer.spent
        with pytest.raises(ProducerSpentError):
            await producer.send_and_wait(submit_topic(code), b"out of order")
    assert await stored(kafka, submit_topic(code)) == []


@pytest.mark.kafka
async def test_denied_record_spoils_the_producer_only_when_it_left(kafka: KafkaCluster) -> None:
    mine, other = kafka.fresh_codes(2)
    await kafka.admit(mine, other)
    async with make_producer(kafka.facility(mine)) as producer:
        with pytest.raises(Denied):  # may not even be described: refused before it is queued
            await producer.send(submit_topic(other), b"x")
        assert not producer.spent
        with pytest.raises(Denied):  # may be described, not written
            await producer.send_and_wait(inbox_topic(mine), b"x")
        assert producer.spent


@pytest.mark.kafka
async def test_many_destinations_at_once_are_not_one_request_too_large(kafka: KafkaCluster) -> None:
    """8 MB wait for one broker, whose requests may have 4 MiB: without the bound this never ends."""
    codes = kafka.fresh_codes(10)
    await kafka.admit(*codes)
    async with make_producer(kafka.link(EXCHANGE), max_record_bytes=INBOX_TOPIC_MAX_BYTES) as producer:
        async with asyncio.timeout(30):
            await asyncio.gather(*(producer.send_and_wait(inbox_topic(code), b"x" * 800_000) for code in codes))
    assert len(await stored(kafka, inbox_topic(codes[-1]))) == 1


@pytest.mark.kafka
async def test_records_of_one_topic_keep_their_order(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    values = [b"%d" % number + b"." * (number % 7 * 20_000) for number in range(120)]
    async with make_producer(kafka.facility(code)) as producer:
        sent = [await producer.send(submit_topic(code), value) for value in values]
        offsets = [(await future).offset for future in sent]
    assert offsets == list(range(len(values)))
    assert await stored(kafka, submit_topic(code)) == values


@pytest.mark.kafka
async def test_position_outside_the_log_is_an_error_not_a_jump(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    consumer = make_consumer(kafka.link(EXCHANGE))
    partition = TopicPartition(submit_topic(code), 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        consumer.seek(partition, 41)
        with pytest.raises(OffsetOutOfRangeError):
            await consumer.getmany(timeout_ms=5_000)
    finally:
        await consumer.stop()


@pytest.mark.kafka
@pytest.mark.process
async def test_kill_9_loses_nothing_acknowledged_and_stop_does_not_wait_for_a_dead_broker(kafka: KafkaCluster) -> None:
    """Also: sends under way wait out the outage, none is doubled, the order stays."""
    node = kafka.own_node()
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    topic = submit_topic(code)
    async with make_producer(kafka.facility(code)) as producer, make_producer(kafka.facility(code)) as doomed:
        acknowledged = [(await producer.send_and_wait(topic, b"%d" % number)).offset for number in range(50)]
        await doomed.send_and_wait(topic, b"of the doomed")  # so that it knows the topic

        async with outage(kafka, node):
            during = [await producer.send(topic, b"during %d" % number) for number in range(20)]
            lost = await doomed.send(topic, b"never acknowledged")
            async with asyncio.timeout(8):
                await doomed.stop(grace_s=0.5)
            assert isinstance(lost.exception(), ProducerSpentError)
            assert not any(future.done() for future in during)

        async with asyncio.timeout(30):
            acknowledged += [(await future).offset for future in during]
    values = await stored(kafka, topic)
    wanted = [b"%d" % number for number in range(50)] + [b"during %d" % number for number in range(20)]
    assert [values[offset] for offset in acknowledged] == wanted
    assert [value for value in values if value in wanted] == wanted
    assert len(values) == len(wanted) + 1


@contextlib.asynccontextmanager
async def outage(kafka: KafkaCluster, node: LocalKafka) -> AsyncIterator[None]:
    """Kafka is killed on entering, and there again afterwards, whatever happens: other tests need it."""
    node.kill()
    try:
        yield
    finally:
        await node.start()
        await node.ready(kafka.admin)


@pytest.mark.kafka
async def test_stop_twice_and_without_start(kafka: KafkaCluster) -> None:
    producer = make_producer(kafka.link(EXCHANGE))
    await producer.stop()
    await producer.stop()


@pytest.mark.kafka
async def test_no_broker_is_said_so_and_leaves_nothing_open(kafka: KafkaCluster) -> None:
    producer = make_producer(replace(kafka.link(EXCHANGE), bootstrap="localhost:1"))
    with pytest.raises(KafkaConnectionError):
        await producer.start()
