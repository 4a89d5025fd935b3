"""The tails of the inbox topics are read whole before anything is concluded from them."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from broker.backup_guard import SILENT_POLLS, _read_to
from broker.ports import LogUnavailableError

ONE, TWO = (TopicPartition(f"xfer.inbox.{code}", 0) for code in ("24Z01", "01929"))


class _Consumer:
    """A consumer whose answers are given beforehand: offsets by partition; after them nothing comes."""

    def __init__(self, *answers: Mapping[TopicPartition, Sequence[int]]) -> None:
        self._answers = list(answers)
        self._positions = {ONE: 0, TWO: 0}

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def getmany(self, *_: TopicPartition, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        answer = self._answers.pop(0) if self._answers else {}
        self._positions |= {partition: offsets[-1] + 1 for partition, offsets in answer.items()}
        return {partition: [SimpleNamespace(offset=one) for one in offsets] for partition, offsets in answer.items()}


async def test_a_tail_is_read_to_its_end_though_nothing_comes_for_a_while() -> None:
    consumer: Any = _Consumer({ONE: [0, 1]}, *[{}] * (SILENT_POLLS - 1), {ONE: [2]}, {}, {TWO: [0]})
    found = await _read_to(consumer, {ONE: 3, TWO: 1})
    assert [(partition, record.offset) for partition, record in found] == [(ONE, 0), (ONE, 1), (ONE, 2), (TWO, 0)]


async def test_half_a_tail_is_no_evidence() -> None:
    consumer: Any = _Consumer({ONE: [0, 1]})
    with pytest.raises(LogUnavailableError):
        await _read_to(consumer, {ONE: 3, TWO: 0})
