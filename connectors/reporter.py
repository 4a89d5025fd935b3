"""What we owe the exchange beside messages: acks, inbox-status, our own directory entry.

They get no receipt and count as sent once the broker confirms. An ack of a stat message is signed and sent at once, the
others wait a moment for company. An inbox-status follows every change within a minute, and a day without change.
"""

import asyncio
import hashlib
import json
import sqlite3
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from certs.directory import entry_certificates, sign_entry
from certs.seal import sign_token
from connectors.alarm_words import AlarmCode
from connectors.link import LinkDownError, Outgoing, SubmitLink
from connectors.retry import CONNECT, LOCAL
from connectors.site import Site
from connectors.store import acks, alarms, meta, numbers
from connectors.store.acks import OwedGroup
from connectors.store.numbers import Held
from schemas.limits import GAP_ALARM_AFTER
from schemas.times import iso, parse_iso
from schemas.tokens.delivery import Ack, InboxStatus
from schemas.tokens.directory import DirectoryEntry, DutyPhone, FacilityCode
from schemas.topics import RecordType
from transport import failpoints
from transport.logs import get_logger

_log = get_logger(__name__)
_TICK_S: Final = 0.5
_GAPS_EVERY_S: Final = 5.0
_ENTRY_EVERY_S: Final = 5.0
_CODE_VALID_FROM: Final = "2000-01-01"  # of a facility that names no date: its code was always its own


