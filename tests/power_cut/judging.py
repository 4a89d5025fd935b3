"""What a reopened image must hold, and the search for one that does not.

A recorded run is a story: numbered transactions, each begun and then called durable, and facts that others saw. Played
to the end, it gives the content of the database after each transaction. An image that a cut left after some operation
is opened by the product's own code and must then hold exactly one of those contents: none older than what had been
called durable, none older than any fact that somebody outside had seen by then, none that had not begun. It must be
whole by SQLite's own check, of this library and of another version, and keep the laws of its subject: what belongs
together is there together.
"""

import hashlib
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Protocol

import apsw
import pytest

from tests.power_cut.disk import Disk, Image, Kind, Operation
from tests.power_cut.recording_vfs import Mark, Trace, recording

_AGAIN_EACH: Final = 40  # images that the recovery of one image gives, about
_LEAST: Final = 6  # images at a point: what is certain, and some lots
_EXAMPLES: Final = 5  # kept of what must not be
_START_EVERY: Final = 8  # contents: a whole start of the product is slow, and what it reads is the same
MEMORY: Final = Path("/dev/shm")  # images live and die here; no disk wears out
Fact = tuple[Any, ...]
Fingerprint = tuple[int, bytes]
Mistake = Callable[[pytest.MonkeyPatch], None]  # put into the product while it is recorded


def none(_: pytest.MonkeyPatch) -> None:
    """No mistake."""


@contextmanager
def mistaken(mistake: Mistake) -> Iterator[None]:
    """The product with a mistake in it."""
    with pytest.MonkeyPatch.context() as patch:
        mistake(patch)
        yield


class Verdict(StrEnum):
    """What an image is."""

    GOOD = "good"
    LOST = "lost"  # older than what had been called durable, or than what others had seen
    CORRUPT = "corrupt"  # SQLite or the product cannot read it, or it holds what never was
    HALF = "half"  # a law of the subject is broken: one part of a change without the other
    INVENTED = "invented"  # newer than anything begun


class Subject(Protocol):
    """One kind of database. A subject must be picklable by being forked with."""

    file: str

    def open(self, folder: Path) -> sqlite3.Connection:
        """Open by the product's own code. Raises whatever that raises."""

    def start(self, folder: Path) -> None:
        """Everything a start of the product does with its database; slower than ``open``. Raises as it does."""

    def facts(self, c: sqlite3.Connection) -> frozenset[Fact]:
        """What this content remembers of what others may have seen."""

    def broken_laws(self, c: sqlite3.Connection) -> list[str]:
        """What does not belong together, without a value of a patient."""


@dataclass(frozen=True, slots=True)
class Content:
    """A database as it was found. ``fault``: why it cannot be used; ``broken``: laws that it breaks."""

    digest: bytes
    fault: str = ""
    broken: tuple[str, ...] = ()
    facts: frozenset[Fact] = frozenset()


