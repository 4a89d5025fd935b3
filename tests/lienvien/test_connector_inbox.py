"""The board in a terminal: what it says, when it rings, and that it says when nobody answers."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from lienvien import connector_inbox, control_file
from lienvien.__main__ import app
from lienvien.connector_inbox import Watch, board_view, board_words, enter_address, watch, write_changes
from lienvien.control_file import ControlDoor, NotRunningError, RefusedByProcessError, write_control

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
CANARY = "[red]NGUYỄN[/red] VĂN AN"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sentence is broken over two lines."""
    monkeypatch.setenv("COLUMNS", "300")


def row(key: str = "t-1", **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "key": key,
        "section": "open",
        "urgency": "stat",
        "raised": False,
        "unclassified": False,
        "incomplete": False,
        "demonstration": False,
        "age_s": 125 * 60,
        "case_code": "24001-2211-001-7",
        "patient": CANARY,
        "birth_year": "1961",
        "sex": "male",
        "diagnosis": "I21.0 Nhồi máu cơ tim",
        "reason": None,
        "sender": "24001",
        "sender_name": "BV Bắc Giang",
        "phones": ["0204 385 4500"],
        "papers": {"handed_over": True, "place": "/incoming/stat-24001-2211-001-7"},
        "decision": "open",
        "journey": "not-departed",
        "look": None,
        "unsent": [],
    }
    return made | changes


def board(*rows: Mapping[str, Any], caught_up: bool = True, connected: bool = True) -> dict[str, Any]:
    return {
        "facility": "01901",
        "name": "Bệnh viện Bạch Mai",
        "at": "2026-11-22T10:00:00.000Z",
        "link": {"connected": connected, "caught_up": caught_up, "since": "2026-11-22T09:00:00.000Z"},
        "rows": list(rows),
        "ringing": [one["key"] for one in rows if one["urgency"] == "stat" and one["look"] is None],
    }


def drawn(what: Any) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Answers:
    """What the connector answers, look by look; the last one stops the watch."""

    def __init__(self, stop: threading.Event, *answers: Any) -> None:
        self._stop = stop
        self._answers: Iterator[Any] = iter(answers)
        self._left = len(answers)

    def __call__(self) -> Any:
        self._left -= 1
        if self._left == 0:
            self._stop.set()
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watched(*answers: Any) -> tuple[Watch, threading.Event]:
    stop = threading.Event()
    return Watch(Answers(stop, *answers), lambda: NOW), stop


# --- what it says -----------------------------------------------------------------------------------------------


def test_a_case_has_all_that_a_desk_needs() -> None:
    text = drawn(board_view(board(row())))
    for word in ("Cấp cứu / stat", "2 giờ 5 phút", CANARY, "nam / male, 1961", "I21.0", "0204 385 4500", "24001-2211"):
        assert word in text, word
    assert "NOBODY HAS" in text
    assert "/incoming/stat-24001-2211-001-7" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unclassified": True, "urgency": "urgent"}, "CHƯA PHÂN LOẠI"),
        ({"look": {"by": "BS. Trực", "at": "2026-11-22T09:59:00.000Z", "sent": True}}, "BS. Trực 16:59:00"),
        ({"decision": "declined", "section": "expected"}, "người bệnh vẫn có thể đến"),
        ({"decision": "cancelled", "section": "over"}, "CANCELLED"),
        ({"patient": None, "diagnosis": None}, "nguồn không ghi"),
        ({"papers": {"handed_over": False, "place": "/x"}}, "đang bàn giao"),
        ({"papers": {"handed_over": True, "place": None}}, "HIS"),
        ({"unsent": [{"event": "transfer-accept", "by": "A", "reason": None, "vi": "", "en": ""}]}, "CHƯA GỬI"),
        (
            {"unsent": [{"event": "transfer-accept", "by": "A", "reason": "late", "vi": "Đã muộn.", "en": ""}]},
            "Đã muộn.",
        ),
    ],
)
def test_every_state_has_its_words(changes: dict[str, Any], words: str) -> None:
    assert words in drawn(board_view(board(row(**changes))))


def test_an_empty_board_tells_reading_from_nothing() -> None:
    assert "Nothing waits." in drawn(board_view(board()))
    reading = drawn(board_view(board(caught_up=False)))
    assert "Nothing waits." not in reading
    assert "does NOT ring yet" in reading


def test_a_line_that_is_down_is_loud() -> None:
    assert "NOT CONNECTED" in drawn(board_view(board(connected=False, caught_up=False)))
    assert "MẤT KẾT NỐI" not in board_words(board())


# --- when it rings ----------------------------------------------------------------------------------------------


def test_the_bell_rings_once_for_each_new_emergency() -> None:
    looked = row(look={"by": "BS. A", "at": "2026-11-22T09:59:00.000Z", "sent": True})
    looking, stop = watched(board(), board(row()), board(row()), board(row(), row("t-2")), board(looked, row("t-2")))
    out = io.StringIO()
    write_changes(looking, out, stop, every_s=0)
    assert out.getvalue().count("\a") == 2


