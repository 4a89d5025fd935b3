"""What the folder source must remember, as a port, and a memory that lasts as long as the process.

The contract, in words:

* A file is *judged* by path, size and modification time, once something was recorded for exactly these.
* Content is *taken* when a file with that digest was recorded as TAKEN, under whatever path and however long ago.
* Whoever acts on a file records it in the same transaction as what he did; a file that was not recorded comes again.
  Recording the same file again replaces what was said before.
* ``begin`` fixes, at the first call for a folder, from when on its files count; later calls get the first answer. The
  first pass over a folder ends with ``end_first_pass``; until then older files are left out, afterwards every file
  counts, however old it looks (copying can keep a date).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol


class Outcome(StrEnum):
    """What became of a file."""

    TAKEN = "taken"  # what it holds is in the outbox, durably
    REFUSED = "refused"
    NO_TRANSFER = "no-transfer"
    REPEATED = "repeated"  # its content was taken before
    LEFT_OUT = "left-out"  # it was there before the first start


class FileKey(NamedTuple):
    """How a file is recognised without reading it."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """One state of one file. ``sha256`` is ``""`` where the content was not read."""

    path: str
    size: int
    mtime_ns: int
    sha256: str

    @property
    def key(self) -> FileKey:
        """Path, size and modification time."""
        return FileKey(self.path, self.size, self.mtime_ns)


class FolderStart(NamedTuple):
    """From when on a folder's files count, and whether its first pass is over."""

    counts_from: datetime
    first_pass_done: bool


class SeenFiles(Protocol):
    """The memory. Times are aware."""

    async def begin(self, folder: str, counts_from: datetime) -> FolderStart:
        """The start of a folder; ``counts_from`` holds only if there was none yet."""

    async def end_first_pass(self, folder: str) -> None:
        """From now on every file of the folder counts."""

    async def judged(self, keys: Iterable[FileKey]) -> frozenset[FileKey]:
        """Those of the keys for which something was recorded."""

    async def is_taken(self, sha256: str) -> bool:
        """Whether content was recorded as TAKEN."""

    async def record(self, identity: FileIdentity, outcome: Outcome, at: datetime) -> None:
        """Remember what became of a file."""


class SeenFilesInMemory:
    """For tests and for the check command."""

    def __init__(self) -> None:
        self._starts: dict[str, FolderStart] = {}
        self._judged: dict[FileKey, tuple[str, Outcome]] = {}
        self._taken: set[str] = set()

    async def begin(self, folder: str, counts_from: datetime) -> FolderStart:
        """See ``SeenFiles``."""
        return self._starts.setdefault(folder, FolderStart(counts_from, first_pass_done=False))

    async def end_first_pass(self, folder: str) -> None:
        """See ``SeenFiles``."""
        self._starts[folder] = FolderStart(self._starts[folder].counts_from, first_pass_done=True)

    async def judged(self, keys: Iterable[FileKey]) -> frozenset[FileKey]:
        """See ``SeenFiles``."""
        return frozenset(key for key in keys if key in self._judged)

    async def is_taken(self, sha256: str) -> bool:
        """See ``SeenFiles``."""
        return sha256 in self._taken

    async def record(self, identity: FileIdentity, outcome: Outcome, at: datetime) -> None:
        """See ``SeenFiles``."""
        self._judged[identity.key] = (identity.sha256, outcome)
        if outcome is Outcome.TAKEN:
            self._taken.add(identity.sha256)
