"""Which numbers of the inbox are here, which are missing, since when. Missing ones are kept as ranges."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.numbers import NumberMemory
from connectors.store import meta
from schemas.limits import GAP_ALARM_AFTER, MISSING_NUMBERS_MAX
from schemas.times import iso

_VOID: Final = "void"  # stands for the digest of a number under which nothing will ever come


@dataclass(frozen=True, slots=True)
class Held:
    """What this facility holds of its inbox: all up to ``complete_to``, up to ``highest`` but for the missing ones.

    Numbers that the exchange has announced and that did not come within a minute count as missing too.
    """

    complete_to: int
    highest: int
    missing: tuple[int, ...]


def memory(c: sqlite3.Connection, number: int) -> NumberMemory:
    """What is known beside a number."""
    found = c.execute("SELECT record_sha256 FROM inbox_number WHERE delivery_seq = ?", (number,)).fetchone()
    return NumberMemory(highest(c), found[0] if found else None)


def highest(c: sqlite3.Connection) -> int:
    """The highest number seen; the start when none was."""
    found = c.execute("SELECT max(delivery_seq) FROM inbox_number").fetchone()[0]
    return int(found) if found is not None else int(meta.fact(c, meta.NUMBERS_START) or 0)


def start_from(c: sqlite3.Connection, number: int) -> None:
    """A new database meets an inbox whose beginning was removed by age: nothing before ``number`` is missing."""
    if meta.fact(c, meta.NUMBERS_START) is None:
        meta.put_fact(c, meta.NUMBERS_START, str(number - 1))


def note(c: sqlite3.Connection, number: int, record_sha256: str, now: datetime) -> None:
    """A record came under this number. Remembers the gap that it opens, closes the one that it fills."""
    _expect(c, number - 1, now)
    c.execute("INSERT OR IGNORE INTO inbox_number VALUES (?, ?)", (number, record_sha256))
    _close_gap(c, number)


def note_void(c: sqlite3.Connection, number: int, now: datetime) -> None:
    """Nothing will ever come under this number."""
    note(c, number, _VOID, now)


def expect_up_to(c: sqlite3.Connection, last: int, now: datetime) -> None:
    """The exchange says it has given out numbers up to ``last``; what is not here is on its way, or missing."""
    _expect(c, last, now)


def _expect(c: sqlite3.Connection, last: int, now: datetime) -> None:
    known = c.execute("SELECT max(last) FROM missing_range").fetchone()[0]
    first = max(highest(c), int(known or 0)) + 1
    if last >= first:
        c.execute("INSERT INTO missing_range VALUES (?, ?, ?)", (first, last, iso(now)))


def _close_gap(c: sqlite3.Connection, number: int) -> None:
    row = c.execute(
        "SELECT first, last, since FROM missing_range WHERE first <= ? AND last >= ?", (number, number)
    ).fetchone()
    if row is None:
        return
    first, last, since = row
    c.execute("DELETE FROM missing_range WHERE first = ?", (first,))
    parts = [(a, b, since) for a, b in ((first, number - 1), (number + 1, last)) if a <= b]
    c.executemany("INSERT INTO missing_range VALUES (?, ?, ?)", parts)


def held(c: sqlite3.Connection, now: datetime) -> Held:
    """What ``inbox-status`` tells."""
    top = highest(c)
    due = iso(now - GAP_ALARM_AFTER)
    ranges = c.execute(
        "SELECT first, last FROM missing_range WHERE first <= ? OR since < ? ORDER BY first", (top, due)
    ).fetchall()
    missing: list[int] = []
    for first, last in ranges:
        missing.extend(range(first, min(last, first + MISSING_NUMBERS_MAX - len(missing) - 1) + 1))
        if len(missing) >= MISSING_NUMBERS_MAX:
            break
    complete_to = min(int(ranges[0][0]) - 1, top) if ranges else top
    return Held(complete_to, top, tuple(missing))


def missing_since_before(c: sqlite3.Connection, moment: datetime) -> list[tuple[int, int]]:
    """Ranges that were found missing before this moment and have not come: (first, last)."""
    rows = c.execute("SELECT first, last FROM missing_range WHERE since < ? ORDER BY first LIMIT 20", (iso(moment),))
    return [(int(row[0]), int(row[1])) for row in rows]
