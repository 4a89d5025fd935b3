"""Task, MessageHeader and Provenance: the message itself."""

from datetime import datetime
from typing import Final

from connectors.mapping.changes import in_words
from connectors.mapping.context import BuildContext, Facility, LegalGround
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, absent, annotation, coding, concept, identifier, without_nothing
from connectors.mapping.parties import Parties
from connectors.mapping.request import Case
from connectors.mapping.source import Source
from connectors.mapping.times import fhir_time, moment, start_of
from schemas.codes import systems
from schemas.codes.lists import LegalBasis
from schemas.events import Event
from schemas.ids import facility_urn
from schemas.lifecycle import business_status, task_status
from schemas.limits import PROVISIONAL_VALIDITY
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Kind

SOFTWARE: Final = "lienvien"


def choose_ground(grounds: tuple[LegalGround, ...], kind: Kind) -> LegalGround:
    """The ground for one transfer: the first that fits; EMERGENCY fits emergencies only, and comes first there.

    Raises:
        Refused: LEGAL_BASIS_MISSING, when none fits.
    """
    usual = [ground for ground in grounds if ground.basis is not LegalBasis.EMERGENCY]
    urgent = [ground for ground in grounds if ground.basis is LegalBasis.EMERGENCY and kind is Kind.EMERGENCY]
    for ground in (*urgent, *usual):
        return ground
    raise Refused(ReasonCode.LEGAL_BASIS_MISSING, "MessageHeader.extension(legal-basis)")


def valid_until(source: Source, kind: Kind) -> datetime | None:
    """When the slip ends: one year for a one-year slip, else provisionally 14 days, counted from NGAY_RA."""
    left = start_of(source.expected(source.slip.get("NGAY_RA")))
    if left is None:
        return None
    if kind is Kind.ONE_YEAR:
        day = 28 if (left.month, left.day) == (2, 29) else left.day
        return left.replace(year=left.year + 1, day=day)
    return left + PROVISIONAL_VALIDITY


def add_task(
    draft: Draft,
    source: Source,
    context: BuildContext,
    case: Case,
    request: Element,
    *,
    notes: list[Element],
) -> Element:
    """Adds the Task. A submit's times are NGAY_RA, so that the same record built again has the same content."""
    ends = valid_until(source, context.proposal.kind)
    if context.changes:
        notes = [annotation("changes", in_words(context.changes), fhir_time(context.now)), *notes]
    content: Element = {
        "extension": [{"url": systems.EXT_KIND, "valueCode": context.proposal.kind.value}, _priority_reason(context)],
        "identifier": [
            identifier(systems.TRANSFER_ID, context.ids.transfer_id),
            identifier(systems.CASE_CODE, context.ids.case_code),
        ],
        "groupIdentifier": identifier(systems.CASE_ID, context.ids.case_id),
        "status": task_status(context.state),
        "businessStatus": concept(systems.BUSINESS_STATUS, business_status(context.state)),
        "intent": "order",
        "priority": context.proposal.priority.value,
        "code": concept(systems.TASK_CODE, "fulfill"),
        "focus": request,
        "for": case.patient,
        **_times(source, context),
        "requester": case.parties.sender,
        "owner": case.parties.destination,
        "restriction": {"period": {"end": fhir_time(ends)} if ends else {"_end": absent()}},
        "note": notes,
    }
    return draft.add("Task", without_nothing(content))


def _times(source: Source, context: BuildContext) -> Element:
    """The order was given when the patient left, or now when that is still to come; never changed before (inv-1)."""
    left = moment(source.expected(source.slip.get("NGAY_RA")))
    given = None if left is None else min(left, context.now)
    changed = context.now if context.event is Event.UPDATE or given is None else given
    told: Element = {"authoredOn": fhir_time(given)} if given else {"_authoredOn": absent()}
    return told | {"lastModified": fhir_time(changed)}


def _priority_reason(context: BuildContext) -> Element:
    proposal = context.proposal
    told = {"rule": proposal.rule, "version": proposal.version, "text": f"{proposal.vi} / {proposal.en}"}
    parts = [{"url": name, "valueString": text} for name, text in told.items()]
    return {"url": systems.EXT_PRIORITY_REASON, "extension": parts}


def add_provenance(draft: Draft, context: BuildContext, parties: Parties, request: Element, task: Element) -> None:
    """Adds who wrote and who sends; an update names the message before."""
    content: Element = {
        "target": [request, task],
        "recorded": fhir_time(context.now),
        "agent": [
            {"type": concept(systems.PROVENANCE_AGENT, "author"), "who": parties.doctor},
            {"type": concept(systems.PROVENANCE_AGENT, "transmitter"), "who": parties.sender},
        ],
    }
    if context.event is Event.UPDATE and context.previous_message_id:
        before = {"identifier": identifier(systems.MESSAGE_ID, context.previous_message_id)}
        content["entity"] = [{"role": "revision", "what": before}]
    draft.add("Provenance", content)


def add_header(draft: Draft, context: BuildContext, parties: Parties, task: Element) -> None:
    """Puts the MessageHeader first."""
    ground = choose_ground(context.legal_grounds, context.proposal.kind)
    reason = "update" if context.event is Event.UPDATE else "new"
    content: Element = {
        "extension": [origin(context.ids.incarnation, context.ids.counter), _legal_basis(ground)],
        "eventCoding": coding(systems.EVENT, context.event.value),
        "destination": [destination(context.destination, parties.destination)],
        "sender": parties.sender,
        "author": parties.doctor,
        "source": software(context.sender, context.software_version),
        "reason": concept(systems.MESSAGE_REASON, reason),
        "focus": [task],
        "definition": systems.message_definition_of(context.event),
    }
    draft.add_first(context.ids.message_id, "MessageHeader", content)


def origin(incarnation: str, counter: int) -> Element:
    """The connector database that made the message, and the message's number there."""
    parts = [{"url": "incarnation", "valueId": incarnation}, {"url": "counter", "valuePositiveInt": counter}]
    return {"url": systems.EXT_ORIGIN, "extension": parts}


def destination(facility: Facility, reference: Element) -> Element:
    """MessageHeader.destination of a facility."""
    name = {"name": facility.name} if facility.name else {}
    return name | {"endpoint": facility_urn(facility.code), "receiver": reference}


def software(facility: Facility, version: str) -> Element:
    """MessageHeader.source of a facility's connector."""
    return {
        "name": facility.name or facility.code,
        "software": SOFTWARE,
        "version": version,
        "endpoint": facility_urn(facility.code),
    }


def _legal_basis(ground: LegalGround) -> Element:
    parts: list[Element] = [{"url": "code", "valueCode": ground.basis.value}]
    parts += [{"url": "document", "valueString": ground.document}] if ground.document else []
    parts += [{"url": "setBy", "valueString": ground.set_by}] if ground.set_by else []
    return {"url": systems.EXT_LEGAL_BASIS, "extension": parts}
