"""The JSON Schema (2020-12) of an event's Bundle, made from the table; closed everywhere.

Two editions. The *shape* says what may stand there at all: what it refuses cannot be read by whoever holds the same
table. The *complete* edition adds what must be there (need R, resources beside the essential ones, no markup): a Bundle
that passes it needs no further look at its elements, so the gate asks it first.

jsonschema_rs compares ``decimal.Decimal`` exactly, so parsed Bundles are judged as they are.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import jsonschema_rs

from schemas.codes import systems
from schemas.events import Event
from schemas.limits import BUNDLE_MAX_ENTRIES
from schemas.profile.primitives import ACTIVE, MARKUP, PRIMITIVES, TEXTS, URN_UUID
from schemas.profile.rows import (
    EXTENSION_URLS,
    Coded,
    Fixed,
    Matches,
    Need,
    OneOf,
    Row,
    choices,
    companions,
    ways_to_say,
)
from schemas.profile.table import Node, resources, tree

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
XML13_FIELDS: Final = 90  # fields of XML13 and XML1 together, and the three words about them
_REFERENCE_KINDS: Final = ("Reference", "Logical", "Named")


def build(event: Event, *, complete: bool = False) -> Schema:
    """The schema of one event's Bundle. Raises KeyError for an event that is not supported."""
    return _Maker(event, complete).bundle()


@cache
def validator_for(event: Event, *, complete: bool = False) -> jsonschema_rs.Draft202012Validator:
    """The compiled schema; made once per event and edition (some milliseconds), then shared."""
    return _compiled(build(event, complete=complete))


@cache
def resource_validator(event: Event, resource: str) -> jsonschema_rs.Draft202012Validator:
    """The compiled shape of one resource type (``Bundle``: its entries unread), to find where a fault lies."""
    maker = _Maker(event, complete=False)
    schema = maker.envelope() if resource == "Bundle" else {"$ref": f"#/$defs/{resource}"}
    return _compiled({"$schema": _DIALECT, **schema, "$defs": maker.definitions()})


def _compiled(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions())


