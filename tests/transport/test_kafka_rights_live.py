"""Who may do what, tried on a real broker: every row of the table, and what is not in it."""

from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from schemas.topics import inbox_topic, submit_topic
from tests.kafka_cluster import KafkaCluster
from transport.kafka import KafkaLink, describe_topics, make_consumer, make_producer
from transport.kafka_admin import (
    AdminRefusedError,
    block,
    create_facility_topics,
    describe_rights,
    grant,
    list_topics,
    revoke_generation,
    unblock,
)
from transport.kafka_rights import EXCHANGE, Operation, Right

pytestmark = pytest.mark.kafka


async def write(link: KafkaLink, topic: str) -> str:
    """'written' or the name of what the client raised."""
    try:
        async with make_producer(link) as producer:
            await producer.send_and_wait(topic, b"record")
    except KafkaError as error:
        return type(error).__name__
    return "written"


async def read(link: KafkaLink, topic: str) -> str:
    """'read <count>' or the name of what the client raised, or of what the broker says of the topic."""
    description = (await describe_topics(link, [topic]))[topic]
    if not description.usable:
        return description.error
    consumer = make_consumer(link)
    partition = TopicPartition(topic, 0)
    try:
        await consumer.start()
        consumer.assign([partition])
        consumer.seek(partition, 0)
        records = await consumer.getmany(timeout_ms=2_000)
        return f"read {len(records.get(partition, []))}"
    except KafkaError as error:
        return type(error).__name__
    finally:
        await consumer.stop()


DENIED = TopicAuthorizationFailedError.__name__
Try = Callable[[KafkaCluster, str, str], Coroutine[None, None, str]]

# (what is tried, how, what happens): `mine` and `other` are two admitted facilities.
MATRIX: list[tuple[str, Try, str]] = [
    ("owner writes its submit", lambda k, mine, other: write(k.facility(mine), submit_topic(mine)), "written"),
    ("owner writes its inbox", lambda k, mine, other: write(k.facility(mine), inbox_topic(mine)), DENIED),
    ("owner reads its submit", lambda k, mine, other: read(k.facility(mine), submit_topic(mine)), DENIED),
    ("owner reads its inbox", lambda k, mine, other: read(k.facility(mine), inbox_topic(mine)), "read 1"),
    ("owner writes another's submit", lambda k, mine, other: write(k.facility(mine), submit_topic(other)), DENIED),
    ("owner writes another's inbox", lambda k, mine, other: write(k.facility(mine), inbox_topic(other)), DENIED),
    ("owner reads another's inbox", lambda k, mine, other: read(k.facility(mine), inbox_topic(other)), DENIED),
    ("owner reads another's submit", lambda k, mine, other: read(k.facility(mine), submit_topic(other)), DENIED),
    ("owner writes an unknown topic", lambda k, mine, other: write(k.facility(mine), "xfer.submit.99999"), DENIED),
    ("exchange reads submit", lambda k, mine, other: read(k.link(EXCHANGE), submit_topic(mine)), "read 1"),
    ("exchange writes submit", lambda k, mine, other: write(k.link(EXCHANGE), submit_topic(mine)), DENIED),
    ("exchange writes inbox", lambda k, mine, other: write(k.link(EXCHANGE), inbox_topic(other)), "written"),
    ("exchange reads inbox", lambda k, mine, other: read(k.link(EXCHANGE), inbox_topic(mine)), "read 1"),
    (
        "a generation without rights",
        lambda k, mine, other: write(k.facility(mine, 2), submit_topic(mine)),
        ClusterAuthorizationFailedError.__name__,
    ),
]


@pytest.fixture(scope="module")
def two_facilities(kafka: KafkaCluster) -> tuple[str, str]:
    mine, other = kafka.fresh_codes(2)
    return mine, other


