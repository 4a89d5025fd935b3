"""Encounter: the stay that ends with the transfer."""

from typing import Final

from connectors.mapping import addresses
from connectors.mapping.addresses import xml13
from connectors.mapping.draft import Draft
from connectors.mapping.elements import (
    Element,
    absent,
    absent_concept,
    concept,
    identifier,
    is_code,
    without_nothing,
)
from connectors.mapping.parties import Parties
from connectors.mapping.source import Source, said
from connectors.mapping.times import to_fhir, to_instant
from connectors.sources.xml13.tables import Row
from schemas.codes import systems

MASKED_CATEGORY: Final = "1.9"  # MA_DOITUONG_KCB that a vendor sets for HIV: the code alone would tell

# MA_LOAI_KCB: inpatient, day inpatient, inpatient under four hours; consultation and the outpatient forms.
INPATIENT_FORMS: Final = frozenset({"03", "04", "09"})
OUTPATIENT_FORMS: Final = frozenset({"01", "02", "05", "07", "08"})

_DISPOSITIONS: Final = {"2": "Chuyển theo yêu cầu chuyên môn", "5": "Chuyển theo yêu cầu người bệnh"}


def add_encounter(draft: Draft, source: Source, patient: Element, parties: Parties) -> Element:
    """Adds the Encounter. MA_DOITUONG_KCB 1.9 is left out."""
    stay = encounter_class(source)
    content: Element = {
        "extension": _order(source),
        "identifier": [identifier(systems.EPISODE, source.text("MA_LK"))],
        "status": "finished",
        "class": {"system": systems.ACT_CODE, "code": stay},
        "type": _types(source.one),
        "serviceType": _coded(source.one, "MA_KHOA"),
        "subject": patient,
        "period": _period(source),
        "reasonCode": [{"text": text} for text in (said(source.one, "LY_DO_VV"),) if text],
        "hospitalization": _hospitalization(source, parties),
        "serviceProvider": parties.sender,
    }
    return draft.add("Encounter", without_nothing(content))


def encounter_class(source: Source) -> str:
    """IMP or AMB: what MA_LOAI_KCB says, else IMP when there was an order to admit."""
    form = source.one.get("MA_LOAI_KCB") or ""
    if form in INPATIENT_FORMS:
        return "IMP"
    if form in OUTPATIENT_FORMS:
        return "AMB"
    return "IMP" if (source.slip.get("NGAY_VAO_NOI_TRU") or "").strip() else "AMB"


def is_masked(source: Source) -> bool:
    """True when the category of the patient was left out because it alone would tell a diagnosis."""
    return (source.one.get("MA_DOITUONG_KCB") or "").strip() == MASKED_CATEGORY


def _order(source: Source) -> list[Element]:
    time = to_instant(source.happened(source.slip.get("NGAY_VAO_NOI_TRU")))
    return [{"url": systems.EXT_INPATIENT_ORDER, "valueDateTime": time}] if time else []


def _types(one: Row) -> list[Element]:
    fields = ["MA_LOAI_KCB"]
    if (one.get("MA_DOITUONG_KCB") or "").strip() != MASKED_CATEGORY:
        fields.append("MA_DOITUONG_KCB")
    return [found for field in fields if (found := _coded(one, field))]


def _coded(row: Row, field: str) -> Element | None:
    code = row.get(field)
    return concept(addresses.xml13(field), code) if is_code(code) else None


def _period(source: Source) -> Element:
    start = to_fhir(source.happened(source.slip.get("NGAY_VAO")))
    end = to_fhir(source.expected(source.slip.get("NGAY_RA")))
    period: Element = {"start": start} if start else {"_start": absent()}
    return period | ({"end": end} if end else {})


def _hospitalization(source: Source, parties: Parties) -> Element:
    code = source.text("MA_LOAI_RV")
    known = concept(xml13("MA_LOAI_RV"), code, _DISPOSITIONS.get(code)) if is_code(code) else absent_concept()
    return without_nothing({"origin": parties.came_from, "dischargeDisposition": known})
