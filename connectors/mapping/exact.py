"""What makes the way back exact: every text that its FHIR element does not give back, and what was empty or absent.

Law: after ``keep_exact``, ``rebuild.rebuild_slip`` gives every field as it was. Fields whose element says them exactly
are read from the element and kept nowhere else.
"""

import base64
from typing import Final

from connectors.mapping.elements import Element, holds
from connectors.mapping.fields import REQUEST, home
from connectors.mapping.natives import READERS
from connectors.mapping.source import Source
from connectors.mapping.view import View
from schemas.codes import systems
from schemas.limits import TEXT_MAX_CHARS

DIALECT: Final = "dialect"
EMPTY: Final = "empty"
ABSENT: Final = "absent"


def keep_exact(bundle: Element, source: Source) -> None:
    """Adds the extensions to Patient, Encounter and ServiceRequest."""
    view = View(bundle)
    told: dict[str, list[Element]] = {REQUEST: [{"url": DIALECT, "valueCode": source.dialect.value}]}
    empty, absent = [], []
    for field, value in source.slip.items():
        if value is None:
            absent.append(field)
        elif value == "":
            empty.append(field)
        elif field not in READERS or READERS[field](view) != value:
            told.setdefault(home(field), []).append(exactly(field, value))
    told[REQUEST] += [
        {"url": name, "valueString": " ".join(fields)} for name, fields in ((EMPTY, empty), (ABSENT, absent)) if fields
    ]
    for kind, texts in told.items():
        resource = view.first(kind)
        resource["extension"] = [*resource.get("extension", []), {"url": systems.EXT_XML13, "extension": texts}]


def exactly(field: str, value: str) -> Element:
    """A text under its field's name, as base64 of its UTF-8 where no FHIR string can hold it."""
    if holds(value, TEXT_MAX_CHARS):
        return {"url": field, "valueString": value}
    return {"url": field, "valueBase64Binary": base64.b64encode(value.encode()).decode("ascii")}


def kept(resource: Element) -> dict[str, str]:
    """The names and exact texts kept on a resource. Raises ValueError for broken base64."""
    return {
        str(item["url"]): _text(item)
        for extension in resource.get("extension", [])
        if extension.get("url") == systems.EXT_XML13
        for item in extension.get("extension", [])
    }


def _text(item: Element) -> str:
    if "valueBase64Binary" in item:
        return base64.b64decode(item["valueBase64Binary"], validate=True).decode()
    return str(item.get("valueString", item.get("valueCode", "")))
