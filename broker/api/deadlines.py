"""By when what should have happened: defaults by urgency; pure.

Deadlines of the destination start at its delivery. Routine has no decision clock and must be seen by ten o'clock of the
next working day; working days are Monday to Friday in Vietnam's time, public holidays are not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from types import MappingProxyType
from typing import Final

from schemas.urgency import KINDS_WITH_CLOCKS, Kind, Priority

VIETNAM: Final = timezone(timedelta(hours=7), "ICT")  # no summer time since 1975
_SEEN_BY: Final = time(10, 0)
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Spans for one urgency. ``opened`` None means the next working morning, ``decided`` None means no clock."""

    received: timedelta | None  # from the sender's sending; known to the sender alone
    delivered: timedelta  # from the receipt
    opened: timedelta | None  # from the delivery
    decided: timedelta | None  # from the delivery


DEADLINES: Final[Mapping[Priority, Deadlines]] = MappingProxyType(
    {
        Priority.STAT: Deadlines(
            timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=10)
        ),
        Priority.URGENT: Deadlines(
            timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=30), timedelta(minutes=60)
        ),
        Priority.ROUTINE: Deadlines(None, timedelta(hours=4), None, None),
    }
)

SHORTEST: Final = min(span.delivered for span in DEADLINES.values())  # nothing is late before


def delivered_by(priority: Priority, received_at: datetime) -> datetime:
    """When the destination's connector should have confirmed."""
    return received_at + DEADLINES[priority].delivered


def opened_by(priority: Priority, delivered_at: datetime) -> datetime:
    """When a person should have looked."""
    span = DEADLINES[priority].opened
    return next_working_morning(delivered_at) if span is None else delivered_at + span


def decided_by(priority: Priority, kind: Kind | None, delivered_at: datetime) -> datetime | None:
    """When a person should have decided; None where no clock runs. An unknown kind is timed: it may be an emergency."""
    span = DEADLINES[priority].decided
    if span is None or (kind is not None and kind not in KINDS_WITH_CLOCKS):
        return None
    return delivered_at + span


def next_working_morning(moment: datetime) -> datetime:
    """Ten o'clock of the next day from Monday to Friday after ``moment``."""
    day = moment.astimezone(VIETNAM).date() + timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return datetime.combine(day, _SEEN_BY, VIETNAM).astimezone(moment.tzinfo)
