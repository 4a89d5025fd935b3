"""ServiceRequest: what is asked for, why, and the narrative texts of the slip."""

from dataclasses import dataclass
from typing import Final

from connectors.mapping.addresses import xml13
from connectors.mapping.context import BuildContext
from connectors.mapping.draft import Draft
from connectors.mapping.elements import (
    Element,
    absent,
    absent_concept,
    annotation,
    concept,
    holds,
    identifier,
    is_code,
    text_concept,
    without_nothing,
)
from connectors.mapping.parties import Parties
from connectors.mapping.source import Source
from connectors.mapping.times import fhir_time, to_instant
from schemas.codes import systems
from schemas.events import Event

# Texts of the slip that travel as notes, each labelled with its field.
NOTED: Final = ("DAU_HIEU_LS", "QT_BENHLY", "PP_DIEUTRI", "PP_DIEU_TRI", "TINH_TRANG_CT")

_REASONS: Final = {
    "1": "Đủ điều kiện chuyển theo quy định",
    "2": "Vượt quá khả năng của cơ sở",
    "3": "Theo yêu cầu của người bệnh hoặc người đại diện",
}


@dataclass(frozen=True, slots=True)
class Case:
    """References to the resources that the request points at."""

    patient: Element
    encounter: Element
    conditions: list[Element]
    coverage: list[Element]
    parties: Parties


def add_request(draft: Draft, source: Source, case: Case, context: BuildContext) -> Element:
    """Adds the ServiceRequest; ``authoredOn`` is the transfer's time (NGAY_RA)."""
    meta = {"lastUpdated": fhir_time(context.now)} if context.event is Event.UPDATE else {}
    content: Element = {
        "meta": meta,
        "identifier": _identifiers(source),
        "status": "active",
        "intent": "order",
        "category": [concept(systems.KIND, context.proposal.kind.value)],
        "priority": context.proposal.priority.value,
        "code": text_concept(source.text("HUONG_DIEU_TRI")),
        "subject": case.patient,
        "encounter": case.encounter,
        **authored(source),
        "requester": case.parties.doctor,
        "performer": [case.parties.destination],
        "reasonCode": [_reason(source)],
        "reasonReference": case.conditions,
        "insurance": case.coverage,
        "note": [annotation(field, text) for field in NOTED if (text := source.text(field))],
    }
    return draft.add("ServiceRequest", without_nothing(content))


def authored(source: Source) -> Element:
    """``authoredOn``, or the word that it is unknown."""
    time = to_instant(source.expected(source.slip.get("NGAY_RA")))
    return {"authoredOn": time} if time else {"_authoredOn": absent()}


def _identifiers(source: Source) -> list[Element]:
    found = [identifier(systems.SLIP_NUMBER, source.text("GIAY_CHUYEN_TUYEN"))]
    for system, field in ((systems.EPISODE, "MA_LK"), (systems.REGISTER_NUMBER, "SO_CHUYENTUYEN")):
        if holds(source.text(field)):
            found.append(identifier(system, source.text(field)))
    return found


def _reason(source: Source) -> Element:
    code = source.text("MA_LYDO_CT")
    return concept(xml13("MA_LYDO_CT"), code, _REASONS.get(code)) if is_code(code) else absent_concept()
