"""Times of the insurance tables: ``yyyymmddHHMM``, local, no zone (QĐ 4750/QĐ-BYT); unknown parts are written ``0``.

An impossible date is refused. It is never shifted: 31 February must not become 2 March.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final

from schemas.reasons import ReasonCode, Refused

VIETNAM: Final = timezone(timedelta(hours=7))  # all year
_DIGITS: Final = re.compile(r"[0-9]{8}(?:[0-9]{4})?", re.ASCII)
_FIRST_YEAR: Final = 1880  # nobody alive was born before
_LAST_YEAR: Final = 2200


@dataclass(frozen=True, slots=True)
class SourceTime:
    """A time with the parts that the source knows. A part is None from the first unknown one on."""

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None

    @property
    def earliest(self) -> datetime:
        """The first moment it can mean, aware, UTC+7."""
        return datetime(self.year, self.month or 1, self.day or 1, self.hour or 0, self.minute or 0, tzinfo=VIETNAM)

    @property
    def latest(self) -> datetime:
        """The last moment it can mean, to the minute, aware, UTC+7."""
        month = self.month or 12
        day = self.day or calendar.monthrange(self.year, month)[1]
        hour, minute = (23, 59) if self.hour is None or self.minute is None else (self.hour, self.minute)
        return datetime(self.year, month, day, hour, minute, tzinfo=VIETNAM)

    def may_equal(self, other: "SourceTime") -> bool:
        """True unless the two exclude one another: a year agrees with any day in it."""
        return self.earliest <= other.latest and other.earliest <= self.latest


def read_time(text: str, tag: str) -> SourceTime:
    """A moment (12 digits; midnight is 0000) or a day (8 digits).

    Raises:
        Refused: DATE_IMPOSSIBLE at ``tag``.
    """
    year, month, day, clock = _parts(text, tag)
    return _checked(SourceTime(year, month, day, *_hour_minute(clock)), tag)


def read_birth(text: str, tag: str) -> SourceTime | None:
    """A birth date; month, day and time may be unknown (``196600000000``). None when even the year is.

    Raises:
        Refused: DATE_IMPOSSIBLE at ``tag``.
    """
    year, month, day, clock = _parts(text, tag)
    rest = "" if clock == "0000" else clock
    if (month == 0 and day) or (day == 0 and rest) or (year == 0 and (month or day)):
        raise Refused(ReasonCode.DATE_IMPOSSIBLE, tag)
    if year == 0:
        return None
    return _checked(SourceTime(year, month or None, day or None, *_hour_minute(rest)), tag)


def read_day(text: str, tag: str) -> date:
    """A day written ``yyyymmdd``.

    Raises:
        Refused: DATE_IMPOSSIBLE at ``tag``.
    """
    if len(text) != 8:
        raise Refused(ReasonCode.DATE_IMPOSSIBLE, tag)
    return read_time(text, tag).earliest.date()


def _parts(text: str, tag: str) -> tuple[int, int, int, str]:
    if _DIGITS.fullmatch(text) is None:
        raise Refused(ReasonCode.DATE_IMPOSSIBLE, tag)
    return int(text[:4]), int(text[4:6]), int(text[6:8]), text[8:]


def _hour_minute(clock: str) -> tuple[int | None, int | None]:
    return (int(clock[:2]), int(clock[2:])) if clock else (None, None)


def _checked(time: SourceTime, tag: str) -> SourceTime:
    try:
        plausible = _FIRST_YEAR <= time.earliest.year <= _LAST_YEAR and time.month != 0 and time.day != 0
        time.latest  # noqa: B018  a day that its month does not have fails here
    except ValueError:
        plausible = False
    if not plausible:
        raise Refused(ReasonCode.DATE_IMPOSSIBLE, tag)
    return time
