"""Who exists, under which codes, with which keys and phones: as the exchange passed it on and their owners signed it.

The book is a value read from the store: it is loaded anew when an entry, a page of the register or the revocation list
changes. Entries are judged by the authority's certificate, never by who carried them, and never go back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType

from cryptography import x509

from certs.directory import KnownEntry, VerifiedEntry, verify_entry
from certs.trust import TrustMaterial
from connectors.sources.directory import Directory, Facility
from schemas.reasons import Refused
from schemas.tokens.directory import KnownFacility, Register


@dataclass(frozen=True, slots=True)
class Listing:
    """A facility as the forms and pages name it. ``facility`` keys topics; ``code`` is what the slip said."""

    facility: str
    code: str
    name: str
    phone: str | None
    role: str | None
    connected: bool


@dataclass(frozen=True)
class DirectoryBook:
    """Entries by facility, the register, and a file of facilities for the time before the register came."""

    entries: Mapping[str, VerifiedEntry] = field(default_factory=lambda: MappingProxyType({}))
    remembered: Mapping[str, KnownEntry] = field(default_factory=lambda: MappingProxyType({}))
    register: tuple[KnownFacility, ...] = ()
    fallback: Directory | None = None

    @property
    def signers(self) -> Mapping[str, Mapping[str, x509.Certificate]]:
        """Signing certificates by facility and ``kid``."""
        return {facility: entry.signers for facility, entry in self.entries.items()}

    @property
    def knows_who_exists(self) -> bool:
        """False until a register or a file of facilities is here: before, every destination would look unknown."""
        return bool(self.register) or bool(self.fallback)

    def reader_of(self, facility: str, now: datetime) -> x509.Certificate | None:
        """The encryption certificate to seal for; None while none is known that is good today."""
        entry = self.entries.get(facility)
        good = (one for one in (entry.readers if entry else ()) if one.not_valid_after_utc > now)
        return next(good, None)

    def facility_of(self, code: str, on: date) -> str:
        """The facility behind a code on a day; codes are dated aliases. An unknown code stands for itself."""
        for facility, entry in self.entries.items():
            for alias in entry.entry.codes:
                if alias.code == code and _holds(alias.valid_from, alias.valid_to, on):
                    return facility
        return code

    def listing(self, code: str, on: date) -> Listing | None:
        """What is known of a code on a day; None for one that nobody lists."""
        facility = self.facility_of(code, on)
        entry = self.entries.get(facility)
        row = next((r for r in self.register if r.code == code and _holds(r.valid_from, r.valid_to, on)), None)
        if row is None and entry is None:
            return self._from_fallback(code, on)
        name = entry.entry.name if entry else row.name if row else code
        phones = entry.entry.phones if entry else ()
        phone = phones[0].phone if phones else row.phone if row else None
        connected = row.connected if row else entry is not None
        return Listing(facility, code, name, phone, row.role if row else None, connected)

    def directory(self) -> Directory:
        """The facilities as slips are judged by them: register and entries, else the file."""
        if not self.register and not self.entries:
            return self.fallback or Directory([])
        listed = {row.code for row in self.register}
        rows = [_facility(row) for row in self.register]
        for entry in self.entries.values():
            rows += [
                Facility(alias.code, entry.entry.name, _day(alias.valid_from), _day(alias.valid_to), connected=True)
                for alias in entry.entry.codes
                if alias.code not in listed
            ]
        if not self.register and self.fallback:
            known = {row.code for row in rows}
            rows += [row for row in self.fallback if row.code not in known]
        return Directory(rows)

    def _from_fallback(self, code: str, on: date) -> Listing | None:
        row = self.fallback.find(code, on) if self.fallback else None
        if row is None:
            return None
        facts = row.facts
        return Listing(
            code, code, row.name, facts.get("phone") or None, facts.get("role") or None, row.connected is True
        )


def load_book(
    entries: Iterable[tuple[str, int, bytes]],
    register_pages: Iterable[bytes],
    trust: TrustMaterial,
    now: datetime,
    fallback: Directory | None = None,
) -> tuple[DirectoryBook, list[str]]:
    """The book behind stored rows, and the facilities whose entry is not good today (its keys are not used)."""
    good: dict[str, VerifiedEntry] = {}
    remembered: dict[str, KnownEntry] = {}
    bad: list[str] = []
    for facility, _, token in entries:
        try:
            verified = verify_entry(token, trust, now=now, known={}, owner=facility)
        except Refused:
            bad.append(facility)
            continue
        good[facility] = verified
        remembered[facility] = verified.known
    rows = [row for page in register_pages for row in Register.decode(page).facilities]
    return DirectoryBook(MappingProxyType(good), MappingProxyType(remembered), tuple(rows), fallback), bad


def _facility(row: KnownFacility) -> Facility:
    facts = {
        "code": row.code,
        "name": row.name,
        "phone": row.phone or "",
        "province_now": row.province or "",
        "role": row.role or "",
    }
    return Facility(
        row.code, row.name, _day(row.valid_from), _day(row.valid_to), row.connected, MappingProxyType(facts)
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:  # the form is right but there is no such day
        return None


def _holds(valid_from: str, valid_to: str | None, on: date) -> bool:
    return valid_from <= on.isoformat() and (valid_to is None or on.isoformat() <= valid_to)
