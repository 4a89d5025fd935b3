"""Where the shape of a Bundle is wrong: asked only after the schema has refused it, so speed does not matter here.

A finding names elements, never content. The name of an element that the profile does not know is content too (anybody
may have typed it), so it is told only where it is a name of FHIR's own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from schemas.events import Event
from schemas.limits import BUNDLE_MAX_ENTRIES
from schemas.profile.contents import Finding
from schemas.profile.json_schema import resource_validator
from schemas.profile.table import resources
from schemas.reasons import ReasonCode

_ERRORS_PER_RESOURCE: Final = 10
_RESOURCE_MAX: Final = 2_000  # parts of one resource that are searched for faults; real ones have a few hundred
_SEARCH_MAX: Final = 8_000  # parts of a whole Bundle that are; some 20 microseconds each in the worst case

# Elements of FHIR that foreign software sends most and this profile never holds.
FHIR_NAMES: Final = frozenset(
    {
        "contained",
        "extension",
        "fhir_comments",
        "implicitRules",
        "language",
        "link",
        "meta",
        "modifierExtension",
        "request",
        "response",
        "search",
        "signature",
        "text",
        "total",
    }
)
_ID_NAMES: Final = frozenset({"id", "fullUrl"})


def locate(bundle: Mapping[str, Any], event: Event) -> tuple[Finding, ...]:
    """The faults of a Bundle that the shape of its event refuses, each once; at least one.

    A signed Bundle can still be hostile or broken beyond measure, so the search is bounded: a resource with more parts
    than any real one has is named as a whole, and so are the others once enough has been searched.
    """
    found = tuple(dict.fromkeys(_locate(bundle, event)))
    return found or (Finding(ReasonCode.PROFILE_VIOLATED, "Bundle"),)


def _locate(bundle: Mapping[str, Any], event: Event) -> Iterator[Finding]:
    envelope = _envelope(bundle)
    budget = _SEARCH_MAX - _size(envelope, _RESOURCE_MAX)
    if budget <= _SEARCH_MAX - _RESOURCE_MAX:
        return
    for error in islice(resource_validator(event, "Bundle").iter_errors(envelope), _ERRORS_PER_RESOURCE):
        yield _finding("Bundle", _deepest(error))
    found = list(_resources(bundle, event))
    names = Counter(kind for _, kind, _ in found)
    for position, kind, resource in found:
        validator = resource_validator(event, kind)
        if validator.is_valid(resource):
            continue
        name = kind if names[kind] == 1 else f"Bundle.entry[{position}].{kind}"
        size = _size(resource, _RESOURCE_MAX)
        budget -= size
        if size >= _RESOURCE_MAX or budget <= 0:
            yield Finding(ReasonCode.PROFILE_VIOLATED, name)
            continue
        for error in islice(validator.iter_errors(resource), _ERRORS_PER_RESOURCE):
            yield _finding(name, _deepest(error))


def _envelope(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """The Bundle with at most one entry too many, and of each resource its type alone."""
    entries = bundle.get("entry")
    if not isinstance(entries, list):
        return dict(bundle)
    return {**bundle, "entry": [_emptied(entry) for entry in entries[: BUNDLE_MAX_ENTRIES + 1]]}


def _emptied(entry: Any) -> Any:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        return entry
    return {**entry, "resource": {name: resource[name] for name in ("resourceType",) if name in resource}}


def _resources(bundle: Mapping[str, Any], event: Event) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Position, type and content of entries whose type the event holds; the envelope speaks of the others."""
    known = resources(event)
    entries = bundle.get("entry")
    for position, entry in enumerate(entries[:BUNDLE_MAX_ENTRIES] if isinstance(entries, list) else []):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if isinstance(kind, str) and kind in known and isinstance(resource, dict):
            yield position, kind, resource


def _size(value: Any, most: int) -> int:
    """How many parts a value has, counted up to ``most``."""
    count, stack = 0, [value]
    while stack and count < most:
        item = stack.pop()
        count += 1
        if isinstance(item, dict | list):
            stack.extend(islice(item.values() if isinstance(item, dict) else item, most))
    return count


def _deepest(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Where several alternatives were tried, the fault of the one that fitted furthest: it was meant."""
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AnyOf):
        inner = [_deepest(one) for branch in kind.context for one in branch]
        return max([error, *inner], key=lambda one: len(one.instance_path))
    return error


def _finding(root: str, error: jsonschema_rs.ValidationError) -> Finding:
    path = root
    for step in error.instance_path:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    last = next((step for step in reversed(error.instance_path) if isinstance(step, str)), "")
    kind = error.kind
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
        return Finding(ReasonCode.ELEMENT_MISSING, f"{path}.{kind.property}")
    if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
        unexpected = [name for name in kind.unexpected if name in FHIR_NAMES]
        return Finding(ReasonCode.PROFILE_VIOLATED, f"{path}.{unexpected[0] if unexpected else '(unknown element)'}")
    return Finding(ReasonCode.ID_MALFORMED if last in _ID_NAMES else ReasonCode.PROFILE_VIOLATED, path)
