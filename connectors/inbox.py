"""Reading the own inbox: resume, read, judge, take in, all under one rule: the position moves with what it caused."""

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from connectors.alarm_words import AlarmCode
from connectors.link import InboxLink, LinkDownError, LogBounds, UnexpandableError
from connectors.receive import Examined, InboxRecord, ReceiveContext, Unproven, Unreadable, examine, read_stamp
from connectors.retry import CONNECT, LOCAL
from connectors.site import Site
from connectors.store import alarms, inbox_rows, meta, numbers
from connectors.store.database import CommitUnknownError
from connectors.store.meta import Position, PositionMovedError
from connectors.taking_in import Effects, Taker, recall
from schemas.limits import NUMBERED_BATCH_RECORDS
from schemas.reasons import ReasonCode
from schemas.times import parse_iso
from schemas.tokens.delivery import Head
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP
from transport import failpoints
from transport.logs import get_logger

_log = get_logger(__name__)
_READ_PATIENCE_S: Final = 0.5
_SIGN_OF_LIFE_S: Final = 30.0  # an idle consumer says nothing when the link is dead, so it is asked
_FROM_THE_FIRST: Final = 0
_UNEXPANDABLE_DIGEST: Final = "0" * 64


@dataclass
class _Reading:
    """Where this conversation stands."""

    bounds: LogBounds
    next_offset: int
    stored: int | None  # the position as the store has it; None before the first record
    last_asked: float
    doubtful: int  # what lies before this offset another database may have had


