"""How urgent a transfer is and of what kind; nothing here ever lowers an urgency."""

from enum import StrEnum
from typing import Final


class Priority(StrEnum):
    """FHIR request priority without ``asap``, which nobody can tell from ``urgent``."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"

    @property
    def rank(self) -> int:
        """0 for stat, 1 for urgent, 2 for routine: smaller goes first."""
        return _RANK[self]


_RANK: Final = {Priority.STAT: 0, Priority.URGENT: 1, Priority.ROUTINE: 2}


class Kind(StrEnum):
    """Why the patient moves; it decides which clocks run."""

    EMERGENCY = "emergency"
    INPATIENT = "inpatient"
    OUTPATIENT = "outpatient"
    ONE_YEAR = "one-year"
    TEST_ONLY = "test-only"
    BACK_REFERRAL = "back-referral"


# Decision clocks, sound and summary debt exist only for these.
KINDS_WITH_CLOCKS: Final = frozenset({Kind.EMERGENCY, Kind.INPATIENT})

UNCLASSIFIED: Final = "unclassified"  # tag beside ``urgent``: no evidence of urgency was found


def more_urgent(one: Priority, other: Priority) -> Priority:
    """The more urgent of two: people at both ends may raise, nothing lowers."""
    return one if one.rank <= other.rank else other
