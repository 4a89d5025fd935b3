"""The table, part two: the Bundle itself and the resources that carry the message and its state."""

from typing import Final

from schemas.codes import systems
from schemas.codes.lists import CancelReason, DeclineReason, LegalBasis, Tag
from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.profile.rows import Ahead, Coded, Fixed, Matches, Need, OneOf, Row, row
from schemas.urgency import Kind, Priority

CASE: Final = CARRIES_THE_CASE
"""Events that hold the whole slip."""

ANSWERS: Final = SUPPORTED - CARRIES_THE_CASE
"""Events that name a transfer and hold no clinical content."""

_FACILITY_URN: Final = Matches("^urn:lienvien:facility:[0-9A-Z]{5}$")
_PRIORITIES: Final = OneOf(tuple(Priority))
_OWN_WORD: Final = (Event.RECEIVED, Event.ACCEPT, Event.DECLINE)  # a named person says these

TASK_STATUSES: Final = (
    "requested",
    "received",
    "accepted",
    "rejected",
    "cancelled",
    "in-progress",
    "completed",
    "failed",
)

BUNDLE: Final[tuple[Row, ...]] = (
    row("Bundle.id", "1..1", "uuid", Need.MUST),
    row("Bundle.meta", "1..1", "Element", Need.MUST),
    row("Bundle.meta.profile", "[1..1]", "uri", Need.MUST),  # bound per event: see ``table.tree``
    row("Bundle.meta.tag", "[0..10]", "Coding", Need.MAY, Coded(systems.TAG, tuple(Tag))),
    row("Bundle.identifier", "1..1", "Element", Need.MUST),
    row("Bundle.identifier.system", "1..1", "uri", Need.MUST, Fixed(systems.BUNDLE_ID)),
    row("Bundle.identifier.value", "1..1", "urn-uuid", Need.MUST),
    row("Bundle.type", "1..1", "code", Need.MUST, Fixed("message")),
    row("Bundle.timestamp", "1..1", "moment", Need.MUST, ahead=Ahead.FREE),
)

_HEADER: Final = (
    row("MessageHeader.id", "1..1", "uuid", Need.MUST),
    row("MessageHeader.extension:origin", "1..1", "Extension", Need.MUST),
    row("MessageHeader.extension:origin.extension:incarnation", "1..1", "Extension", Need.MUST),
    row("MessageHeader.extension:origin.extension:incarnation.valueId", "1..1", "uuid", Need.MUST),
    row("MessageHeader.extension:origin.extension:counter", "1..1", "Extension", Need.MUST),
    row("MessageHeader.extension:origin.extension:counter.valuePositiveInt", "1..1", "positiveInt", Need.MUST),
    row("MessageHeader.extension:legal-basis", "1..1", "Extension", Need.R, on=CASE),
    row("MessageHeader.extension:legal-basis.extension:code", "1..1", "Extension", Need.MUST, on=CASE),
    row(
        "MessageHeader.extension:legal-basis.extension:code.valueCode",
        "1..1",
        "code",
        Need.MUST,
        OneOf(tuple(LegalBasis)),
        on=CASE,
    ),
    row("MessageHeader.extension:legal-basis.extension:document", "0..1", "Extension", on=CASE),
    row("MessageHeader.extension:legal-basis.extension:document.valueString", "1..1", "string", Need.MUST, on=CASE),
    row("MessageHeader.extension:legal-basis.extension:setBy", "0..1", "Extension", on=CASE),
    row("MessageHeader.extension:legal-basis.extension:setBy.valueString", "1..1", "string", Need.MUST, on=CASE),
    row("MessageHeader.eventCoding", "1..1", "Coding", Need.MUST),
    row("MessageHeader.eventCoding.system", "1..1", "uri", Need.MUST, Fixed(systems.EVENT)),
    row("MessageHeader.eventCoding.code", "1..1", "code", Need.MUST),  # bound per event: see ``table.tree``
    row("MessageHeader.destination", "[1..1]", "Element", Need.MUST),
    row("MessageHeader.destination.name", "0..1", "string"),
    row("MessageHeader.destination.endpoint", "1..1", "uri", Need.MUST, _FACILITY_URN),
    row("MessageHeader.destination.receiver", "1..1", "Reference(Organization)", Need.MUST),
    row("MessageHeader.sender", "1..1", "Reference(Organization)", Need.MUST),
    row("MessageHeader.author", "1..1", "Reference(PractitionerRole)", Need.R, on=(*CASE, *_OWN_WORD)),
    row("MessageHeader.author", "0..1", "Reference(PractitionerRole)", on=ANSWERS.difference(_OWN_WORD)),
    row("MessageHeader.source", "1..1", "Element", Need.MUST),
    row("MessageHeader.source.name", "1..1", "string", Need.R),
    row("MessageHeader.source.software", "1..1", "string", Need.R),
    row("MessageHeader.source.version", "1..1", "string", Need.R),
    row("MessageHeader.source.contact", "0..1", "ContactPoint"),
    row("MessageHeader.source.endpoint", "1..1", "uri", Need.MUST, _FACILITY_URN),
    row(
        "MessageHeader.reason",
        "1..1",
        "CodeableConcept",
        Need.R,
        Coded(systems.MESSAGE_REASON, ("new",)),
        on=(Event.SUBMIT,),
    ),
    row(
        "MessageHeader.reason",
        "1..1",
        "CodeableConcept",
        Need.R,
        Coded(systems.MESSAGE_REASON, ("update",)),
        on=(Event.UPDATE,),
    ),
    row("MessageHeader.response", "1..1", "Element", Need.R, on=ANSWERS),
    row("MessageHeader.response.identifier", "1..1", "uuid", Need.MUST, on=ANSWERS),
    row("MessageHeader.response.code", "1..1", "code", Need.MUST, Fixed("ok"), on=ANSWERS),
    row("MessageHeader.focus", "[1..1]", "Reference(Task)", Need.MUST),
    row("MessageHeader.definition", "1..1", "uri", Need.R),  # bound per event: see ``table.tree``
)

