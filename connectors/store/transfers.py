"""The local view of every transfer of this facility, as sender or as destination.

The exchange's ``event_seq`` is the order: the state told with the highest number stands, whatever came in when.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from connectors.progress import Progress, newer, progress_from, state_text
from schemas.lifecycle import TransferState
from schemas.times import iso
from schemas.urgency import Priority

_TIMES: Final = frozenset(
    {
        "prepared_at",
        "sent_at",
        "received_at",
        "delivered_at",
        "opened_at",
        "decided_at",
        "departed_at",
        "arrived_at",
        "cancelled_at",
    }
)


@dataclass(frozen=True, slots=True)
class NewTransfer:
    """A transfer as its first message tells it. ``patient`` is JSON for the hospital's own pages."""

    sender: str
    transfer_id: str
    destination: str
    case_id: str
    case_code: str
    slip_number: str | None
    priority: str
    kind: str | None
    tags: str
    patient: str
    submit_message_id: str | None


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer as this facility knows it; times are None until the stage is proven."""

    sender: str
    transfer_id: str
    destination: str
    case_id: str
    case_code: str
    slip_number: str | None
    priority: str
    raised_priority: str | None
    kind: str | None
    tags: str
    event_seq: int
    state: str
    case_folder: str | None
    patient: str
    submit_message_id: str | None
    conflict: str | None
    prepared_at: str | None
    sent_at: str | None
    received_at: str | None
    delivered_at: str | None
    opened_at: str | None
    decided_at: str | None
    departed_at: str | None
    arrived_at: str | None
    cancelled_at: str | None
    first_at: str
    last_at: str

    @property
    def progress(self) -> Progress:
        """State and its number."""
        return progress_from(self.event_seq, self.state)


_COLUMNS: Final = ", ".join(TransferRow.__dataclass_fields__)


def open_transfer(c: sqlite3.Connection, new: NewTransfer, now: datetime) -> None:
    """Write a transfer, or the newer words of an update about a known one; what is proven stays."""
    values = asdict(new)
    names = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    c.execute(
        f"INSERT INTO transfer ({names}, state, first_at, last_at) VALUES ({marks}, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (sender, transfer_id) DO UPDATE SET last_at = excluded.last_at,"
        " priority = CASE excluded.patient WHEN '{}' THEN priority ELSE excluded.priority END,"
        " tags = CASE excluded.patient WHEN '{}' THEN tags ELSE excluded.tags END,"
        " patient = CASE excluded.patient WHEN '{}' THEN patient ELSE excluded.patient END,"
        " kind = coalesce(excluded.kind, kind), slip_number = coalesce(excluded.slip_number, slip_number),"
        " submit_message_id = coalesce(submit_message_id, excluded.submit_message_id)",
        (*values.values(), state_text(TransferState()), iso(now), iso(now)),
    )


def transfer(c: sqlite3.Connection, sender: str, transfer_id: str) -> TransferRow | None:
    """One transfer."""
    found = c.execute(
        f"SELECT {_COLUMNS} FROM transfer WHERE sender = ? AND transfer_id = ?",  # noqa: S608
        (sender, transfer_id),
    ).fetchone()
    return TransferRow(*found) if found else None


def find(c: sqlite3.Connection, word: str) -> list[TransferRow]:
    """Transfers that a person means by a case code, a case id, a transfer id or a slip number; newest first."""
    rows = c.execute(
        f"SELECT {_COLUMNS} FROM transfer WHERE case_code = ?1 OR case_id = ?1 OR transfer_id = ?1"  # noqa: S608
        " OR slip_number = ?1 ORDER BY first_at DESC",
        (word,),
    )
    return [TransferRow(*row) for row in rows]


def recent(c: sqlite3.Connection, limit: int = 500) -> list[TransferRow]:
    """The newest transfers, either way."""
    rows = c.execute(f"SELECT {_COLUMNS} FROM transfer ORDER BY last_at DESC LIMIT ?", (limit,))  # noqa: S608
    return [TransferRow(*row) for row in rows]


def advance(c: sqlite3.Connection, sender: str, transfer_id: str, told: Progress, now: datetime) -> None:
    """The exchange told a state under a number: it stands unless a higher number was told before."""
    row = transfer(c, sender, transfer_id)
    if row is None:
        return
    found = newer(row.progress, told, delivered=row.delivered_at is not None)
    c.execute(
        "UPDATE transfer SET event_seq = ?, state = ?, last_at = ? WHERE sender = ? AND transfer_id = ?",
        (found.event_seq, state_text(found.state), iso(now), sender, transfer_id),
    )


def set_time(c: sqlite3.Connection, sender: str, transfer_id: str, stage: str, at: str) -> None:
    """A stage is proven; its first time stays. ``stage`` is one of the columns that end in ``_at``."""
    assert stage in _TIMES
    c.execute(
        f"UPDATE transfer SET {stage} = coalesce({stage}, ?), last_at = max(last_at, ?)"  # noqa: S608
        " WHERE sender = ? AND transfer_id = ?",
        (at, at, sender, transfer_id),
    )


def set_case_folder(c: sqlite3.Connection, sender: str, case_id: str, folder: str) -> None:
    """The name of the folder on the HIS's side for a case of a referring facility."""
    c.execute("UPDATE transfer SET case_folder = ? WHERE sender = ? AND case_id = ?", (folder, sender, case_id))