class _Maker:
    """Turns trees into schemas for one event and edition."""

    def __init__(self, event: Event, complete: bool) -> None:
        self._event = event
        self._complete = complete
        self._trees = tree(event)

    def bundle(self) -> Schema:
        resource = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in resources(self._event)]}
        return {"$schema": _DIALECT, **self._bundle(resource), "$defs": self.definitions()}

    def envelope(self) -> Schema:
        """The Bundle with any of the event's resources, their content not looked at."""
        kinds = {"properties": {"resourceType": {"enum": list(resources(self._event))}}, "required": ["resourceType"]}
        return self._bundle({"type": "object", **kinds})

    def definitions(self) -> Schema:
        made: Schema = {name: dict(form) for name, form in PRIMITIVES.items()}
        if self._complete:
            for name in TEXTS:
                made[name]["not"] = {"pattern": f"{ACTIVE}|{MARKUP}"}
        held = resources(self._event)
        for name, node in self._trees.items():
            if name in held:
                made[name] = self._object(node.children, {"resourceType": {"const": name}})
            elif name != "Bundle":
                made[name] = self._object(node.children)
        return made

    def _bundle(self, resource: Schema) -> Schema:
        entry = {
            "type": "object",
            "properties": {"fullUrl": {"type": "string", "pattern": URN_UUID}, "resource": resource},
            "required": ["fullUrl", "resource"],
            "additionalProperties": False,
        }
        entries = {"type": "array", "minItems": 1, "maxItems": BUNDLE_MAX_ENTRIES, "items": entry}
        return self._object(self._trees["Bundle"].children, {"resourceType": {"const": "Bundle"}, "entry": entries})

    # --- objects -------------------------------------------------------------------------------------------------

    def _object(self, children: dict[str, Node], fixed: Schema | None = None) -> Schema:
        """A closed object: ``fixed`` members, always required, and those of the rows."""
        properties: Schema = dict(fixed or {})
        rules: list[Schema] = []
        extensions = {name.partition(":")[2]: node for name, node in children.items() if name.startswith("extension:")}
        if extensions:
            properties["extension"] = self._extensions(extensions)
        for name, node in children.items():
            if not name.startswith("extension:"):
                rules += self._member(properties, name, node)
        required = [*(fixed or {}), *self._must(children, extensions)]
        made: Schema = {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
        }
        made |= {"required": required} if required else {}
        rules += self._either(children)
        return made | ({"allOf": rules} if rules else {})

    def _member(self, properties: Schema, name: str, node: Node) -> list[Schema]:
        """Adds an element's members to ``properties``; returns what cannot be said there."""
        row = _row(node)
        names = dict(zip(choices(row), row.type.split("|"), strict=True)) if name.endswith("[x]") else {name: row.type}
        rules: list[Schema] = []
        for member, kind in names.items():
            properties[member] = self._occurrences(row, kind, node)
        for companion in companions(row):
            properties[companion] = self._companion(node)
            rules += _never_both(companion, names) if not node.children else _time_or_reason(companion)
        for place, member in enumerate(names):
            rules += _never_both(member, list(names)[place + 1 :])
        if "dataAbsentReason" in row.instead:
            rules += _never_both("dataAbsentReason", names)
        return rules

    def _companion(self, node: Node) -> Schema:
        """What may stand at ``_name``: a reason, or the element's own extensions."""
        absent = {"$ref": "#/$defs/Absent"}
        return {"anyOf": [absent, self._object(node.children)]} if node.children else absent

    def _must(self, children: dict[str, Node], extensions: dict[str, Node]) -> list[str]:
        names = [ways[0] for node in children.values() if len(ways := self._ways(node)) == 1]
        needed = any(self._needed(_row(node)) for node in extensions.values())
        return [name for name in names if ":" not in name] + (["extension"] if needed else [])

    def _either(self, children: dict[str, Node]) -> list[Schema]:
        found = [self._ways(node) for node in children.values()]
        return [{"anyOf": [{"required": [name]} for name in ways]} for ways in found if len(ways) > 1]

    def _ways(self, node: Node) -> list[str]:
        """The members any of which satisfies a needed element; none where it may be left out."""
        row = _row(node)
        return ways_to_say(row) if self._needed(row) else []

    def _needed(self, row: Row) -> bool:
        return row.need in (Need.MUST, Need.SAID) or (self._complete and row.need is Need.R)

    # --- values --------------------------------------------------------------------------------------------------

    def _occurrences(self, row: Row, kind: str, node: Node) -> Schema:
        """One value or an array of them; in place of a complex one, a reason."""
        one = self._alternatives(row, kind, node)
        if not row.many:
            options = [*one, *self._reasons(row, kind, node)]
            return options[0] if len(options) == 1 else {"anyOf": options}
        items = one[0] if len(one) == 1 else {"anyOf": one}
        array = {"type": "array", "minItems": max(1, row.low), "maxItems": row.high, "items": items}
        reasons = self._reasons(row, kind, node)
        if not reasons:
            return array
        single = reasons[0] if len(reasons) == 1 else {"anyOf": reasons}
        return {"anyOf": [array, {"type": "array", "minItems": 1, "maxItems": 1, "items": single}]}

    def _alternatives(self, row: Row, kind: str, node: Node) -> list[Schema]:
        kinds = [kind] if row.name.endswith("[x]") else row.type.split("|")
        return [self._value(row, one, node) for one in kinds]

    def _reasons(self, row: Row, kind: str, node: Node) -> list[Schema]:
        """What may stand in place of a complex value; nothing where FHIR requires one of the element's own parts."""
        parts = [_row(child).need for child in node.children.values()] if kind == "Element" else []
        if not row.sayable or kind in PRIMITIVES or Need.MUST in parts:
            return []
        reasons: list[Schema] = [{"$ref": "#/$defs/Absent"}]
        if isinstance(row.binding, Coded) and kind == "CodeableConcept":
            reasons.append(_concept(Coded(systems.DATA_ABSENT)))
        return reasons

    def _value(self, row: Row, kind: str, node: Node) -> Schema:
        if kind in PRIMITIVES:
            return _primitive(kind, row)
        name, _, targets = kind.rstrip(")").partition("(")
        if name in _REFERENCE_KINDS:
            return _reference(name, targets.split(","))
        if name == "Element":
            return self._object(node.children)
        children = self._trees[name].children
        if node.children:
            return self._object(children | node.children)
        if isinstance(row.binding, Coded):
            return (
                _concept(row.binding)
                if name == "CodeableConcept"
                else {"$ref": "#/$defs/Coding", **_coded(row.binding)}
            )
        return {"$ref": f"#/$defs/{name}"}

    # --- extensions ----------------------------------------------------------------------------------------------

    def _extensions(self, nodes: dict[str, Node]) -> Schema:
        """An array of named extensions, each at most as often as its row says."""
        urls = {name: _url(name, _row(node)) for name, node in nodes.items()}
        items = [self._extension(urls[name], name, node) for name, node in nodes.items()]
        counts = [
            {
                "contains": {"properties": {"url": {"const": urls[name]}}, "required": ["url"]},
                "minContains": 1 if self._needed(_row(node)) else 0,
                "maxContains": _row(node).high,
            }
            for name, node in nodes.items()
        ]
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": sum(_row(node).high for node in nodes.values()),
            "items": items[0] if len(items) == 1 else {"anyOf": items},
            "allOf": counts,
        }

    def _extension(self, url: str, name: str, node: Node) -> Schema:
        if name == "xml13":
            fields = {"type": "array", "minItems": 1, "maxItems": XML13_FIELDS, "items": {"$ref": "#/$defs/Xml13Field"}}
            return _closed({"url": {"const": url}, "extension": fields})
        return self._object(node.children, {"url": {"const": url}})


