"""Stopping a consumer or a producer takes no half minute, whatever its connections wait for."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher

from transport import kafka, kafka_producer
from transport.kafka import stop_consumer
from transport.kafka_producer import Producer, ProducerSpentError


class _Stuck:
    """A consumer whose broker never says goodbye."""

    def __init__(self) -> None:
        self.goodbye = asyncio.Event()

    async def stop(self) -> None:
        await self.goodbye.wait()


async def test_a_connection_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "STOP_WITHIN_S", 0.01)
    stuck: Any = _Stuck()
    async with asyncio.timeout(5):
        await stop_consumer(stuck)
    stuck.goodbye.set()
    await asyncio.sleep(0)


async def test_a_fault_while_stopping_is_told() -> None:
    class Broken:
        async def stop(self) -> None:
            raise ConnectionResetError

    broken: Any = Broken()
    with pytest.raises(ConnectionResetError):
        await stop_consumer(broken)


class _Deaf:
    """A producer of the client's whose connections never end."""

    def __init__(self, **_: object) -> None:
        self.goodbye = asyncio.Event()
        self.failed: list[Exception] = []
        self.sender_closed = False
        self.client = self._sender = self._message_accumulator = self

    def drain_by_nodes(self) -> None:
        raise AssertionError

    async def start(self) -> None:
        raise ConnectionResetError

    async def stop(self) -> None:
        await self.goodbye.wait()

    def fail_all(self, error: Exception) -> None:
        self.failed.append(error)

    async def close(self) -> None:
        self.sender_closed = True
        await self.goodbye.wait()


@pytest.mark.parametrize("begins", [False, True])
async def test_a_producer_whose_connection_does_not_end_holds_nobody(
    monkeypatch: pytest.MonkeyPatch, begins: bool
) -> None:
    made: list[_Deaf] = []
    monkeypatch.setattr(kafka_producer, "AIOKafkaProducer", lambda **more: made.append(_Deaf(**more)) or made[-1])
    monkeypatch.setattr(kafka_producer, "_ABANDON_WITHIN_S", 0.01)
    producer = Producer({}, max_record_bytes=1)
    async with asyncio.timeout(3):
        if begins:
            with pytest.raises(ConnectionResetError):
                await producer.start()
        else:
            await producer.stop(grace_s=0)
    (deaf,) = made
    assert deaf.sender_closed, "nothing is sent any more"
    assert [type(one) for one in deaf.failed] == [ProducerSpentError]
    deaf.goodbye.set()
    await asyncio.sleep(0)


class _WhoseBrokerIsGone:
    """A consumer of aiokafka whose fetch failed a moment ago: the fetch pauses, and is cancelled in its pause."""

    def __init__(self) -> None:
        self._client = self
        self.connections_closed = False
        self._fetcher: Any = object.__new__(Fetcher)
        self._fetcher._fetch_task = asyncio.ensure_future(asyncio.sleep(60))
        self._fetcher._fetch_waiters = set()
        self._fetcher._pending_tasks = {asyncio.ensure_future(asyncio.sleep(60))}

    async def stop(self) -> None:
        await self._fetcher.close()
        await self.close()

    async def close(self) -> None:
        self.connections_closed = True


async def test_a_fetch_that_is_cut_in_its_pause_cancels_nobody_else_and_leaves_no_connection() -> None:
    consumer: Any = _WhoseBrokerIsGone()
    await asyncio.sleep(0)
    await stop_consumer(consumer)
    assert consumer.connections_closed
    assert not asyncio.current_task().cancelling()  # type: ignore[union-attr]
