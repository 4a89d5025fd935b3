"""Small FHIR elements as plain dictionaries, and what a FHIR string can hold."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final, TypeGuard

from schemas.codes import systems
from schemas.limits import TEXT_MAX_CHARS
from schemas.profile.primitives import ACTIVE, MARKUP, STRING_CHARS

Element = dict[str, Any]

UNKNOWN: Final = "unknown"
UNSUPPORTED: Final = "unsupported"  # the source format cannot say it

# What the profile keeps out of texts: control characters, and what a careless page would run or show as markup.
_KEPT_OUT: Final = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|{ACTIVE}|{MARKUP}")
# JSON Schema counts the byte-order mark as a blank (ECMA-262), Python does not.
_VISIBLE: Final = re.compile(r"[^\s\ufeff]")
_CODE: Final = re.compile(r"[^\s\ufeff<>]+(?: [^\s\ufeff<>]+)*")
CODE_MAX_CHARS: Final = 100


def holds(text: str | None, longest: int = STRING_CHARS) -> TypeGuard[str]:
    """True when a FHIR string of at most ``longest`` characters can hold the text: visible, nothing kept out."""
    return text is not None and len(text) <= longest and bool(_VISIBLE.search(text)) and _KEPT_OUT.search(text) is None


def is_code(text: str | None) -> TypeGuard[str]:
    """True when a FHIR code can hold the text: no blanks at its ends, none doubled."""
    return holds(text, CODE_MAX_CHARS) and _CODE.fullmatch(text) is not None


def coding(system: str, code: str, display: str | None = None) -> Element:
    """A Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(system: str, code: str, text: str | None = None) -> Element:
    """A CodeableConcept of one coding."""
    return {"coding": [coding(system, code)]} | ({"text": text} if text else {})


def identifier(system: str, value: str | None) -> Element:
    """An Identifier; its value is marked absent when there is none."""
    return {"system": system, "value": value} if holds(value) else {"system": system, "_value": absent()}


def absent(why: str = UNKNOWN) -> Element:
    """What stands at ``_name`` when the primitive ``name`` has no value."""
    return {"extension": [{"url": systems.DATA_ABSENT_REASON, "valueCode": why}]}


def absent_concept(why: str = UNKNOWN) -> Element:
    """A CodeableConcept that says why there is none."""
    return concept(systems.DATA_ABSENT, why)


def text_concept(text: str | None) -> Element:
    """A CodeableConcept of text alone, or one whose text is marked absent."""
    return {"text": text} if holds(text, TEXT_MAX_CHARS) else {"_text": absent()}


def phone(number: str | None) -> Element:
    """A ContactPoint for a telephone; a missing number is marked absent."""
    return {"system": "phone", "value": number} if holds(number) else {"system": "phone", "_value": absent()}


def human_name(text: str | None) -> Element:
    """A HumanName: Vietnamese names are not split."""
    return {"text": text} if holds(text) else {"_text": absent()}


def annotation(label: str, text: str, time: str | None = None) -> Element:
    """An Annotation that says what it is."""
    note: Element = {"extension": [{"url": systems.EXT_LABEL, "valueCode": label}]}
    return note | ({"time": time} if time else {}) | {"text": text}


def labelled(notes: object, label: str) -> str | None:
    """The text of the first Annotation with this label."""
    for note in notes if isinstance(notes, list) else []:
        if any(item.get("valueCode") == label for item in note.get("extension", [])):
            return str(note["text"])
    return None


def without_nothing(element: Element) -> Element:
    """The element without members that are None or empty."""
    return {name: value for name, value in element.items() if value not in (None, [], {}, "")}


def parts(text: str) -> list[str]:
    """The pieces of a list that XML13 writes with semicolons, blanks around them removed, empty ones left out."""
    return [piece.strip() for piece in text.split(";") if piece.strip()]


def composed(text: str | None) -> str:
    """A text in composed form (NFC), for looking words up in it; what travels is the text as it was."""
    return unicodedata.normalize("NFC", text or "")


def joined(pieces: Iterable[str]) -> str:
    """A list as XML13 writes it."""
    return ";".join(pieces)
