"""Where references, times and numbers lie in each resource, read off the table once for each event."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from schemas.events import Event
from schemas.profile.primitives import CLOCKED, PRIMITIVES
from schemas.profile.rows import Ahead, Row, choices
from schemas.profile.table import Node, resources, tree

Steps = tuple[tuple[str, bool], ...]

_REFERENCE: Final = "Reference("
_NUMBERS: Final = frozenset({"decimal", "unsignedInt", "positiveInt"})


class Watch(Enum):
    """What a rule has to look at, one element at a time."""

    REFERENCE = "reference"
    TIME = "time"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Spot:
    """An element in a resource. ``steps`` name the way to it, each with whether an array stands there.

    ``direct`` is true for a single element of the resource itself; ``targets`` are the types a reference may lead to.
    """

    steps: Steps
    kind: str
    row: Row
    watch: Watch
    direct: bool
    targets: frozenset[str]

    @property
    def path(self) -> str:
        """``component.valueQuantity.value``."""
        return ".".join(name for name, _ in self.steps)

    def within(self, value: Any) -> list[Any]:
        """All values at this place, given what stands at its first step."""
        values: list[Any] = value if self.steps[0][1] else [value]
        for name, many in self.steps[1:]:
            found = [item[name] for item in values if name in item]
            values = [one for several in found for one in several] if many else found
        return values


@cache
def watched(event: Event) -> Mapping[str, Mapping[str, tuple[Spot, ...]]]:
    """Resource type → element of the resource → the places at or below it that rules look at."""
    trees = tree(event)
    made: dict[str, Mapping[str, tuple[Spot, ...]]] = {}
    for kind in resources(event):
        groups: dict[str, tuple[Spot, ...]] = {}
        for spot in _walk(trees[kind], trees, ()):
            first = spot.steps[0][0]
            groups[first] = (*groups.get(first, ()), spot)
        made[kind] = MappingProxyType(groups)
    return MappingProxyType(made)


def _walk(node: Node, trees: Mapping[str, Node], above: Steps) -> Iterator[Spot]:
    for name, child in node.children.items():
        row = child.row
        if row is None:
            continue
        if name.startswith("extension:"):
            yield from _walk(child, trees, (*above, ("extension", True)))
            continue
        kinds = row.type.split("|")
        members = choices(row) if name.endswith("[x]") else [name] * len(kinds)
        for member, kind in zip(members, kinds, strict=True):
            steps = (*above, (member, row.many))
            watch = _watch(kind, row)
            if watch is not None:
                yield Spot(steps, kind, row, watch, len(steps) == 1 and not row.many, _targets(kind))
            below = (*above, (f"_{member}", row.many)) if kind in PRIMITIVES else steps
            inherited = trees[kind].children if kind in trees else {}
            yield from _walk(Node(None, {**inherited, **child.children}), trees, below)


def _watch(kind: str, row: Row) -> Watch | None:
    if kind.startswith(_REFERENCE):
        return Watch.REFERENCE
    if kind in CLOCKED and row.ahead is not Ahead.FREE:
        return Watch.TIME
    return Watch.NUMBER if kind in _NUMBERS else None


def _targets(kind: str) -> frozenset[str]:
    listed = kind.removeprefix(_REFERENCE).rstrip(")").split(",") if kind.startswith(_REFERENCE) else []
    return frozenset(listed)
