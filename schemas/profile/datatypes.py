"""The table, part one: what each datatype may hold. Element ids and foreign extensions are in none of them."""

from typing import Final

from schemas.codes import systems
from schemas.profile.rows import Ahead, Fixed, Matches, Need, OneOf, Row, row

ABSENT_CODES: Final = (
    "unknown",
    "asked-unknown",
    "temp-unknown",
    "not-asked",
    "asked-declined",
    "masked",
    "not-applicable",
    "unsupported",
    "as-text",
    "error",
    "not-performed",
    "not-permitted",
)
"""Reasons why a value is not there (HL7 data-absent-reason, without those that only floating point knows)."""

CONTENT_TYPES: Final = (
    "application/pdf",
    "application/xml",
    "text/xml",
    "text/plain",
    "text/plain; charset=utf-8",
    "text/plain;charset=utf-8",
    "image/jpeg",
    "image/png",
    "application/fhir+json",
)
"""What may be attached: nothing that a viewer would run."""

DATATYPES: Final[tuple[Row, ...]] = (
    row("Coding.system", "1..1", "uri", Need.MUST),
    row("Coding.version", "0..1", "string"),
    row("Coding.code", "1..1", "code", Need.MUST),
    row("Coding.display", "0..1", "string"),
    row("CodeableConcept.coding", "[0..10]", "Coding"),
    row("CodeableConcept.text", "0..1", "longString", sayable=True),
    row("Identifier.use", "0..1", "code", binding=OneOf(("usual", "official", "temp", "secondary", "old"))),
    row("Identifier.type", "0..1", "CodeableConcept"),
    row("Identifier.system", "1..1", "uri", Need.MUST),
    row("Identifier.value", "1..1", "string", Need.SAID),
    row("Identifier.period", "0..1", "Period"),
    row("Period.start", "0..1", "dateTime", Need.MAY, ahead=Ahead.FREE),
    row("Period.end", "0..1", "dateTime", Need.MAY, ahead=Ahead.FREE),
    row("Quantity.value", "1..1", "decimal", Need.MUST),
    row("Quantity.comparator", "0..1", "code", binding=OneOf(("<", "<=", ">=", ">"))),
    row("Quantity.unit", "0..1", "string"),
    row("Quantity.system", "0..1", "uri"),
    row("Quantity.code", "0..1", "code"),
    row("HumanName.use", "0..1", "code", binding=OneOf(("usual", "official", "temp", "nickname", "anonymous", "old"))),
    row("HumanName.text", "1..1", "string", Need.SAID),
    row("HumanName.family", "0..1", "string"),
    row("HumanName.given", "[0..5]", "string"),
    row("ContactPoint.system", "1..1", "code", Need.MUST, OneOf(("phone", "fax", "email", "pager", "sms", "other"))),
    row("ContactPoint.value", "1..1", "string", Need.SAID),
    row("ContactPoint.use", "0..1", "code", binding=OneOf(("home", "work", "temp", "old", "mobile"))),
    row("Address.use", "0..1", "code", binding=OneOf(("home", "work", "temp", "old", "billing"))),
    row("Address.text", "0..1", "string"),
    row("Address.line", "[0..5]", "string"),
    row("Address.city", "0..1", "string"),
    row("Address.district", "0..1", "string"),
    row("Address.state", "0..1", "string"),
    row("Address.postalCode", "0..1", "string"),
    row("Address.country", "0..1", "string"),
    row("Annotation.extension:label", "0..1", "Extension"),
    row("Annotation.extension:label.valueCode", "1..1", "code", Need.MUST),
    row("Annotation.authorString", "0..1", "string"),
    row("Annotation.time", "0..1", "moment"),
    row("Annotation.text", "1..1", "markdown", Need.MUST),
    row("Attachment.extension:sha-256", "1..1", "Extension", Need.R),
    row("Attachment.extension:sha-256.valueString", "1..1", "sha-256", Need.MUST),
    row("Attachment.contentType", "1..1", "code", Need.R, OneOf(CONTENT_TYPES)),
    row("Attachment.language", "0..1", "code"),
    row("Attachment.data", "0..1", "base64Binary"),
    row("Attachment.size", "1..1", "unsignedInt", Need.R),
    row("Attachment.title", "1..1", "string", Need.R),
    row("Attachment.creation", "0..1", "dateTime"),
    row("Dosage.text", "0..1", "longString"),
    row("Dosage.patientInstruction", "0..1", "longString"),
    row("Dosage.route", "0..1", "CodeableConcept"),
    row("Dosage.doseAndRate", "[0..5]", "Element"),
    row("Dosage.doseAndRate.doseQuantity", "1..1", "Quantity", Need.MUST),
    # What the insurance table says and FHIR has no element for: field name and text.
    row("Xml13Field.url", "1..1", "string", Need.MUST, Matches("^(?:[A-Z0-9_]{2,40}|dialect|empty|absent)$")),
    row("Xml13Field.value[x]", "1..1", "longString|code|base64Binary", Need.MUST),
    # A reason where a value should be, in place of a complex value and beside a primitive one.
    row("Absent.extension", "[1..1]", "AbsentReason", Need.MUST),
    row("AbsentReason.url", "1..1", "uri", Need.MUST, Fixed(systems.DATA_ABSENT_REASON)),
    row("AbsentReason.valueCode", "1..1", "code", Need.MUST, OneOf(ABSENT_CODES)),
)

REFERENCES: Final = ("Reference", "Logical", "Named")
"""The three kinds of reference: to an entry of this Bundle; to something by its identifier; to somebody by name.

``Reference(Patient,RelatedPerson)``  {reference: "urn:uuid:…", type?, display?}, resolving to one of these types
``Logical(ServiceRequest)``           {type: "ServiceRequest", identifier, display?}
``Named``                             {display, identifier?, type?}
"""
