"""``lienvien connector inbox``: the receiving desk's board in a terminal. ``lienvien connector open``: its pages."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import urlencode

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from connectors.worklist.bell import Bell
from connectors.worklist.board import Section
from connectors.worklist.formats import clock_time, span
from connectors.worklist.texts import TEXTS
from connectors.worklist.words import SEXES
from lienvien import control_file
from schemas.words import DECISIONS, JOURNEYS, PRIORITIES, Phrase

LOOK_EVERY_S: Final = 2.0
_STYLES: Final = {"stat": "bold red", "urgent": "bold yellow", "routine": ""}
_COLUMNS: Final = ("Khẩn / urgency", "Ai, bệnh gì / who, what", "Nơi gửi / sender", "Tình trạng / state")

Board = Mapping[str, Any]
Ask = Callable[[], Board]


def _both(phrase: Phrase) -> str:
    return f"{phrase.vi} / {phrase.en}"


def door_addresses(data: Path) -> dict[str, str]:
    """The addresses that let a browser in, by page. Raises control_file.NotRunningError, RefusedByProcessError."""
    door = control_file.read_control(data)
    control_file.ask(data, "GET", "/control/board")  # a file that a dead process left leads nowhere
    return {page: enter_address(door, page) for page in ("board", "sending")}


def enter_address(door: control_file.ControlDoor, page: str = "board") -> str:
    """``http://127.0.0.1:8090/enter?to=board&key=…``: whoever holds it sees patients, until the next start."""
    return f"{door.url}/enter?{urlencode({'to': page, 'key': door.secret})}"


def addresses_words(addresses: Mapping[str, str]) -> str:
    """One line for each page."""
    return "\n".join(f"{_both(TEXTS[page])}\n  {address}" for page, address in addresses.items())


def board_view(board: Board) -> RenderableType:
    """The board as a person reads it; nothing in it is markup."""
    table = Table(expand=True, show_lines=True)
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for row in board["rows"]:
        table.add_row(*_cells(row))
    empty = "none_open" if board["link"]["caught_up"] else "none_reading"
    return Group(_heading(board), table if board["rows"] else Text(_both(TEXTS[empty])))


def board_words(board: Board) -> str:
    """The board as plain text, as wide as the terminal."""
    console = Console()
    with console.capture() as captured:
        console.print(board_view(board))
    return captured.get().rstrip()


def _heading(board: Board) -> Text:
    link = board["link"]
    text = Text(f"{board['facility']} {board['name']}  {clock_time(board['at'])}  ")
    up = link["connected"]
    text.append(_both(TEXTS["connected" if up else "not_connected"]), "green" if up else "bold white on red")
    if not link["caught_up"]:
        text.append("  " + _both(TEXTS["reading"]), "bold yellow")
    return text


def _cells(row: Mapping[str, Any]) -> tuple[Text, Text, Text, Text]:
    style = _STYLES.get(row["urgency"], "") if row["section"] == Section.OPEN else "dim"
    return (
        Text("\n".join(_urgency(row)), style),
        Text("\n".join(_who(row))),
        Text("\n".join(_sender(row))),
        Text("\n".join(_state(row)), style if row["look"] is None else ""),
    )


def _urgency(row: Mapping[str, Any]) -> list[str]:
    lines = [_both(PRIORITIES[row["urgency"]])]
    lines += [_both(TEXTS[name]) for name in ("unclassified", "raised", "incomplete", "demonstration") if row[name]]
    return [*lines, span(row["age_s"], "vi")]


def _who(row: Mapping[str, Any]) -> list[str]:
    unknown = _both(TEXTS["not_said"])
    sex = _both(SEXES[row["sex"]]) if row["sex"] in SEXES else ""
    about = ", ".join(part for part in (sex, row["birth_year"] or unknown) if part)
    lines = [row["patient"] or unknown, about, row["diagnosis"] or unknown]
    return [*lines, row["reason"]] if row["reason"] else lines