def case_folder(c: sqlite3.Connection, sender: str, case_id: str) -> str | None:
    """The folder chosen for a case of a referring facility: another one that names the case shares nothing with it."""
    row = c.execute(
        "SELECT case_folder FROM transfer WHERE sender = ? AND case_id = ? AND case_folder IS NOT NULL LIMIT 1",
        (sender, case_id),
    ).fetchone()
    return row[0] if row else None


def has_case_folder(c: sqlite3.Connection, names: Iterable[str]) -> bool:
    """True when some case has a folder of one of these names."""
    statement = "SELECT 1 FROM transfer WHERE case_folder = ?"
    return any(c.execute(statement, (name,)).fetchone() is not None for name in names)


def urgency_of_case(c: sqlite3.Connection, sender: str, case_id: str) -> Priority:
    """How urgent a case of a referring facility is, as it was told or as people here raised it."""
    rows = c.execute(
        "SELECT priority, raised_priority FROM transfer WHERE sender = ? AND case_id = ?", (sender, case_id)
    )
    said = [Priority(word) for row in rows for word in row if word]
    return min(said, key=lambda priority: priority.rank, default=Priority.ROUTINE)


def raise_priority(c: sqlite3.Connection, sender: str, transfer_id: str, priority: str) -> None:
    """People here treat it as more urgent than it says."""
    c.execute(
        "UPDATE transfer SET raised_priority = ? WHERE sender = ? AND transfer_id = ?", (priority, sender, transfer_id)
    )


def set_conflict(c: sqlite3.Connection, sender: str, transfer_id: str, conflict: Mapping[str, Any]) -> None:
    """The other party tried something that came too late; both sides show it."""
    c.execute(
        "UPDATE transfer SET conflict = ? WHERE sender = ? AND transfer_id = ?",
        (json.dumps(conflict), sender, transfer_id),
    )


@dataclass(frozen=True, slots=True)
class TransferEvent:
    """One event of a transfer as it is known here. ``event_seq`` is None until the exchange told it."""

    sender: str
    transfer_id: str
    message_id: str
    event: str
    by_facility: str
    event_seq: int | None
    at: str
    details: str
    refused: str | None


def add_event(c: sqlite3.Connection, event: TransferEvent) -> None:
    """Note an event, ours or theirs."""
    c.execute(
        "INSERT INTO transfer_event"
        " (sender, transfer_id, message_id, event, by_facility, event_seq, at, details, refused)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING",
        tuple(getattr(event, name) for name in TransferEvent.__dataclass_fields__),
    )


def settle_event(c: sqlite3.Connection, message_id: str, event_seq: int | None, refused: str | None) -> None:
    """The exchange's answer to an event of ours."""
    c.execute(
        "UPDATE transfer_event SET event_seq = ?, refused = ? WHERE message_id = ?", (event_seq, refused, message_id)
    )


def events(c: sqlite3.Connection, sender: str, transfer_id: str) -> list[TransferEvent]:
    """The events of a transfer in the exchange's order; those without a number last."""
    names = ", ".join(TransferEvent.__dataclass_fields__)
    rows = c.execute(
        f"SELECT {names} FROM transfer_event WHERE sender = ? AND transfer_id = ?"  # noqa: S608
        " ORDER BY event_seq IS NULL, event_seq, at",
        (sender, transfer_id),
    )
    return [TransferEvent(*row) for row in rows]
