"""The connector's hand-over into a folder, recorded call by call, and the folders that a power cut could leave.

Each story hands over a few messages of one case; in most of them the last attempt is killed after some call and made
again, as the connector does after a start. Called handed over, a message must be there whatever the cut took; before
that it may be missing, but never be there in part: a HIS may read it at any moment. From every image the product must
find its way by handing over once more.
"""

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.handover_folder import CANCELLED_PREFIX, FolderTarget
from connectors.parcel import POSSIBLE_DUPLICATE, Parcel
from schemas.events import Event
from tests.connectors.bundles import CASE_CODE
from tests.connectors.handover_steps import parcel
from tests.power_cut.disk import Disk, Image, Kind, Operation
from tests.power_cut.judging import MEMORY, Example, Tally, Verdict
from tests.power_cut.recording_vfs import Mark

ROOT = "incoming"
KINDS = (Kind.NOTHING, Kind.EVERYTHING, Kind.NAMES, Kind.CONTENTS, Kind.SUBSET, Kind.TORN, Kind.SUBSET, Kind.TORN)


class _KilledError(BaseException):
    """The process dies here."""


@dataclass
class Recorder:
    """Notes every change below a folder that is made through the calls the product uses; dies after the n-th."""

    base: Path
    events: list[Operation | Mark] = field(default_factory=list)
    dies_after: int = -1

    def note(self, what: str, path: Path, data: bytes = b"") -> None:
        """One call was made."""
        self.events.append(Operation(what, str(path.relative_to(self.base)), 0, data))
        self.dies_after -= 1
        if self.dies_after == 0:
            raise _KilledError

    def holds(self, path: Path) -> bool:
        """Whether a path is watched."""
        return path.is_relative_to(self.base)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Every call between is noted."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "mkdir", self._mkdir(Path.mkdir))
            patch.setattr(Path, "rename", self._rename(Path.rename))
            patch.setattr(Path, "open", self._open(Path.open))
            patch.setattr(os, "fsync", self._fsync(os.fsync))
            patch.setattr(shutil, "rmtree", self._rmtree(shutil.rmtree))
            yield

    def _mkdir(self, real: Callable[..., None]) -> Callable[..., None]:
        def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
            if not self.holds(path):
                return real(path, mode, parents, exist_ok)
            new = [one for one in (path, *path.parents) if self.holds(one) and not one.exists()]
            real(path, mode, parents, exist_ok)
            for one in reversed(new):
                self.note("mkdir", one)
            return None

        return mkdir

    def _rename(self, real: Callable[..., Path]) -> Callable[..., Path]:
        def rename(path: Path, target: Path) -> Path:
            renamed = real(path, target)
            if self.holds(path):
                self.note("rename", path, str(target.relative_to(self.base)).encode())
            return renamed

        return rename

    def _open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if not self.holds(path) or mode not in ("xb", "wb"):
                return real(path, mode, *rest, **more)
            file = real(path, mode, *rest, **more)
            try:
                self.note("create", path)
            except _KilledError:
                file.close()
                raise
            return _File(file, path, self)

        return open_

    def _fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            real(descriptor)
            if self.holds(path):
                self.note("flush-names" if path.is_dir() else "flush", path)

        return fsync

    def _rmtree(self, real: Callable[..., None]) -> Callable[..., None]:
        def rmtree(path: Path, *rest: Any, **more: Any) -> None:
            inside = sorted(path.rglob("*"), reverse=True) if self.holds(path) else []
            was_folder = {one: one.is_dir() for one in inside}
            real(path, *rest, **more)
            for one in inside:
                self.note("rmdir" if was_folder[one] else "unlink", one)
            if self.holds(path):
                self.note("rmdir", path)

        return rmtree


