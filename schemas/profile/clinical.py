"""The table, part four: what is asked for, and what is known of the patient's illness."""

from typing import Final

from schemas.codes import systems
from schemas.events import Event
from schemas.profile.messaging import CASE
from schemas.profile.rows import Ahead, Coded, Fixed, Need, OneOf, Row, row
from schemas.urgency import Priority

_PATIENT: Final = "Reference(Patient)"
_STAFF: Final = "Reference(Practitioner,PractitionerRole,Organization)|Logical(Practitioner)|Named"
_EVENT_STATUS: Final = OneOf(("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "unknown"))

_SERVICE_REQUEST: Final = (
    row("ServiceRequest.id", "1..1", "uuid", Need.MUST),
    row("ServiceRequest.meta", "0..1", "Element", on=(Event.SUBMIT,)),
    row("ServiceRequest.meta", "1..1", "Element", Need.R, on=(Event.UPDATE,)),
    row("ServiceRequest.meta.lastUpdated", "1..1", "moment", Need.MUST, on=CASE),
    row("ServiceRequest.extension:xml13", "0..1", "Extension"),
    row("ServiceRequest.identifier", "[1..6]", "Identifier", Need.R),
    row("ServiceRequest.status", "1..1", "code", Need.MUST, Fixed("active")),
    row("ServiceRequest.intent", "1..1", "code", Need.MUST, Fixed("order")),
    row("ServiceRequest.category", "[1..5]", "CodeableConcept", Need.R),
    row("ServiceRequest.priority", "1..1", "code", Need.R, OneOf(tuple(Priority))),
    row("ServiceRequest.code", "1..1", "CodeableConcept", Need.R),
    row("ServiceRequest.subject", "1..1", _PATIENT, Need.MUST),
    row("ServiceRequest.encounter", "1..1", "Reference(Encounter)", Need.R),
    row("ServiceRequest.occurrenceDateTime", "0..1", "moment", ahead=Ahead.FREE),
    row("ServiceRequest.authoredOn", "1..1", "moment", Need.R, ahead=Ahead.EXPECTED),
    row("ServiceRequest.requester", "1..1", "Reference(PractitionerRole,Practitioner,Organization)", Need.R),
    row("ServiceRequest.performer", "[1..1]", "Reference(Organization)", Need.R),
    row("ServiceRequest.reasonCode", "[1..10]", "CodeableConcept", Need.R),
    row("ServiceRequest.reasonReference", "[1..20]", "Reference(Condition)", Need.R),
    row("ServiceRequest.insurance", "[0..10]", "Reference(Coverage)"),
    row(
        "ServiceRequest.supportingInfo",
        "[0..*]",
        "Reference(Observation,DiagnosticReport,DocumentReference,Procedure,MedicationStatement,"
        "MedicationAdministration,AllergyIntolerance,Flag,Consent,RelatedPerson)",
    ),
    row("ServiceRequest.note", "[0..20]", "Annotation"),
)

_ENCOUNTER: Final = (
    row("Encounter.id", "1..1", "uuid", Need.MUST),
    row("Encounter.extension:xml13", "0..1", "Extension"),
    row("Encounter.extension:inpatient-order", "0..1", "Extension"),
    row("Encounter.extension:inpatient-order.valueDateTime", "1..1", "moment", Need.MUST),
    row("Encounter.identifier", "[1..5]", "Identifier", Need.R),
    row("Encounter.status", "1..1", "code", Need.MUST, OneOf(("in-progress", "finished", "onleave", "unknown"))),
    row(
        "Encounter.class", "1..1", "Coding", Need.MUST, Coded(systems.ACT_CODE, ("IMP", "AMB", "EMER", "OBSENC", "SS"))
    ),
    row("Encounter.type", "[0..5]", "CodeableConcept"),
    row("Encounter.serviceType", "0..1", "CodeableConcept"),
    row("Encounter.subject", "1..1", _PATIENT, Need.R),
    row("Encounter.period", "1..1", "Element", Need.R),
    row("Encounter.period.start", "1..1", "dateTime", Need.R),
    row("Encounter.period.end", "0..1", "dateTime", ahead=Ahead.EXPECTED),
    row("Encounter.reasonCode", "[0..5]", "CodeableConcept"),
    row("Encounter.hospitalization", "1..1", "Element", Need.R),
    row("Encounter.hospitalization.origin", "0..1", "Reference(Organization)"),
    row("Encounter.hospitalization.dischargeDisposition", "1..1", "CodeableConcept", Need.R),
    row("Encounter.serviceProvider", "1..1", "Reference(Organization)", Need.R),
)

_CONDITION: Final = (
    row("Condition.id", "1..1", "uuid", Need.MUST),
    row("Condition.clinicalStatus", "1..1", "CodeableConcept", Need.R, Coded(systems.CONDITION_CLINICAL)),
    row(
        "Condition.verificationStatus",
        "1..1",
        "CodeableConcept",
        Need.R,
        Coded(systems.CONDITION_VERIFICATION, ("unconfirmed", "provisional", "differential", "confirmed", "refuted")),
    ),
    row("Condition.category", "[0..5]", "CodeableConcept"),
    row("Condition.severity", "0..1", "CodeableConcept"),
    row("Condition.code", "1..1", "CodeableConcept", Need.R),
    row("Condition.subject", "1..1", _PATIENT, Need.MUST),
    row("Condition.encounter", "0..1", "Reference(Encounter)"),
    row("Condition.onset[x]", "0..1", "dateTime|longString"),
    row("Condition.recordedDate", "0..1", "dateTime"),
    row("Condition.note", "[0..5]", "Annotation"),
)

_ALLERGY: Final = (
    row("AllergyIntolerance.id", "1..1", "uuid", Need.MUST),
    row("AllergyIntolerance.clinicalStatus", "0..1", "CodeableConcept", Need.MAY, Coded(systems.ALLERGY_CLINICAL)),
    row(
        "AllergyIntolerance.verificationStatus",
        "0..1",
        "CodeableConcept",
        Need.MAY,
        Coded(systems.ALLERGY_VERIFICATION),
    ),
    row("AllergyIntolerance.type", "0..1", "code", Need.MAY, OneOf(("allergy", "intolerance"))),
    row(
        "AllergyIntolerance.category",
        "[0..4]",
        "code",
        Need.MAY,
        OneOf(("food", "medication", "environment", "biologic")),
    ),
    row("AllergyIntolerance.criticality", "0..1", "code", Need.MAY, OneOf(("low", "high", "unable-to-assess"))),
    row("AllergyIntolerance.code", "1..1", "CodeableConcept", Need.R),
    row("AllergyIntolerance.patient", "1..1", _PATIENT, Need.MUST),
    row("AllergyIntolerance.encounter", "0..1", "Reference(Encounter)"),
    row("AllergyIntolerance.recordedDate", "0..1", "dateTime"),
    row("AllergyIntolerance.note", "[0..5]", "Annotation"),
    row("AllergyIntolerance.reaction", "[0..5]", "Element"),
    row("AllergyIntolerance.reaction.manifestation", "[1..5]", "CodeableConcept", Need.MUST),
    row("AllergyIntolerance.reaction.description", "0..1", "string"),
    row("AllergyIntolerance.reaction.severity", "0..1", "code", Need.MAY, OneOf(("mild", "moderate", "severe"))),
)

_MEDICATION: Final = (
    row("MedicationStatement.id", "1..1", "uuid", Need.MUST),
    row(
        "MedicationStatement.status",
        "1..1",
        "code",
        Need.MUST,
        OneOf(("active", "completed", "intended", "stopped", "on-hold", "unknown", "not-taken")),
    ),
    row("MedicationStatement.category", "0..1", "CodeableConcept"),
    row("MedicationStatement.medicationCodeableConcept", "1..1", "CodeableConcept", Need.MUST),
    row("MedicationStatement.subject", "1..1", _PATIENT, Need.MUST),
    row("MedicationStatement.context", "0..1", "Reference(Encounter)"),
    row("MedicationStatement.effective[x]", "0..1", "dateTime|Period"),
    row("MedicationStatement.dateAsserted", "0..1", "dateTime"),
    row("MedicationStatement.note", "[0..5]", "Annotation"),
    row("MedicationStatement.dosage", "[1..5]", "Dosage", Need.W),
    row("MedicationAdministration.id", "1..1", "uuid", Need.MUST),
    row("MedicationAdministration.status", "1..1", "code", Need.MUST, _EVENT_STATUS),
    row("MedicationAdministration.medicationCodeableConcept", "1..1", "CodeableConcept", Need.MUST),
    row("MedicationAdministration.subject", "1..1", _PATIENT, Need.MUST),
    row("MedicationAdministration.context", "0..1", "Reference(Encounter)"),
    row("MedicationAdministration.effective[x]", "1..1", "dateTime|Period", Need.SAID),
    row("MedicationAdministration.note", "[0..5]", "Annotation"),
    row("MedicationAdministration.dosage", "1..1", "Element", Need.R),
    row("MedicationAdministration.dosage.text", "0..1", "longString"),
    row("MedicationAdministration.dosage.route", "0..1", "CodeableConcept"),
    row("MedicationAdministration.dosage.dose", "0..1", "Quantity"),
)

_RESULT: Final = "Quantity|CodeableConcept|longString"

_OBSERVATION: Final = (
    row("Observation.id", "1..1", "uuid", Need.MUST),
    row(
        "Observation.status",
        "1..1",
        "code",
        Need.MUST,
        OneOf(("registered", "preliminary", "final", "amended", "corrected", "unknown")),
    ),
    row("Observation.category", "[1..3]", "CodeableConcept", Need.R),
    row("Observation.code", "1..1", "CodeableConcept", Need.MUST),
    row("Observation.subject", "1..1", _PATIENT, Need.R),
    row("Observation.encounter", "0..1", "Reference(Encounter)"),
    row("Observation.effectiveDateTime", "0..1", "dateTime"),
    row("Observation.issued", "0..1", "moment"),
    row("Observation.performer", "[0..3]", _STAFF),
    row("Observation.value[x]", "1..1", _RESULT, Need.R, instead=("dataAbsentReason", "component")),
    row("Observation.dataAbsentReason", "0..1", "CodeableConcept", Need.MAY, Coded(systems.DATA_ABSENT)),
    row("Observation.interpretation", "[0..3]", "CodeableConcept"),
    row("Observation.note", "[0..5]", "Annotation"),
    row("Observation.method", "0..1", "CodeableConcept"),
    row("Observation.component", "[0..20]", "Element"),
    row("Observation.component.code", "1..1", "CodeableConcept", Need.MUST),
    row("Observation.component.value[x]", "1..1", _RESULT, Need.R, instead=("dataAbsentReason",)),
    row("Observation.component.dataAbsentReason", "0..1", "CodeableConcept", Need.MAY, Coded(systems.DATA_ABSENT)),
)

_REPORT: Final = (
    row("DiagnosticReport.id", "1..1", "uuid", Need.MUST),
    row(
        "DiagnosticReport.status",
        "1..1",
        "code",
        Need.MUST,
        OneOf(("partial", "preliminary", "final", "amended", "corrected", "unknown")),
    ),
    row("DiagnosticReport.category", "[0..3]", "CodeableConcept"),
    row("DiagnosticReport.code", "1..1", "CodeableConcept", Need.MUST),
    row("DiagnosticReport.subject", "1..1", _PATIENT, Need.R),
    row("DiagnosticReport.encounter", "0..1", "Reference(Encounter)"),
    row("DiagnosticReport.effectiveDateTime", "0..1", "dateTime"),
    row("DiagnosticReport.issued", "0..1", "moment"),
    row("DiagnosticReport.performer", "[0..3]", _STAFF),
    row("DiagnosticReport.result", "[0..*]", "Reference(Observation)"),
    row("DiagnosticReport.conclusion", "0..1", "longString"),
    row("Procedure.id", "1..1", "uuid", Need.MUST),
    row("Procedure.status", "1..1", "code", Need.MUST, _EVENT_STATUS),
    row("Procedure.category", "0..1", "CodeableConcept"),
    row("Procedure.code", "1..1", "CodeableConcept", Need.R),
    row("Procedure.subject", "1..1", _PATIENT, Need.MUST),
    row("Procedure.encounter", "0..1", "Reference(Encounter)"),
    row("Procedure.performed[x]", "1..1", "dateTime|longString|Period", Need.R),
    row("Procedure.bodySite", "[0..3]", "CodeableConcept"),
    row("Procedure.outcome", "0..1", "CodeableConcept"),
    row("Procedure.note", "[0..5]", "Annotation"),
)

_DOCUMENT: Final = (
    row("DocumentReference.id", "1..1", "uuid", Need.MUST),
    row("DocumentReference.identifier", "[0..3]", "Identifier"),
    row("DocumentReference.status", "1..1", "code", Need.MUST, Fixed("current")),
    row("DocumentReference.type", "1..1", "CodeableConcept", Need.R),
    row("DocumentReference.category", "[0..3]", "CodeableConcept"),
    row("DocumentReference.subject", "1..1", _PATIENT, Need.R),
    row("DocumentReference.date", "1..1", "moment", Need.R),
    row("DocumentReference.author", "[0..3]", _STAFF),
    row("DocumentReference.description", "0..1", "longString"),
    row("DocumentReference.content", "[1..4]", "Element", Need.MUST),
    row("DocumentReference.content.attachment", "1..1", "Attachment", Need.MUST),
)

_FLAG: Final = (
    row("Flag.id", "1..1", "uuid", Need.MUST),
    row("Flag.status", "1..1", "code", Need.MUST, OneOf(("active", "inactive"))),
    row("Flag.category", "[0..3]", "CodeableConcept"),
    row("Flag.code", "1..1", "CodeableConcept", Need.MUST),
    row("Flag.subject", "1..1", _PATIENT, Need.MUST),
    row("Flag.period", "0..1", "Period"),
    row("Flag.encounter", "0..1", "Reference(Encounter)"),
    row("Flag.author", "0..1", _STAFF),
)

CLINICAL: Final[tuple[Row, ...]] = (
    *_SERVICE_REQUEST,
    *_ENCOUNTER,
    *_CONDITION,
    *_ALLERGY,
    *_MEDICATION,
    *_OBSERVATION,
    *_REPORT,
    *_DOCUMENT,
    *_FLAG,
)