class Reader:
    """Opens images. ``close`` removes its folder."""

    def __init__(self, subject: Subject, known: "dict[Fingerprint, Content] | None" = None) -> None:
        self._subject = subject
        self._folder = Path(tempfile.mkdtemp(prefix="power-cut-", dir=MEMORY if MEMORY.is_dir() else None))
        self._images: dict[tuple[Any, ...], Content] = {}
        self.contents = {} if known is None else known

    @property
    def distinct(self) -> int:
        """How many different images were opened."""
        return len(self._images)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self, image: Image) -> Content:
        """Open an image; one that was seen before is not opened again."""
        key = tuple((name, _fingerprint(data or b"")) for name, data in sorted(image.items()))
        if key not in self._images:
            self._images[key] = self._open(image)
        return self._images[key]

    def _open(self, image: Image) -> Content:
        self._lay_out(image)
        try:
            connection = self._subject.open(self._folder)
        except Exception as error:  # whatever the product's opening raises, the hospital cannot start
            return Content(b"", f"{type(error).__name__} {error}")
        with closing(connection):
            recovered = (self._folder / self._subject.file).read_bytes()
            key = _fingerprint(recovered)
            if key not in self.contents:
                self.contents[key] = self._look(connection, recovered)
        return self.contents[key]

    def operations(self, image: Image) -> list[Operation]:
        """What opening an image does to the disk: a recovery, where one is due."""
        self._lay_out(image)
        trace = Trace(self._subject.file, born=set(image))
        with recording(self._folder / self._subject.file, trace):
            try:
                self._subject.open(self._folder).close()
            except Exception:  # judged where the image itself is
                return []
        return [event for event in trace.events if isinstance(event, Operation)]

    def _lay_out(self, image: Image) -> None:
        for left in self._folder.iterdir():
            left.unlink()
        for name, data in image.items():
            if data is not None:
                (self._folder / name).write_bytes(data)

    def _look(self, c: sqlite3.Connection, recovered: bytes) -> Content:
        """Everything about a content that was not met before."""
        fault = _integrity(c) or _other_opinion(recovered)
        if not fault and len(self.contents) % _START_EVERY == 0:
            fault = self._refuses(recovered)
        if fault:
            return Content(b"", fault)
        return Content(_digest(c), "", tuple(self._subject.broken_laws(c)), self._subject.facts(c))

    def _refuses(self, recovered: bytes) -> str:
        """Why the product would not start on this content; empty when it does."""
        beside = self._folder / "start"
        beside.mkdir()
        try:
            (beside / self._subject.file).write_bytes(recovered)
            self._subject.start(beside)
        except Exception as error:
            return f"{type(error).__name__} {error}"
        finally:
            shutil.rmtree(beside)
        return ""


def _fingerprint(data: bytes) -> Fingerprint:
    return len(data), hashlib.sha1(data, usedforsecurity=False).digest()


def _integrity(c: sqlite3.Connection) -> str:
    """What the library of the product finds wrong; empty for nothing."""
    try:
        found = str(c.execute("PRAGMA integrity_check").fetchone()[0])
        dangling = c.execute("PRAGMA foreign_key_check").fetchone() is not None
    except sqlite3.Error as error:
        return f"{type(error).__name__} {error}"
    return "a reference to nothing" if found == "ok" and dangling else "" if found == "ok" else found


def _other_opinion(content: bytes) -> str:
    """What a library of another version finds wrong; an empty file is an empty database."""
    if not content:
        return ""
    with closing(apsw.Connection(":memory:")) as other:
        try:
            other.deserialize("main", content)
            found = str(other.execute("PRAGMA integrity_check").fetchall()[0][0])
        except apsw.Error as error:
            return f"SQLite {apsw.sqlite_lib_version()}: {type(error).__name__}"
    return "" if found == "ok" else f"SQLite {apsw.sqlite_lib_version()}: {found}"


