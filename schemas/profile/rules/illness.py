"""Illness: a main diagnosis, and the six vital signs, each with a value or the reason why there is none."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE
from schemas.profile.contents import Broken, Contents, Finding, Resource
from schemas.reasons import ReasonCode

VITAL_SIGNS: Final = {
    "8867-4": "heart rate",
    "85354-9": "blood pressure",
    "9279-1": "respiratory rate",
    "59408-5": "oxygen saturation",
    "8310-5": "body temperature",
    "9269-2": "Glasgow coma scale",
}
"""LOINC codes of the six that every slip speaks of."""

CONSCIOUSNESS: Final = frozenset({"9269-2", "67775-7"})  # Glasgow coma scale, or AVPU


def diagnosis(contents: Contents) -> Iterator[Broken]:
    """The first Condition is the main one: an ICD-10 code or a text."""
    for position, condition in contents.by_type.get("Condition", [])[:1]:
        code = condition.get("code", {})
        coded = any(item["system"] == systems.ICD10 for item in code.get("coding", ()))
        if code and not coded and "text" not in code and not _is_absent(code):
            yield contents.broken(position, "code", ReasonCode.ELEMENT_MISSING)


def _is_absent(code: Resource) -> bool:
    absent = any(item["system"] == systems.DATA_ABSENT for item in code.get("coding", ()))
    return absent or "extension" in code or "_text" in code


def vital_signs(contents: Contents) -> Iterator[Broken]:
    """The six are all spoken of; values have UCUM units."""
    if contents.facts.event not in CARRIES_THE_CASE:
        return
    found: set[str] = set()
    for position, one in contents.of("Observation"):
        codes = [item["code"] for item in one["code"].get("coding", ()) if item["system"] == systems.LOINC]
        if _is_vital(one, codes):
            found.update(codes)
            if not all(_in_ucum(part) for part in (one, *one.get("component", ()))):
                yield contents.broken(position, "valueQuantity")
    if found & CONSCIOUSNESS:
        found |= CONSCIOUSNESS
    for code in (each for each in VITAL_SIGNS if each not in found):
        yield Broken(Finding(ReasonCode.ELEMENT_MISSING, f"Observation({code} {VITAL_SIGNS[code]})"))


def _is_vital(one: Resource, codes: list[str]) -> bool:
    return bool(codes) and any(
        item["code"] == "vital-signs" for category in one.get("category", ()) for item in category.get("coding", ())
    )


def _in_ucum(part: Resource) -> bool:
    quantity: Any = part.get("valueQuantity")
    return quantity is None or (quantity.get("system") == systems.UCUM and "code" in quantity)
