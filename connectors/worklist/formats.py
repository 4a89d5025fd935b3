"""Times and spans as people in a Vietnamese hospital read them. Pure."""

from typing import Final

from connectors.sources.xml13.dates import VIETNAM
from schemas.times import parse_iso
from transport.pages.language import Language

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_UNITS: Final = {"vi": ("phút", "giờ", "ngày"), "en": ("min", "h", "d")}


def local_time(moment: str) -> str:
    """``23/11/2026 11:50`` in Vietnam's time, from ``schemas.times.iso`` text."""
    return f"{parse_iso(moment).astimezone(VIETNAM):%d/%m/%Y %H:%M}"


def clock_time(moment: str) -> str:
    """``11:50:05`` in Vietnam's time."""
    return f"{parse_iso(moment).astimezone(VIETNAM):%H:%M:%S}"


def utc_time(moment: str) -> str:
    """``2026-11-23 04:50:05 UTC``: for the hint beside a local time."""
    return f"{moment[:10]} {moment[11:19]} UTC"


def span(seconds: float, language: Language) -> str:
    """``0 phút``, ``12 phút``, ``3 giờ 5 phút``, ``2 ngày 4 giờ``: rounded down, never negative."""
    left = max(0, int(seconds))
    minute, hour, day = _UNITS[language]
    if left < _HOUR:
        return f"{left // _MINUTE} {minute}"
    if left < _DAY:
        return _two(left // _HOUR, hour, left % _HOUR // _MINUTE, minute)
    return _two(left // _DAY, day, left % _DAY // _HOUR, hour)


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
