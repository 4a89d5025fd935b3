"""Addresses of identifier systems, code systems, extensions and profiles.

Ours are URNs under ``urn:lienvien``; identifiers of people and facilities use the systems of the Ministry's draft guide
(hl7vn/vn-core-ig, canonical ``http://fhir.ehealth.gov.vn/core``), so that other Vietnamese FHIR software knows them.
"""

from typing import Final

VN_CORE: Final = "http://fhir.ehealth.gov.vn/core"

# --- identifier systems: people, facilities, licences --------------------------------------------------------------
NATIONAL_ID: Final = f"{VN_CORE}/sid/national_id"  # CCCD, 12 digits
CITIZEN_ID: Final = f"{VN_CORE}/sid/citizen_id"  # old CMND, 9 digits
PASSPORT: Final = f"{VN_CORE}/sid/passport_number"
INSURANCE: Final = f"{VN_CORE}/sid/insurance_number"
FACILITY: Final = f"{VN_CORE}/sid/provider-code"  # MA_CSKCB
LICENCE: Final = f"{VN_CORE}/sid/provider-license-number"  # MA_BAC_SI
RECORD_NUMBER: Final = "urn:lienvien:identifier:record-number"  # SO_HOSO of the sender
EPISODE: Final = "urn:lienvien:identifier:episode"  # MA_LK
SLIP_NUMBER: Final = "urn:lienvien:identifier:slip-number"  # GIAY_CHUYEN_TUYEN
REGISTER_NUMBER: Final = "urn:lienvien:identifier:register-number"  # SO_CHUYENTUYEN

# --- identifier systems: the exchange's own ------------------------------------------------------------------------
BUNDLE_ID: Final = "urn:ietf:rfc:3986"  # Bundle.identifier.value = urn:uuid:<bundle id>
TRANSFER_ID: Final = "urn:lienvien:identifier:transfer"  # Task.identifier
CASE_ID: Final = "urn:lienvien:identifier:case"  # Task.groupIdentifier
CASE_CODE: Final = "urn:lienvien:identifier:case-code"  # Task.identifier too: what people say
MESSAGE_ID: Final = "urn:lienvien:identifier:message"  # Provenance.entity.what: the message this one follows

# --- code systems --------------------------------------------------------------------------------------------------
EVENT: Final = "urn:lienvien:codesystem:event"
BUSINESS_STATUS: Final = "urn:lienvien:codesystem:business-status"
DECLINE_REASON: Final = "urn:lienvien:codesystem:decline-reason"
CANCEL_REASON: Final = "urn:lienvien:codesystem:cancel-reason"
TAG: Final = "urn:lienvien:codesystem:tag"  # unclassified, incomplete, demonstration, held-back
KIND: Final = "urn:lienvien:codesystem:kind"
LEGAL_BASIS: Final = "urn:lienvien:codesystem:legal-basis"
DOCUMENT: Final = "urn:lienvien:codesystem:document"  # DocumentReference.type
XML13: Final = "urn:lienvien:codesystem:xml13:"  # + field name, for QĐ 4750/3176 code values (MA_LYDO_CT, MA_LOAI_RV …)
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
DATA_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"
ABSENT_UNKNOWN: Final = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"  # no-allergy-info …
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"  # Encounter.class: IMP, AMB, EMER
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
ALLERGY_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
PROVENANCE_AGENT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"  # author, transmitter
MESSAGE_REASON: Final = "urn:lienvien:codesystem:message-reason"  # MessageHeader.reason: new, update, answer

# --- extensions ----------------------------------------------------------------------------------------------------
DATA_ABSENT_REASON: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
EXT_ORIGIN: Final = "urn:lienvien:extension:origin"  # MessageHeader: incarnation (uuid) and counter (integer)
EXT_LEGAL_BASIS: Final = "urn:lienvien:extension:legal-basis"  # MessageHeader: code of four, and a document reference
EXT_KIND: Final = "urn:lienvien:extension:kind"  # Task: valueCode
EXT_PRIORITY_REASON: Final = "urn:lienvien:extension:priority-reason"  # Task: rule pack, its date, its reason
EXT_SHA256: Final = "urn:lienvien:extension:sha-256"  # Attachment: hex digest (Attachment.hash is SHA-1 by definition)
EXT_XML13: Final = "urn:lienvien:extension:xml13"  # what XML13 says and FHIR has no element for; see connectors.mapping
EXT_WARD: Final = "urn:lienvien:extension:ward"  # Task of an acceptance
EXT_CONTACT: Final = "urn:lienvien:extension:contact"  # Task of an acceptance: who to phone
EXT_ETHNIC_GROUP: Final = "urn:lienvien:extension:ethnic-group"  # Patient: MA_DANTOC, valueCode
EXT_NATIONALITY: Final = "urn:lienvien:extension:nationality"  # Patient: MA_QUOCTICH, valueCode
EXT_OCCUPATION: Final = "urn:lienvien:extension:occupation"  # Patient: MA_NGHE_NGHIEP, valueCode
EXT_ESTIMATED_AGE: Final = "urn:lienvien:extension:estimated-age"  # Patient without birth date: valueString
EXT_BIRTH_TIME: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"  # on _birthDate: valueDateTime
EXT_LABEL: Final = "urn:lienvien:extension:label"  # Annotation: what this note is, valueCode
EXT_INPATIENT_ORDER: Final = "urn:lienvien:extension:inpatient-order"  # Encounter: NGAY_VAO_NOI_TRU, valueDateTime

# --- profile -------------------------------------------------------------------------------------------------------
PROFILE: Final = "urn:lienvien:profile:"  # + event + "|" + version, in Bundle.meta.profile
PROFILE_VERSION: Final = "1.0"
MESSAGE_DEFINITION: Final = "urn:lienvien:message-definition:"  # + event + "|" + version, in MessageHeader.definition


def profile_of(event: str) -> str:
    """``urn:lienvien:profile:transfer-submit|1.0``, as ``Bundle.meta.profile`` names it."""
    return f"{PROFILE}{event}|{PROFILE_VERSION}"


def message_definition_of(event: str) -> str:
    """``urn:lienvien:message-definition:transfer-submit|1.0``, as ``MessageHeader.definition`` names it."""
    return f"{MESSAGE_DEFINITION}{event}|{PROFILE_VERSION}"
