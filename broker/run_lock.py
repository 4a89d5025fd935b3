"""One process per data folder: a file lock that the system takes back when the process ends, however it ends."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOCK_NAME: Final = "lock"


class AlreadyRunningError(Exception):
    """Another process holds the folder; the text says so in Vietnamese and English."""


class RunLock:
    """``with RunLock(folder):`` for as long as the process works there. Raises AlreadyRunningError."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._file: int | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._file)
        except OSError:
            os.close(self._file)
            self._file = None
            raise AlreadyRunningError(
                f"{self._path.parent}: một tiến trình khác đang chạy ở đây. / another process is running here."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  exists there only

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
