"""One destination's trouble is its own: the producers of the inboxes, with Kafka's answers given by hand."""

import asyncio
from collections import defaultdict, deque
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

import broker.kafka_inbox as writer_module
from broker.kafka_inbox import KafkaInboxWriter
from broker.store.numbering import Outgoing
from schemas.topics import RecordType, inbox_topic
from tests.broker.desk import STRANGER
from tests.kafka_cluster import KafkaCluster
from tests.schemas.bundles import DESTINATION, SENDER
from transport.kafka_producer import NoRoomError, ProducerSpentError


class Batch:
    """What waits in a producer for one topic."""

    def __init__(self) -> None:
        self.failed = False

    def failure(self, _: Exception) -> None:
        self.failed = True


class World:
    """Every producer that was made. A topic in ``dead`` fails at once, in ``silent`` never answers, else succeeds; a
    topic in ``slow`` succeeds when it is told to.
    """

    def __init__(self) -> None:
        self.made: list[FakeProducer] = []
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.slow: set[str] = set()
        self.down = False

    def make(self, *_: Any, **__: Any) -> "FakeProducer":
        self.made.append(FakeProducer(self))
        return self.made[-1]

    def finish(self, destination: str) -> None:
        for producer in self.made:
            for future in producer.open[inbox_topic(destination)]:
                if not future.done():
                    future.set_result(None)

    def written(self, destination: str) -> list[bytes]:
        return [
            value for producer in self.made for topic, value in producer.values if topic == inbox_topic(destination)
        ]