def _digest(c: sqlite3.Connection) -> bytes:
    """Every row of every table."""
    digest = hashlib.blake2b()
    tables = [row[0] for row in c.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    for table in tables:
        digest.update(repr(table).encode())
        rows = sorted(repr(tuple(row)) for row in c.execute(f'SELECT * FROM "{table}"'))
        digest.update("\n".join(rows).encode())
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which the power may go: after ``event``. Transactions by number."""

    event: int
    begun: int
    durable: int  # -1: the database had not been opened yet
    why: str  # what set the bar that high

    @property
    def is_judged(self) -> bool:
        return self.durable >= 0


class NotRememberedError(Exception):
    """Something was told to others that no later content of the database holds."""


@dataclass
class Story:
    """A recorded run with its contents after each transaction, and every point at which something was pending."""

    name: str
    subject: Subject
    trace: Trace
    contents: list[Content] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    known: dict[Fingerprint, Content] = field(default_factory=dict)  # contents that were looked at already
    empty: Content = Content(b"")  # what opening makes of nothing

    @cached_property
    def numbers(self) -> dict[bytes, list[int]]:
        """The transactions after which the database held a content."""
        found: dict[bytes, list[int]] = {}
        for number, content in enumerate(self.contents):
            found.setdefault(content.digest, []).append(number)
        return found

    @classmethod
    def of(cls, name: str, subject: Subject, trace: Trace) -> "Story":
        """Play a trace to its end. Raises NotRememberedError."""
        story = cls(name, subject, trace)
        reader = Reader(subject, story.known)
        try:
            story.empty = reader.read({})
            story._play(reader)
        finally:
            reader.close()
        story._find_points()
        return story

    def _play(self, reader: Reader) -> None:
        disk, chance = Disk(), random.Random(0)
        opened = False
        for event in self.trace.events:
            if isinstance(event, Operation):
                disk.play(event)
            elif event.what == "opened" and not opened:
                opened = True
            elif event.what == "begin" and opened:
                self.contents.append(reader.read(disk.image(Kind.EVERYTHING, chance)))
        self.contents.append(reader.read(disk.image(Kind.EVERYTHING, chance)))

    def _find_points(self) -> None:
        disk = Disk()
        first = self._first_number()
        begun, durable, why = 0, -1, ""
        for place, event in enumerate(self.trace.events):
            if isinstance(event, Operation):
                disk.play(event)
                if not disk.is_settled:
                    self.points.append(Point(place, begun, durable, why))
                continue
            number = event.number - first + 1
            if event.what == "opened":
                durable = max(durable, 0)
            elif event.what == "begin" and durable >= 0:
                begun = number
            elif event.what == "durable" and durable >= 0 and number > durable:
                durable, why = number, f"transaction {number} was called durable"
            elif event.what == "effect" and durable >= 0:
                needed = self._needed(event.fact, begun)
                if needed > durable:
                    durable, why = needed, f"others had seen: {event.fact[0]}"

    def _first_number(self) -> int:
        """The first transaction after the database was opened for the first time."""
        opened = False
        for event in self.trace.events:
            if isinstance(event, Mark):
                opened = opened or event.what == "opened"
                if opened and event.what == "begin":
                    return event.number
        return self.trace.writes + 1

    def _needed(self, fact: Fact, begun: int) -> int:
        """The transaction since which the database remembers a fact."""
        for number, content in enumerate(self.contents):
            if fact in content.facts:
                return number
        raise NotRememberedError(f"{self.name}: {fact[0]} after transaction {begun}")

    def broken_laws(self) -> list[str]:
        """Laws that the contents after whole transactions break: these are not the disk's doing."""
        return [
            f"after transaction {number}: {law}"
            for number, content in enumerate(self.contents)
            for law in ((content.fault,) if content.fault else content.broken)
        ]

    def writes_content(self, point: Point) -> bool:
        """Whether the database's own file is being written: what is there then must be taken back at the next start."""
        event = self.trace.events[point.event]
        return isinstance(event, Operation) and (event.what, event.path) == ("write", self.subject.file)

    def judge(self, point: Point, content: Content) -> tuple[Verdict, str]:
        """What an image that was cut at a point is, and why."""
        if content.fault:
            return Verdict.CORRUPT, content.fault
        if not point.is_judged:
            return Verdict.GOOD, ""
        if content.broken:
            return Verdict.HALF, content.broken[0]
        numbers = self.numbers.get(content.digest)
        if numbers is None and content.digest == self.empty.digest:
            return Verdict.LOST, f"everything; {point.why}"
        if numbers is None:
            return Verdict.CORRUPT, "a content that never was"
        held = max((number for number in numbers if number <= point.begun), default=None)
        if held is None:
            return Verdict.INVENTED, f"holds transaction {numbers[0]}, begun was {point.begun}"
        if held < point.durable:
            return Verdict.LOST, f"holds transaction {held}; {point.why}"
        return Verdict.GOOD, ""


# --- the images of a story ---------------------------------------------------------------------------------------


@dataclass
class Example:
    """The first image of a verdict that must not be: enough to build it again."""

    story: str
    event: int
    kind: str
    number: int
    why: str
    image: Image = field(default_factory=dict, repr=False)


@dataclass
class Tally:
    """What was found."""

    images: int = 0
    distinct: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another's figures in."""
        self.images += other.images
        self.distinct += other.distinct
        self.kinds += other.kinds
        self.verdicts += other.verdicts
        self.examples += other.examples

    def note(self, kind: str, verdict: Verdict, example: Callable[[], Example]) -> None:
        """One image was judged."""
        self.images += 1
        self.kinds[kind] += 1
        self.verdicts[verdict.value] += 1
        if verdict is not Verdict.GOOD and len(self.examples) < _EXAMPLES:
            self.examples.append(example())

    @property
    def bad(self) -> int:
        """Images that are not good."""
        return self.images - self.verdicts[Verdict.GOOD]


def kinds_at(disk: Disk, count: int) -> Iterator[Kind]:
    """The kinds of ``count`` images at one point: what is certain first, then lots."""
    plain = [Kind.NOTHING, Kind.EVERYTHING]
    if disk.root.pending:
        plain += [Kind.NAMES, Kind.CONTENTS]
    for number in range(count):
        yield plain[number] if number < len(plain) else (Kind.SUBSET, Kind.TORN)[number % 2]


def cut(story: Story, places: Sequence[int], per_point: int, seed: int) -> Tally:
    """Build and judge ``per_point`` images at each of the story's points that ``places`` name (ascending)."""
    tally, disk, reader = Tally(), Disk(), Reader(story.subject, story.known)
    played = 0
    try:
        for place in places:
            point = story.points[place]
            for event in story.trace.events[played : point.event + 1]:
                if isinstance(event, Operation):
                    disk.play(event)
            played = point.event + 1
            for number, kind in enumerate(kinds_at(disk, per_point)):
                chance = random.Random(f"{seed} {story.name} {point.event} {number}")
                image = disk.image(kind, chance)
                verdict, why = story.judge(point, reader.read(image))
                tally.note(
                    kind.value,
                    verdict,
                    partial(Example, story.name, point.event, kind, number, f"{verdict}: {why}", image),
                )
        tally.distinct = reader.distinct
    finally:
        reader.close()
    return tally


def cut_again(story: Story, images: int, seed: int) -> Tally:
    """About ``images`` images of a second cut: the power goes once more while the first one is being recovered from."""
    tally, reader = Tally(), Reader(story.subject, story.known)
    chance = random.Random(f"{seed} {story.name} again")
    places = [place for place, point in enumerate(story.points) if point.is_judged and story.writes_content(point)]
    disk, played = Disk(), 0
    tries = sorted(chance.sample(places, min(len(places), max(2, images // _AGAIN_EACH))))
    try:
        for place in tries:
            point = story.points[place]
            for event in story.trace.events[played : point.event + 1]:
                if isinstance(event, Operation):
                    disk.play(event)
            played = point.event + 1
            first = disk.image(chance.choice((Kind.EVERYTHING, Kind.SUBSET, Kind.TORN)), chance)
            second = Disk.holding(first)
            for number, operation in enumerate(reader.operations(first)):
                second.play(operation)
                for kind in (Kind.NOTHING, Kind.EVERYTHING, Kind.SUBSET, Kind.TORN) if not second.is_settled else ():
                    image = second.image(kind, chance)
                    verdict, why = story.judge(point, reader.read(image))
                    tally.note(
                        "second-cut",
                        verdict,
                        partial(Example, story.name, point.event, kind, number, f"again {verdict}: {why}", image),
                    )
        tally.distinct = reader.distinct
    finally:
        reader.close()
    return tally


def spread(story: Story, images: int, seed: int) -> tuple[list[int], int]:
    """Which of the story's points, and how many images at each, so that about ``images`` come together.

    Making the tables is one long transaction; it gets a tenth, everything that is judged against a promise the rest.
    """
    opening = [place for place, point in enumerate(story.points) if not point.is_judged]
    work = [place for place, point in enumerate(story.points) if point.is_judged]
    chance = random.Random(f"{seed} {story.name}")
    some = chance.sample(work, min(len(work), max(1, images * 9 // 10 // _LEAST)))
    per_point = max(_LEAST, -(-images * 9 // 10 // len(some))) if some else _LEAST
    some += chance.sample(opening, min(len(opening), images // 10 // per_point))
    return sorted(some), per_point
