"""What nobody else watches: files of keys and lists that change, certificates that end, clocks, old sealed copies."""

import asyncio
import os
import sqlite3
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509

from certs.keys import load_certificates
from connectors.alarm_words import AlarmCode
from connectors.inbox import Inbox
from connectors.keyring import TLS_FILE, load_keyring
from connectors.settings import Settings
from connectors.site import Site
from connectors.store import alarms, outbox_rows
from schemas.limits import CLOCK_DISAGREEMENT
from schemas.reasons import Refused
from transport.logs import get_logger
from transport.tls import TlsFileError, load_identity

_log = get_logger(__name__)
_EVERY_S: Final = 15.0
_FORGET_EVERY_S: Final = 3600.0
WARN_BEFORE_END: Final = timedelta(days=45)  # signing stops 30 days before its certificate ends
_LINK_DOWN_ALARM: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """When one of our certificates ends."""

    purpose: str
    until: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days; negative when it has ended."""
        return (self.until - now) // timedelta(days=1)


class Housekeeping:
    """Looks after everything now and then. One per process."""

    def __init__(self, site: Site, inbox: Inbox, tls: ssl.SSLContext) -> None:
        self._site = site
        self._inbox = inbox
        self._tls = tls
        self._keys_seen = _watched(site.settings)
        self._forgot_at: float | None = None

    async def run(self) -> None:
        """Go round for ever.

        Raises:
            CommitUnknownError: the process must end; its next start reads back.
        """
        while True:
            try:
                await self.round()
            except sqlite3.OperationalError:
                _log.warning("store.busy", exc_info=True)
            await asyncio.sleep(_EVERY_S)

    async def round(self) -> None:
        """One round."""
        site = self._site
        self._reload_keys()
        if await site.reload_crl():
            await self._inbox.judge_parked_again()
        await site.store.write(partial(self._set_alarms, site.clock.now()))
        moment = site.clock.monotonic()
        if self._forgot_at is None or moment - self._forgot_at > _FORGET_EVERY_S:
            self._forgot_at = moment
            await site.store.write(lambda c: outbox_rows.forget_sealed(c, site.clock.now()))

    def _reload_keys(self) -> None:
        """Certificates that were renewed are taken up while links live; a bad file leaves the old ones in use."""
        site, seen = self._site, _watched(self._site.settings)
        if seen == self._keys_seen:
            return
        try:
            load_identity(self._tls, site.settings.keys.folder / TLS_FILE)
            trust = site.keyring.trust
            fresh = load_keyring(site.settings, site.clock.now())
        except (TlsFileError, Refused, OSError):
            _log.warning("keys.not_reloaded", exc_info=True)
            return
        self._keys_seen = seen
        site.keyring = fresh if fresh.trust.lists else replace(fresh, trust=trust)
        site.wakes.report.set()  # our directory entry may have changed
        _log.info("keys.reloaded")

    def _set_alarms(self, now: datetime, c: sqlite3.Connection) -> None:
        site, live = self._site, self._site.live
        down = not live.connected and live.since is not None and now - live.since > _LINK_DOWN_ALARM
        drift = live.drift_s is not None and abs(live.drift_s) > CLOCK_DISAGREEMENT.total_seconds()
        _set(c, AlarmCode.LINK_DOWN, "link", now, raised=down)
        _set(c, AlarmCode.CLOCK_DRIFT, "clock", now, raised=drift)
        _set(c, AlarmCode.CRL_OLD, "crl", now, raised=crl_is_old(site, now))
        for end in certificate_ends(site):
            left = end.until - now
            soon = timedelta(0) < left < WARN_BEFORE_END
            _set(c, AlarmCode.CERTIFICATE_ENDED, end.purpose, now, raised=left <= timedelta(0))
            _set(c, AlarmCode.CERTIFICATE_ENDING, end.purpose, now, raised=soon)


def certificate_ends(site: Site) -> list[CertificateEnd]:
    """When our certificates end: link, signing, encryption."""
    keyring = site.keyring
    found = [
        CertificateEnd("signing", keyring.signing.certificate.not_valid_after_utc),
        CertificateEnd("encryption", keyring.encryption_certificates[0].not_valid_after_utc),
    ]
    tls = _tls_certificate(site.settings.keys.folder / TLS_FILE)
    return [CertificateEnd("tls", tls.not_valid_after_utc), *found] if tls else found


def crl_is_old(site: Site, now: datetime) -> bool:
    """True without a usable revocation list, or when one has passed its next update."""
    lists = site.keyring.trust.lists.values()
    return not lists or any(found.next_update < now for found in lists)


def _tls_certificate(path: Path) -> x509.Certificate | None:
    try:
        return load_certificates(path)[0]
    except (Refused, IndexError):
        return None


def _set(c: sqlite3.Connection, code: AlarmCode, place: str, now: datetime, *, raised: bool) -> None:
    """Open an alarm once, close it when its cause is gone."""
    known = any(alarm.code == code and alarm.place == place for alarm in alarms.open_alarms(c))
    change: Callable[[sqlite3.Connection, str, str, datetime], object]
    if raised != known:
        change = alarms.raise_alarm if raised else alarms.clear_alarm
        change(c, code.value, place, now)


def _watched(settings: Settings) -> frozenset[tuple[str, int, int]]:
    """Our own keys, and the exchange's certificates."""
    exchange = settings.exchange
    folders = {settings.keys.folder, exchange.signing_certificate.parent, exchange.encryption_certificate.parent}
    return frozenset().union(*(_marks(folder) for folder in folders))


def _marks(folder: Path) -> frozenset[tuple[str, int, int]]:
    """What changes when a file of keys is replaced."""
    try:
        with os.scandir(folder) as entries:
            return frozenset((entry.name, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in entries)
    except OSError:
        return frozenset()
