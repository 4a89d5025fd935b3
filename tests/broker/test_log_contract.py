"""The contract of ``ports.RecordLog`` and ``ports.InboxWriter``, on the fakes in memory and on a real Kafka alike."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass

import pytest

from broker.kafka_inbox import KafkaInboxWriter
from broker.kafka_log import KafkaRecordLog
from broker.ports import InboxWriter, RecordLog, TopicBatch
from broker.store.numbering import Outgoing
from broker.store.positions import Position
from schemas.limits import TURN_BYTES_PER_TOPIC, TURN_RECORDS_PER_TOPIC
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, RecordType, submit_topic
from tests.broker.memory_log import MemoryInbox, MemoryLog
from tests.kafka_cluster import KafkaCluster
from tests.transport.raw_batches import ZSTD, compressed, write_batch
from transport.kafka import make_producer

KINDS = ["memory", pytest.param("kafka", marks=pytest.mark.kafka)]


@dataclass
class World:
    """A log with one topic, and how a facility writes to it."""

    log: RecordLog
    code: str
    write: Callable[[list[bytes]], Awaitable[None]]
    write_unreadable: Callable[[], Awaitable[None]]

    async def follow(self, next_offset: int = 0, anchor: tuple[int, bytes] | None = None) -> None:
        offset, digest = (anchor[0], hashlib.sha256(anchor[1]).hexdigest()) if anchor else (None, None)
        await self.log.follow([Position(submit_topic(self.code), 0, next_offset, 1, offset, digest)])

    async def batches(self, enough: Callable[[list[TopicBatch]], bool], last: Collection[str] = ()) -> list[TopicBatch]:
        found: list[TopicBatch] = []
        for _ in range(60):
            found += await self.log.read(0.5, last)
            if enough(found):
                return found
        raise AssertionError("not enough came")

    async def values(self, count: int) -> list[bytes]:
        found = await self.batches(lambda seen: sum(len(one.records) for one in seen) >= count)
        return [record.value for one in found for record in one.records]


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, kafka_or_none: KafkaCluster | None) -> AsyncIterator[World]:
    if kafka_or_none is None:
        memory = MemoryLog()

        async def append(values: list[bytes]) -> None:
            for value in values:
                memory.append("T9999", value)

        async def append_unreadable() -> None:
            record = memory.append("T9999", b"zstd")
            memory.unreadable.add((record.topic, record.offset))

        yield World(memory, "T9999", append, append_unreadable)
        return
    (code,) = kafka_or_none.fresh_codes(1)
    await kafka_or_none.admit(code)
    link = kafka_or_none.facility(code)
    log = KafkaRecordLog(kafka_or_none.link("exchange"))

    async def write(values: list[bytes]) -> None:
        async with make_producer(link) as producer:
            for value in values:
                await producer.send(submit_topic(code), value, headers=[(HEADER_RECORD_TYPE, b"envelope")])

    async def write_unreadable() -> None:
        await write_batch(link, submit_topic(code), compressed([b"zstd"], ZSTD))

    yield World(log, code, write, write_unreadable)
    await log.close()


@pytest.fixture
def kafka_or_none(request: pytest.FixtureRequest) -> KafkaCluster | None:
    """The cluster, where the test's parameter wants it."""
    wanted = request.node.callspec.params
    found: KafkaCluster | None = request.getfixturevalue("kafka") if "kafka" in wanted.values() else None
    return found


async def test_records_come_in_order_and_once(world: World) -> None:
    values = [f"{number}".encode() for number in range(25)]
    await world.write(values)
    await world.follow()
    assert await world.values(25) == values
    assert not [one for one in await world.log.read(0.2) if one.records]


async def test_a_topic_gives_ten_records_in_a_turn(world: World) -> None:
    await world.write([b"x"] * 25)
    await world.follow()
    found = await world.batches(lambda seen: sum(len(one.records) for one in seen) == 25)
    assert max(len(one.records) for one in found) <= TURN_RECORDS_PER_TOPIC
    assert [one.next_offset for one in found][-1] == 25


