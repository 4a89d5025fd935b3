"""A folder that a HIS exports to: whole files only, each once, the folder as it was.

A file counts as whole when it stood still for two seconds and its content is not cut short. One that is cut short or
empty is waited for, ten minutes from its last change at most, and then refused. Nothing here writes: what became of a
file is recorded by whoever acts on it, in his own transaction, so that a crash makes a file come again, never vanish.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from connectors.sources.seen_files import FileIdentity, FileKey, SeenFiles
from connectors.sources.source_folder import FileChangedError, Glimpse, SourceFolder
from schemas.limits import EXPORT_MAX_BYTES, HALF_WRITTEN_WAIT, KIB
from schemas.reasons import ReasonCode
from transport.clock import Clock

STILL_FOR: Final = timedelta(seconds=2)  # a HIS writes an export within milliseconds; a slow share within a second
PDF_MAX_BYTES: Final = 320 * KIB  # a signed form beside the XML; base64 makes 427 KiB of it, and a Bundle holds 512
PDF_WAIT: Final = timedelta(seconds=30)  # for a form that is still being written; the slip is more urgent than the form
LEFT_OUT_BATCH: Final = 500  # files recorded at once: years of exports, one disk flush each, would take minutes
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999; a share can invent any time
_PDF_HEAD: Final = b"%PDF-"
_PDF_TAIL: Final = b"%%EOF"
_TAIL_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A whole file that nobody acted on yet.

    ``relative`` is its path in the folder; ``repeated``: the same content was taken before, under this or another name
    (nothing new, unless a correction came in between); ``pdf`` is the PDF of the same name beside it, unjudged.
    """

    identity: FileIdentity
    relative: str
    data: bytes = field(repr=False)
    mtime: datetime
    repeated: bool = False
    pdf: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A file that cannot be taken. ``lasting`` is False where the same file is tried again (unreadable, a link): it is
    told once per process and must not be recorded."""

    identity: FileIdentity
    reason: ReasonCode
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class FilesLeftOut:
    """Files that were there before the connector was first started. Record them, and leave them in peace."""

    identities: tuple[FileIdentity, ...]


SourceEvent = SourceFile | FileRefused | FilesLeftOut


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is not taken yet, for a status page. ``since`` is monotonic, in seconds."""

    path: str
    since: float


@dataclass(slots=True)
class _Watch:
    """A file that is looked at again and again until it stands still."""

    glimpse: Glimpse
    since: float  # monotonic, of the last change seen
    cut: bool = False  # read once in this state, and not whole


class FolderUnavailableError(Exception):
    """The folder itself cannot be listed: not mounted, renamed, no permission. Tried again with the next pass."""


