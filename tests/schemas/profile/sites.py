"""Where each row of the profile's table stands in a Bundle: the Bundle and the table walked side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codes import systems
from schemas.events import Event
from schemas.profile.rows import EXTENSION_URLS, Row, choices
from schemas.profile.table import Node, tree

Json = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """One element: ``holder[member]``, or for an extension ``holder["extension"][index]``."""

    row: Row
    holder: Json
    member: str
    kind: str
    index: int | None = None

    @property
    def value(self) -> Any:
        held = self.holder[self.member]
        return held if self.index is None else held[self.index]

    def put(self, value: Any) -> None:
        if self.index is None:
            self.holder[self.member] = value
        else:
            self.holder[self.member][self.index] = value

    def remove(self) -> None:
        if self.index is None:
            del self.holder[self.member]
        else:
            del self.holder[self.member][self.index]
            if not self.holder[self.member]:
                del self.holder[self.member]


def sites(bundle: Json, event: Event) -> list[Site]:
    """All sites of a Bundle, in an order that depends on its shape alone."""
    trees = tree(event)
    found = list(_walk(bundle, trees["Bundle"].children, trees))
    for entry in bundle["entry"]:
        resource = entry["resource"]
        found += _walk(resource, trees[resource["resourceType"]].children, trees)
    return found


def _walk(holder: Json, children: Mapping[str, Node], trees: Mapping[str, Node]) -> Iterator[Site]:
    for name, node in children.items():
        assert node.row is not None
        if name.startswith("extension:"):
            yield from _extension(holder, name.removeprefix("extension:"), node, trees)
            continue
        members = choices(node.row)
        kinds = node.row.type.split("|") if name.endswith("[x]") else [node.row.type]
        for member, kind in zip(members, kinds, strict=True):
            if member in holder:
                yield Site(node.row, holder, member, kind)
                yield from _below(holder[member], kind, node, trees)
            if isinstance(holder.get(f"_{member}"), dict):
                yield from _companion(holder[f"_{member}"], node, trees)


def _companion(value: Json, node: Node, trees: Mapping[str, Node]) -> Iterator[Site]:
    if _is_absent(value):
        yield from _walk(value, trees["Absent"].children, trees)
    else:
        yield from _walk(value, node.children, trees)


def _below(value: Any, kind: str, node: Node, trees: Mapping[str, Node]) -> Iterator[Site]:
    name = kind.partition("|")[0]
    inherited = trees[name].children if name in trees else {}
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and _is_absent(item):
            yield from _walk(item, trees["Absent"].children, trees)
        elif isinstance(item, dict):
            yield from _walk(item, {**inherited, **node.children}, trees)


def _extension(holder: Json, name: str, node: Node, trees: Mapping[str, Node]) -> Iterator[Site]:
    assert node.row is not None
    url = name if "extension:" in node.row.parent else EXTENSION_URLS[name]
    for index, item in enumerate(holder.get("extension", [])):
        if item.get("url") == url:
            yield Site(node.row, holder, "extension", "Extension", index)
            yield from _walk(item, node.children, trees)
            if name == "xml13":
                for field in item["extension"]:
                    yield from _walk(field, trees["Xml13Field"].children, trees)


def _is_absent(value: Json) -> bool:
    extensions = value.get("extension")
    return bool(extensions) and len(value) == 1 and extensions[0].get("url") == systems.DATA_ABSENT_REASON