@pytest.fixture
async def pair(kafka: KafkaCluster, two_facilities: tuple[str, str]) -> tuple[str, str]:
    """Two admitted facilities; one record lies in the first one's submit topic and one in its inbox."""
    mine, other = two_facilities
    if submit_topic(mine) not in await list_topics(kafka.admin):
        await kafka.admit(mine, other)
        assert await write(kafka.facility(mine), submit_topic(mine)) == "written"
        assert await write(kafka.link(EXCHANGE), inbox_topic(mine)) == "written"
    return mine, other


@pytest.mark.parametrize(("attempt", "expected"), [row[1:] for row in MATRIX[1:]], ids=[row[0] for row in MATRIX[1:]])
async def test_rights_on_a_real_broker(kafka: KafkaCluster, pair: tuple[str, str], attempt: Try, expected: str) -> None:
    assert await attempt(kafka, *pair) == expected


async def test_a_facility_sees_only_its_own_two_topics(kafka: KafkaCluster, pair: tuple[str, str]) -> None:
    mine, _ = pair
    assert await list_topics(kafka.facility(mine)) == [inbox_topic(mine), submit_topic(mine)]


async def test_a_facility_may_make_neither_topics_nor_rights(kafka: KafkaCluster, pair: tuple[str, str]) -> None:
    mine, other = pair
    (new,) = kafka.fresh_codes(1)
    with pytest.raises(AdminRefusedError, match="TopicAuthorizationFailed"):
        await create_facility_topics(kafka.facility(mine), [new])
    with pytest.raises(AdminRefusedError, match="ClusterAuthorizationFailed"):
        await grant(kafka.facility(mine), {other: [1]})
    assert submit_topic(new) not in await list_topics(kafka.admin)


async def test_a_write_does_not_make_a_topic(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await grant(kafka.admin, {code: [1]})  # rights, but no topics
    impatient = replace(kafka.facility(code), request_timeout_ms=2_000)
    assert await write(impatient, submit_topic(code)) == UnknownTopicOrPartitionError.__name__
    assert submit_topic(code) not in await list_topics(kafka.admin)


async def test_block_cuts_at_once_and_unblock_lets_in_again(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    link = kafka.facility(code)
    live = make_producer(link)
    await live.start()
    await live.send_and_wait(submit_topic(code), b"before")

    await block(kafka.admin, code, [1])
    with pytest.raises(TopicAuthorizationFailedError):  # a live connection is cut too
        await live.send_and_wait(submit_topic(code), b"during")
    assert live.spent
    await live.stop()
    assert await write(link, submit_topic(code)) == ClusterAuthorizationFailedError.__name__
    assert await read(link, inbox_topic(code)) == DENIED

    await unblock(kafka.admin, code, [1])
    assert await write(link, submit_topic(code)) == "written"
    assert await read(kafka.link(EXCHANGE), submit_topic(code)) == "read 2"


async def test_block_of_one_generation_leaves_the_next(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code, generation=1)
    await kafka.admit(code, generation=2)
    await block(kafka.admin, code, [1])
    assert await write(kafka.facility(code, 1), submit_topic(code)) == ClusterAuthorizationFailedError.__name__
    assert await write(kafka.facility(code, 2), submit_topic(code)) == "written"


async def test_revoked_generation_has_nothing_left_and_the_exchange_keeps_its_rights(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    await revoke_generation(kafka.admin, code, 1)
    allowed, denied = await describe_rights(kafka.admin, code)
    assert allowed == {
        Right(EXCHANGE, Operation.READ, submit_topic(code)),
        Right(EXCHANGE, Operation.WRITE, inbox_topic(code)),
        Right(EXCHANGE, Operation.READ, inbox_topic(code)),
    }
    assert not denied
    assert await write(kafka.facility(code), submit_topic(code)) == ClusterAuthorizationFailedError.__name__


async def test_granting_twice_changes_nothing(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    once = await describe_rights(kafka.admin, code)
    await kafka.admit(code)
    assert await describe_rights(kafka.admin, code) == once
