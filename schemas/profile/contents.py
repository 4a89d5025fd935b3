"""A Bundle laid out for the rules: its resources by type and by address. Assumes the shape was judged before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.message import MessageFacts
from schemas.reasons import ReasonCode

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its reason, and the element's path (``Patient.birthDate``), never a value."""

    reason: ReasonCode
    where: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold. ``always`` refuses for everyone; the others are reported for stat and unclassified."""

    finding: Finding
    always: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """``entries`` are (position, type, resource); ``types`` and ``resources`` map fullUrls to what stands there."""

    bundle: Mapping[str, Any]
    facts: MessageFacts
    entries: tuple[tuple[int, str, Resource], ...]
    types: Mapping[str, str]
    resources: Mapping[str, Resource]
    by_type: Mapping[str, list[tuple[int, Resource]]]

    def of(self, kind: str) -> Iterator[tuple[int, Resource]]:
        """Position and resource of each entry of a type."""
        yield from self.by_type.get(kind, ())

    def one(self, kind: str) -> Resource:
        """The first resource of a type, or an empty one."""
        found = self.by_type.get(kind)
        return found[0][1] if found else {}

    def at(self, reference: object) -> Resource:
        """The resource that a reference element points to, or an empty one."""
        url = reference.get("reference") if isinstance(reference, dict) else None
        return self.resources.get(url, {}) if isinstance(url, str) else {}

    def broken(
        self, position: int, element: str, reason: ReasonCode = ReasonCode.BUNDLE_RULE_BROKEN, *, always: bool = False
    ) -> Broken:
        """A rule broken by an element of the resource at a position."""
        kind = self.entries[position][1]
        return Broken(Finding(reason, path_of(kind, element, position, len(self.by_type[kind]))), always)


def place(bundle: Mapping[str, Any], position: int, element: str) -> str:
    """The path of an element of the resource at a position. ``element`` is empty for the resource itself."""
    kind = bundle["entry"][position]["resource"]["resourceType"]
    same = sum(entry["resource"]["resourceType"] == kind for entry in bundle["entry"])
    return path_of(kind, element, position, same)


def path_of(kind: str, element: str, position: int, same: int) -> str:
    """``Patient.birthDate``; where the Bundle has ``same`` > 1 of a type, ``Bundle.entry[12].Observation.code``."""
    path = f"{kind}.{element}" if element else kind
    return path if same == 1 else f"Bundle.entry[{position}].{path}"


def lay_out(bundle: Mapping[str, Any], facts: MessageFacts) -> Contents:
    """The contents of a Bundle of the right shape."""
    entries: list[tuple[int, str, Resource]] = []
    types: dict[str, str] = {}
    resources: dict[str, Resource] = {}
    by_type: dict[str, list[tuple[int, Resource]]] = {}
    for position, entry in enumerate(bundle["entry"]):
        resource = entry["resource"]
        kind = resource["resourceType"]
        entries.append((position, kind, resource))
        types[entry["fullUrl"]] = kind
        resources[entry["fullUrl"]] = resource
        by_type.setdefault(kind, []).append((position, resource))
    return Contents(bundle, facts, tuple(entries), types, resources, by_type)