_TASK: Final = (
    row("Task.id", "1..1", "uuid", Need.MUST),
    row("Task.extension:kind", "1..1", "Extension", Need.MUST, on=CASE),
    row("Task.extension:kind", "0..1", "Extension", on=ANSWERS),
    row("Task.extension:kind.valueCode", "1..1", "code", Need.MUST, OneOf(tuple(Kind))),
    row("Task.extension:priority-reason", "0..1", "Extension", on=CASE),
    row("Task.extension:priority-reason.extension:rule", "0..1", "Extension", on=CASE),
    row("Task.extension:priority-reason.extension:rule.valueString", "1..1", "string", Need.MUST, on=CASE),
    row("Task.extension:priority-reason.extension:version", "0..1", "Extension", on=CASE),
    row("Task.extension:priority-reason.extension:version.valueString", "1..1", "string", Need.MUST, on=CASE),
    row("Task.extension:priority-reason.extension:text", "0..1", "Extension", on=CASE),
    row("Task.extension:priority-reason.extension:text.valueString", "1..1", "string", Need.MUST, on=CASE),
    row("Task.extension:ward", "0..1", "Extension", on=(Event.ACCEPT,)),
    row("Task.extension:ward.valueString", "1..1", "string", Need.MUST, on=(Event.ACCEPT,)),
    row("Task.extension:contact", "0..1", "Extension", on=(Event.ACCEPT,)),
    row("Task.extension:contact.valueString", "1..1", "string", Need.MUST, on=(Event.ACCEPT,)),
    row("Task.identifier", "[1..4]", "Identifier", Need.MUST),
    row("Task.groupIdentifier", "1..1", "Element", Need.MUST),
    row("Task.groupIdentifier.system", "1..1", "uri", Need.MUST, Fixed(systems.CASE_ID)),
    row("Task.groupIdentifier.value", "1..1", "uuid", Need.MUST),
    row("Task.status", "1..1", "code", Need.MUST, OneOf(TASK_STATUSES)),
    row(
        "Task.statusReason",
        "1..1",
        "CodeableConcept",
        Need.R,
        Coded(systems.DECLINE_REASON, tuple(DeclineReason)),
        on=(Event.DECLINE,),
    ),
    row(
        "Task.statusReason",
        "1..1",
        "CodeableConcept",
        Need.R,
        Coded(systems.CANCEL_REASON, tuple(CancelReason)),
        on=(Event.CANCEL,),
    ),
    row("Task.businessStatus", "1..1", "CodeableConcept", Need.R, Coded(systems.BUSINESS_STATUS)),
    row("Task.intent", "1..1", "code", Need.MUST, Fixed("order")),
    row("Task.priority", "1..1", "code", Need.MUST, _PRIORITIES),
    row("Task.code", "1..1", "CodeableConcept", Need.R, Coded(systems.TASK_CODE, ("fulfill",)), on=CASE),
    row("Task.code", "0..1", "CodeableConcept", Need.MAY, Coded(systems.TASK_CODE, ("fulfill",)), on=ANSWERS),
    row("Task.description", "0..1", "string"),
    row("Task.focus", "1..1", "Reference(ServiceRequest)", Need.MUST, on=CASE),
    row("Task.focus", "1..1", "Logical(ServiceRequest)", Need.R, on=ANSWERS),
    row("Task.for", "1..1", "Reference(Patient)", Need.MUST, on=CASE),
    row("Task.for", "1..1", "Logical(Patient)", Need.R, on=ANSWERS),
    row("Task.encounter", "0..1", "Reference(Encounter)", on=CASE),
    row("Task.executionPeriod", "1..1", "Element", Need.R, on=(Event.DEPARTED, Event.ARRIVED)),
    row("Task.executionPeriod.start", "1..1", "moment", Need.R, on=(Event.DEPARTED,)),
    row("Task.executionPeriod.start", "0..1", "moment", on=(Event.ARRIVED,)),
    row("Task.executionPeriod.end", "1..1", "moment", Need.R, on=(Event.ARRIVED,)),
    row("Task.authoredOn", "1..1", "moment", Need.R, ahead=Ahead.EXPECTED),
    row("Task.lastModified", "1..1", "moment", Need.R),
    row("Task.requester", "1..1", "Reference(Organization)", Need.R),
    row("Task.owner", "1..1", "Reference(Organization)", Need.R),
    row("Task.note", "[0..20]", "Annotation"),
    row("Task.restriction", "1..1", "Element", Need.R, on=CASE),
    row("Task.restriction.period", "1..1", "Element", Need.R, on=CASE),
    row("Task.restriction.period.end", "1..1", "moment", Need.R, on=CASE, ahead=Ahead.FREE),
    row("Task.restriction", "0..1", "Element", on=(Event.ACCEPT,)),
    row("Task.restriction.period", "1..1", "Element", Need.MUST, on=(Event.ACCEPT,)),
    row("Task.restriction.period.end", "1..1", "moment", Need.MUST, on=(Event.ACCEPT,), ahead=Ahead.FREE),
)

