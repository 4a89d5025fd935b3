"""Whom a certificate names: one URI in one field, matched exactly, and a subject that says the same."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.keys import UNREADABLE
from schemas.ids import EXCHANGE_URN, FACILITY_URN, is_exchange_name, is_facility_id
from schemas.reasons import ReasonCode, Refused


def facility_of_certificate(certificate: x509.Certificate) -> str:
    """The facility code in the one SAN URI ``urn:lienvien:facility:<code>``, equal to the one common name.

    Raises:
        Refused: CERTIFICATE_MALFORMED when there is none, more than one, or the names disagree.
    """
    facility = _only_uri(certificate).removeprefix(FACILITY_URN)
    if not is_facility_id(facility) or _only_uri(certificate) != FACILITY_URN + facility:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subjectAltName")
    if _common_name(certificate) != facility:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subject")
    return facility


def exchange_of_certificate(certificate: x509.Certificate) -> str:
    """The exchange's name in the one SAN URI ``urn:lienvien:exchange:<name>``, equal to the one common name.

    Raises:
        Refused: CERTIFICATE_MALFORMED as above.
    """
    uri = _only_uri(certificate)
    name = uri.removeprefix(EXCHANGE_URN)
    if not is_exchange_name(name) or uri != EXCHANGE_URN + name:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subjectAltName")
    if _common_name(certificate) != name:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subject")
    return name


def _only_uri(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subjectAltName") from None
    if len(uris) != 1:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subjectAltName")
    return uris[0]


def _common_name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE:
        names = []
    if len(names) != 1 or not isinstance(names[0].value, str):
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "subject")
    return names[0].value
