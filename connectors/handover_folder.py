"""Hand-over into a folder: a message is there complete, or not at all.

    incoming/<priority>-<case code>/<nn>-<event>/

It is written beside, under a hidden name, flushed with its directory, and renamed. The folder's name shows the highest
urgency of the case and whether it was cancelled, so that it changes: what comes later finds it under any of its names.
A HIS may move away what it has taken: what comes later makes the folder anew.
"""

import asyncio
import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Final

from connectors.case_folder import rest_of
from connectors.handover import NotTakenError
from connectors.parcel import POSSIBLE_DUPLICATE, Parcel
from schemas.events import Event
from schemas.urgency import Priority
from transport import failpoints

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
        self._root_is_durable = False

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        """See ``handover.Target``."""
        try:
            await asyncio.to_thread(self._deliver, parcel, possible_duplicate)
        except OSError as error:
            raise NotTakenError(type(error).__name__, outcome_known=False) from error

    async def close(self) -> None:
        """See ``handover.Target``."""

    def _deliver(self, parcel: Parcel, possible_duplicate: bool) -> None:
        self._make_root()
        plain, cancelled = self._folders_of(parcel)
        case = _place(parcel, plain, cancelled) or self._root / parcel.case_folder
        target = case / parcel.folder
        if not target.exists():  # else an earlier attempt came this far
            working = self._write(parcel, possible_duplicate)
            failpoints.hit("handover.written")
            case.mkdir(exist_ok=True, mode=0o750)
            working.rename(target)
            failpoints.hit("handover.renamed")
            _flush_directory(case)
        _rename(case, self._root / _name_now(case.name, parcel, cancelled_before=bool(cancelled)), parcel)
        _flush_directory(self._root)

    def _make_root(self) -> None:
        """The folder itself, once per process: who made it may have died before its name was durable."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self._root_is_durable:
            return
        for folder in self._root.absolute().parents:
            with contextlib.suppress(PermissionError):  # what we may not open we have not made
                _flush_directory(folder)
        self._root_is_durable = True

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

    def _folders_of(self, parcel: Parcel) -> tuple[list[Path], list[Path]]:
        """The folders of a case: of the offer that stands, the right name first; and of cancelled ones, oldest first.

        More than one of the offer that stands is the work of somebody else.
        """
        urgency = "|".join(priority.value for priority in Priority)
        rest = re.escape(rest_of(parcel.case_folder))
        shape = re.compile(f"({re.escape(CANCELLED_PREFIX)})?(?:{urgency})-{rest}(?:-([0-9]{{2,4}}))?")
        found = [(match, path) for path in self._root.iterdir() if (match := shape.fullmatch(path.name))]
        folders = [(match[1], match[2], path) for match, path in found if path.is_dir()]
        plain = [path for is_cancelled, ordinal, path in folders if not is_cancelled and not ordinal]
        cancelled = sorted((int(ordinal or 0), path) for is_cancelled, ordinal, path in folders if is_cancelled)
        return sorted(plain, key=lambda path: path.name != parcel.case_folder), [path for _, path in cancelled]


def _rename(case: Path, name: Path, parcel: Parcel) -> None:
    """Show a risen urgency, or a cancellation, in the folder's name.

    On Windows a HIS that looks into the folder can forbid it. The message is there all the same and the next one tries
    again; but that a case is cancelled must show.
    """
    if name.exists():
        return
    try:
        case.rename(name)
    except OSError:
        if parcel.event is Event.CANCEL:
            raise


def _place(parcel: Parcel, plain: list[Path], cancelled: list[Path]) -> Path | None:
    """Where a message belongs; a new offer after a cancellation gets a fresh folder."""
    begun = (case for case in (*plain, *cancelled) if (case / parcel.folder).exists())
    standing = plain[:1] or ([] if parcel.event is Event.SUBMIT else cancelled[-1:])
    return next((case for case in (*begun, *standing)), None)


def _name_now(name: str, parcel: Parcel, *, cancelled_before: bool) -> str:
    """What the case's folder is to be called after this message."""
    if name.startswith(CANCELLED_PREFIX):
        return f"{CANCELLED_PREFIX}{parcel.case_folder}{name.partition(rest_of(parcel.case_folder))[2]}"
    if parcel.event is not Event.CANCEL:
        return parcel.case_folder
    ordinal = parcel.folder.partition("-")[0]
    return f"{CANCELLED_PREFIX}{parcel.case_folder}" + (f"-{ordinal}" if cancelled_before else "")


def _flush_directory(path: Path) -> None:
    """Make names durable; Windows does it by itself and cannot be asked."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
