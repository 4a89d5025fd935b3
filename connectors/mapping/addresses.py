"""Addresses that only this mapping uses, beside those of ``schemas.codes.systems``."""

from typing import Final

from schemas.codes import systems

ICD9CM: Final = "http://hl7.org/fhir/sid/icd-9-cm"  # QĐ 4440/QĐ-BYT
ROLE: Final = "urn:lienvien:codesystem:role"  # doctor, head, escort
SOURCE_TABLE: Final = "urn:lienvien:codesystem:source-table"  # XML13, XML2
FIELD: Final = "urn:lienvien:codesystem:xml13-field"  # a resource that holds one text field of XML13
SOCIAL_INSURANCE: Final = "urn:lienvien:identifier:social-insurance-number"  # MA_TTDV of QĐ 4750


def xml13(field: str) -> str:
    """The code system of one coded field of XML13 or XML1: ``urn:lienvien:codesystem:xml13:MA_LYDO_CT``."""
    return systems.XML13 + field
