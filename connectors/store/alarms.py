"""Alarms: one open row per code and place, counted, until a person or the end of the cause clears it."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.times import iso


@dataclass(frozen=True, slots=True)
class Alarm:
    """An open alarm. ``place`` is a number, an id or a topic, never a value of a patient."""

    id: int
    code: str
    place: str
    at: str
    last_at: str
    times: int


def raise_alarm(c: sqlite3.Connection, code: str, place: str, now: datetime) -> None:
    """Open an alarm, or count it once more."""
    c.execute(
        "INSERT INTO alarm (code, place, at, last_at, times) VALUES (?, ?, ?, ?, 1)"
        " ON CONFLICT (code, place) WHERE cleared_at IS NULL"
        " DO UPDATE SET last_at = excluded.last_at, times = times + 1",
        (code, place, iso(now), iso(now)),
    )


def clear_alarm(c: sqlite3.Connection, code: str, place: str, now: datetime) -> bool:
    """Close an alarm whose cause is gone. True when one was open."""
    statement = "UPDATE alarm SET cleared_at = ? WHERE code = ? AND place = ? AND cleared_at IS NULL"
    return c.execute(statement, (iso(now), code, place)).rowcount == 1


def dismiss(c: sqlite3.Connection, ids: Iterable[int], now: datetime) -> None:
    """Close alarms that a person has seen."""
    c.executemany("UPDATE alarm SET cleared_at = ? WHERE id = ?", [(iso(now), number) for number in ids])


def open_alarms(c: sqlite3.Connection) -> list[Alarm]:
    """Open alarms, newest first."""
    rows = c.execute("SELECT id, code, place, at, last_at, times FROM alarm WHERE cleared_at IS NULL ORDER BY id DESC")
    return [Alarm(*row) for row in rows]
