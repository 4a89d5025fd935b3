"""Which case a slip of the HIS became: a corrected export must never become a second case."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from schemas.times import iso


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A case that this connector opened from a slip.

    ``slip_sha256`` recognises the same content; ``slip`` is its latest values as JSON, for the next difference.
    """

    key: str
    case_id: str
    transfer_id: str
    case_code: str
    destination: str
    slip_sha256: str
    slip: str
    priority: str
    submit_message_id: str
    last_message_id: str


def known_case(c: sqlite3.Connection, key: str) -> KnownCase | None:
    """The case behind a slip's key."""
    row = c.execute(
        "SELECT key, case_id, transfer_id, case_code, destination, slip_sha256, slip, priority, submit_message_id,"
        " last_message_id FROM case_key WHERE key = ?",
        (key,),
    ).fetchone()
    return KnownCase(*row) if row else None


def remember_case(c: sqlite3.Connection, case: KnownCase, now: datetime) -> None:
    """Write a new case, or the latest values of a known one."""
    c.execute(
        "INSERT INTO case_key (key, case_id, transfer_id, case_code, destination, slip_sha256, slip, priority,"
        " submit_message_id, last_message_id, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET transfer_id = excluded.transfer_id, destination = excluded.destination,"
        " slip_sha256 = excluded.slip_sha256, slip = excluded.slip, priority = excluded.priority,"
        " submit_message_id = excluded.submit_message_id, last_message_id = excluded.last_message_id, at = excluded.at",
        (
            case.key,
            case.case_id,
            case.transfer_id,
            case.case_code,
            case.destination,
            case.slip_sha256,
            case.slip,
            case.priority,
            case.submit_message_id,
            case.last_message_id,
            iso(now),
        ),
    )
