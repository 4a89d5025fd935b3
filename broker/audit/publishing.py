"""The newest checkpoint as a file that others read: whole or not there, never back to an older one by accident."""

import asyncio
import os
from pathlib import Path
from typing import Final

FILE_NAME: Final = "checkpoint"  # as tlog-tiles names it


class CheckpointFile:
    """A Publisher that keeps the note in one file. The folder must exist."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME

    async def published(self) -> bytes | None:
        """The note in the file. Raises OSError where the file is there and cannot be read."""
        return await asyncio.to_thread(self._read)

    async def publish(self, note: bytes) -> None:
        """Replaces the file, durably. Raises OSError."""
        await asyncio.to_thread(self._replace, note)

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def _replace(self, note: bytes) -> None:
        fresh = self._path.with_name(f".{FILE_NAME}.new")
        with fresh.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        _sync_folder(self._path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
