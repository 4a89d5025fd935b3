"""``content_sha256``: recognises the same content under new ids.

The Bundle in canonical form (RFC 8785), with every fullUrl, resource id and reference replaced by the entry's position,
and without what a mere re-issue changes: Bundle.id, identifier and timestamp, Task.identifier and groupIdentifier,
incarnation and counter, Provenance.recorded and entity.what. A rendition's bytes are left out as well: it is made from
the rest of the Bundle and prints the case code, so it differs where nothing else does (decision 0006).
"""

import hashlib
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import orjson
import rfc8785

from schemas.codes import systems

_OF_BUNDLE: Final = frozenset({"id", "identifier", "timestamp", "entry"})
_OF_TASK: Final = frozenset({"id", "identifier", "groupIdentifier"})
_OF_PROVENANCE: Final = frozenset({"id", "recorded", "entity"})

# As it stands in canonical JSON; inside a text the quotes would be escaped. Other references do not lead to an entry.
_REFERENCE: Final = re.compile(rb'"reference":"(urn:uuid:[0-9a-f-]{36})"')

_RENDITION: Final = "rendition"  # of systems.DOCUMENT: made from the rest of the Bundle, not signed by a person
_EXACT_INTEGER: Final = 2**53  # RFC 8785 numbers are IEEE 754 doubles
_PLAIN_LOW: Final = 1e-4  # between these, ECMAScript and orjson write a double with a fraction alike
_PLAIN_HIGH: Final = 1e16


def content_sha256(bundle: Mapping[str, Any]) -> str:
    """Lower-case hexadecimal SHA-256 of the content. The Bundle is as ``strict_json.loads`` gives it, of any shape."""
    return hashlib.sha256(content_form(bundle)).hexdigest()


def content_form(bundle: Mapping[str, Any]) -> bytes:
    """The canonical bytes behind the digest. The Bundle is not changed.

    Member names are sorted by UTF-8, which is RFC 8785's order (UTF-16) for all names but those that mix characters
    beyond the Basic Multilingual Plane with ones from its last part; names in FHIR are ASCII.
    """
    entries = bundle.get("entry")
    kept = {name: value for name, value in bundle.items() if name not in _OF_BUNDLE}
    if not isinstance(entries, list):
        return canonical(kept | ({"entry": entries} if "entry" in bundle else {}))
    positions: dict[str, int] = {}
    for position, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("fullUrl"), str):
            positions.setdefault(entry["fullUrl"], position)
    kept["entry"] = [_entry(entry, position, positions) for position, entry in enumerate(entries)]

    def replaced(match: re.Match[bytes]) -> bytes:
        position = positions.get(match[1].decode())
        return match[0] if position is None else b'"reference":"#%d"' % position

    return _REFERENCE.sub(replaced, canonical(kept))


def _entry(entry: Any, position: int, positions: Mapping[str, int]) -> Any:
    if not isinstance(entry, dict):
        return entry
    made = dict(entry)
    if isinstance(entry.get("fullUrl"), str):
        made["fullUrl"] = f"#{positions[entry['fullUrl']]}"
    if isinstance(entry.get("resource"), dict):
        made["resource"] = _resource(entry["resource"], position)
    return made


def _resource(resource: Mapping[str, Any], position: int) -> Mapping[str, Any]:
    kind = resource.get("resourceType")
    own = {"id": f"#{position}"} if "id" in resource else {}
    if kind == "MessageHeader":
        extensions = _without_origin(resource.get("extension"))
        return {**resource, **own} | ({"extension": extensions} if "extension" in resource else {})
    if kind == "Task":
        return {name: value for name, value in resource.items() if name not in _OF_TASK} | own
    if kind == "Provenance":
        kept = {name: value for name, value in resource.items() if name not in _OF_PROVENANCE} | own
        return kept | ({"entity": _without_what(resource["entity"])} if "entity" in resource else {})
    if kind == "DocumentReference" and _is_rendition(resource.get("type")):
        return {name: value for name, value in resource.items() if name != "content"} | own
    return {**resource, **own}


def _is_rendition(concept: Any) -> bool:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    rendition = {"system": systems.DOCUMENT, "code": _RENDITION}
    return isinstance(codings, list) and any(
        isinstance(coding, dict) and rendition.items() <= coding.items() for coding in codings
    )


def _without_origin(extensions: Any) -> Any:
    if not isinstance(extensions, list):
        return extensions
    return [item for item in extensions if not (isinstance(item, dict) and item.get("url") == systems.EXT_ORIGIN)]


def _without_what(entities: Any) -> Any:
    if not isinstance(entities, list):
        return entities
    return [
        {name: value for name, value in item.items() if name != "what"} if isinstance(item, dict) else item
        for item in entities
    ]


def canonical(value: Any) -> bytes:
    """RFC 8785 of a value as ``strict_json.loads`` gives it: numbers with a fraction are ``Decimal``.

    A number that no double can hold has no form there; it is told apart by its digits.
    """
    return orjson.dumps(value, default=_number, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)


def _number(value: Any) -> Any:
    """What orjson is to write for a ``Decimal``: a double as ECMAScript writes it."""
    if not isinstance(value, Decimal):
        raise TypeError("not a JSON value")
    double = float(value)
    if not math.isfinite(double):
        return {"number": str(value)}
    if double.is_integer():
        return int(double) if abs(double) < _EXACT_INTEGER else orjson.Fragment(rfc8785.dumps(double))
    if _PLAIN_LOW <= abs(double) < _PLAIN_HIGH:
        return double
    return orjson.Fragment(rfc8785.dumps(double))
