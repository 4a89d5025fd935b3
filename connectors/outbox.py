"""Sending: one record at a time, the most urgent first, again and again until a receipt is held.

What is durable decides what is sent; when it is sent again is kept in memory by the monotonic clock, so that a jump of
the wall clock neither delays nor floods. After a start everything unanswered is due soon: the exchange answers repeats
from its store.
"""

import asyncio
import contextlib
import sqlite3
from datetime import datetime
from functools import partial
from typing import Final

from connectors.link import LinkDownError, Outgoing, SubmitLink, Trouble
from connectors.retry import CONNECT, LOCAL, RetryPolicy, repeat_policy
from connectors.sending_order import Head, Waiting, next_to_send, passed_over_after
from connectors.site import Site
from connectors.store import outbox_rows, transfers
from connectors.store.outbox_rows import OutRow, OutState
from schemas.events import Event
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.topics import RecordType
from schemas.urgency import Priority
from transport import failpoints
from transport.logs import get_logger

_log = get_logger(__name__)
_LOOK_AGAIN_S: Final = 1.0
_KEYS_AGAIN_S: Final = (
    30.0  # a message that waits for a key is looked at this often, and whenever the directory changes
)
_RESEAL: Final = RetryPolicy(first_s=2.0, cap_s=600.0)  # a destination that can read nothing must not be flooded


class Sender:
    """Sends for ever. One per process."""

    def __init__(self, site: Site, link: SubmitLink) -> None:
        self._site = site
        self._link = link
        self._due: dict[int, float] = {}  # place in the outbox → monotonic moment of the next attempt
        self._passed_over = 0
        self._keys_looked_at: float | None = None

    async def run(self) -> None:
        """Send what is due; wait for what is not.

        Raises:
            CommitUnknownError: the process must end; its next start reads back.
        """
        failures = 0
        wake = self._site.wakes.send
        while True:
            if wake.is_set():
                wake.clear()
                self._keys_looked_at = None
            try:
                await self._seal_waiting()
                if not await self.send_next():
                    await self._wait()
                failures = 0
            except LinkDownError as down:
                failures += 1
                self._site.live.sending_trouble = down.trouble
                _log.warning("send.failed", state=down.trouble.value, attempt=failures)
                await asyncio.sleep(CONNECT.pause(failures, self._site.chance()))
            except sqlite3.OperationalError:
                failures += 1
                _log.warning("store.busy", exc_info=True)
                await asyncio.sleep(LOCAL.pause(failures, self._site.chance()))

    async def send_next(self) -> bool:
        """Send the one message whose turn it is. False when none is due. Raises LinkDownError, sqlite3.Error."""
        waiting = await self._site.store.read(outbox_rows.waiting)
        not_due = self._not_due(waiting)
        head = next_to_send(waiting, not_due, self._passed_over)
        if head is None:
            return False
        row = await self._site.store.read(lambda c: outbox_rows.row(c, head.message.seq))
        sealed = await self._site.store.read(lambda c: outbox_rows.sealed_bytes(c, head.message.seq))
        if row is None or sealed is None:  # forgotten after delivery, and asked for again
            await self._site.store.write(
                lambda c: outbox_rows.set_waiting(c, head.message.seq, OutState.WAITING_KEY, None)
            )
            self._keys_looked_at = None
            return True
        await self._send(head, row, sealed)
        self._passed_over = passed_over_after(head, waiting, not_due, self._passed_over)
        return True

    async def _send(self, head: Head, row: OutRow, sealed: bytes) -> None:
        failpoints.hit("outbox.before-send")
        try:
            await self._link.send(Outgoing(RecordType.ENVELOPE, row.case_id, sealed))
        except LinkDownError as down:
            if down.trouble is Trouble.TOO_LARGE:
                await self._site.store.write(partial(_too_large, row.seq))
                return
            raise
        failpoints.hit("outbox.after-send")
        self._site.live.sending_trouble = None
        now = self._site.clock.now()
        await self._site.store.write(partial(_mark_sent, row, self._site.facility, now))
        failpoints.hit("outbox.after-mark")
        pause = repeat_policy(head.priority).pause(row.attempts + 1, self._site.chance())
        self._due[row.seq] = self._site.clock.monotonic() + pause
        _log.info("message.sent", message_id=row.message_id, transfer_event=row.event, priority=row.priority)

    def _not_due(self, waiting: list[Waiting]) -> set[int]:
        """Places whose next attempt lies in the future; those unanswered at the start get their first pause."""
        now = self._site.clock.monotonic()
        open_places = {message.seq for message in waiting}
        self._due = {seq: due for seq, due in self._due.items() if seq in open_places}
        for message in waiting:
            if message.state in (OutState.SENT, OutState.HELD) and message.seq not in self._due:
                self._due[message.seq] = now + repeat_policy(message.priority).pause(1, self._site.chance())
        return {seq for seq, due in self._due.items() if due > now}

    async def _wait(self) -> None:
        """Until woken, or the next attempt is due, or a moment has passed."""
        now = self._site.clock.monotonic()
        nearest = min(self._due.values(), default=now + _LOOK_AGAIN_S)
        patience = min(max(nearest - now, 0.01), _LOOK_AGAIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._site.wakes.send.wait()

    # --- sealing ------------------------------------------------------------------------------------------------------

    async def _seal_waiting(self) -> None:
        """Seal what waits for a key, or is to be sealed anew, as far as the keys are here."""
        now = self._site.clock.monotonic()
        if self._keys_looked_at is not None and now - self._keys_looked_at < _KEYS_AGAIN_S:
            return
        self._keys_looked_at = now
        for row in await self._site.store.read(lambda c: outbox_rows.rows_in(c, [OutState.WAITING_KEY])):
            await self._seal(row)

    async def _seal(self, row: OutRow) -> None:
        site, now = self._site, self._site.clock.now()
        reader = site.book.reader_of(row.recipient, now)
        if reader is None:
            return
        signed = await site.store.read(lambda c: outbox_rows.signed_bytes(c, row.seq))
        payload = None if signed else await site.store.read(lambda c: outbox_rows.unsigned_payload(c, row.seq))
        try:
            jws = signed or site.keyring.sealer.sign(payload or b"", Priority(row.priority), now)
            sealed = site.keyring.sealer.seal(jws, reader)
        except Exception as error:  # whatever one message does to us, it must not stop the others
            reason = error.reason if isinstance(error, Refused) else ReasonCode.PROCESSING_FAILED
            _log.warning("message.not_sealed", message_id=row.message_id, reason=reason.value, exc_info=True)
            await site.store.write(partial(_cannot_seal, row.seq, reason))
            return
        await site.store.write(lambda c: outbox_rows.store_sealed(c, row.seq, sealed))
        if row.reseals:
            self._due[row.seq] = site.clock.monotonic() + _RESEAL.pause(row.reseals, site.chance())


def _mark_sent(row: OutRow, facility: str, now: datetime, c: sqlite3.Connection) -> None:
    outbox_rows.mark_sent(c, row.seq, now)
    if row.event in (Event.SUBMIT, Event.UPDATE):
        transfers.set_time(c, facility, row.transfer_id, "sent_at", iso(now))


def _too_large(seq: int, c: sqlite3.Connection) -> None:
    outbox_rows.refuse_here(c, seq, ReasonCode.RECORD_TOO_LARGE.value)


def _cannot_seal(seq: int, reason: ReasonCode, c: sqlite3.Connection) -> None:
    outbox_rows.set_waiting(c, seq, OutState.WAITING_KEY, reason.value)
