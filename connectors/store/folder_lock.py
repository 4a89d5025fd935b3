"""One process per data folder: a lock on a file that the system frees when the process ends, however it ends."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_NAME: Final = "lock"


class Holder(StrEnum):
    """Who owns a data folder: the process that runs for ever, or a command that ends soon."""

    PROCESS = "process"
    COMMAND = "command"


_WORDS: Final = {
    Holder.PROCESS: (
        "phần mềm kết nối đang chạy với thư mục dữ liệu này; hãy dừng tiến trình kia trước.",
        "a connector is already running with this data folder; stop that one first.",
    ),
    Holder.COMMAND: (
        "một lệnh khác đang dùng thư mục dữ liệu này; hãy thử lại sau.",
        "another command is running with this data folder; try again later.",
    ),
}


class AlreadyRunningError(Exception):
    """Somebody else owns the data folder. The text says so in Vietnamese and English."""

    def __init__(self, folder: Path, holder: Holder) -> None:
        super().__init__(f"{folder}: {' / '.join(_WORDS[holder])}")
        self.holder = holder


class FolderLock:
    """Held from ``__enter__`` to ``__exit__``. The file stays; its content is who held it last, and the process id."""

    def __init__(self, folder: Path, holder: Holder = Holder.PROCESS) -> None:
        self._folder = folder
        self._holder = holder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises AlreadyRunningError; who holds it may be told wrongly for its first moment."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor)
        except OSError:
            said = _content(descriptor)
            os.close(descriptor)
            raise AlreadyRunningError(self._folder, said) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{self._holder.value} {os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing frees the lock
            self._descriptor = None


def _content(descriptor: int) -> Holder:
    try:
        word = os.read(descriptor, 64).split(b" ")[0]
    except OSError:  # Windows lets nobody read what is locked
        return Holder.PROCESS
    return Holder.COMMAND if word == Holder.COMMAND.value.encode() else Holder.PROCESS


def _take(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
