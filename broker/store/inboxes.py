"""Inboxes: the last number given out, and whether somebody watches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select

from broker.store import tables
from broker.store.engine import Database
from schemas.times import iso, parse_iso

WATCHED_WITHIN: Final = timedelta(minutes=2)  # a connector with a board open says how it stands at least this often


@dataclass(frozen=True, slots=True)
class InboxSeen:
    """One inbox: its owner, the last number given out (0 when none), and whether a board is open there."""

    destination: str
    last: int
    watched: bool


class InboxTable:
    """Looks at the inboxes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_lanes(self, lanes: Iterable[int], now: str) -> list[InboxSeen]:
        """Every active facility's inbox in some lanes. ``now`` as ``schemas.times.iso``. Raises PassingError."""
        facility, counter, status = tables.facility.c, tables.inbox_counter.c, tables.inbox_status.c
        since = iso(parse_iso(now) - WATCHED_WITHIN)
        statement = (
            select(facility.facility_id, func.coalesce(counter.next_seq, 1), status.received_at)
            .join_from(tables.facility, tables.inbox_counter, counter.destination == facility.facility_id, isouter=True)
            .join(tables.inbox_status, status.destination == facility.facility_id, isouter=True)
            .where(facility.lane.in_(sorted(lanes)), facility.status == "active")
            .order_by(facility.facility_id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [InboxSeen(code, next_seq - 1, bool(said and said >= since)) for code, next_seq, said in rows]
