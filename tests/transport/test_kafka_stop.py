"""Stopping a consumer takes no half minute, whatever its connections wait for."""

import asyncio
from typing import Any

import pytest

from transport import kafka
from transport.kafka import stop_consumer


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