class Inbox:
    """Reads for ever. One per process."""

    def __init__(self, site: Site, link: InboxLink) -> None:
        self._site = site
        self._link = link

    async def run(self) -> None:
        """Connect, resume, read; again and again after every failure, with a capped and jittered pause.

        Raises:
            CommitUnknownError, PositionMovedError: the process must end; its next start reads back.
        """
        failures = 0
        while True:
            try:
                reading = await self._resume()
                failures = 0
                await self._read_on(reading)
            except LinkDownError as down:
                failures += 1
                if self._site.live.link_is(down.trouble, self._site.clock.now()):
                    _log.warning("link.down", state=down.trouble.value)
                await self._link.close()
                await asyncio.sleep(CONNECT.pause(failures, self._site.chance()))

    # --- resuming -----------------------------------------------------------------------------------------------------

    async def _resume(self) -> _Reading:
        """Connect and find the place to go on; a log that is not the one read before is read from its start."""
        site = self._site
        bounds = await self._link.connect()
        stored = await site.store.read(lambda c: meta.position(c, self._link.topic))
        trouble = await self._compare(stored, bounds)
        if stored is not None and trouble is not None:
            stored = await site.store.write(partial(self._back_to_start, stored, bounds, trouble))
        start = stored.next_offset if stored else bounds.start
        await self._link.seek(start)
        doubtful = await site.store.write(lambda c: meta.doubtful_before(c, bounds.end))
        live = site.live
        if live.link_is(None, site.clock.now()):
            _log.info("link.up")
        live.last_answer = site.clock.monotonic()
        live.caught_up, live.back_due = False, True
        site.wakes.report.set()
        doubtful = max(doubtful, bounds.end if stored is None else 0)
        return _Reading(bounds, start, stored.next_offset if stored else None, site.clock.monotonic(), doubtful)

    async def _compare(self, stored: Position | None, bounds: LogBounds) -> AlarmCode | None:
        """Whether the log is the one that was read before: its anchor is read again."""
        if stored is None:
            return None
        if stored.next_offset > bounds.end:
            return AlarmCode.LOG_SHORTER
        if stored.next_offset < bounds.start:
            return AlarmCode.LOG_EXPIRED
        before = stored.next_offset - 1
        if stored.anchor_sha256 is None or before < bounds.start:  # removed by age: no alarm
            return None
        try:
            found = await self._link.record_at(before)
        except UnexpandableError:
            return None
        digest = hashlib.sha256(found.value).hexdigest() if found else None
        return None if digest == stored.anchor_sha256 else AlarmCode.LOG_CHANGED

    def _back_to_start(
        self, stored: Position, bounds: LogBounds, trouble: AlarmCode, c: sqlite3.Connection
    ) -> Position:
        """Reading again from the start is safe: what is known is dropped by its id."""
        alarms.raise_alarm(c, trouble.value, self._link.topic, self._site.clock.now())
        fresh = Position(bounds.start, None)
        meta.move_position(c, self._link.topic, stored.next_offset, fresh)
        return fresh

    # --- reading ------------------------------------------------------------------------------------------------------

    async def _read_on(self, reading: _Reading) -> None:
        site = self._site
        while True:
            try:
                records = await self._link.read(NUMBERED_BATCH_RECORDS, _READ_PATIENCE_S)
            except UnexpandableError as found:
                await self._step_over(found.offset, reading)
                continue
            if records:
                site.live.last_answer = site.clock.monotonic()
                await self._take(records, reading)
            elif site.clock.monotonic() - reading.last_asked > _SIGN_OF_LIFE_S:
                await self._link.end()
                site.live.last_answer = reading.last_asked = site.clock.monotonic()

    async def _take(self, records: Sequence[InboxRecord], reading: _Reading) -> None:
        """One transaction for the batch; record by record when something in it is poison."""
        try:
            effects = await self._write(records, reading)
        except (CommitUnknownError, PositionMovedError, sqlite3.OperationalError):
            raise
        except Exception:  # whatever a record does to us, it must not stop the others
            _log.error("inbox.batch_failed", exc_info=True)
            for record in records:
                await self._take_alone(record, reading)
            return
        await self._after(effects, reading)

    async def _write(self, records: Sequence[InboxRecord], reading: _Reading) -> Effects:
        """Retried while the disk or another program is in the way; nothing has happened then."""
        attempt = 0
        while True:
            try:
                effects = await self._site.store.write(partial(self._take_in, records, reading))
            except sqlite3.OperationalError:
                attempt += 1
                _log.warning("store.busy", exc_info=True)
                await asyncio.sleep(LOCAL.pause(attempt, self._site.chance()))
                continue
            failpoints.hit("inbox.after-store")
            reading.next_offset = reading.stored = records[-1].offset + 1
            return effects

    async def _take_alone(self, record: InboxRecord, reading: _Reading) -> None:
        try:
            effects = await self._write([record], reading)
        except (CommitUnknownError, PositionMovedError, sqlite3.OperationalError):
            raise
        except Exception:
            _log.error("inbox.record_failed", exc_info=True)
            await self._site.store.write(partial(self._set_aside, record, ReasonCode.PROCESSING_FAILED, reading.stored))
            reading.next_offset = reading.stored = record.offset + 1
            return
        await self._after(effects, reading)

    def _take_in(self, records: Sequence[InboxRecord], reading: _Reading, c: sqlite3.Connection) -> Effects:
        """Inside the transaction: judge and write every record, then move the position."""
        context = receive_context(self._site)
        effects = Effects()
        for record in records:
            from_before = record.offset < reading.doubtful
            taker = Taker(self._site.facility, self._site.book, context.trust, context.now, from_before)
            outcome = examine(record, context, partial(recall, c))
            if reading.stored is None and reading.bounds.start > 0:
                _start_numbers(c, outcome)
            taker.take(c, record, outcome, effects)
        failpoints.hit("inbox.mid-receipt")
        last = records[-1]
        anchor = Position(last.offset + 1, hashlib.sha256(last.value).hexdigest())
        meta.move_position(c, self._link.topic, reading.stored, anchor)
        return effects

    async def _step_over(self, offset: int, reading: _Reading) -> None:
        """A batch that cannot be expanded: its record is written down as unreadable and passed."""
        record = InboxRecord(self._link.topic, offset, b"", ())
        await self._site.store.write(partial(self._set_aside, record, ReasonCode.POISON, reading.stored))
        reading.next_offset = reading.stored = offset + 1
        await self._link.seek(offset + 1)

    def _set_aside(self, record: InboxRecord, reason: ReasonCode, stored: int | None, c: sqlite3.Connection) -> None:
        """A record that broke us is kept, to be judged again by a newer program; its number counts as here."""
        now = self._site.clock.now()
        poison = reason is ReasonCode.POISON
        stamp, token = _stamp_of(record, self._site)
        row = inbox_rows.QuarantineRow(
            topic=record.topic,
            offset=record.offset,
            record_sha256=_UNEXPANDABLE_DIGEST if poison else hashlib.sha256(record.value).hexdigest(),
            reason=reason.value,
            field="",
            proven=stamp is not None,
            record_type=stamp.record_type.value if stamp else None,
            sender=stamp.sender if stamp else None,
            message_id=stamp.message_id if stamp else None,
            delivery_seq=stamp.delivery_seq if stamp else None,
        )
        inbox_rows.quarantine(c, row, now, record.value if stamp else None, token)
        if stamp is not None and stamp.delivery_seq is not None:
            numbers.note(c, stamp.delivery_seq, stamp.record_sha256, now)
        alarm = AlarmCode.BATCH_UNEXPANDABLE.value if poison else reason.value
        alarms.raise_alarm(c, alarm, record.topic, now)
        meta.move_position(c, record.topic, stored, Position(record.offset + 1, None))

    # --- after the commit ---------------------------------------------------------------------------------------------

    async def _after(self, effects: Effects, reading: _Reading) -> None:
        site = self._site
        if effects.directory_changed:
            await site.reload_book()
            await self.judge_parked_again()
        if effects.directory_changed or effects.settled:
            site.wakes.send.set()
        if effects.acks:
            site.wakes.report.set()
        if effects.messages:
            site.wakes.hand_over.set()
        site.generation = await site.store.read(meta.generation)
        for offset, head in effects.heads:
            await self._heard(offset, head, reading)

    async def judge_parked_again(self) -> None:
        """What was kept because of something that lay at this end (a key, a revocation list) gets another chance."""
        wakes, after = self._site.wakes, _FROM_THE_FIRST
        while True:
            effects, last = await self._site.store.write(partial(self._take_parked, after))
            if effects.messages or effects.settled:
                wakes.hand_over.set()
            if effects.acks:
                wakes.report.set()
            if effects.directory_changed:  # what waits for these keys is judged by them at once
                await self._site.reload_book()
                wakes.send.set()
            elif last is None:
                return
            after = _FROM_THE_FIRST if effects.directory_changed or last is None else last

    def _take_parked(self, after: int, c: sqlite3.Connection) -> tuple[Effects, int | None]:
        """Some of what is kept, behind one of it; and the last one's id, None when there was none."""
        site, last = self._site, None
        context, effects = receive_context(site), Effects()
        taker = Taker(site.facility, site.book, context.trust, context.now)
        for parked in inbox_rows.parked(c, after):
            last = parked.id
            headers = ((HEADER_RECORD_TYPE, parked.record_type.encode()), (HEADER_STAMP, parked.stamp))
            record = InboxRecord(parked.topic, parked.offset, parked.value, headers)
            c.execute("SAVEPOINT parked")
            try:
                outcome = examine(record, context, partial(recall, c))
                if not (isinstance(outcome, Unreadable) and outcome.park):
                    inbox_rows.unpark(c, parked.id, context.now)
                    taker.take(c, record, outcome, effects)
            except sqlite3.OperationalError:
                raise
            except Exception:  # what broke us once may do so again
                _log.error("inbox.parked_failed", exc_info=True)
                c.execute("ROLLBACK TO parked")
            c.execute("RELEASE parked")
        return effects, last

    async def _heard(self, offset: int, head: Head, reading: _Reading) -> None:
        """A sign of life. One written after we connected tells whether all is here, and how our clock goes."""
        site, live = self._site, self._site.live
        live.head_at = head.at
        if offset < reading.bounds.end:
            return
        with contextlib.suppress(ValueError):  # the form is right but there is no such moment
            live.drift_s = (site.clock.now() - parse_iso(head.at)).total_seconds()
        held = await site.store.read(lambda c: numbers.held(c, site.clock.now()))
        live.caught_up = held.complete_to >= head.last


def receive_context(site: Site) -> ReceiveContext:
    """Whom this site trusts, now."""
    return ReceiveContext(
        facility=site.facility,
        exchange=site.exchange,
        exchange_keys=site.keyring.exchange_keys,
        decryption_keys=site.keyring.decryption_keys,
        trust=site.keyring.trust,
        signers=site.book.signers,
        now=site.clock.now(),
    )


def _stamp_of(record: InboxRecord, site: Site) -> tuple[Stamp | None, bytes | None]:
    try:
        return read_stamp(record, receive_context(site))
    except Exception:  # refused, or the stamp itself is what broke us
        return None, None


def _start_numbers(c: sqlite3.Connection, outcome: Examined) -> None:
    if not isinstance(outcome, Unproven | Unreadable) and outcome.stamp.delivery_seq is not None:
        numbers.start_from(c, outcome.stamp.delivery_seq)