_PROVENANCE: Final = (
    row("Provenance.id", "1..1", "uuid", Need.MUST),
    row("Provenance.target", "[1..4]", "Reference(ServiceRequest,Task)", Need.MUST, on=CASE),
    row("Provenance.target", "[1..4]", "Reference(Task)|Logical(ServiceRequest)", Need.MUST, on=ANSWERS),
    row("Provenance.occurredDateTime", "0..1", "moment"),
    row("Provenance.recorded", "1..1", "moment", Need.MUST),
    row("Provenance.activity", "0..1", "CodeableConcept"),
    row("Provenance.agent", "[1..10]", "Element", Need.MUST),
    row("Provenance.agent.type", "1..1", "CodeableConcept", Need.R, Coded(systems.PROVENANCE_AGENT)),
    row(
        "Provenance.agent.who",
        "1..1",
        "Reference(Organization,Practitioner,PractitionerRole)|Named",
        Need.MUST,
    ),
    row("Provenance.agent.onBehalfOf", "0..1", "Reference(Organization)"),
    row("Provenance.entity", "[1..4]", "Element", Need.R, on=(Event.UPDATE, *ANSWERS)),
    row(
        "Provenance.entity.role",
        "1..1",
        "code",
        Need.MUST,
        OneOf(("revision", "source", "derivation")),
        on=(Event.UPDATE, *ANSWERS),
    ),
    row("Provenance.entity.what", "1..1", "Element", Need.MUST, on=(Event.UPDATE, *ANSWERS)),
    row("Provenance.entity.what.display", "0..1", "string", on=(Event.UPDATE, *ANSWERS)),
    row("Provenance.entity.what.identifier", "1..1", "Element", Need.MUST, on=(Event.UPDATE, *ANSWERS)),
    row(
        "Provenance.entity.what.identifier.system",
        "1..1",
        "uri",
        Need.MUST,
        Fixed(systems.MESSAGE_ID),
        on=(Event.UPDATE, *ANSWERS),
    ),
    row("Provenance.entity.what.identifier.value", "1..1", "uuid", Need.MUST, on=(Event.UPDATE, *ANSWERS)),
)

MESSAGING: Final[tuple[Row, ...]] = (*_HEADER, *_TASK, *_PROVENANCE)