def test_nothing_rings_while_the_inbox_is_read() -> None:
    looking, stop = watched(board(row(), caught_up=False), board(row(), caught_up=False), board(row()))
    out = io.StringIO()
    write_changes(looking, out, stop, every_s=0)
    assert out.getvalue().count("\a") == 1
    assert out.getvalue().index("does NOT ring yet") < out.getvalue().index("\a")


def test_a_terminal_is_drawn_in_place_and_rings() -> None:
    looking, stop = watched(board(), board(row()), board(row()))
    console = Console(file=io.StringIO(), force_terminal=True, width=160, height=50)
    watch(looking, console, stop, every_s=0)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("\a") == 1
    assert CANARY in console.file.getvalue()


def test_what_did_not_change_is_not_written_again() -> None:
    looking, stop = watched(board(row()), board(row(age_s=9000)), board(row(decision="accepted")))
    out = io.StringIO()
    write_changes(looking, out, stop, every_s=0)
    assert out.getvalue().count("24001-2211-001-7") == 2 * 2, "code and folder, twice"


@pytest.mark.parametrize("error", [NotRunningError(), RefusedByProcessError(503, {"code": "database-busy"})])
def test_an_old_board_says_that_it_is_old_and_since_when(error: Exception) -> None:
    looking, stop = watched(board(row()), error, error, board(row()))
    out = io.StringIO()
    write_changes(looking, out, stop, every_s=0)
    assert out.getvalue().count("THIS PAGE IS NOT UPDATED") == 1
    assert "(10:00:00)" in out.getvalue()
    assert looking.lost_since is None


def test_for_a_program_each_change_is_one_document() -> None:
    looking, stop = watched(board(), board(row()), NotRunningError())
    out = io.StringIO()
    write_changes(looking, out, stop, as_json=True, every_s=0)
    documents = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["new_stat"] for one in documents] == [0, 1, 0]
    assert [one["lost_since"] is None for one in documents] == [True, True, False]
    assert "\a" not in out.getvalue()


# --- the commands -----------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration; its connector does not run."""
    config = tmp_path / "connector.toml"
    config.write_text(
        '[facility]\ncode = "01901"\nname = "BV Bạch Mai"\nphone = "024 1"\n'
        '[exchange]\nname = "demo"\nbootstrap = "localhost:1"\n',
        "utf-8",
    )
    (tmp_path / "data").mkdir()
    return config


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["connector", *words])


def test_open_says_that_nothing_runs(site: Path) -> None:
    answer = run("open", "--config", str(site))
    assert answer.exit_code == 3
    assert "does not run" in answer.output
    write_control(site.parent / "data", ControlDoor("http://127.0.0.1:9", "left-behind"))
    assert run("open", "--config", str(site)).exit_code == 3


def test_open_prints_an_address_for_each_page(site: Path, monkeypatch: Any) -> None:
    write_control(site.parent / "data", ControlDoor("http://127.0.0.1:9", "a+b&c"))
    monkeypatch.setattr(control_file, "ask", lambda *_, **__: board())
    answer = run("open", "--config", str(site), "--json")
    assert json.loads(answer.output) == {
        "board": "http://127.0.0.1:9/enter?to=board&key=a%2Bb%26c",
        "sending": "http://127.0.0.1:9/enter?to=sending&key=a%2Bb%26c",
    }
    assert "/enter?to=board" in run("open", "--config", str(site)).output


def test_inbox_prints_the_board_once(site: Path, monkeypatch: Any) -> None:
    from lienvien import connector_commands

    asked: list[tuple[Any, ...]] = []

    def ask(*arguments: Any, **_: Any) -> Any:
        asked.append(arguments)
        return board(row())

    monkeypatch.setattr(connector_commands, "ask_connector", ask)
    assert json.loads(run("inbox", "--config", str(site), "--json").output)["facility"] == "01901"
    assert "24001-2211" in run("inbox", "--config", str(site)).output
    assert {one[1] for one in asked} == {"board"}


def test_a_wrong_configuration_is_said(tmp_path: Path) -> None:
    for words in (["open"], ["inbox", "--watch"], ["inbox"]):
        answer = run(*words, "--config", str(tmp_path / "none.toml"))
        assert answer.exit_code == 3
        assert "there is no configuration file" in answer.output


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_ends_at_once_when_it_is_told(site: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "lienvien", "connector", "inbox", "--watch", "--config", str(site)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "COLUMNS": "400"})
    try:
        assert process.stdout is not None
        assert "THIS PAGE IS NOT UPDATED" in process.stdout.readline().decode()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_address_holds_the_secret_safely() -> None:
    make: Callable[..., str] = enter_address
    assert make(ControlDoor("http://127.0.0.1:1", "x y")) == "http://127.0.0.1:1/enter?to=board&key=x+y"
    assert connector_inbox.LOOK_EVERY_S == 2.0
