"""The whole table: which resources each event's Bundle holds, and the rows of each as a tree."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Final

from schemas.codes import systems
from schemas.events import SUPPORTED, Event
from schemas.profile.clinical import CLINICAL
from schemas.profile.datatypes import DATATYPES
from schemas.profile.messaging import ANSWERS, BUNDLE, CASE, MESSAGING
from schemas.profile.parties import PARTIES
from schemas.profile.rows import MANY, Fixed, Need, Row

ROWS: Final[tuple[Row, ...]] = (*BUNDLE, *MESSAGING, *PARTIES, *CLINICAL)


@dataclass(frozen=True, slots=True)
class Held:
    """How many resources of one type a Bundle holds. MUST is refused for everyone; R is reported for stat."""

    low: int
    high: int
    need: Need


_ONE: Final = Held(1, 1, Need.MUST)

_CASE: Final[Mapping[str, Held]] = {
    "MessageHeader": _ONE,
    "Task": _ONE,
    "ServiceRequest": _ONE,
    "Patient": _ONE,
    "Organization": Held(2, 4, Need.R),
    "Practitioner": Held(1, MANY, Need.R),
    "PractitionerRole": Held(1, MANY, Need.R),
    "Encounter": Held(1, 1, Need.R),
    "Condition": Held(1, 20, Need.R),
    "AllergyIntolerance": Held(1, MANY, Need.R),
    "MedicationStatement": Held(1, MANY, Need.R),
    "MedicationAdministration": Held(0, MANY, Need.MAY),
    "Observation": Held(6, MANY, Need.R),
    "DiagnosticReport": Held(0, MANY, Need.MAY),
    "Procedure": Held(0, MANY, Need.MAY),
    "DocumentReference": Held(1, MANY, Need.R),
    "Coverage": Held(0, 10, Need.MAY),
    "Consent": Held(0, 1, Need.MAY),
    "Flag": Held(0, MANY, Need.MAY),
    "RelatedPerson": Held(0, 10, Need.MAY),
    "Provenance": Held(1, 10, Need.R),
}

_ANSWER: Final[Mapping[str, Held]] = {
    "MessageHeader": _ONE,
    "Task": _ONE,
    "Organization": Held(2, 2, Need.R),
    "Practitioner": Held(0, 2, Need.MAY),
    "PractitionerRole": Held(0, 2, Need.MAY),
    "Provenance": Held(1, 2, Need.R),
}

# A named person of the destination says these.
_NAMED: Final = frozenset({Event.RECEIVED, Event.ACCEPT, Event.DECLINE})


def resources(event: Event) -> Mapping[str, Held]:
    """Resource types of an event's Bundle with how many; any other type is refused. KeyError: event not supported."""
    if event in CASE:
        return MappingProxyType(_CASE)
    if event in ANSWERS:
        named = {"PractitionerRole": Held(1, 2, Need.R)} if event in _NAMED else {}
        return MappingProxyType({**_ANSWER, **named})
    raise KeyError(event)


@dataclass(frozen=True, slots=True)
class Node:
    """A row with the rows below it, by element name. The root of a resource or datatype has no row."""

    row: Row | None
    children: dict[str, "Node"] = field(default_factory=dict)


@cache
def tree(event: Event) -> Mapping[str, Node]:
    """Resource type, datatype or ``Bundle`` → its tree, as this event has it. Raises KeyError: event not supported."""
    if event not in SUPPORTED:
        raise KeyError(event)
    roots: dict[str, Node] = {}
    for one in (*DATATYPES, *ROWS):
        if event in one.on:
            _plant(roots, _bound(one, event))
    return MappingProxyType(roots)


def _bound(one: Row, event: Event) -> Row:
    """The values that differ by event are its own name."""
    bound = {
        "Bundle.meta.profile": systems.profile_of(event),
        "MessageHeader.eventCoding.code": event.value,
        "MessageHeader.definition": systems.message_definition_of(event),
    }
    return replace(one, binding=Fixed(bound[one.path])) if one.path in bound else one


def _plant(roots: dict[str, Node], one: Row) -> None:
    resource, *steps = one.path.split(".")
    node = roots.setdefault(resource, Node(None))
    for step in steps[:-1]:
        node = node.children[step]  # KeyError: a row without the row above it
    if steps[-1] in node.children:
        raise ValueError(f"{one.path} stands twice for one event")
    node.children[steps[-1]] = Node(one)
