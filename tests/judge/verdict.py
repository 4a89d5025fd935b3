"""What is judged, and how it came out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """Only ``pass`` is green."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


TITLES: Final = {
    "inputs": "the folder is whole: every file there, every line readable, every dump reaches the end",
    "run": "the run reached its minimum of every fault, failpoint and situation",
    "stamps": "every inbox record carries one stamp of the exchange, for this inbox, over these bytes",
    "receipts": "every receipt is signed by the exchange and names the record that it answers",
    "I1": "conservation: every intent answered, every accepted message handed over or a dead letter, nothing pending",
    "I2": "one effect: a slip, a bundle and a message act once, whatever is repeated",
    "I3": "nothing invented, nothing altered: payload, destination and bytes are the sender's",
    "I4": "one answer: a repeat gets the same bytes, success and refusal are never both given",
    "I5": "hand-over repeats only with the same key, marked, and after a recorded fault",
    "I6": "all or nothing: message, transfer, outbox, position and audit leaf stand together, as the topics show",
    "I7": "order: numbers without gap or repeat, each case and each urgency of a pair in its order",
    "I8": "states: only steps of the tables; what came late or crossed is recorded, never applied",
    "I14": "audit: the root recomputed is the signed one, each act has one leaf, each leaf has its act",
}


@dataclass
class Invariant:
    """One law. ``seen`` counts cases looked at; fewer than one prove nothing."""

    name: str
    seen: int = 0
    against: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def see(self, holds: bool, counter_example: str, *places: str) -> bool:
        """Counts a case; ``places`` are file:line. Returns ``holds``."""
        self.seen += 1
        if not holds:
            self.against.append(_at(counter_example, places))
        return holds

    def cannot_tell(self, why: str) -> None:
        """Something needed is not there."""
        self.unclear.append(why)

    @property
    def outcome(self) -> Outcome:
        """A counter-example outweighs what could not be seen."""
        if self.against:
            return Outcome.FAIL
        return Outcome.INCONCLUSIVE if self.unclear or not self.seen else Outcome.PASS

    @property
    def first(self) -> str:
        """The first counter-example, or why nothing could be told; empty when it holds."""
        if self.against:
            return self.against[0]
        if self.unclear:
            return self.unclear[0]
        return "" if self.seen else "nothing was there to look at"


class Verdict:
    """All invariants of one run."""

    def __init__(self) -> None:
        self.invariants = {name: Invariant(name) for name in TITLES}

    def __getitem__(self, name: str) -> Invariant:
        return self.invariants[name]

    @property
    def green(self) -> bool:
        """True when every invariant passes."""
        return not self.red

    @property
    def red(self) -> set[str]:
        """The names of those that do not pass."""
        return {one.name for one in self.invariants.values() if one.outcome is not Outcome.PASS}


def _at(text: str, places: Iterable[str]) -> str:
    known = [place for place in places if place]
    return f"{text} [{', '.join(known)}]" if known else text
