"""A folder and a clock for tests of the folder source: files appear, grow and vanish as told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from connectors.sources.folder import FileRefused, FilesLeftOut, FolderSource, SourceEvent, SourceFile
from connectors.sources.seen_files import Outcome, SeenFiles
from connectors.sources.source_folder import FileChangedError, Glimpse

BEGIN = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)


@dataclass
class HandClock:
    """Moves only when told."""

    at: datetime = BEGIN
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, step: timedelta | float) -> None:
        span = step if isinstance(step, timedelta) else timedelta(seconds=step)
        self.at += span
        self.seconds += span.total_seconds()


@dataclass
class PaperFolder:
    """A folder in memory. Every reading is counted; there is no way to write to it but the test's own."""

    clock: HandClock
    name: str = "/xuat"
    files: dict[str, tuple[Glimpse, bytes]] = field(default_factory=dict)
    broken: dict[str, OSError] = field(default_factory=dict)
    unavailable: bool = False
    readings: list[str] = field(default_factory=list)
    _writes: int = 0

    def put(self, path: str, data: bytes, mtime: datetime | None = None, *, size: int | None = None) -> None:
        self._writes += 1
        moment = self.clock.now() if mtime is None else mtime
        mtime_ns = int(moment.timestamp() * 1e9)
        self.files[path] = (Glimpse(path, len(data) if size is None else size, mtime_ns, (1, self._writes)), data)

    def put_link(self, path: str) -> None:
        self.put(path, b"")
        self.files[path] = (replace(self.files[path][0], is_file=False), b"")

    def glimpses(self) -> list[Glimpse]:
        if self.unavailable:
            raise PermissionError
        return [glimpse for glimpse, _ in self.files.values()]

    def read(self, glimpse: Glimpse, max_bytes: int) -> bytes:
        self.readings.append(glimpse.path)
        if glimpse.path in self.broken:
            raise self.broken[glimpse.path]
        present, data = self.files[glimpse.path]
        if present != glimpse or len(data) > max_bytes:
            raise FileChangedError
        return data


async def act(source: FolderSource, seen: SeenFiles, clock: HandClock) -> list[SourceEvent]:
    """One pass whose events are recorded as a connector would."""
    events: list[SourceEvent] = []
    passing: AsyncIterator[SourceEvent] = source.scan()
    async for event in passing:
        events.append(event)
        match event:
            case SourceFile():
                await seen.record(event.identity, Outcome.REPEATED if event.repeated else Outcome.TAKEN, clock.now())
            case FileRefused() if event.lasting:
                await seen.record(event.identity, Outcome.REFUSED, clock.now())
            case FilesLeftOut():
                for identity in event.identities:
                    await seen.record(identity, Outcome.LEFT_OUT, clock.now())
    return events


async def settle(source: FolderSource, seen: SeenFiles, clock: HandClock, passes: int = 3) -> list[SourceEvent]:
    """Enough passes, three seconds apart, for every whole file to be taken."""
    events: list[SourceEvent] = []
    for _ in range(passes):
        events += await act(source, seen, clock)
        clock.forward(3)
    return events
