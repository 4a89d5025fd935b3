"""An act of the administrator while the exchange runs, rests, or is being started."""

import threading
from pathlib import Path

import pytest

from broker.run_lock import AlreadyRunningError, RunLock
from broker.settings import ExchangeSettings
from lienvien import exchange_process
from lienvien.control_file import ControlDoor, write_control
from lienvien.exchange_acts import ActFailedError, perform
from tests.broker.exchange_files import write_exchange
from tests.certs.pki import make_pki
from tests.lienvien.listening import Running, listening
from transport.control_file import is_left_behind

SECRET = "s" * 43
LIST = "facility-list"
ANSWER = {"done": "by the process"}


@pytest.fixture
def settings(tmp_path: Path) -> ExchangeSettings:
    made = write_exchange(tmp_path / "exchange", make_pki(tmp_path / "pki"))
    made.folders.data.mkdir(parents=True, exist_ok=True)
    return made


def left_behind(settings: ExchangeSettings, url: str = "http://127.0.0.1:1") -> None:
    write_control(settings.folders.data, ControlDoor(url, SECRET))


async def test_while_nothing_runs_it_is_done_at_once_on_the_database(settings: ExchangeSettings) -> None:
    assert await perform(settings, LIST, {}, patience_s=60) == []


async def test_an_exchange_that_is_being_started_again_is_waited_for(settings: ExchangeSettings) -> None:
    left_behind(settings)  # killed
    running = Running(answer=ANSWER)
    with listening(running) as url:
        back = threading.Timer(0.3, left_behind, (settings, url))
        back.start()
        assert await perform(settings, LIST, {}, patience_s=30) == "by the process"
        back.join()
    assert running.asked == [f"/control/{LIST}"]


async def test_an_exchange_that_holds_its_folder_and_does_not_answer_yet_is_waited_for(
    settings: ExchangeSettings,
) -> None:
    with RunLock(settings.folders.data), listening(Running(answer=ANSWER)) as url:
        first = threading.Timer(0.3, left_behind, (settings, url))
        first.start()
        assert await perform(settings, LIST, {}, patience_s=30) == "by the process"
        first.join()


async def test_one_that_does_not_come_back_is_not_waited_for_for_ever_and_only_once(settings: ExchangeSettings) -> None:
    left_behind(settings)
    assert await perform(settings, LIST, {}, patience_s=0.2) == []
    assert not is_left_behind(settings.folders.data)


async def test_one_that_holds_the_folder_and_never_answers_is_told(settings: ExchangeSettings) -> None:
    with RunLock(settings.folders.data), pytest.raises(AlreadyRunningError):
        await perform(settings, LIST, {}, patience_s=0.2)


async def test_an_act_whose_answer_was_lost_is_not_done_twice(settings: ExchangeSettings) -> None:
    running = Running(hangs_up=True)
    with listening(running) as url:
        left_behind(settings, url)
        with pytest.raises(ActFailedError):
            await perform(settings, LIST, {}, patience_s=30)
    assert running.asked == [f"/control/{LIST}"]


def test_after_a_stop_in_order_no_command_waits(settings: ExchangeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stops(*_: object, **__: object) -> None:
        left_behind(settings)

    monkeypatch.setattr(exchange_process, "run", stops)
    assert exchange_process.main(settings.config, web=False) == 0
    assert not is_left_behind(settings.folders.data)