class _File:
    """A file whose writes are noted when they leave the program."""

    def __init__(self, file: Any, path: Path, recorder: Recorder) -> None:
        self._file, self._path, self._recorder = file, path, recorder
        self._waiting = b""

    def write(self, data: bytes) -> int:
        self._waiting += data
        return int(self._file.write(data))

    def flush(self) -> None:
        self._file.flush()
        waiting, self._waiting = self._waiting, b""
        if waiting:
            self._recorder.note("write", self._path, waiting)

    def fileno(self) -> int:
        return int(self._file.fileno())

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):
            self._file.close()
        waiting, self._waiting = self._waiting, b""
        if waiting:
            self._recorder.events.append(
                Operation("write", str(self._path.relative_to(self._recorder.base)), 0, waiting)
            )


@dataclass
class OneStory:
    """One case: what was handed over, and every change of the disk."""

    name: str
    parcels: list[Parcel]
    events: list[Operation | Mark]


@dataclass
class HandoverStory:
    """All recorded cases."""

    stories: list[OneStory]

    @property
    def operations(self) -> int:
        return sum(isinstance(event, Operation) for story in self.stories for event in story.events)

    @property
    def parcels(self) -> int:
        return sum(len(story.parcels) for story in self.stories)


def _item(event: Event, number: int, priority: str = "stat") -> Parcel:
    """A parcel whose files are longer than a sector, all different."""
    names = ("bundle.json", "slip.xml", "form.pdf", "stamp.jws", "message.jws")
    files = {name: f"{name} {number} ".encode() * (40 + 30 * place) for place, name in enumerate(names)}
    return parcel(event, number, case_folder=f"{priority}-{CASE_CODE}", files=files)


CASES: dict[str, list[Parcel]] = {
    "a first message": [_item(Event.SUBMIT, 1)],
    "a second message": [_item(Event.SUBMIT, 1), _item(Event.UPDATE, 2)],
    "a case becomes more urgent": [_item(Event.SUBMIT, 1, "routine"), _item(Event.UPDATE, 2)],
    "a cancellation": [_item(Event.SUBMIT, 1), _item(Event.CANCEL, 2)],
    "a new offer after a cancellation": [
        _item(Event.SUBMIT, 1),
        _item(Event.CANCEL, 2),
        _item(Event.SUBMIT, 3),
        _item(Event.CANCEL, 4),
    ],
}


def record_handovers(folder: Path, cases: dict[str, list[Parcel]] | None = None) -> HandoverStory:
    """Each case undisturbed, and with its last attempt killed after each of its calls and made again."""
    stories = []
    for name, parcels in (cases or CASES).items():
        undisturbed = _record(folder / name.replace(" ", "-"), name, parcels, -1)
        stories.append(undisturbed)
        for number in range(1, _last_attempt(undisturbed)):
            place = folder / f"{name.replace(' ', '-')}-{number}"
            stories.append(_record(place, f"{name}, killed after call {number}", parcels, number))
    return HandoverStory(stories)


def _last_attempt(story: OneStory) -> int:
    """How many calls the last attempt made."""
    marks = [place for place, event in enumerate(story.events) if isinstance(event, Mark)]
    begin = marks[-2] if len(marks) > 1 else -1
    return marks[-1] - begin - 1


def _record(base: Path, name: str, parcels: Sequence[Parcel], dies_after: int) -> OneStory:
    base.mkdir(parents=True)
    recorder = Recorder(base.resolve())
    target = FolderTarget(base.resolve() / ROOT)
    with recorder.recording():
        for number, item in enumerate(parcels):
            is_last = number == len(parcels) - 1
            recorder.dies_after = dies_after if is_last else -1
            duplicate = False
            try:
                target._deliver(item, False)
            except _KilledError:
                duplicate, recorder.dies_after = True, -1
            if duplicate:  # the next process
                target = FolderTarget(base.resolve() / ROOT)
                target._deliver(item, True)
            recorder.events.append(Mark("handed over", number))
    shutil.rmtree(base)
    return OneStory(name, list(parcels), recorder.events)


# --- images ------------------------------------------------------------------------------------------------------


