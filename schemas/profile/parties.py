"""The table, part three: the patient, those who care for him, and who pays."""

from typing import Final

from schemas.events import Event
from schemas.profile.messaging import ANSWERS, CASE
from schemas.profile.rows import Ahead, Need, OneOf, Row, row

_GENDER: Final = OneOf(("male", "female", "other", "unknown"))
_OWN_WORD: Final = (Event.RECEIVED, Event.ACCEPT, Event.DECLINE)

_PATIENT: Final = (
    row("Patient.id", "1..1", "uuid", Need.MUST),
    row("Patient.extension:xml13", "0..1", "Extension"),
    row("Patient.extension:ethnic-group", "0..1", "Extension"),
    row("Patient.extension:ethnic-group.valueCode", "1..1", "code", Need.MUST),
    row("Patient.extension:nationality", "0..1", "Extension"),
    row("Patient.extension:nationality.valueCode", "1..1", "code", Need.MUST),
    row("Patient.extension:occupation", "0..1", "Extension"),
    row("Patient.extension:occupation.valueCode", "1..1", "code", Need.MUST),
    row("Patient.extension:estimated-age", "0..1", "Extension"),
    row("Patient.extension:estimated-age.valueString", "1..1", "string", Need.MUST),
    row("Patient.identifier", "[1..10]", "Identifier", Need.R),
    row("Patient.name", "[1..3]", "HumanName", Need.R),
    row("Patient.telecom", "[0..5]", "ContactPoint"),
    row("Patient.gender", "1..1", "code", Need.R, _GENDER),
    row("Patient.birthDate", "1..1", "date", Need.R),
    row("Patient.birthDate.extension:birth-time", "0..1", "Extension"),
    row("Patient.birthDate.extension:birth-time.valueDateTime", "1..1", "moment", Need.MUST),
    row("Patient.address", "[1..3]", "Address", Need.W),
    row("Patient.contact", "[1..5]", "Element", Need.W),
    row("Patient.contact.relationship", "[0..3]", "CodeableConcept"),
    row("Patient.contact.name", "0..1", "HumanName"),
    row("Patient.contact.telecom", "[0..5]", "ContactPoint"),
    row("Patient.contact.address", "0..1", "Address"),
    row("Patient.contact.gender", "0..1", "code", Need.MAY, _GENDER),
    row("Patient.managingOrganization", "0..1", "Reference(Organization)"),
)

_ORGANIZATION: Final = (
    row("Organization.id", "1..1", "uuid", Need.MUST),
    row("Organization.identifier", "[1..5]", "Identifier", Need.MUST),
    row("Organization.active", "0..1", "boolean"),
    row("Organization.type", "[0..3]", "CodeableConcept"),
    row("Organization.name", "1..1", "string", Need.R),
    row("Organization.telecom", "[1..10]", "ContactPoint", Need.R, on=CASE),
    row("Organization.telecom", "[0..10]", "ContactPoint", on=ANSWERS),
    row("Organization.address", "[0..2]", "Address"),
)

_PRACTITIONER: Final = (
    row("Practitioner.id", "1..1", "uuid", Need.MUST),
    row("Practitioner.identifier", "[0..5]", "Identifier"),
    row("Practitioner.name", "[1..3]", "HumanName", Need.R),
    row("Practitioner.telecom", "[0..5]", "ContactPoint"),
)

_ROLE: Final = (
    row("PractitionerRole.id", "1..1", "uuid", Need.MUST),
    row("PractitionerRole.identifier", "[0..3]", "Identifier"),
    row("PractitionerRole.practitioner", "1..1", "Reference(Practitioner)|Named", Need.R, on=CASE),
    row("PractitionerRole.practitioner", "1..1", "Reference(Practitioner)|Named", Need.R, on=_OWN_WORD),
    row(
        "PractitionerRole.practitioner",
        "0..1",
        "Reference(Practitioner)|Named",
        on=ANSWERS.difference(_OWN_WORD),
    ),
    row("PractitionerRole.organization", "1..1", "Reference(Organization)", Need.R),
    row("PractitionerRole.code", "[0..5]", "CodeableConcept"),
    row("PractitionerRole.specialty", "[0..5]", "CodeableConcept"),
    row("PractitionerRole.telecom", "[0..5]", "ContactPoint"),
)

_RELATED: Final = (
    row("RelatedPerson.id", "1..1", "uuid", Need.MUST),
    row("RelatedPerson.identifier", "[0..5]", "Identifier"),
    row("RelatedPerson.patient", "1..1", "Reference(Patient)", Need.MUST),
    row("RelatedPerson.relationship", "[0..3]", "CodeableConcept"),
    row("RelatedPerson.name", "[0..3]", "HumanName"),
    row("RelatedPerson.telecom", "[0..5]", "ContactPoint"),
    row("RelatedPerson.gender", "0..1", "code", Need.MAY, _GENDER),
    row("RelatedPerson.birthDate", "0..1", "date"),
    row("RelatedPerson.address", "[0..3]", "Address"),
)

_COVERAGE: Final = (
    row("Coverage.id", "1..1", "uuid", Need.MUST),
    row("Coverage.identifier", "[1..3]", "Identifier", Need.R),
    row("Coverage.status", "1..1", "code", Need.MUST, OneOf(("active", "cancelled", "draft"))),
    row("Coverage.type", "0..1", "CodeableConcept"),
    row("Coverage.subscriberId", "0..1", "string"),
    row("Coverage.beneficiary", "1..1", "Reference(Patient)", Need.MUST),
    row("Coverage.relationship", "0..1", "CodeableConcept"),
    row("Coverage.period", "1..1", "Period", Need.R, ahead=Ahead.FREE),
    row("Coverage.payor", "[1..2]", "Named", Need.MUST),
)

_CONSENT: Final = (
    row("Consent.id", "1..1", "uuid", Need.MUST),
    row("Consent.status", "1..1", "code", Need.MUST, OneOf(("active", "inactive", "rejected"))),
    row("Consent.scope", "1..1", "CodeableConcept", Need.MUST),
    row("Consent.category", "[1..5]", "CodeableConcept", Need.MUST),
    row("Consent.patient", "1..1", "Reference(Patient)", Need.R),
    row("Consent.dateTime", "1..1", "dateTime", Need.R),
    row("Consent.sourceReference", "0..1", "Reference(DocumentReference)"),
    row("Consent.policyRule", "0..1", "CodeableConcept"),
    row("Consent.provision", "0..1", "Element"),
    row("Consent.provision.period", "0..1", "Period"),
    row("Consent.provision.purpose", "[0..5]", "Coding"),
)

PARTIES: Final[tuple[Row, ...]] = (
    *_PATIENT,
    *_ORGANIZATION,
    *_PRACTITIONER,
    *_ROLE,
    *_RELATED,
    *_COVERAGE,
    *_CONSENT,
)
