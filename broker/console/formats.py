"""Times, spans and numbers as people in a Vietnamese hospital read them. Pure."""

from datetime import datetime
from typing import Final

from broker.api.deadlines import VIETNAM
from schemas.times import iso, parse_iso
from transport.pages.language import Language

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_UNITS: Final = {
    "vi": (" giây", " phút", " giờ", " ngày"),
    "en": (" s", " min", " h", " d"),
}


def local_time(moment: datetime | str) -> str:
    """``23/11/2026 11:50:05``, in Vietnam's time. Takes a datetime or ``schemas.times.iso`` text."""
    when = parse_iso(moment) if isinstance(moment, str) else moment
    return f"{when.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}"


def utc_time(moment: datetime | str) -> str:
    """``2026-11-23 04:50:05 UTC``: for the hint beside a local time."""
    text = moment if isinstance(moment, str) else iso(moment)
    return f"{text[:10]} {text[11:19]} UTC"


def span(seconds: float, language: Language) -> str:
    """``45 giây``, ``12 phút``, ``3 giờ 5 phút``, ``2 ngày 4 giờ``: two units at most, rounded down; never negative."""
    left = max(0, int(seconds))
    second, minute, hour, day = _UNITS[language]
    if left < _MINUTE:
        return f"{left}{second}"
    if left < _HOUR:
        return f"{left // _MINUTE}{minute}"
    if left < _DAY:
        return _two(left // _HOUR, hour, left % _HOUR // _MINUTE, minute)
    return _two(left // _DAY, day, left % _DAY // _HOUR, hour)


def whole(number: int, language: Language) -> str:
    """``12.345`` or ``12,345``."""
    return f"{number:,}".replace(",", "." if language == "vi" else ",")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit} {small}{small_unit}" if small else f"{large}{large_unit}"