class _Judge:
    """Judges images of folders, each different one once."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="power-cut-", dir=MEMORY if MEMORY.is_dir() else None))
        self._seen: dict[bytes, tuple[Verdict, str]] = {}

    @property
    def distinct(self) -> int:
        return len(self._seen)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def judge(self, story: OneStory, image: Image, told: int) -> tuple[Verdict, str]:
        """``told``: how many messages had been called handed over."""
        key = hashlib.sha256(repr((story.name, told, sorted(image.items()))).encode()).digest()
        if key not in self._seen:
            self._seen[key] = self._look(story, image, told)
        return self._seen[key]

    def _look(self, story: OneStory, image: Image, told: int) -> tuple[Verdict, str]:
        for item in story.parcels:
            for path in _visible(image, item):
                if (found := _missing(image, path, item)) is not None:
                    return Verdict.HALF, f"{item.folder} without {found}"
        for item in story.parcels[:told]:
            if not _visible(image, item):
                return Verdict.LOST, f"{item.folder} was called handed over"
        return self._goes_on(story, image, told)

    def _goes_on(self, story: OneStory, image: Image, told: int) -> tuple[Verdict, str]:
        """The product starts again on this image and hands over what it has no answer for."""
        base = self._folder / "again"
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir()
        for name, content in sorted(image.items()):
            if content is None:
                (base / name).mkdir()
            else:
                (base / name).write_bytes(content)
        target = FolderTarget(base / ROOT)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fsync", lambda _: None)  # nothing is cut here any more
                for item in story.parcels[told:]:
                    target._deliver(item, True)
        except OSError as error:
            return Verdict.CORRUPT, f"cannot go on: {type(error).__name__}"
        after: Image = {
            str(path.relative_to(base)): None if path.is_dir() else path.read_bytes() for path in base.rglob("*")
        }
        for item in story.parcels:
            places = _visible(after, item)
            if len(places) != 1:
                return Verdict.CORRUPT, f"{item.folder} is there {len(places)} times after going on"
            if (found := _missing(after, places[0], item)) is not None:
                return Verdict.HALF, f"{item.folder} without {found} after going on"
        return Verdict.GOOD, ""


def _visible(image: Image, item: Parcel) -> list[str]:
    """Where a HIS sees a message."""
    found = []
    for path, content in image.items():
        parts = path.split("/")
        if content is None and len(parts) == 3 and parts[2] == item.folder and not parts[1].startswith("."):
            assert parts[1].removeprefix(CANCELLED_PREFIX).partition("-")[2].startswith(CASE_CODE)
            found.append(path)
    return found


def _missing(image: Image, path: str, item: Parcel) -> str | None:
    """A file that is not there, or not as it should be."""
    inside = {name.rpartition("/")[2]: data for name, data in image.items() if name.startswith(f"{path}/")}
    for name, data in item.files.items():
        if inside.get(name) != data:
            return name
    unknown = set(inside) - set(item.files) - {POSSIBLE_DUPLICATE}
    return f"strange {min(unknown)}" if unknown else None


def cut_handovers(recorded: HandoverStory, images: int, seed: int) -> Tally:
    """About ``images`` images, spread over every call of every story."""
    tally, judge = Tally(), _Judge()
    points = sum(isinstance(event, Operation) for story in recorded.stories for event in story.events)
    per_point = max(1, -(-images // points))
    try:
        for story in recorded.stories:
            disk, told = Disk(), 0
            for place, event in enumerate(story.events):
                if isinstance(event, Operation):
                    disk.play(event)
                else:
                    told += 1
                count = per_point if isinstance(event, Operation) else len(KINDS)
                for number in range(count):
                    chance = random.Random(f"{seed} {story.name} {place} {number}")
                    kind = KINDS[(number if per_point >= len(KINDS) else number + place) % len(KINDS)]
                    image = disk.image(kind, chance)
                    verdict, why = judge.judge(story, image, told)
                    example = partial(Example, story.name, place, kind, number, f"{verdict}: {why}", image)
                    tally.note(kind.value, verdict, example)
    finally:
        judge.close()
    tally.distinct = judge.distinct
    return tally
