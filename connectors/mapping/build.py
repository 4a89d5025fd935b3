"""From the exported record to the message Bundle: one pure function."""

from collections.abc import Sequence
from datetime import datetime

from connectors.mapping.context import BuildContext
from connectors.mapping.diagnoses import add_conditions
from connectors.mapping.documents import (
    add_course,
    add_documents,
    add_other_medicines,
    add_other_results,
)
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, annotation, coding
from connectors.mapping.exact import keep_exact
from connectors.mapping.gaps import held_back, left_out, missing, notes
from connectors.mapping.medicines import add_allergies, add_medicines
from connectors.mapping.order import add_header, add_provenance, add_task
from connectors.mapping.parties import add_parties
from connectors.mapping.patient import add_coverage, add_patient
from connectors.mapping.request import Case, add_request
from connectors.mapping.results import add_results, choose
from connectors.mapping.source import Source, source_of
from connectors.mapping.stay import add_encounter
from connectors.mapping.summary import add_procedures, add_summary
from connectors.mapping.times import fhir_time, moment
from connectors.mapping.vitals import Sign, add_older, add_vitals
from connectors.sources.xml13.records import Dossier
from connectors.sources.xml13.tables import Row
from schemas.codes import systems
from schemas.codes.lists import Tag
from schemas.events import CARRIES_THE_CASE, Event
from schemas.limits import BUNDLE_MAX_ENTRIES


def build_bundle(dossier: Dossier, context: BuildContext) -> Element:
    """The Bundle of a transfer-submit or transfer-update, every reference resolving inside.

    Tables that were withheld on reading (XML6, XML15) and money are not in it. Texts and codes stay as written; numbers
    are ``Decimal``.

    Raises:
        Refused: LEGAL_BASIS_MISSING, when no ground of the facility fits this kind of transfer.
        ValueError: for a record without slip, or without any attachment: a form always travels; for an update that does
            not name the message before, or another event.
    """
    if not context.attachments:
        raise ValueError("a transfer carries its form")
    if context.event not in CARRIES_THE_CASE or (context.event is Event.UPDATE) != bool(context.previous_message_id):
        raise ValueError("a submit opens a case, an update names the message before")
    source = source_of(dossier, context.now)
    draft = Draft(context.new_id)
    case = _add_case(draft, source, context)
    request = add_request(draft, source, case, context)
    older = _add_clinical(draft, source, case)
    at = _dated(source, context)
    add_documents(draft, context.attachments, case.patient, at)
    add_course(draft, source, case.patient, at)
    add_other_medicines(draft, source, case.patient, at)
    said = _fill(draft, source, case, older, at)
    gaps, kept = [*missing(source, context), *left_out(dossier, context)], held_back(source, dossier.held_back)
    task = add_task(draft, source, context, case, request, notes=[*notes(gaps, kept), *said])
    add_provenance(draft, context, case.parties, request, task)
    add_header(draft, context, case.parties, task)
    tags = [
        (Tag.UNCLASSIFIED, context.proposal.unclassified),
        (Tag.INCOMPLETE, bool(gaps)),
        (Tag.HELD_BACK, bool(kept)),
        (Tag.DEMONSTRATION, context.demonstration),
    ]
    bundle = _envelope(draft, context, [tag for tag, holds in tags if holds])
    keep_exact(bundle, source)
    return bundle


def _dated(source: Source, context: BuildContext) -> datetime | None:
    """The date of the papers: the transfer's, or now when that is still to come."""
    left = moment(source.expected(source.slip.get("NGAY_RA")))
    return None if left is None else min(left, context.now)


# Entries still to come when results are fitted in: text of the other results, Task, Provenance, MessageHeader.
_STILL_TO_COME = 4


def _add_case(draft: Draft, source: Source, context: BuildContext) -> Case:
    patient = add_patient(draft, source)
    parties = add_parties(draft, source, context)
    encounter = add_encounter(draft, source, patient, parties)
    conditions = add_conditions(draft, source, patient, encounter)
    return Case(patient, encounter, conditions, add_coverage(draft, source, patient), parties)


def _add_clinical(draft: Draft, source: Source, case: Case) -> list[Sign]:
    add_allergies(draft, case.patient)
    add_medicines(draft, source, case.patient, case.encounter)
    older = add_vitals(draft, source, case.patient, case.encounter)
    add_summary(draft, source, case.patient, case.encounter)
    add_procedures(draft, source, case.patient, case.encounter)
    return older


def _fill(draft: Draft, source: Source, case: Case, older: list[Sign], at: datetime | None) -> list[Element]:
    """Fits results and older vital signs into the room left, and says in words what went into a text instead.

    Older vital signs give way first: the text of the course holds them word for word.
    """
    room = BUNDLE_MAX_ENTRIES - len(draft) - _STILL_TO_COME
    chosen, rest = choose(source.results, room)
    add_results(draft, source, chosen, case.patient, case.encounter)
    add_other_results(draft, rest, case.patient, at)
    space = max(room - len(chosen), 0)
    add_older(draft, source, older[-space:] if space else [], case.patient, case.encounter)
    return _said_of_results(source.results, chosen, rest)


def _said_of_results(rows: Sequence[Row], chosen: list[Row], rest: list[Row]) -> list[Element]:
    if not rest:
        return []
    vi = f"Có {len(rows)} kết quả: {len(chosen)} kết quả mới nhất nằm trong gói, {len(rest)} kết quả nằm trong tệp kèm."
    en = f"{len(rows)} results: the newest {len(chosen)} stand in the Bundle, {len(rest)} in the text attached."
    return [annotation("labs", f"{vi} / {en}")]


def _envelope(draft: Draft, context: BuildContext, tags: list[Tag]) -> Element:
    labels = [coding(systems.TAG, tag.value) for tag in tags]
    meta: Element = {"profile": [systems.profile_of(context.event.value)]} | ({"tag": labels} if labels else {})
    return {
        "resourceType": "Bundle",
        "id": context.ids.bundle_id,
        "meta": meta,
        "identifier": {"system": systems.BUNDLE_ID, "value": f"urn:uuid:{context.ids.bundle_id}"},
        "type": "message",
        "timestamp": fhir_time(context.now),
        "entry": draft.entries,
    }
