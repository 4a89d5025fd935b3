"""What a readable Bundle lacks: elements of need R without value and reason, markup in texts; and those only wanted."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from schemas.codes import systems
from schemas.events import Event
from schemas.profile.contents import Contents, Finding, place
from schemas.profile.primitives import MARKUP, PRIMITIVES
from schemas.profile.rows import EXTENSION_URLS, Need, choices, ways_to_say
from schemas.profile.table import Node, resources, tree
from schemas.reasons import ReasonCode

_MARKUP: Final = re.compile(MARKUP)


def gaps(bundle: Mapping[str, Any], event: Event) -> Iterator[Finding]:
    """Elements of need R that say nothing, and texts with markup. The Bundle has the right shape.

    Together with the shape this is the complete edition of the schema, element by element, with places.
    """
    trees = tree(event)
    for path in _missing(bundle, trees["Bundle"].children, trees, ""):
        yield Finding(ReasonCode.ELEMENT_MISSING, f"Bundle.{path}")
    for position, entry in enumerate(bundle["entry"]):
        resource = entry["resource"]
        for path in _missing(resource, trees[resource["resourceType"]].children, trees, ""):
            yield Finding(_reason(path), place(bundle, position, path))
        for path in _marked_up(resource, ""):
            yield Finding(ReasonCode.MARKUP_IN_TEXT, place(bundle, position, path))


def _reason(path: str) -> ReasonCode:
    return ReasonCode.LEGAL_BASIS_MISSING if path == "extension(legal-basis)" else ReasonCode.ELEMENT_MISSING


def _missing(
    value: Mapping[str, Any], children: Mapping[str, Node], trees: Mapping[str, Node], at: str
) -> Iterator[str]:
    for name, node in children.items():
        row = node.row
        if row is None:
            continue
        if name.startswith("extension:"):
            yield from _missing_extension(value, name.removeprefix("extension:"), node, at)
            continue
        if row.need is Need.R and not any(way in value for way in ways_to_say(row)):
            yield at + name
        for member, kind in zip(choices(row), row.type.split("|"), strict=False):
            held = value.get(member)
            below = {**_inherited(kind, trees), **node.children}
            if below and kind not in PRIMITIVES:
                for item in held if isinstance(held, list) else [held]:
                    if isinstance(item, dict) and not _is_absent(item):
                        yield from _missing(item, below, trees, f"{at}{member}.")


def _missing_extension(value: Mapping[str, Any], name: str, node: Node, at: str) -> Iterator[str]:
    if node.row is not None and node.row.need is Need.R:
        url = EXTENSION_URLS[name]
        if not any(item.get("url") == url for item in value.get("extension", ())):
            yield f"{at}extension({name})"


def _inherited(kind: str, trees: Mapping[str, Node]) -> Mapping[str, Node]:
    return trees[kind].children if kind in trees else {}


def _is_absent(item: Mapping[str, Any]) -> bool:
    """A reason in place of a complex value."""
    return item.keys() == {"extension"} and item["extension"][0].get("url") == systems.DATA_ABSENT_REASON


def _marked_up(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _marked_up(item, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for item in value:
            yield from _marked_up(item, at)
    elif isinstance(value, str) and "<" in value and _MARKUP.search(value):
        yield at


def said_to_be_unknown(bundle: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths of the elements that give a reason instead of a value, for whoever shows the case to people."""
    found = []
    for position, entry in enumerate(bundle["entry"]):
        found += [place(bundle, position, path) for path in _unknown(entry["resource"], "")]
    return tuple(found)


def _unknown(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, at)
    if not isinstance(value, dict):
        return
    if _is_absent(value) or any(item.get("system") == systems.DATA_ABSENT for item in value.get("coding", ())):
        yield at
        return
    for name, item in value.items():
        yield from _unknown(item, f"{at}.{name.removeprefix('_')}" if at else name.removeprefix("_"))


@cache
def _wanted(event: Event) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Resource type → for each element of need W, the members that say it."""
    trees = tree(event)
    found = {
        kind: tuple(
            tuple(ways_to_say(node.row))
            for node in trees[kind].children.values()
            if node.row is not None and node.row.need is Need.W
        )
        for kind in resources(event)
    }
    return MappingProxyType({kind: elements for kind, elements in found.items() if elements})


def wanted(contents: Contents) -> Iterator[Finding]:
    """Elements of need W that are not there. They never refuse a message."""
    for kind, elements in _wanted(contents.facts.event).items():
        for position, resource in contents.of(kind):
            if kind == "MedicationStatement" and _speaks_of_none(resource):
                continue
            for ways in elements:
                if not any(way in resource for way in ways):
                    yield Finding(ReasonCode.ELEMENT_MISSING, place(contents.bundle, position, ways[0]))


def _speaks_of_none(statement: Mapping[str, Any]) -> bool:
    """ "No information on medicines" has no dosage."""
    codings = statement["medicationCodeableConcept"].get("coding", ())
    return any(item["system"] in (systems.ABSENT_UNKNOWN, systems.DATA_ABSENT) for item in codings)
