"""What the receiving desk's board asks of the store."""

import sqlite3
from datetime import datetime
from typing import Final

from connectors.store.transfers import TransferRow
from schemas.events import Event
from schemas.times import iso

_COLUMNS: Final = ", ".join(TransferRow.__dataclass_fields__)


def incoming(c: sqlite3.Connection, facility: str, changed_since: datetime) -> list[TransferRow]:
    """Transfers to this facility: every one that is undecided, and the others while they changed lately."""
    rows = c.execute(
        f"SELECT {_COLUMNS} FROM transfer WHERE destination = ? AND (last_at >= ?"  # noqa: S608
        " OR (json_extract(state, '$.decision') IN ('open', 'under-review', 'awaiting-information')"
        " AND json_extract(state, '$.journey') IN ('not-departed', 'departed')))",
        (facility, iso(changed_since)),
    )
    return [TransferRow(*row) for row in rows]


def handed_over(c: sqlite3.Connection, sender: str, case_id: str) -> tuple[bool, bool]:
    """Whether any message of a referring facility's case lies with the HIS, and whether a cancellation does."""
    rows = c.execute(
        "SELECT i.event FROM handover h JOIN inbox i ON i.id = h.inbox_id"
        " WHERE i.sender = ? AND i.case_id = ? AND h.state = 'done'",
        (sender, case_id),
    )
    events = {row[0] for row in rows}
    return bool(events), Event.CANCEL.value in events
