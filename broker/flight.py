"""Which record a process was looking at when it died: a few bytes in a file that outlive the process.

Written through shared memory, so it costs nothing per record; the page cache keeps it when a process is killed. It says
nothing after a power cut, which is no record's fault.
"""

import mmap
import os
from pathlib import Path
from typing import Final

from schemas.topics import SUBMIT_PREFIX

_BYTES: Final = 64
_EMPTY: Final = b" " * _BYTES
_COUNTED: Final = " counted"


class FlightMarker:
    """One file of ``_BYTES`` bytes: topic and offset, or blanks."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size != _BYTES:
            os.ftruncate(self._file, 0)
            os.write(self._file, _EMPTY)
        self._memory = mmap.mmap(self._file, _BYTES)

    def interrupted(self) -> tuple[str, int] | None:
        """The record that the last process was looking at when it died, unless that attempt was counted before."""
        topic, _, offset = bytes(self._memory).decode("ascii", "replace").strip().partition(" ")
        return (topic, int(offset)) if topic.startswith(SUBMIT_PREFIX) and offset.isdecimal() else None

    def look_at(self, topic: str, offset: int, *, counted: bool = False) -> None:
        """From now on this record is being looked at. ``counted``: this attempt stands in the database already."""
        mark = f"{topic} {offset}{_COUNTED if counted else ''}"
        self._memory[:] = mark.encode("ascii").ljust(_BYTES)

    def clear(self) -> None:
        """Nothing is being looked at."""
        self._memory[:] = _EMPTY

    def close(self) -> None:
        """Clear and close."""
        self.clear()
        self._memory.close()
        os.close(self._file)
