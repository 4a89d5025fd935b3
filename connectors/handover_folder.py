"""Hand-over into a folder: a message is there complete, or not at all.

    incoming/<priority>-<case code>/<nn>-<event>/

It is written beside, under a hidden name, flushed with its directory, and renamed. A cancelled case shows it in its
folder's name. A HIS may move away what it has taken: what comes later makes the folder anew.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

from connectors.handover import NotTakenError
from connectors.parcel import POSSIBLE_DUPLICATE, Parcel
from schemas.events import Event

CANCELLED_PREFIX: Final = "HUY-CANCELLED-"
_WORKING: Final = ".working-"
_SAID: Final = (
    "Có thể đã bàn giao một lần. Khóa nhận biết: mã bản tin trong bundle.json.\n"
    "This may have been handed over before. Its key is the message id in bundle.json.\n"
)


class FolderTarget:
    """Files for a HIS that reads folders."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        """See ``handover.Target``."""
        try:
            await asyncio.to_thread(self._deliver, parcel, possible_duplicate)
        except OSError as error:
            raise NotTakenError(type(error).__name__, outcome_known=False) from error

    async def close(self) -> None:
        """See ``handover.Target``."""

    def _deliver(self, parcel: Parcel, possible_duplicate: bool) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o750)
        case = self._case_folder(parcel)
        target = case / parcel.folder
        if not target.exists():  # else an earlier attempt came this far
            working = self._write(parcel, possible_duplicate)
            case.mkdir(exist_ok=True, mode=0o750)
            working.rename(target)
            _flush_directory(case)
        if parcel.event is Event.CANCEL and not case.name.startswith(CANCELLED_PREFIX):
            self._show_cancelled(case, parcel)
        _flush_directory(self._root)

    def _write(self, parcel: Parcel, possible_duplicate: bool) -> Path:
        working = self._root / f"{_WORKING}{parcel.message_id}"
        if working.exists():  # left by an attempt that was cut short
            shutil.rmtree(working)
        working.mkdir(mode=0o750)
        files = dict(parcel.files)
        if possible_duplicate:
            files[POSSIBLE_DUPLICATE] = _SAID.encode()
        for name, content in files.items():
            with (working / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _flush_directory(working)
        return working

    def _case_folder(self, parcel: Parcel) -> Path:
        """The case's folder under whichever name it bears now; a new offer after a cancellation gets a fresh one."""
        plain = self._root / parcel.case_folder
        cancelled = self._root / f"{CANCELLED_PREFIX}{parcel.case_folder}"
        if plain.exists() or parcel.event is Event.SUBMIT:
            return plain
        return cancelled if cancelled.exists() or parcel.event is Event.CANCEL else plain

    def _show_cancelled(self, case: Path, parcel: Parcel) -> None:
        name = f"{CANCELLED_PREFIX}{parcel.case_folder}"
        if (self._root / name).exists():  # an earlier offer of this case was cancelled too
            name = f"{name}-{parcel.folder[:2]}"
        case.rename(self._root / name)


def _flush_directory(path: Path) -> None:
    """Make names durable; Windows does it by itself and cannot be asked."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