class FolderSource:
    """Looks into one folder, one pass at a time, by one task at a time."""

    def __init__(
        self,
        folder: SourceFolder,
        seen: SeenFiles,
        clock: Clock,
        *,
        suffix: str,
        is_whole: Callable[[bytes], bool],
        leave_out_older_than: timedelta,
        max_bytes: int = EXPORT_MAX_BYTES,
    ) -> None:
        self._folder = folder
        self._seen = seen
        self._clock = clock
        self._suffix = suffix.lower()
        self._is_whole = is_whole
        self._leave_out_older_than = leave_out_older_than
        self._max_bytes = max_bytes
        self._done: dict[str, Glimpse] = {}
        self._told: set[tuple[str, ReasonCode]] = set()
        self._watched: dict[str, _Watch] = {}

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Files that are not taken yet, in no order."""
        return tuple(Waiting(self._full(path), watch.since) for path, watch in self._watched.items())

    async def scan(self) -> AsyncIterator[SourceEvent]:
        """One pass: every file that is due, oldest first. The next event is asked for once this one was recorded.

        Raises:
            FolderUnavailableError: nothing can be said about any file now.
        """
        start = await self._seen.begin(self._folder.name, self._clock.now() - self._leave_out_older_than)
        try:
            listed = await asyncio.to_thread(self._folder.glimpses)
        except OSError:
            raise FolderUnavailableError from None
        beside = {glimpse.path: glimpse for glimpse in listed}
        self._forget(beside)
        due = await self._due(listed)
        if not start.first_pass_done:
            old, due = _divided(due, start.counts_from)
            for batch in (old[i : i + LEFT_OUT_BATCH] for i in range(0, len(old), LEFT_OUT_BATCH)):
                yield FilesLeftOut(tuple(self._identity(glimpse, "") for glimpse in batch))
                for glimpse in batch:
                    self._finish(glimpse)
        for glimpse in due:
            event = await self._look(glimpse, beside)
            if event is not None:
                yield event
                if not isinstance(event, FileRefused) or event.lasting:
                    self._finish(glimpse)
        if not start.first_pass_done:
            await self._seen.end_first_pass(self._folder.name)

    async def _due(self, listed: Iterable[Glimpse]) -> list[Glimpse]:
        """Files of our kind that were not judged in this state, oldest first."""
        ours = [glimpse for glimpse in listed if glimpse.path.lower().endswith(self._suffix)]
        unknown = [glimpse for glimpse in ours if self._done.get(glimpse.path) != glimpse]
        fresh = [glimpse for glimpse in unknown if glimpse.path not in self._done]
        judged = await self._seen.judged([self._key(glimpse) for glimpse in fresh])
        for glimpse in fresh:
            if self._key(glimpse) in judged:
                self._finish(glimpse)
        due = [glimpse for glimpse in unknown if self._done.get(glimpse.path) != glimpse]
        return sorted(due, key=lambda glimpse: (glimpse.mtime_ns, glimpse.path))

    async def _look(self, glimpse: Glimpse, beside: dict[str, Glimpse]) -> SourceEvent | None:
        """The event of one file, or None while it is to be waited for."""
        if not glimpse.is_file:
            return self._told_once(glimpse, ReasonCode.FILE_IS_LINK)
        watch = self._watched.get(glimpse.path)
        if watch is None or watch.glimpse != glimpse:
            self._watched[glimpse.path] = _Watch(glimpse, self._clock.monotonic())
            return None
        still = timedelta(seconds=self._clock.monotonic() - watch.since)
        if still < STILL_FOR or (watch.cut and still < HALF_WRITTEN_WAIT):
            return None
        if glimpse.size > self._max_bytes:
            return FileRefused(self._identity(glimpse, ""), ReasonCode.FILE_TOO_LARGE)
        return await self._read(glimpse, watch, still, beside)

    async def _read(
        self, glimpse: Glimpse, watch: _Watch, still: timedelta, beside: dict[str, Glimpse]
    ) -> SourceEvent | None:
        try:
            data = await asyncio.to_thread(self._folder.read, glimpse, self._max_bytes)
        except FileChangedError:
            del self._watched[glimpse.path]
            return None
        except OSError:
            return self._told_once(glimpse, ReasonCode.FILE_UNREADABLE)
        identity = self._identity(glimpse, hashlib.sha256(data).hexdigest())
        if not data or not await asyncio.to_thread(self._is_whole, data):
            watch.cut = True
            reason = ReasonCode.FILE_INCOMPLETE if data else ReasonCode.FILE_EMPTY
            return FileRefused(identity, reason) if still >= HALF_WRITTEN_WAIT else None
        pdf, ready = await self._pdf(glimpse, beside)
        if not ready and still < PDF_WAIT:
            return None
        repeated = await self._seen.is_taken(identity.sha256)
        return SourceFile(identity, glimpse.path, data, _moment(glimpse), repeated, pdf)

    async def _pdf(self, glimpse: Glimpse, beside: dict[str, Glimpse]) -> tuple[bytes | None, bool]:
        """The PDF of the same name, and whether there is nothing to wait for."""
        stem = PurePosixPath(glimpse.path)
        found = next((beside[name] for name in map(str, _pdf_names(stem)) if name in beside), None)
        if found is None or not found.is_file or found.size > PDF_MAX_BYTES:
            return None, True
        try:
            data = await asyncio.to_thread(self._folder.read, found, PDF_MAX_BYTES)
        except OSError:
            return None, False
        if data and not data.startswith(_PDF_HEAD):
            return None, True
        return (data, True) if _PDF_TAIL in data[-_TAIL_BYTES:] else (None, False)

    def _told_once(self, glimpse: Glimpse, reason: ReasonCode) -> FileRefused | None:
        if (glimpse.path, reason) in self._told:
            return None
        self._told.add((glimpse.path, reason))
        return FileRefused(self._identity(glimpse, ""), reason, lasting=False)

    def _finish(self, glimpse: Glimpse) -> None:
        self._done[glimpse.path] = glimpse
        self._watched.pop(glimpse.path, None)

    def _forget(self, present: dict[str, Glimpse]) -> None:
        """Files that are gone are forgotten, so that memory follows the folder."""
        for path in [path for path in self._done if path not in present]:
            del self._done[path]
        for path in [path for path in self._watched if path not in present]:
            del self._watched[path]
        self._told = {(path, reason) for path, reason in self._told if path in present}

    def _full(self, path: str) -> str:
        printable = path.encode("utf-8", "backslashreplace").decode("utf-8")
        return f"{self._folder.name}/{printable}"

    def _key(self, glimpse: Glimpse) -> FileKey:
        return FileKey(self._full(glimpse.path), glimpse.size, glimpse.mtime_ns)

    def _identity(self, glimpse: Glimpse, sha256: str) -> FileIdentity:
        return FileIdentity(*self._key(glimpse), sha256)


def _divided(due: list[Glimpse], counts_from: datetime) -> tuple[list[Glimpse], list[Glimpse]]:
    """Files from before a moment, and the others."""
    old = [glimpse for glimpse in due if glimpse.is_file and _moment(glimpse) < counts_from]
    return old, [glimpse for glimpse in due if not glimpse.is_file or _moment(glimpse) >= counts_from]


def _pdf_names(xml: PurePosixPath) -> tuple[PurePosixPath, PurePosixPath]:
    return xml.with_suffix(".pdf"), xml.with_suffix(".PDF")


def _moment(glimpse: Glimpse) -> datetime:
    return datetime.fromtimestamp(min(max(glimpse.mtime_ns // 10**9, 0), _LAST_SECOND), UTC)
