"""One process per data folder: a lock on a file that the system frees when the process ends, however it ends."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_NAME: Final = "lock"


class AlreadyRunningError(Exception):
    """Another process owns the data folder. The text says so in Vietnamese and English."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder}: phần mềm kết nối đang chạy với thư mục dữ liệu này; hãy dừng tiến trình kia trước. / "
            "a connector is already running with this data folder; stop that one first."
        )


class FolderLock:
    """Held from ``__enter__`` to ``__exit__``. The file stays; its content is the owner's process id, for people."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises AlreadyRunningError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor)
        except OSError:
            os.close(descriptor)
            raise AlreadyRunningError(self._folder) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode("ascii"))
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing frees the lock
            self._descriptor = None


def _take(descriptor: int) -> None:
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
