"""The supervisor restarts what dies and leaves nothing behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from lienvien.supervisor import Supervisor

_SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
_STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _new_pid(supervisor: Supervisor, name: str, old: int) -> int:
    for _ in range(200):
        pid = supervisor[name].pid
        if pid is not None and pid != old:
            return pid
        await asyncio.sleep(0.02)
    raise AssertionError("not restarted")


async def test_a_killed_child_comes_back_and_the_end_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    supervisor = Supervisor(lambda name, code: told.append((name, code)))
    child = await supervisor.start("one", _SLEEPER, tmp_path / "one.log")
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    second = await _new_pid(supervisor, "one", first)
    await supervisor.stop()
    assert told == [("one", -signal.SIGKILL)]
    assert child.restarts == 1
    assert not _alive(first)
    assert not _alive(second)


async def test_stop_does_not_restart(tmp_path: Path) -> None:
    supervisor = Supervisor()
    child = await supervisor.start("one", _SLEEPER, tmp_path / "one.log")
    pid = child.pid
    assert pid is not None
    await supervisor.stop()
    await asyncio.sleep(0.7)
    assert child.restarts == 0
    assert not _alive(pid)


async def test_a_child_that_ignores_the_polite_signal_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lienvien.supervisor._STOP_PATIENCE_S", 0.3)
    supervisor = Supervisor()
    child = await supervisor.start("one", _STUBBORN, tmp_path / "one.log")
    while "up" not in (tmp_path / "one.log").read_text():
        await asyncio.sleep(0.02)
    pid = child.pid
    assert pid is not None
    await supervisor.stop()
    assert not _alive(pid)


async def test_output_is_kept_across_restarts(tmp_path: Path) -> None:
    supervisor = Supervisor()
    await supervisor.start("one", [sys.executable, "-c", "print('line')"], tmp_path / "one.log")
    while supervisor["one"].restarts < 1:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    await supervisor.stop()
    assert (tmp_path / "one.log").read_text().count("line") >= 2


_SENTENCE = "Thiếu khóa. / A key is missing."


def _ends(code: int) -> list[str]:
    words = f"""import sys; print('{{"message": "for the log"}}'); sys.stderr.write({_SENTENCE!r}); sys.exit({code})"""
    return [sys.executable, "-X", "utf8", "-c", words]


async def test_one_whose_surroundings_are_unfit_is_left_stopped_and_its_sentence_told(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    (tmp_path / "one.log").write_text("what an earlier run said\n", "utf-8")
    supervisor = Supervisor(on_unfit=lambda name, sentence: told.append((name, sentence)))
    child = await supervisor.start("one", _ends(3), tmp_path / "one.log")
    while not told:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.7)
    assert (child.restarts, child.pid) == (0, None)
    assert told == [("one", _SENTENCE)]
    assert child.unfit == _SENTENCE
    await supervisor.stop()


@pytest.mark.parametrize("code", [1, 4, 70])
async def test_every_other_end_is_no_end(tmp_path: Path, code: int) -> None:
    supervisor = Supervisor()
    child = await supervisor.start("one", _ends(code), tmp_path / "one.log")
    while child.restarts < 1:
        await asyncio.sleep(0.02)
    assert child.unfit is None
    await supervisor.stop()
