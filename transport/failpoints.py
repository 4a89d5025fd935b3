"""Places at which a process under test dies, as by ``kill -9``: each step at which a crash must lose nothing.

Off, ``hit`` looks at one variable of this module and returns. Only a process whose settings say ``mode = "test"`` can
be armed, by its environment:

``LIENVIEN_FAILPOINTS=name:n[,name:n]``  die when the n-th passage of a name begins; a name under which this program has
                                         died before, by the folder's file of hits, is spent
``LIENVIEN_FAILPOINTS_FOLDER=/a/folder`` ``hits.jsonl`` there gets a line, flushed, for each death; a file ``armed``, in
                                         the form of the variable, is looked for at every passage, counts from the
                                         first passage that saw it, and is taken away by the death it brings
"""

import json
import os
import signal
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NoReturn

VARIABLE: Final = "LIENVIEN_FAILPOINTS"
FOLDER_VARIABLE: Final = "LIENVIEN_FAILPOINTS_FOLDER"
ARMED: Final = "armed"
HITS: Final = "hits.jsonl"
_KILLED: Final = 137  # where there is no SIGKILL

Mode = Literal["production", "test"]

EXCHANGE_NAMES: Final = (
    "turn.before-write",  # decided, nothing written
    "turn.after-write",  # written, not committed
    "turn.after-commit",  # committed, nobody told
    "relay.before-publish",  # numbered, not published
    "relay.after-publish",  # the broker has it, the outbox does not say so
    "relay.after-mark",  # the outbox says so
    "audit.after-number",  # entries have numbers, no checkpoint covers them
    "audit.after-checkpoint",  # the checkpoint is stored, not published
)
CONNECTOR_NAMES: Final = (
    "intake.before-write",  # a file is judged, nothing written
    "intake.after-write",  # its messages are in the outbox
    "outbox.before-send",  # its turn, nothing sent
    "outbox.after-send",  # the broker has it, the outbox does not say so
    "outbox.after-mark",  # the outbox says so
    "inbox.mid-receipt",  # rows of a record written, position not moved
    "inbox.after-store",  # taken in, nobody woken, no ack
    "ack.after-sign",  # an ack is stored, not sent
    "ack.after-send",  # the broker has it, the store does not say so
    "handover.begun",  # the attempt is written down, the HIS has nothing
    "handover.written",  # files written beside, not renamed
    "handover.renamed",  # renamed, the case folder not in order yet
    "handover.delivered",  # the HIS has it, the store does not say so
    "handover.marked",  # the store says so
)
NAMES: Final = frozenset((*EXCHANGE_NAMES, *CONNECTOR_NAMES))


class FailpointsRefusedError(Exception):
    """Failpoints are asked for where they may not be, or wrongly. A sentence in Vietnamese and English."""


class _Armed:
    """What this process is to die of."""

    def __init__(self, points: Mapping[str, int], folder: Path | None) -> None:
        self._folder = folder
        self._left = dict(points)
        self._file: tuple[int, str] | None = None  # which file ``armed`` the counts below belong to
        self._from_file: dict[str, int] = {}
        self._lock = threading.Lock()  # the event loop and the owners of files pass here side by side

    def passes(self, name: str) -> None:
        with self._lock:
            self._look()
            for left in (self._left, self._from_file):
                if name in left:
                    left[name] -= 1
                    if left[name] <= 0:
                        self._die(name)

    def _look(self) -> None:
        """Reads the file ``armed`` when it is another one than before."""
        if self._folder is None:
            return
        path = self._folder / ARMED
        try:
            seen = (path.stat().st_mtime_ns, path.read_text("ascii"))
        except OSError:
            self._file, self._from_file = None, {}  # taken away again
            return
        if seen != self._file:
            self._file, self._from_file = seen, parse(seen[1])

    def _die(self, name: str) -> NoReturn:
        if self._folder is not None:
            (self._folder / ARMED).unlink(missing_ok=True)
            hit_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = json.dumps({"at": hit_at, "name": name, "pid": os.getpid()})
            with (self._folder / HITS).open("a", encoding="ascii") as file:
                file.write(f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(_KILLED)


_armed: _Armed | None = None


def hit(name: str) -> None:
    """This step is passed now; the process may end here."""
    if _armed is not None:
        _armed.passes(name)


def arm(mode: Mode, environment: Mapping[str, str] = os.environ) -> None:
    """Obey the environment; without its variables, nothing is armed.

    Raises FailpointsRefusedError: production, an unknown name, a count below one.
    """
    global _armed  # noqa: PLW0603  one process, one death
    asked, folder_name = environment.get(VARIABLE, ""), environment.get(FOLDER_VARIABLE, "")
    if not asked and not folder_name:
        _armed = None
        return
    if mode != "test":
        raise FailpointsRefusedError(
            f"{VARIABLE}: điểm gây lỗi chỉ dùng khi thử nghiệm, mà cấu hình là chế độ production; hãy bỏ biến này."
            f" / {VARIABLE}: failpoints are for tests only and the settings say production mode; unset this variable."
        )
    folder = Path(folder_name) if folder_name else None
    spent = died_at(folder)
    _armed = _Armed({name: n for name, n in parse(asked).items() if name not in spent}, folder)


def parse(text: str) -> dict[str, int]:
    """``name:n,name:n`` as a mapping. Raises FailpointsRefusedError."""
    points: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = entry.partition(":")
        if name not in NAMES or not (count or "1").isdecimal() or int(count or "1") < 1:
            raise FailpointsRefusedError(
                f"{VARIABLE}: không có điểm gây lỗi này hoặc số lần không hợp lệ."
                f" / {VARIABLE}: there is no such failpoint, or the count is not a positive number."
            )
        points[name] = int(count or "1")
    return points


def died_at(folder: Path | None) -> list[str]:
    """The names of all deaths so far, oldest first."""
    try:
        lines = (folder / HITS).read_text("ascii").splitlines() if folder else []
    except FileNotFoundError:
        return []
    return [str(json.loads(line)["name"]) for line in lines]