def _sender(row: Mapping[str, Any]) -> list[str]:
    papers = row["papers"]
    where = papers["place"] if papers["handed_over"] else _both(TEXTS["papers_waiting"])
    lines = [row["sender_name"] or row["sender"], *(f"☎ {number}" for number in row["phones"]), row["case_code"]]
    return [*lines, where or _both(TEXTS["papers_his"])]


def _state(row: Mapping[str, Any]) -> list[str]:
    look = row["look"]
    seen = f"{_both(TEXTS['looked'])}: {look['by'] or ''} {clock_time(look['at'])}" if look else _both(TEXTS["nobody"])
    lines = [seen, _both(DECISIONS[row["decision"]]), _both(JOURNEYS[row["journey"]])]
    for said in row["unsent"]:
        words = f"{_both(TEXTS['refused_answer'])}: {said['vi']}" if said["reason"] else _both(TEXTS["not_sent"])
        lines.append(words)
    return lines


@dataclass
class Watch:
    """The board, looked at again and again.

    ``ask`` raises control_file.NotRunningError or RefusedByProcessError while nobody answers. ``now`` is this
    machine's time, for the line that says how old the board is.
    """

    ask: Ask
    now: Callable[[], datetime]
    bell: Bell = field(default_factory=Bell)
    board: Board | None = None
    lost_since: datetime | None = None

    def look(self) -> int:
        """Ask once; how many new emergencies ring."""
        try:
            self.board = self.ask()
        except (control_file.NotRunningError, control_file.RefusedByProcessError):
            self.lost_since = self.lost_since or self.now()
            return 0
        self.lost_since = None
        return len(self.bell.hear(self.board))

    def view(self) -> RenderableType:
        """What is known, under a loud line when it is old."""
        parts: list[RenderableType] = [board_view(self.board)] if self.board else []
        if self.lost_since:
            said = f"{_both(TEXTS['lost'])} ({self.lost_since:%H:%M:%S})"
            parts.insert(0, Text(said, "bold white on red"))
        return Group(*parts)


def watch(looking: Watch, console: Console, stop: threading.Event, *, every_s: float = LOOK_EVERY_S) -> None:
    """The board drawn in place in a terminal, until ``stop``; what does not fit is the least urgent."""
    with Live(console=console, auto_refresh=False, vertical_overflow="ellipsis") as live:
        while not stop.is_set():
            rings = looking.look()
            live.update(looking.view(), refresh=True)
            if rings:
                console.bell()
            stop.wait(every_s)


def write_changes(
    looking: Watch, out: TextIO, stop: threading.Event, *, as_json: bool = False, every_s: float = LOOK_EVERY_S
) -> None:
    """The board written anew at each change, for a file, a pipe or a program (``as_json``: one document a line)."""
    console, written = Console(file=out), object()
    while not stop.is_set():
        rings, saying = looking.look(), _saying(looking)
        if saying != written:
            written = saying
            if as_json:
                lost = looking.lost_since.isoformat() if looking.lost_since else None
                out.write(json.dumps({"lost_since": lost, "new_stat": rings, "board": looking.board}) + "\n")
            else:
                out.write("\a" if rings else "")
                console.print(looking.view())
            out.flush()
        stop.wait(every_s)


def _saying(looking: Watch) -> object:
    """What must have changed for the board to be written again: not the ages."""
    if looking.board is None:
        return looking.lost_since
    rows = [{name: value for name, value in row.items() if name != "age_s"} for row in looking.board["rows"]]
    link = looking.board["link"]
    return looking.lost_since, rows, link["connected"], link["caught_up"]


def watch_until_interrupted(data: Path, *, as_json: bool) -> None:
    """``--watch``: Ctrl-C or SIGTERM ends it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    looking = Watch(partial(control_file.ask, data, "GET", "/control/board"), lambda: datetime.now().astimezone())
    console = Console()
    if console.is_terminal and not as_json:
        watch(looking, console, stop)
    else:
        write_changes(looking, sys.stdout, stop, as_json=as_json)