async def test_a_topic_gives_a_mebibyte_in_a_turn_and_never_less_than_one_record(world: World) -> None:
    large = b"x" * (TURN_BYTES_PER_TOPIC * 2 // 5)
    await world.write([large] * 5)
    await world.follow()
    found = await world.batches(lambda seen: sum(len(one.records) for one in seen) == 5)
    assert all(sum(len(record.value) for record in one.records) <= TURN_BYTES_PER_TOPIC for one in found)


async def test_a_topic_over_its_quota_gives_one_record_in_a_turn(world: World) -> None:
    await world.write([b"x"] * 5)
    await world.follow()
    found = await world.batches(lambda seen: len(seen) >= 3, {submit_topic(world.code)})
    assert {len(one.records) for one in found} == {1}


async def test_following_again_hands_out_again(world: World) -> None:
    await world.write([b"one", b"two"])
    await world.follow()
    assert await world.values(2) == [b"one", b"two"]
    await world.follow(1, (0, b"one"))
    assert await world.values(1) == [b"two"]


async def test_the_anchor_is_proven_and_not_handed_out(world: World) -> None:
    await world.write([b"one", b"two", b"three"])
    await world.follow(2, (1, b"two"))
    assert await world.values(1) == [b"three"]


@pytest.mark.parametrize(("next_offset", "anchor"), [(2, (1, b"was another")), (8, (7, b"was another"))])
async def test_another_log_is_told_and_read_from_its_start(
    world: World, next_offset: int, anchor: tuple[int, bytes]
) -> None:
    await world.write([b"one", b"two", b"three"])
    await world.follow(next_offset, anchor)
    first, *_ = await world.batches(bool)
    assert (first.broken, first.next_offset, first.records) == (True, 0, ())
    assert await world.values(3) == [b"one", b"two", b"three"]


async def test_what_cannot_be_expanded_is_named_and_stepped_over(world: World) -> None:
    await world.write([b"before"])
    await world.write_unreadable()
    await world.write([b"after"])
    await world.follow()
    found = await world.batches(lambda seen: any(record.value == b"after" for one in seen for record in one.records))
    assert [record.value for one in found for record in one.records] == [b"before", b"after"]
    assert [one.unreadable for one in found if one.unreadable is not None] == [1]


# --- inboxes -----------------------------------------------------------------------------------------------------


@dataclass
class Inboxes:
    """A writer, a destination that works, and one that does not."""

    writer: InboxWriter
    good: str
    bad: str


@pytest.fixture(params=KINDS)
async def inboxes(request: pytest.FixtureRequest, kafka_or_none: KafkaCluster | None) -> AsyncIterator[Inboxes]:
    if kafka_or_none is None:
        yield Inboxes(MemoryInbox(fails_after={"T9998": 0}), "T9999", "T9998")
        return
    good, bad = kafka_or_none.fresh_codes(2)
    await kafka_or_none.admit(good)
    writer = KafkaInboxWriter(kafka_or_none.link("exchange"))
    yield Inboxes(writer, good, bad)
    await writer.close()


def _outgoing(destination: str, number: int) -> tuple[Outgoing, bytes]:
    stamp = Stamp(
        exchange="urn:lienvien:exchange:x",
        recipient=destination,
        record_type=RecordType.RECEIPT,
        record_sha256="a" * 64,
        generation=1,
        delivery_seq=number,
    )
    from certs.base64url import encode

    signed = f"e30.{encode(stamp.encode()).decode()}.AA"
    row = Outgoing(number, destination, RecordType.RECEIPT, number, signed, None, None, None, "a" * 64, 1, "token")
    return row, f"{number}".encode()


async def test_a_batch_is_written_whole_and_counted(inboxes: Inboxes) -> None:
    assert await inboxes.writer.publish(inboxes.good, [_outgoing(inboxes.good, number) for number in (1, 2, 3)]) == 3


async def test_a_destination_that_fails_stops_only_itself(inboxes: Inboxes) -> None:
    assert await inboxes.writer.publish(inboxes.bad, [_outgoing(inboxes.bad, 1)]) == 0
    assert await inboxes.writer.publish(inboxes.good, [_outgoing(inboxes.good, 1)]) == 1