class FakeProducer:
    """As ``transport.kafka_producer.Producer``: spent after the first failure."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.values: list[tuple[str, bytes]] = []
        self.open: dict[str, list[asyncio.Future[object]]] = defaultdict(list)
        self.waiting: dict[TopicPartition, deque[Batch]] = {}
        self._producer = SimpleNamespace(_message_accumulator=SimpleNamespace(_batches=self.waiting))
        self.spent = self.stopped = False

    async def start(self) -> None:
        if self.world.down:
            raise KafkaError

    async def stop(self, grace_s: float = 5.0) -> None:
        self.spent = self.stopped = True
        for futures in self.open.values():
            for future in futures:
                if not future.done():
                    future.set_exception(ProducerSpentError())
                    future.exception()

    async def send(self, topic: str, value: bytes, **_: Any) -> "asyncio.Future[object]":
        if self.spent:
            raise ProducerSpentError
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.open[topic].append(future)
        code = topic.rpartition(".")[2]
        if code in self.world.dead:
            self.spent = True
            future.set_exception(KafkaTimeoutError())
        else:
            self.values.append((topic, value))
            if code not in self.world.silent | self.world.slow:
                future.set_result(None)
        return future


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(writer_module, "make_producer", made.make)
    monkeypatch.setattr(writer_module, "SEND_WITHIN_S", 0.1)
    return made


@pytest.fixture
def writer(world: World) -> KafkaInboxWriter:
    return KafkaInboxWriter(None)  # type: ignore[arg-type]


def _records(destination: str, count: int) -> list[tuple[Outgoing, bytes]]:
    return [
        (Outgoing(n, destination, RecordType.NOTICE, n, "stamp", None, None, None, "", 1, "t"), b"%d" % n)
        for n in range(1, count + 1)
    ]


async def test_while_all_is_well_one_producer_serves_all(world: World, writer: KafkaInboxWriter) -> None:
    for code in (DESTINATION, SENDER, STRANGER):
        assert await writer.publish(code, _records(code, 3)) == 3
    assert len(world.made) == 1
    await writer.close()
    assert all(one.stopped for one in world.made)


@pytest.mark.parametrize("how", ["dead", "silent"])
async def test_what_others_have_under_way_survives_one_destinations_failure(
    world: World, writer: KafkaInboxWriter, how: str
) -> None:
    world.slow.add(SENDER)
    healthy = asyncio.create_task(writer.publish(SENDER, _records(SENDER, 3)))
    await asyncio.sleep(0)
    getattr(world, how).add(DESTINATION)
    failing = asyncio.create_task(writer.publish(DESTINATION, _records(DESTINATION, 2)))
    await asyncio.sleep(0.07)
    if how == "silent":  # the healthy one has a later deadline of its own
        late = asyncio.create_task(writer.publish(STRANGER, _records(STRANGER, 1)))
        assert await late == 1
    shared = world.made[0]
    world.finish(SENDER)
    assert await healthy == 3
    assert await failing == 0
    await asyncio.sleep(0)
    assert shared.stopped, "closed when its last batch was done"
    assert await writer.publish(STRANGER, _records(STRANGER, 1)) == 1
    assert len(world.made) == 2, "a fresh one for the others"


async def test_a_destination_that_failed_goes_alone_until_it_succeeds(world: World, writer: KafkaInboxWriter) -> None:
    world.dead.add(DESTINATION)
    assert await writer.publish(DESTINATION, _records(DESTINATION, 2)) == 0
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 1
    shared = world.made[-1]
    for _ in range(3):
        assert await writer.publish(DESTINATION, _records(DESTINATION, 2)) == 0
        assert await writer.publish(SENDER, _records(SENDER, 1)) == 1
    assert not shared.stopped, "the others never met it again"
    assert sum(not one.stopped for one in world.made) == 1
    world.dead.clear()
    assert await writer.publish(DESTINATION, _records(DESTINATION, 2)) == 2
    made = len(world.made)
    assert await writer.publish(DESTINATION, _records(DESTINATION, 2)) == 2
    assert len(world.made) == made, "with all others again"


async def test_after_a_failed_record_nothing_later_of_its_destination_leaves_the_old_producer(
    world: World, writer: KafkaInboxWriter
) -> None:
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 1
    own, others = Batch(), Batch()
    world.made[0].waiting[TopicPartition(inbox_topic(DESTINATION), 0)] = deque([own])
    world.made[0].waiting[TopicPartition(inbox_topic(STRANGER), 0)] = deque([others])
    world.dead.add(DESTINATION)
    assert await writer.publish(DESTINATION, _records(DESTINATION, 1)) == 0
    assert (own.failed, others.failed) == (True, False)
    assert TopicPartition(inbox_topic(DESTINATION), 0) not in world.made[0].waiting


async def test_a_batch_that_another_failure_interrupts_goes_on_in_order(
    world: World, writer: KafkaInboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = FakeProducer.send

    async def interrupted(self: FakeProducer, topic: str, value: bytes, **more: Any) -> Any:
        if self is world.made[0] and value == b"3":
            self.spent = True  # another destination failed just now
        return await send(self, topic, value, **more)

    monkeypatch.setattr(FakeProducer, "send", interrupted)
    assert await writer.publish(SENDER, _records(SENDER, 4)) == 4
    assert world.written(SENDER) == [b"1", b"2", b"3", b"4"]
    assert len(world.made) == 2
    assert world.made[0].stopped


async def test_who_finds_no_room_has_not_failed_and_goes_through_a_fresh_producer(
    world: World, writer: KafkaInboxWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = FakeProducer.send

    async def crowded(self: FakeProducer, topic: str, value: bytes, **more: Any) -> Any:
        if self is world.made[0] and value == b"3":
            raise NoRoomError
        return await send(self, topic, value, **more)

    monkeypatch.setattr(FakeProducer, "send", crowded)
    assert await writer.publish(SENDER, _records(SENDER, 4)) == 4
    assert world.written(SENDER) == [b"1", b"2", b"3", b"4"]
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 1
    assert len(world.made) == 2, "with all others, not by itself"


async def test_attempts_apart_are_few_at_a_time_and_leave_nothing_open(world: World, writer: KafkaInboxWriter) -> None:
    codes = [f"30Z{number:02d}" for number in range(20)]
    world.silent.update(codes)
    await asyncio.gather(*(writer.publish(code, _records(code, 1)) for code in codes))
    before = len(world.made)
    tries = [asyncio.create_task(writer.publish(code, _records(code, 1))) for code in codes]
    await asyncio.sleep(0.02)
    assert len(world.made) - before == writer_module.APART_AT_ONCE
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 1, "healthy ones do not stand in that line"
    await asyncio.gather(*tries)
    await writer.close()
    assert all(one.stopped for one in world.made)


async def test_without_kafka_nothing_is_sent_and_nobody_is_set_apart(world: World, writer: KafkaInboxWriter) -> None:
    world.down = True
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 0
    world.down = False
    assert await writer.publish(SENDER, _records(SENDER, 1)) == 1
    assert await writer.publish(DESTINATION, _records(DESTINATION, 1)) == 1
    assert len(world.made) == 2


@pytest.mark.kafka
async def test_on_a_real_kafka_an_inbox_that_is_not_there_costs_the_others_nothing(kafka: KafkaCluster) -> None:
    healthy, missing = kafka.fresh_codes(2)
    await kafka.admit(healthy)
    real = KafkaInboxWriter(kafka.link("exchange"))
    try:
        for _ in range(2):
            dead = asyncio.create_task(real.publish(missing, _records(missing, 2)))
            for _ in range(5):
                assert await real.publish(healthy, _records(healthy, 4)) == 4
            assert await dead == 0
    finally:
        await real.close()
