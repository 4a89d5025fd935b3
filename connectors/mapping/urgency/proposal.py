"""A proposal of kind and priority, with what it rests on. People may raise it; nothing lowers it."""

from dataclasses import dataclass, replace
from typing import Final

from schemas.urgency import Kind, Priority, more_urgent

SHOWN_MAX: Final = 6  # reasons shown; more convince nobody


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rule that fired: its name, the field it looked at, and its words in Vietnamese and in English.

    They tell of the patient: for the Bundle and for people inside a hospital, never for a log.
    """

    rule: str
    field: str
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Kind and priority of a transfer. ``version`` names the rule pack by its date."""

    kind: Kind
    priority: Priority
    unclassified: bool
    version: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def rule(self) -> str:
        """The rule that decided, or ``none``."""
        return self.evidence[0].rule if self.evidence else "none"

    @property
    def vi(self) -> str:
        """Why, in Vietnamese."""
        return "; ".join(item.vi for item in self.evidence[:SHOWN_MAX]) or "Không thấy dấu hiệu nào về mức khẩn"

    @property
    def en(self) -> str:
        """Why, in English."""
        return "; ".join(item.en for item in self.evidence[:SHOWN_MAX]) or "No evidence of urgency was found"

    def raised(self, priority: Priority, by: Evidence) -> "Proposal":
        """The proposal after a person or a folder asked for a priority: the more urgent of both."""
        higher = more_urgent(self.priority, priority)
        if higher is self.priority and not self.unclassified:
            return self
        kind = Kind.EMERGENCY if higher is Priority.STAT else self.kind
        settled = self.unclassified and priority is Priority.ROUTINE
        return replace(self, priority=higher, kind=kind, unclassified=settled, evidence=(by, *self.evidence))
