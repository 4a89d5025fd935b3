"""The files of an export folder, read without leaving a trace: nothing is opened through a link, written or locked.

``SourceFolder`` is the port, ``LocalFolder`` the real one. Only what the folder itself holds is read: every component
of a path is opened relative to the one before and never follows a link.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

DEPTH_MAX: Final = 3  # folders below the export folder; a HIS that sorts by year, month and day needs them
TAKEN_FOLDER: Final = "_taken"  # where a folder of our own keeps what was taken; never looked into
_CHUNK: Final = 1024 * 1024
_BENEATH: Final = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class FileChangedError(OSError):
    """The file is not the one that was listed, or changed while it was read."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a listing shows of a file.

    ``path`` is relative, with ``/``; ``change`` is whatever the system changes with every write (inode and change
    time), so that an overwrite which keeps size and date is noticed while the process runs.
    """

    path: str
    size: int  # bytes
    mtime_ns: int
    change: tuple[int, int] = (0, 0)
    is_file: bool = True  # False: a link, a pipe, a device


class SourceFolder(Protocol):
    """A folder with exports."""

    @property
    def name(self) -> str:
        """The folder's own path, as people know it."""

    def glimpses(self) -> list[Glimpse]:
        """Everything in it but hidden entries. Raises OSError when the folder cannot be read."""

    def read(self, glimpse: Glimpse, max_bytes: int) -> bytes:
        """The content of exactly the file that was listed.

        Raises OSError; FileChangedError when it changed since the listing or is longer than ``max_bytes``.
        """


class LocalFolder:
    """A folder of this machine, or one mounted on it."""

    def __init__(self, root: Path, depth: int = DEPTH_MAX) -> None:
        self._root = root
        self._depth = depth

    @property
    def name(self) -> str:
        """The absolute path, printable even where a name is not UTF-8."""
        return _printable(str(self._root.absolute()))

    def glimpses(self) -> list[Glimpse]:
        """See ``SourceFolder``. A subfolder that cannot be read is passed over."""
        return list(self._walk(self._root, PurePosixPath(), self._depth))

    def _walk(self, folder: Path, prefix: PurePosixPath, depth: int) -> Iterator[Glimpse]:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            if entry.name.startswith(".") or entry.name == TAKEN_FOLDER:
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth:
                        yield from self._walk(Path(entry.path), prefix / entry.name, depth - 1)
                else:
                    yield _glimpse(str(prefix / entry.name), os.lstat(entry.path))
            except OSError:
                continue  # gone meanwhile, or not ours to read; the next pass looks again

    def read(self, glimpse: Glimpse, max_bytes: int) -> bytes:
        """See ``SourceFolder``."""
        descriptor = self._open(PurePosixPath(glimpse.path).parts)
        try:
            if _glimpse(glimpse.path, os.fstat(descriptor)) != glimpse:
                raise FileChangedError
            data = _read_all(descriptor, max_bytes)
            if _glimpse(glimpse.path, os.fstat(descriptor)) != glimpse or len(data) != glimpse.size:
                raise FileChangedError
            return data
        finally:
            os.close(descriptor)

    def _open(self, parts: tuple[str, ...]) -> int:
        if not _BENEATH:
            return _open_checked(self._root, parts)
        directory = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in parts[:-1]:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
                os.close(directory)
                directory = below
            # O_NONBLOCK: a pipe put in the file's place must not stop us.
            return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        finally:
            os.close(directory)


def _open_checked(root: Path, parts: tuple[str, ...]) -> int:
    """Where the system cannot open relative to a folder: every component is looked at first."""
    path = root
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise FileChangedError
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def _read_all(descriptor: int, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    while part := os.read(descriptor, _CHUNK):
        total += len(part)
        if total > max_bytes:
            raise FileChangedError
        parts.append(part)
    return b"".join(parts)


def _glimpse(path: str, found: os.stat_result) -> Glimpse:
    return Glimpse(
        path=path,
        size=found.st_size,
        mtime_ns=found.st_mtime_ns,
        change=(found.st_ino, found.st_ctime_ns),
        is_file=stat.S_ISREG(found.st_mode),
    )


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
