"""A disk that a test can fill to its last byte, and make room on again, below the folder of one process."""

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHUNK, PAGE = 1 << 20, 4096
ROUNDS = 10


class SmallDisk:
    """A file system of its own, of fixed size, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / ".ballast"

    def fill(self) -> None:
        """Takes every byte, and again what a transaction gives back when it ends."""
        with self._ballast.open("ab", buffering=0) as file:
            for _ in range(ROUNDS):
                for size in (CHUNK, PAGE):
                    with contextlib.suppress(_FullError):
                        while True:
                            _write(file.fileno(), size)
                time.sleep(0.05)

    def make_room(self) -> None:
        """Gives everything back."""
        self._ballast.unlink()


class _FullError(Exception):
    """There is no room for so much."""


def _write(descriptor: int, size: int) -> None:
    try:
        os.write(descriptor, bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _FullError from None


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[SmallDisk]:
    """Mounts one; skips the test, with the reason, where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "lienvien-test", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a disk of fixed size cannot be mounted here (that needs Linux, root and the right to mount)")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
