"""Alarms of the exchange about itself, raised outside of any turn: the same one once a day while nobody has seen it."""

import os
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.writes import Writes
from broker.store import tables
from broker.store.engine import Database
from broker.store.writing import write
from schemas.times import iso
from transport.clock import Clock

AGAIN_AFTER: Final = timedelta(days=1)

STORE_FAULT: Final = "store-fault"  # the database refuses what a task asks of it


class AlarmTable:
    """The alarms of one database."""

    def __init__(self, database: Database, signer: Signer, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    async def raise_once(self, alarm: str, facility: str | None = None) -> bool:
        """Let the operator see something, unless the same stands there already; True when it is new.

        Raises StoreError of every kind.
        """
        now: datetime = self._clock.now()
        columns = tables.alarm.c
        same = select(columns.id).where(
            columns.alarm == alarm,
            columns.facility.is_not_distinct_from(facility),
            columns.seen_at.is_(None),
            columns.at > iso(now - AGAIN_AFTER),
        )
        async with self._database.write() as connection:
            if (await connection.execute(same.limit(1))).first() is not None:
                return False
            context = Context(Ledger(), Writes(), self._signer, now, os.urandom)
            context.alarm(alarm, facility, None)
            await write(connection, context.writes)
        return True