def _url(name: str, row: Row) -> str:
    """The URL of an extension: its address, or inside another extension its short name (FHIR complex extensions)."""
    return name if "extension:" in row.parent else EXTENSION_URLS[name]


def _row(node: Node) -> Row:
    if node.row is None:
        raise ValueError("a root has no row")
    return node.row


def _primitive(kind: str, row: Row) -> Schema:
    match row.binding:
        case Fixed(value):
            return {"const": value}
        case OneOf(codes):
            return {"enum": [str(code) for code in codes]}
        case Matches(pattern):
            return {"type": "string", "pattern": pattern}
        case _:
            return {"$ref": f"#/$defs/{kind}"}


def _closed(properties: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def _reference(kind: str, targets: Iterable[str]) -> Schema:
    text = {"$ref": "#/$defs/string"}
    named = {"$ref": "#/$defs/Identifier"}
    if kind == "Reference":
        return _closed({"reference": {"$ref": "#/$defs/urn-uuid"}}, {"type": {"enum": list(targets)}, "display": text})
    if kind == "Logical":
        return _closed({"type": {"enum": list(targets)}, "identifier": named}, {"display": text})
    return _closed({"display": text}, {"type": {"$ref": "#/$defs/code"}, "identifier": named})


def _coded(binding: Coded) -> Schema:
    code: Schema = {"enum": [str(code) for code in binding.codes]} if binding.codes else {"type": "string"}
    return {"properties": {"system": {"const": binding.system}, "code": code}, "required": ["system", "code"]}


def _concept(binding: Coded) -> Schema:
    coding = {"type": "array", "contains": _coded(binding)}
    return {"$ref": "#/$defs/CodeableConcept", "properties": {"coding": coding}, "required": ["coding"]}


def _never_both(one: str, others: Iterable[str]) -> list[Schema]:
    return [{"not": {"required": [one, other]}} for other in others if other != one]


def _time_or_reason(companion: str) -> list[Schema]:
    """A reason stands instead of the value; the element's own extensions stand beside it."""
    name = companion.removeprefix("_")
    reason = {"properties": {companion: {"$ref": "#/$defs/Absent"}}, "required": [companion]}
    return [
        {
            "if": reason,
            "then": {"not": {"required": [name]}},
            "else": {"dependentRequired": {companion: [name]}},
        }
    ]
