"""The vocabulary of the profile's table: one row per element, and what a row may say.

A row reads: at this path, so many times, of this datatype, needed so much, bound to these values. Every element that
has no row is refused. A path is the resource or datatype, then element names; ``value[x]`` is FHIR's choice, with its
datatypes parted by ``|``; ``extension:kind`` is the extension of that name (``EXTENSION_URLS``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Final

from schemas.codes import systems
from schemas.events import Event
from schemas.limits import EXPECTED_TRANSFER_AHEAD, IAT_MAX_AHEAD
from schemas.profile.primitives import PRIMITIVES


class Need(StrEnum):
    """How much an element is needed, and what its absence means."""

    MUST = "must"  # a value; without it the message cannot be authenticated, routed, tied to its patient, or read
    SAID = "said"  # a value or a reason; FHIR itself has no such resource without it, so nobody could read it
    R = "R"  # a value or a reason; otherwise refused, or (stat, unclassified) carried as incomplete
    W = "W"  # wanted: its absence is named, never refused, and does not make a message incomplete
    MAY = "may"


class Ahead(Enum):
    """How far after ``Bundle.timestamp`` a time may lie."""

    SKEW = IAT_MAX_AHEAD  # what has happened
    EXPECTED = EXPECTED_TRANSFER_AHEAD  # the transfer itself: an expected time is allowed
    FREE = timedelta.max  # plans and validity


@dataclass(frozen=True, slots=True)
class Fixed:
    """Exactly this value."""

    value: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a closed list of codes."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """A text of this form (regular expression, anchored by whoever writes it)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A Coding, or a CodeableConcept holding one, of this system and (where given) of these codes."""

    system: str
    codes: tuple[str, ...] = ()


Binding = Fixed | OneOf | Matches | Coded

MANY: Final = 120  # the "*" of a cardinality: never more than a Bundle has entries


@dataclass(frozen=True, slots=True)
class Row:
    """One element. ``low`` and ``high`` count occurrences, ``many`` means a JSON array, ``on`` names its events.

    ``instead`` names siblings any of which satisfies the need as well; ``sayable`` is true where a reason may stand in
    place of the value (always for SAID, R and W).
    """

    path: str
    low: int
    high: int
    many: bool
    type: str
    need: Need
    binding: Binding | None
    on: frozenset[Event]
    ahead: Ahead
    instead: tuple[str, ...]
    sayable: bool

    @property
    def name(self) -> str:
        """The element's own name, the last step of its path."""
        return self.path.rpartition(".")[2]

    @property
    def parent(self) -> str:
        """The path above, or the empty text for a resource or datatype itself."""
        return self.path.rpartition(".")[0]


_CARD: Final = re.compile(r"(\[?)([0-9])\.\.(\d+|\*)(\]?)")
_SAYABLE: Final = frozenset({Need.SAID, Need.R, Need.W})
ALL_EVENTS: Final = frozenset(Event)


def row(
    path: str,
    card: str,
    kind: str,
    need: Need = Need.MAY,
    binding: Binding | None = None,
    *,
    on: Iterable[Event] = ALL_EVENTS,
    ahead: Ahead = Ahead.SKEW,
    instead: tuple[str, ...] = (),
    sayable: bool = False,
) -> Row:
    """One row; ``card`` is ``1..1`` for a single element, ``[1..1]`` or ``[0..*]`` for a JSON array.

    Raises ValueError for any other form.
    """
    match = _CARD.fullmatch(card)
    if match is None or bool(match[1]) is not bool(match[4]):
        raise ValueError(f"cardinality of {path}")
    high = MANY if match[3] == "*" else int(match[3])
    sayable = sayable or need in _SAYABLE
    return Row(path, int(match[2]), high, bool(match[1]), kind, need, binding, frozenset(on), ahead, instead, sayable)


_SUFFIXES: Final = {"longString": "String", "moment": "DateTime"}  # where our name of a datatype is not FHIR's


def choices(one: Row) -> list[str]:
    """The JSON members a choice may be: ``value[x]`` of ``Quantity|string`` is valueQuantity or valueString."""
    if not one.name.endswith("[x]"):
        return [one.name]
    stem = one.name.removesuffix("[x]")
    return [stem + (_SUFFIXES.get(kind) or kind[0].upper() + kind[1:]) for kind in one.type.split("|")]


def companions(one: Row) -> list[str]:
    """The members (``_birthDate``) in which a primitive says why it has no value.

    A choice that FHIR requires has none: there a reason stands inside a complex option (``effectivePeriod``), because
    readers of R4 look for the option itself. Nor has one with its own element for the reason (``dataAbsentReason``).
    """
    if not one.sayable or one.many or one.instead or (one.name.endswith("[x]") and one.need is Need.SAID):
        return []
    pairs = zip(choices(one), one.type.split("|"), strict=one.name.endswith("[x]"))
    return [f"_{name}" for name, kind in pairs if kind in PRIMITIVES]


def ways_to_say(one: Row) -> list[str]:
    """The members any of which satisfies a needed element."""
    return [*choices(one), *companions(one), *one.instead]


EXTENSION_URLS: Final = {
    "origin": systems.EXT_ORIGIN,
    "legal-basis": systems.EXT_LEGAL_BASIS,
    "kind": systems.EXT_KIND,
    "priority-reason": systems.EXT_PRIORITY_REASON,
    "ward": systems.EXT_WARD,
    "contact": systems.EXT_CONTACT,
    "sha-256": systems.EXT_SHA256,
    "xml13": systems.EXT_XML13,
    "ethnic-group": systems.EXT_ETHNIC_GROUP,
    "nationality": systems.EXT_NATIONALITY,
    "occupation": systems.EXT_OCCUPATION,
    "estimated-age": systems.EXT_ESTIMATED_AGE,
    "birth-time": systems.EXT_BIRTH_TIME,
    "label": systems.EXT_LABEL,
    "inpatient-order": systems.EXT_INPATIENT_ORDER,
}
"""Extensions of elements by their short name; inside another extension the short name is the URL itself."""
