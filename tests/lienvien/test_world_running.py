"""A world that runs on: what dies in it is started again, and whoever watches is told."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from lienvien.answering import ENVIRONMENT, START_AGAIN
from lienvien.world import running as module
from lienvien.world.running import RunningWorld
from transport.local_kafka.node import LocalKafkaError


class _Kafka:
    def __init__(self, failures: int) -> None:
        self.pid: int | None = None
        self.starts = 0
        self._failures = failures

    async def start(self) -> None:
        self.starts += 1
        if self.starts <= self._failures:
            raise LocalKafkaError("đã dừng", "ended", Path("kafka.log"))
        self.pid = 7


class _World:
    def __init__(self, kafka: _Kafka) -> None:
        self.kafka = kafka


def _running(kafka: _Kafka, said: list[str]) -> RunningWorld:
    world: Any = _World(kafka)
    return RunningWorld(world, lambda vi, en: said.append(f"{vi} / {en}"))


async def test_a_kafka_that_died_is_started_again_and_again_until_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AT_KAFKA_S", 0.001)
    said: list[str] = []
    kafka = _Kafka(failures=1)
    keeping = asyncio.create_task(_running(kafka, said).keep_kafka())
    async with asyncio.timeout(5):
        while kafka.pid is None:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    assert kafka.starts == 2
    assert [line.split(" / ")[0] for line in said].count("Kafka đã dừng, đang khởi động lại") == 2


def test_a_process_that_is_started_again_is_told_and_one_that_waits_for_a_person_is_not_called_so() -> None:
    said: list[str] = []
    running = _running(_Kafka(0), said)
    running.supervisor._on_restart("exchange", START_AGAIN)  # type: ignore[misc]
    running.supervisor._on_restart("exchange", ENVIRONMENT)  # type: ignore[misc]
    assert said == ["exchange đã dừng, đang khởi động lại / exchange has ended and is started again"]
    assert running.restarts == [("exchange", START_AGAIN), ("exchange", ENVIRONMENT)]
