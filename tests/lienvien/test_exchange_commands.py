"""What the operator is told when an act cannot be finished."""

from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaConnectionError
from typer.testing import CliRunner

from lienvien import exchange_acts
from lienvien.__main__ import app
from lienvien.answering import ENVIRONMENT
from tests.broker.exchange_files import write_exchange
from tests.certs.pki import make_pki


def _asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, *words: str) -> Any:
    async def perform(*_: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(exchange_acts, "perform", perform)
    config = write_exchange(tmp_path / "exchange", make_pki(tmp_path / "pki")).config
    return CliRunner().invoke(app, ["exchange", "facility", *words, "--config", str(config)])


def test_a_kafka_that_does_not_answer_is_named_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = _asked(tmp_path, monkeypatch, KafkaConnectionError("x"), "add", "24Z01")
    assert said.exit_code == ENVIRONMENT
    assert "Kafka tại localhost:" in said.output
    assert "Kafka at localhost:" in said.output


def test_a_list_without_facilities_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no facilities yet" in _asked(tmp_path, monkeypatch, [], "list").output
