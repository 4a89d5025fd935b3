"""Small things once in a while: the minute's junk into the audit log, finished attempts out of their table, and word
of slips that never arrived to their senders.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import delete, exists, select, update

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.writes import Writes
from broker.store import tables
from broker.store.engine import Database
from broker.store.undelivered import tell_senders
from broker.store.writing import write
from broker.trouble import TROUBLES, Trouble
from schemas.times import iso
from schemas.topics import facility_of_topic
from transport.clock import Clock

EVERY_S: Final = 20.0
UNDELIVERED_EVERY_S: Final = 3_600.0  # what is a matter of weeks needs no closer look
MINUTE_CHARS: Final = 16
_LEASE_LANE: Final = 0  # its owner keeps house for all


class Housekeeping:
    """The housekeeping of one database."""

    def __init__(self, database: Database, signer: Signer, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._told_at = float("-inf")

    async def run(self, epochs: Callable[[], Mapping[int, int]], stop: asyncio.Event, trouble: Trouble) -> None:
        """Until ``stop``. Raises CommitUnknownError."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(EVERY_S):
                    await stop.wait()
            except TimeoutError:
                pass
            if _LEASE_LANE in epochs():
                try:
                    await self.keep_house()
                    trouble.over()
                except TROUBLES as error:
                    await trouble.rest(error, stop)

    async def keep_house(self) -> None:
        """One round."""
        await self.report_junk()
        await self.forget_attempts()
        if self._clock.monotonic() - self._told_at >= UNDELIVERED_EVERY_S:
            await tell_senders(self._database, self._signer, self._clock.now())
            self._told_at = self._clock.monotonic()

    async def report_junk(self) -> int:
        """One audit entry for each topic and reason of every minute that is over; returns how many."""
        now = self._clock.now()
        junk = tables.junk_counter
        async with self._database.write() as connection:
            context = Context(Ledger(), Writes(), self._signer, now, os.urandom)
            due = (~junk.c.reported, junk.c.minute < iso(now)[:MINUTE_CHARS])
            rows = (await connection.execute(select(junk).where(*due).with_for_update())).all()
            for row in rows:
                facts = {
                    "topic": row.topic,
                    "reason": row.reason,
                    "count": row.records,
                    "from_at": f"{row.minute}:00.000Z",
                }
                context.audit(Action.JUNK_COUNTED, facts, facility_of_topic(row.topic))
            await connection.execute(update(junk).where(*due).values(reported=True))
            await write(connection, context.writes)
        return len(rows)

    async def forget_attempts(self) -> None:
        """Records whose position has passed need no count of attempts any more."""
        attempt, position = tables.attempt, tables.source_position.c
        passed = exists().where(position.topic == attempt.c.topic, position.next_offset > attempt.c.offset)
        async with self._database.write() as connection:
            await connection.execute(delete(attempt).where(passed))
