"""Messages on their way to the hospital's own software. An attempt is written down before it is made."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.times import iso


@dataclass(frozen=True, slots=True)
class Handover:
    """One message to hand over. ``open_attempt``: an attempt began and its outcome was never written down."""

    inbox_id: int
    case_folder: str
    ordinal: int
    attempts: int
    open_attempt: bool
    possible_duplicate: bool
    case_id: str
    event: str
    priority: str
    sender: str
    message_id: str


_QUERY: Final = (
    "SELECT h.inbox_id, h.case_folder, h.ordinal, h.attempts, h.open_attempt, h.possible_duplicate,"
    " i.case_id, i.event, i.priority, i.sender, i.message_id FROM handover h JOIN inbox i ON i.id = h.inbox_id"
)


@dataclass(frozen=True, slots=True)
class NewHandover:
    """Where a message goes. ``possible_duplicate``: an earlier database of this site may have handed it over."""

    inbox_id: int
    case_folder: str
    ordinal: int
    possible_duplicate: bool = False


def add(c: sqlite3.Connection, new: NewHandover, now: datetime) -> None:
    """A message is to be handed over."""
    c.execute(
        "INSERT INTO handover (inbox_id, case_folder, ordinal, state, possible_duplicate, at)"
        " VALUES (?, ?, ?, 'waiting', ?, ?)",
        (new.inbox_id, new.case_folder, new.ordinal, int(new.possible_duplicate), iso(now)),
    )


def waiting(c: sqlite3.Connection) -> list[Handover]:
    """What is to be handed over, in the order of arrival."""
    return [_handover(row) for row in c.execute(f"{_QUERY} WHERE h.state = 'waiting' ORDER BY h.inbox_id")]


def _handover(row: sqlite3.Row) -> Handover:
    return Handover(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5]), row[6], row[7], row[8], row[9], row[10])


def begin(c: sqlite3.Connection, inbox_id: int) -> bool:
    """An attempt begins. True when an earlier one may have reached the HIS: the mark then stays for good."""
    row = c.execute(
        "UPDATE handover SET attempts = attempts + 1, possible_duplicate = possible_duplicate | open_attempt,"
        " open_attempt = 1 WHERE inbox_id = ? RETURNING possible_duplicate",
        (inbox_id,),
    ).fetchone()
    return bool(row[0])


def failed(c: sqlite3.Connection, inbox_id: int, error: str, *, outcome_known: bool) -> None:
    """An attempt failed. With a known outcome (a clear no) the HIS does not have it, so a repeat is no duplicate."""
    c.execute(
        "UPDATE handover SET last_error = ?, open_attempt = ? WHERE inbox_id = ?",
        (error, int(not outcome_known), inbox_id),
    )


def done(c: sqlite3.Connection, inbox_id: int, now: datetime) -> None:
    """The HIS has it."""
    c.execute(
        "UPDATE handover SET state = 'done', open_attempt = 0, last_error = NULL, done_at = ? WHERE inbox_id = ?",
        (iso(now), inbox_id),
    )


def failing(c: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """Messages that the HIS did not take yet: (inbox row, last error, attempts)."""
    rows = c.execute(
        "SELECT inbox_id, last_error, attempts FROM handover WHERE state = 'waiting' AND last_error IS NOT NULL"
    )
    return [(row[0], row[1], row[2]) for row in rows]
