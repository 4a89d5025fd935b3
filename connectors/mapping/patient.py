"""Patient, and Coverage for each insurance card."""

import re
from typing import Any, Final

from connectors.mapping.draft import Draft
from connectors.mapping.elements import (
    Element,
    absent,
    holds,
    human_name,
    identifier,
    is_code,
    parts,
    phone,
    without_nothing,
)
from connectors.mapping.provinces import province_name
from connectors.mapping.source import Source, said
from connectors.mapping.times import birth_to_fhir, day_to_fhir, moment
from schemas.codes import systems

GENDERS: Final = {"1": "male", "2": "female", "3": "unknown"}
INSURER: Final = "Bảo hiểm xã hội Việt Nam"
CARDS_MAX: Final = 5  # cards of one episode; more are carried as text

_NATIONAL: Final = re.compile(r"[0-9]{12}", re.ASCII)
_CITIZEN: Final = re.compile(r"[0-9]{9}", re.ASCII)
_PASSPORT: Final = re.compile(r"[A-Z]{1,2}[0-9]{6,8}", re.ASCII)


def add_patient(draft: Draft, source: Source) -> Element:
    """Adds the Patient. Whatever the record does not say is marked unknown, never guessed."""
    coded = {
        systems.EXT_ETHNIC_GROUP: source.text("MA_DANTOC"),
        systems.EXT_NATIONALITY: source.text("MA_QUOCTICH"),
        systems.EXT_OCCUPATION: source.text("MA_NGHE_NGHIEP"),
    }
    number = said(source.one, "DIEN_THOAI")
    content: Element = {
        "extension": [{"url": url, "valueCode": code} for url, code in coded.items() if is_code(code)],
        "identifier": _identifiers(source),
        "name": [human_name(source.text("HO_TEN"))],
        "telecom": [phone(number)] if number else [],
        "gender": GENDERS.get(source.slip.get("GIOI_TINH") or "", "unknown"),
        **_birth(source),
        "address": _addresses(source),
    }
    return draft.add("Patient", without_nothing(content))


def add_coverage(draft: Draft, source: Source, patient: Element) -> list[Element]:
    """Adds one Coverage for each card; the payor is named, not referred to."""
    added = []
    for number, start, end in cards(source):
        period = without_nothing({"start": start, "end": end})
        content = {
            "identifier": [identifier(systems.INSURANCE, number)],
            "status": "active",
            "beneficiary": patient,
            "period": period or absent(),
            "payor": [{"display": INSURER}],
        }
        added.append(draft.add("Coverage", content))
    return added


def identity_system(number: str) -> str | None:
    """The system of a number in SO_CCCD, told by its form alone: 12 digits, 9 digits or a passport; else None."""
    for form, system in (
        (_NATIONAL, systems.NATIONAL_ID),
        (_CITIZEN, systems.CITIZEN_ID),
        (_PASSPORT, systems.PASSPORT),
    ):
        if form.fullmatch(number):
            return system
    return None


def cards(source: Source) -> list[tuple[str, str | None, str | None]]:
    """``(number, start, end)`` of each insurance card; the dates are FHIR dates."""
    numbers = parts(source.text("MA_THE_BHYT") or "")[:CARDS_MAX]
    ends = (source.text("GT_THE_DEN") or "").split(";")
    starts = (said(source.one, "GT_THE_TU") or "").split(";")
    if (source.one.get("MA_THE_BHYT") or "") != (source.slip.get("MA_THE_BHYT") or ""):
        starts = []  # the dates belong to other cards
    return [
        (number, day_to_fhir(_at(starts, place)), day_to_fhir(_at(ends, place))) for place, number in enumerate(numbers)
    ]


def _at(pieces: list[str], place: int) -> str | None:
    return pieces[place].strip() if place < len(pieces) else None


def _identifiers(source: Source) -> list[Element]:
    found = []
    number = said(source.one, "SO_CCCD")
    system = identity_system(number) if number else None
    if number and system:
        found.append(identifier(system, number))
    for card, _, end in cards(source):
        found.append(identifier(systems.INSURANCE, card) | ({"period": {"end": end}} if end else {}))
    record = source.text("SO_HOSO")
    if holds(record) or not found:
        found.append(identifier(systems.RECORD_NUMBER, record))
    return found


def _birth(source: Source) -> Element:
    date, time = birth_to_fhir(source.happened(source.slip.get("NGAY_SINH")))
    if date is None:
        return {"_birthDate": absent()}
    if time is None:
        return {"birthDate": date}
    return {
        "birthDate": date,
        "_birthDate": {"extension": [{"url": systems.EXT_BIRTH_TIME, "valueDateTime": time}]},
    }


def _addresses(source: Source) -> list[dict[str, Any]]:
    text = source.text("DIA_CHI")
    left = moment(source.slip.get("NGAY_RA"))
    state = province_name(said(source.one, "MATINH_CU_TRU"), left.date()) if left else None
    address = without_nothing({"text": text if holds(text) else None, "state": state})
    return [address] if address else []
