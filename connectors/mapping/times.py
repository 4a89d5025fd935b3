"""Times of the insurance tables (``yyyymmddHHMM``, local, no zone) and of FHIR.

Vietnam is seven hours ahead of UTC all year. In a birth date, parts that nobody knows are written ``00``
(QĐ 4750/QĐ-BYT, Table 13), so no strict date type may see one before those parts are looked at. Some exports leave the
clock out; such a time stays a day.
"""

import re
from datetime import datetime
from typing import Final

from connectors.sources.xml13.dates import VIETNAM

_DIGITS: Final = re.compile(r"[0-9]{8}(?:[0-9]{4})?", re.ASCII)
_DAY_DIGITS: Final = 8
_MINUTE_DIGITS: Final = 12
_FIRST_YEAR: Final = 1800  # what the profile takes for a date of a patient or a card
_LAST_YEAR: Final = 2199
_FHIR: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):00\+07:00)?", re.ASCII)
_FHIR_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


def start_of(text: str | None) -> datetime | None:
    """The aware time behind ``yyyymmddHHMM``, or the first of a day ``yyyymmdd``; None for anything else.

    An impossible date is None; it is never shifted.
    """
    if text is None or _DIGITS.fullmatch(text) is None:
        return None
    clock = text[_DAY_DIGITS:] or "0000"
    try:
        at = datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), int(clock[:2]), int(clock[2:]), tzinfo=VIETNAM)
    except ValueError:
        return None
    return at if _FIRST_YEAR <= at.year <= _LAST_YEAR else None


def moment(text: str | None) -> datetime | None:
    """The aware time behind ``yyyymmddHHMM``; None for a day, and for anything else."""
    return start_of(text) if text is not None and len(text) == _MINUTE_DIGITS else None


def fhir_time(at: datetime) -> str:
    """``2026-11-19T23:30:00+07:00``, as dateTime and as instant."""
    return at.astimezone(VIETNAM).isoformat(timespec="seconds")


def to_instant(text: str | None) -> str | None:
    """A FHIR instant of ``yyyymmddHHMM``, or None."""
    at = moment(text)
    return None if at is None else fhir_time(at)


def to_fhir(text: str | None) -> str | None:
    """A FHIR dateTime: an instant of ``yyyymmddHHMM``, a date of ``yyyymmdd``, or None."""
    return to_instant(text) or day_to_fhir(text)


def from_fhir(value: object) -> str | None:
    """The text that ``to_fhir`` had, or None."""
    match = _FHIR.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else "".join(part for part in match.groups() if part)


def birth_to_fhir(text: str | None) -> tuple[str | None, str | None]:
    """``(birthDate, birthTime)`` of ``yyyymmddHHMM`` or ``yyyymmdd``; what is ``00`` or impossible is left out."""
    if text is None or _DIGITS.fullmatch(text) is None:
        return None, None
    year, month, day, clock = text[:4], text[4:6], text[6:8], text[8:] or "0000"
    if day == "00":
        first = start_of(f"{year}{'01' if month == '00' else month}01")
        if first is None or clock != "0000":
            return None, None
        return (year if month == "00" else f"{year}-{month}"), None
    at = start_of(f"{year}{month}{day}{clock}")
    if at is None:
        return None, None
    return f"{year}-{month}-{day}", None if clock == "0000" else fhir_time(at)


def birth_from_fhir(date: object, time: object) -> str | None:
    """``yyyymmddHHMM`` of a birthDate and a birthTime, or None."""
    if time is not None:
        return from_fhir(time)
    match = _FHIR_DATE.fullmatch(date) if isinstance(date, str) else None
    return None if match is None else "".join(part or "00" for part in match.groups()) + "0000"


def day_to_fhir(text: str | None) -> str | None:
    """A FHIR date of ``yyyymmdd``, or None."""
    if text is None or len(text) != _DAY_DIGITS or start_of(text) is None:
        return None
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def day_from_fhir(value: object) -> str | None:
    """``yyyymmdd`` of a full FHIR date, or None."""
    match = _FHIR_DATE.fullmatch(value) if isinstance(value, str) else None
    return "".join(match.groups()) if match is not None and all(match.groups()) else None


def words(text: str | None) -> str:
    """A time as people in Vietnam write it (``23:30 ngày 19/11/2026``); other texts as they are."""
    at = moment(text)
    return (text or "") if at is None else f"{at:%H:%M} ngày {at:%d/%m/%Y}"