class Reporter:
    """Reports for ever. One per process."""

    def __init__(self, site: Site, link: SubmitLink) -> None:
        self._site = site
        self._link = link
        self._owed_since: float | None = None
        self._changed_since: float | None = None
        self._gaps_looked_at: float | None = None
        self._entry_looked_at: float | None = None
        self._reported: str | None = None  # what the last inbox-status said

    async def run(self) -> None:
        """Send what is owed, in good time.

        Raises:
            CommitUnknownError: the process must end; its next start reads back.
        """
        failures = 0
        while True:
            try:
                await self._turn()
                failures = 0
                await self._pause()
            except LinkDownError as down:
                failures += 1
                self._site.live.sending_trouble = down.trouble
                await asyncio.sleep(CONNECT.pause(failures, self._site.chance()))
            except sqlite3.OperationalError:
                failures += 1
                _log.warning("store.busy", exc_info=True)
                await asyncio.sleep(LOCAL.pause(failures, self._site.chance()))

    async def _pause(self) -> None:
        wake = self._site.wakes.report
        try:
            async with asyncio.timeout(_TICK_S):
                await wake.wait()
            wake.clear()
        except TimeoutError:
            pass

    async def _turn(self) -> None:
        await self.own_entry()
        await self.sign_acks()
        await self.send_acks()
        await self.status()

    async def _send(self, record_type: RecordType, token: bytes) -> None:
        await self._link.send(Outgoing(record_type, "", token))
        self._site.live.sending_trouble = None

    # --- acks ---------------------------------------------------------------------------------------------------------

    async def sign_acks(self) -> None:
        """Sign what is owed: at once when a stat message is among it, else when the first has waited long enough."""
        site = self._site
        groups = await site.store.read(lambda c: acks.owed(c, urgent_only=False))
        if not groups:
            self._owed_since = None
            return
        now = site.clock.monotonic()
        self._owed_since = self._owed_since if self._owed_since is not None else now
        all_due = now - self._owed_since >= site.settings.clocks.ack_s
        due = [group for group in groups if all_due or group.urgent]
        for group in due:
            token = self._ack(group, site.clock.now())
            await site.store.write(partial(_store_ack, group, token, site.clock.now()))
            failpoints.hit("ack.after-sign")
        if len(due) == len(groups):
            self._owed_since = None

    def _ack(self, group: OwedGroup, now: datetime) -> bytes:
        ack = Ack(
            exchange=self._site.exchange,
            facility=self._site.facility,
            recipient=group.recipient,
            at=iso(now),
            acknowledged=group.acknowledged,
        )
        return sign_token(ack.encode(), Ack.TYP, self._site.keyring.signing.token_key).encode()

    async def send_acks(self) -> None:
        """Send what is signed. Raises LinkDownError."""
        site = self._site
        for signed in await site.store.read(acks.unsent):
            await self._send(RecordType.ACK, signed.token)
            failpoints.hit("ack.after-send")
            await site.store.write(partial(_mark_ack, signed.id, site.clock.now()))

    # --- inbox-status -------------------------------------------------------------------------------------------------

    async def status(self) -> None:
        """Send an inbox-status when one is due. Raises LinkDownError."""
        site, now = self._site, self._site.clock.now()
        held, last_at = await site.store.read(lambda c: (numbers.held(c, now), meta.fact(c, meta.STATUS_AT)))
        says = f"{site.generation}:{held.complete_to}:{held.highest}:{held.missing}"
        if self._reported is None:
            self._reported = await site.store.read(lambda c: meta.fact(c, meta.STATUS_SENT))
        moment = site.clock.monotonic()
        if self._gaps_looked_at is None or moment - self._gaps_looked_at >= _GAPS_EVERY_S:
            self._gaps_looked_at = moment
            await self._watch_gaps(now)
        if not site.live.back_due and not self._is_due(says, last_at, now):
            return
        back, site.live.back_due = site.live.back_due, False
        try:
            await self._send(RecordType.INBOX_STATUS, self._status_token(held, now, back=back))
        except LinkDownError:
            site.live.back_due |= back
            raise
        await site.store.write(partial(_note_status, says, now))
        self._reported, self._changed_since = says, None

    def _is_due(self, says: str, last_at: str | None, now: datetime) -> bool:
        """After a change, when it has settled for a moment; and once a day."""
        clocks = self._site.settings.clocks
        if last_at is None or not _within(last_at, timedelta(hours=clocks.status_at_least_hours), now):
            return True
        if says == self._reported:
            self._changed_since = None
            return False
        moment = self._site.clock.monotonic()
        self._changed_since = self._changed_since if self._changed_since is not None else moment
        return moment - self._changed_since >= clocks.status_s

    def _status_token(self, held: Held, now: datetime, *, back: bool) -> bytes:
        status = InboxStatus(
            exchange=self._site.exchange,
            facility=self._site.facility,
            generation=self._site.generation,
            complete_to=held.complete_to,
            missing=held.missing,
            highest=held.highest,
            incarnation=self._site.incarnation,
            back=back,
            at=iso(now),
        )
        return sign_token(status.encode(), InboxStatus.TYP, self._site.keyring.signing.token_key).encode()

    async def _watch_gaps(self, now: datetime) -> None:
        """A gap older than a minute alarms; one that is filled falls silent by itself."""
        ranges = await self._site.store.read(lambda c: numbers.missing_since_before(c, now - GAP_ALARM_AFTER))
        wanted = {f"{first}-{last}" for first, last in ranges}
        known = {
            alarm.place for alarm in await self._site.store.read(alarms.open_alarms) if alarm.code == AlarmCode.GAP
        }
        if wanted != known:
            await self._site.store.write(partial(_set_gaps, wanted, known, now))

    # --- directory ----------------------------------------------------------------------------------------------------

    async def own_entry(self) -> None:
        """Send our directory entry when what it says has changed since the last one. Raises LinkDownError.

        After a time without connection the last one goes once more, byte for byte: it may have come while we were
        suspended, and had no effect then. To an exchange that has it, it says nothing new.
        """
        site, moment = self._site, self._site.clock.monotonic()
        back = site.live.back_due
        if not back and self._entry_looked_at is not None and moment - self._entry_looked_at < _ENTRY_EVERY_S:
            return
        content = self._entry_content()
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        known, version = await site.store.read(
            lambda c: (meta.fact(c, meta.ENTRY_CONTENT), int(meta.fact(c, meta.ENTRY_VERSION) or 0))
        )
        if known == digest:
            self._entry_looked_at = moment
            token = await site.store.read(lambda c: meta.fact(c, meta.ENTRY_TOKEN)) if back else None
            if token is not None:
                await self._send(RecordType.DIRECTORY, token.encode())
            return
        now = site.clock.now()
        fresh = max(version + 1, int(now.timestamp()))  # a new database must not begin below what others remember
        await site.store.write(lambda c: meta.put_fact(c, meta.ENTRY_VERSION, str(fresh)))
        entry = DirectoryEntry.model_validate_json(
            json.dumps({**content, "facility": site.facility, "version": fresh, "at": iso(now)})
        )
        token = sign_entry(entry, site.keyring.signing)
        await self._send(RecordType.DIRECTORY, token.encode())
        await site.store.write(partial(_note_entry, digest, token))
        _log.info("directory.sent", facility=site.facility)

    def _entry_content(self) -> dict[str, object]:
        about, keyring = self._site.settings.facility, self._site.keyring
        phones = [DutyPhone(label="Trực", phone=about.phone)]
        phones += [DutyPhone(label=phone.label, phone=phone.phone) for phone in about.phones]
        codes = [FacilityCode(code=about.code, valid_from=_CODE_VALID_FROM)]
        return {
            "name": about.name,
            "codes": [code.model_dump(exclude_none=True) for code in codes],
            "phones": [phone.model_dump(exclude_none=True) for phone in phones],
            "signing_certificates": list(entry_certificates([keyring.signing.certificate])),
            "encryption_certificates": list(entry_certificates(keyring.encryption_certificates[:4])),
        }


def _store_ack(group: OwedGroup, token: bytes, now: datetime, c: sqlite3.Connection) -> None:
    acks.store_signed(c, group, token, now)


def _mark_ack(ack_id: int, now: datetime, c: sqlite3.Connection) -> None:
    acks.mark_sent(c, ack_id, now)


def _note_status(says: str, now: datetime, c: sqlite3.Connection) -> None:
    meta.put_fact(c, meta.STATUS_SENT, says)
    meta.put_fact(c, meta.STATUS_AT, iso(now))


def _note_entry(digest: str, token: str, c: sqlite3.Connection) -> None:
    meta.put_fact(c, meta.ENTRY_CONTENT, digest)
    meta.put_fact(c, meta.ENTRY_TOKEN, token)


def _set_gaps(wanted: set[str], known: set[str], now: datetime, c: sqlite3.Connection) -> None:
    for place in wanted - known:
        alarms.raise_alarm(c, AlarmCode.GAP.value, place, now)
    for place in known - wanted:
        alarms.clear_alarm(c, AlarmCode.GAP.value, place, now)


def _within(text: str, period: timedelta, now: datetime) -> bool:
    """True when a stored time lies less than ``period`` ago; a time in the future (a clock went back) does not."""
    return timedelta() <= now - parse_iso(text) < period
