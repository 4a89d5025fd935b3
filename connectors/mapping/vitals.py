"""Vital signs from the course: ``CSST<M75_T37_HA120/70_NT18_HL2>`` in XML5 (QĐ 4750/QĐ-BYT, Table 5).

Six kinds are always there, each with a value or with the reason why not. A number is taken only when it is written as
one; anything else stays text. Items nobody defined are carried with their letters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connectors.mapping.addresses import xml13
from connectors.mapping.draft import Draft
from connectors.mapping.elements import (
    UNKNOWN,
    UNSUPPORTED,
    Element,
    absent_concept,
    coding,
    concept,
    holds,
    is_code,
    without_nothing,
)
from connectors.mapping.source import Source, said, told_time
from connectors.mapping.times import to_fhir
from connectors.sources.xml13.tables import Row
from schemas.codes import systems

_ITEMS: Final = re.compile(r"CSST<([^<>]{1,200})>")
_ITEM: Final = re.compile(r"([A-Z]{1,8})(.{1,40})")
_NUMBER: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?", re.ASCII)
_PRESSURE: Final = re.compile(r"([0-9]{2,3})/([0-9]{2,3})", re.ASCII)

SIGNS_MAX: Final = 12  # items in one CSST
UNDEFINED_MAX: Final = 6  # kinds of items that nobody defined; the text of the course holds them all


@dataclass(frozen=True, slots=True)
class Sign:
    """One measured item: its letters, its text, when (``yyyymmddHHMM``, or as written), and when in words."""

    letters: str
    text: str
    at: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of vital sign: LOINC code, name, unit as printed and in UCUM."""

    code: str
    name: str
    unit: str = ""
    ucum: str = ""


PULSE: Final = Kind("8867-4", "Mạch", "lần/phút", "/min")
PRESSURE: Final = Kind("85354-9", "Huyết áp", "mmHg", "mm[Hg]")
BREATHS: Final = Kind("9279-1", "Nhịp thở", "lần/phút", "/min")
WARMTH: Final = Kind("8310-5", "Nhiệt độ", "°C", "Cel")
OXYGEN: Final = Kind("59408-5", "SpO2", "%", "%")
CONSCIOUSNESS: Final = Kind("9269-2", "Glasgow", "điểm", "{score}")
WEIGHT: Final = Kind("29463-7", "Cân nặng", "kg", "kg")

_BY_LETTERS: Final = {"M": PULSE, "HA": PRESSURE, "NT": BREATHS, "T": WARMTH}
_NEVER_IN_XML: Final = (OXYGEN, CONSCIOUSNESS)
_UPPER: Final = Kind("8480-6", "Huyết áp tâm thu")
_LOWER: Final = Kind("8462-4", "Huyết áp tâm trương")


def signs(course: Sequence[Row]) -> list[Sign]:
    """Every item of every CSST in the course, oldest first."""
    found = []
    for row in sorted(course, key=lambda row: row.get("THOI_DIEM_DBLS") or ""):
        for block in _ITEMS.findall(row.get("DIEN_BIEN_LS") or ""):
            for piece in block.split("_")[:SIGNS_MAX]:
                match = _ITEM.fullmatch(piece.strip())
                if match and holds(match[2]):
                    at = row.get("THOI_DIEM_DBLS") or ""
                    found.append(Sign(match[1], match[2], at, told_time(row, "THOI_DIEM_DBLS")))
    return found


def latest(found: Sequence[Sign]) -> dict[str, Sign]:
    """The newest item for each letter."""
    return {sign.letters: sign for sign in found}


def add_vitals(draft: Draft, source: Source, patient: Element, encounter: Element) -> list[Sign]:
    """Adds the newest of each kind, the six always, and weight and blood group; gives back the older items."""
    found = signs(source.course)
    newest = latest(found)
    about = {"subject": patient, "encounter": encounter}
    for letters, kind in _BY_LETTERS.items():
        sign = newest.get(letters)
        draft.add("Observation", _measured(source, sign) | about if sign else _missing(kind, UNKNOWN) | about)
    for kind in _NEVER_IN_XML:
        draft.add("Observation", _missing(kind, UNSUPPORTED) | about)
    undefined = [sign for letters, sign in newest.items() if letters not in _BY_LETTERS]
    for sign in undefined[:UNDEFINED_MAX]:
        draft.add("Observation", _measured(source, sign) | about)
    for extra in (*_weight(source), *_blood_group(source)):
        draft.add("Observation", extra | about)
    return [sign for sign in found if newest[sign.letters] is not sign]


def add_older(draft: Draft, source: Source, older: Sequence[Sign], patient: Element, encounter: Element) -> None:
    """Adds older items, each with its own time."""
    for sign in older:
        draft.add("Observation", _measured(source, sign) | {"subject": patient, "encounter": encounter})


def has_vitals(source: Source) -> bool:
    """True when the course says pulse, blood pressure, breathing and temperature at least once."""
    return _BY_LETTERS.keys() <= latest(signs(source.course)).keys()


def _vital(kind: Kind) -> Element:
    return {
        "status": "final",
        "category": [concept(systems.OBSERVATION_CATEGORY, "vital-signs")],
        "code": {"coding": [coding(systems.LOINC, kind.code)], "text": kind.name},
    }


def _missing(kind: Kind, why: str) -> Element:
    return _vital(kind) | {"dataAbsentReason": absent_concept(why)}


def _measured(source: Source, sign: Sign) -> Element:
    kind = _BY_LETTERS.get(sign.letters)
    code = _vital(kind) if kind else _undefined(sign.letters)
    time = to_fhir(source.happened(sign.at))
    note = [] if time or not sign.told else [{"text": f"Thời điểm ghi trong bảng: {sign.told}"}]
    return without_nothing(code | {"effectiveDateTime": time} | _value(kind, sign.text) | {"note": note})


def _undefined(letters: str) -> Element:
    code = {"coding": [coding(xml13("CSST"), letters)], "text": letters}
    return {"status": "final", "category": [concept(systems.OBSERVATION_CATEGORY, "vital-signs")], "code": code}


def _value(kind: Kind | None, text: str) -> Element:
    pressure = _PRESSURE.fullmatch(text)
    if kind is PRESSURE and pressure:
        pair = zip((_UPPER, _LOWER), pressure.groups(), strict=True)
        return {
            "component": [
                {"code": {"coding": [coding(systems.LOINC, part.code)]}, "valueQuantity": _quantity(number, PRESSURE)}
                for part, number in pair
            ]
        }
    if kind and kind is not PRESSURE and _NUMBER.fullmatch(text):
        return {"valueQuantity": _quantity(text, kind)}
    return {"valueString": text}


def _quantity(number: str, kind: Kind) -> Element:
    return {"value": Decimal(number), "unit": kind.unit, "system": systems.UCUM, "code": kind.ucum}


def _weight(source: Source) -> list[Element]:
    text = said(source.one, "CAN_NANG")
    return [_vital(WEIGHT) | _value(WEIGHT, text)] if holds(text) else []


def _blood_group(source: Source) -> list[Element]:
    group = said(source.one, "NHOM_MAU")
    if not is_code(group):
        return []
    category = concept(systems.OBSERVATION_CATEGORY, "laboratory")
    code = {"coding": [coding(systems.LOINC, "882-1")], "text": "Nhóm máu"}
    return [{"status": "final", "category": [category], "code": code, "valueString": group}]
