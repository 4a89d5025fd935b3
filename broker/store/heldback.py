"""Messages that wait, and which of them may be judged again now.

``try_at`` is when one was last looked at. Where its bytes were gone, it lies ahead: not before then is it looked at,
and its sender asked, again.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from broker.stages.submission import Pointer
from broker.store import tables
from broker.store.engine import Database
from schemas.reasons import ReasonCode
from schemas.times import iso, parse_iso

BATCH = 100  # looked at again in one turn
ASK_AGAIN_AFTER: Final = timedelta(hours=25)  # a sender is asked for lost bytes once a day at most
CLOCKS_APART: Final = timedelta(minutes=30)  # of the database and this process, at the very worst


class HeldBack:
    """The waiting messages of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, lanes: Collection[int], before: str, now: str) -> dict[Pointer, str]:
        """Where the messages lie that are worth another look, oldest first, and when they were appended.

        A message that came before its slip is due when the slip is there; the others when they were last looked at
        before ``before``. Times as ``schemas.times.iso``. Raises PassingError.
        """
        asked_for = held_asked(now)
        held, transfer = tables.held.c, tables.transfer.c
        slip_is_there = exists().where(
            transfer.transfer_id == held.transfer_id,
            or_(transfer.sender == held.sender, transfer.destination == held.sender),
        )
        waits_for_slip = held.reason == ReasonCode.TRANSFER_UNKNOWN
        statement = (
            select(held.topic, held.offset, held.record_sha256, held.size, held.appended_at)
            .where(held.lane.in_(sorted(lanes)))
            .where(or_(waits_for_slip & slip_is_there & ~asked_for, ~waits_for_slip & (held.try_at < before)))
            .order_by(held.held_at, held.topic, held.offset)
            .limit(BATCH)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {Pointer(row.topic, 0, row.offset, row.record_sha256, row.size): row.appended_at for row in rows}

    async def looked_at(self, pointers: Collection[Pointer], at: str) -> None:
        """These were looked at, and still wait perhaps: not again before a while. Raises PassingError."""
        async with self._database.write() as connection:
            for pointer in pointers:
                await connection.execute(update(tables.held).where(held_at_place(pointer)).values(try_at=at))


def held_at_place(pointer: Pointer) -> ColumnElement[bool]:
    """The message that waits there. In a log that was cut and has grown again another one may wait at its offset."""
    held = tables.held.c
    return and_(held.topic == pointer.topic, held.offset == pointer.offset, held.record_sha256 == pointer.record_sha256)


def held_asked(now: str) -> ColumnElement[bool]:
    """The sender was asked for the bytes less than a day ago."""
    return tables.held.c.try_at > iso(parse_iso(now) + CLOCKS_APART)
