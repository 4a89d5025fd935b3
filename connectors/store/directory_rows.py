"""Other facilities as the exchange passes them on: signed entries and the register of who exists."""

import sqlite3
from datetime import datetime

from schemas.times import iso


def peer_entries(c: sqlite3.Connection) -> list[tuple[str, int, bytes]]:
    """(facility, version, the facility's own signed entry)."""
    return [(row[0], int(row[1]), row[2]) for row in c.execute("SELECT facility, version, entry FROM peer")]


def store_peer(
    c: sqlite3.Connection, facility: str, *, version: int, entry: bytes, countersigned: bytes, now: datetime
) -> None:
    """Keep an entry that was verified and is newer than the one here."""
    c.execute(
        "INSERT INTO peer VALUES (?, ?, ?, ?, ?) ON CONFLICT (facility) DO UPDATE SET version = excluded.version,"
        " entry = excluded.entry, countersigned = excluded.countersigned, at = excluded.at"
        " WHERE excluded.version > version",
        (facility, version, entry, countersigned, iso(now)),
    )


def register_version(c: sqlite3.Connection) -> int:
    """The version of the register in use; 0 before the first complete one."""
    row = c.execute(
        "SELECT max(version) FROM (SELECT version FROM register_page GROUP BY version HAVING count(*) = max(pages))"
    ).fetchone()
    return int(row[0] or 0)


def register_pages(c: sqlite3.Connection) -> list[bytes]:
    """The payloads of the newest complete register's pages, in order."""
    rows = c.execute("SELECT token FROM register_page WHERE version = ? ORDER BY page", (register_version(c),))
    return [row[0] for row in rows]


def store_register_page(
    c: sqlite3.Connection, *, version: int, page: int, pages: int, payload: bytes, now: datetime
) -> None:
    """Keep a page; older registers go once a newer one is complete."""
    if version < register_version(c):
        return
    c.execute("INSERT OR IGNORE INTO register_page VALUES (?, ?, ?, ?, ?)", (version, page, pages, payload, iso(now)))
    c.execute("DELETE FROM register_page WHERE version < ?", (register_version(c),))
