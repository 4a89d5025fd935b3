"""How a process of the exchange ends, and what it says then."""

import errno
from pathlib import Path

import pytest

from broker.store.engine import PassingError
from lienvien import exchange_process
from lienvien.answering import LATER
from tests.broker.exchange_files import write_exchange
from tests.certs.pki import make_pki


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_exchange(tmp_path / "exchange", make_pki(tmp_path / "pki")).config


@pytest.mark.parametrize(
    ("error", "name"),
    [(PassingError("SQLITE_FULL"), "SQLITE_FULL"), (OSError(errno.ENOSPC, "No space left on device"), "ENOSPC")],
)
def test_what_may_pass_ends_with_a_sentence_and_is_started_again(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, name: str
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(exchange_process, "run", fails)
    assert exchange_process.main(config, web=False) == LATER
    said = capsys.readouterr().err
    assert f"[{name}]" in said
    assert "Cơ sở dữ liệu" in said
    assert "database" in said


def test_a_database_that_does_not_answer_at_the_start_is_waited_for_by_starting_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = f"postgresql://lienvien@/nothing?host={tmp_path}"
    config = write_exchange(tmp_path / "exchange", make_pki(tmp_path / "pki"), database=gone).config
    assert exchange_process.main(config, web=False) == LATER
    assert str(tmp_path) not in capsys.readouterr().err
