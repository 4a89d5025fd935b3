"""Single facts of this database, and where reading goes on."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

INCARNATION: Final = "incarnation"
COUNTER: Final = "counter"
GENERATION: Final = "generation"
FIRST_START: Final = "first_start"
ENTRY_VERSION: Final = "entry_version"  # of our own directory entry, as last sent
ENTRY_CONTENT: Final = "entry_content"  # digest of what it said
ENTRY_TOKEN: Final = "entry_token"  # noqa: S105  as it was signed
STATUS_SENT: Final = "status_sent"  # the last inbox-status: complete_to, highest, missing, generation
STATUS_AT: Final = "status_at"
SERIALS_LEFT_OUT: Final = 500  # more than one hospital sends in a day
NUMBERS_START: Final = "numbers_start"  # the number before the first one that this database ever saw
DOUBTFUL_BEFORE: Final = "doubtful_before"  # a backup was put back: what lies before this offset may have been had
HEAD: Final = "head"  # the last number the exchange says it has given out


@dataclass(frozen=True, slots=True)
class Position:
    """Reading of a topic goes on at ``next_offset``; the record before it had this digest."""

    next_offset: int
    anchor_sha256: str | None


class PositionMovedError(Exception):
    """The read position is not where this process left it: another one wrote. Nothing may be committed."""


def fact(c: sqlite3.Connection, name: str) -> str | None:
    """A single fact, or None."""
    row = c.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(row[0]) if row else None


def put_fact(c: sqlite3.Connection, name: str, value: str) -> None:
    """Set a single fact."""
    c.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def incarnation(c: sqlite3.Connection, new_id: Callable[[], str]) -> str:
    """The random id of this database; a copy of the file has the same one, which is how clones are found out."""
    found = fact(c, INCARNATION)
    if found is None:
        found = new_id()
        put_fact(c, INCARNATION, found)
    return found


def next_counter(c: sqlite3.Connection) -> int:
    """The next number of this incarnation, never given twice; a crash may leave one unused."""
    counter = int(fact(c, COUNTER) or 0) + 1
    put_fact(c, COUNTER, str(counter))
    return counter


def next_serial(c: sqlite3.Connection, day: date) -> int:
    """The next serial of a day, for case codes."""
    row = c.execute(
        "INSERT INTO day_serial (day, last) VALUES (?, 1)"
        " ON CONFLICT (day) DO UPDATE SET last = last + 1 RETURNING last",
        (day.isoformat(),),
    ).fetchone()
    return int(row[0])


def generation(c: sqlite3.Connection) -> int:
    """The exchange's generation as last announced."""
    return int(fact(c, GENERATION) or 1)


def came_back(c: sqlite3.Connection, today: date) -> None:
    """This database was put back from a backup: another one has lived since, under this incarnation and these serials.

    It gets an incarnation of its own, serials that nobody has printed, and doubts about what lies in its inbox.
    """
    c.execute("DELETE FROM meta WHERE name IN (?, ?)", (INCARNATION, COUNTER))
    put_fact(c, DOUBTFUL_BEFORE, "")
    c.execute("INSERT INTO day_serial (day, last) VALUES (?, 0) ON CONFLICT (day) DO NOTHING", (today.isoformat(),))
    c.execute("UPDATE day_serial SET last = last + ?", (SERIALS_LEFT_OUT,))


def doubtful_before(c: sqlite3.Connection, end: int) -> int:
    """Before which offset of the inbox another database may have had the records; 0 where there was none.

    The first connection after a backup was put back settles it: ``end`` of the log then.
    """
    found = fact(c, DOUBTFUL_BEFORE)
    if found is None:
        return 0
    if not found:
        put_fact(c, DOUBTFUL_BEFORE, str(end))
        return end
    return int(found)


def position(c: sqlite3.Connection, topic: str) -> Position | None:
    """Where reading of a topic goes on; None before the first record."""
    row = c.execute("SELECT next_offset, anchor_sha256 FROM position WHERE topic = ?", (topic,)).fetchone()
    return Position(int(row[0]), row[1]) if row else None


def move_position(c: sqlite3.Connection, topic: str, old: int | None, new: Position) -> None:
    """Compare and swap. Raises PositionMovedError, which must roll the transaction back."""
    if old is None:
        changed = c.execute(
            "INSERT INTO position (topic, next_offset, anchor_sha256) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (topic, new.next_offset, new.anchor_sha256),
        ).rowcount
    else:
        changed = c.execute(
            "UPDATE position SET next_offset = ?, anchor_sha256 = ? WHERE topic = ? AND next_offset = ?",
            (new.next_offset, new.anchor_sha256, topic, old),
        ).rowcount
    if changed != 1:
        raise PositionMovedError
