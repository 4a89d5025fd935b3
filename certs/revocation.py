"""Revocation lists (RFC 5280 section 5): read once, then one look into a dictionary per question.

Only complete lists are taken: a delta, an indirect list, or one for some reasons or some certificates only would make
silence look like innocence.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import CRLEntryExtensionOID, ExtensionOID

from certs.keys import UNREADABLE, is_usable_public_key
from schemas.reasons import ReasonCode, Refused

_LIST_EXTENSIONS: Final = frozenset({ExtensionOID.CRL_NUMBER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER})
_ENTRY_EXTENSIONS: Final = frozenset({CRLEntryExtensionOID.CRL_REASON, CRLEntryExtensionOID.INVALIDITY_DATE})


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One issuer's list. ``issuer_key`` is the SHA-256 of the key that signed it, DER SubjectPublicKeyInfo."""

    issuer_key: bytes
    number: int
    this_update: datetime
    next_update: datetime
    since: Mapping[int, datetime]  # serial → revoked since

    @property
    def age(self) -> tuple[int, datetime]:
        """What grows from one list of an issuer to its next."""
        return self.number, self.this_update


def key_digest(certificate: x509.Certificate) -> bytes:
    """SHA-256 of a certificate's SubjectPublicKeyInfo: an authority is its key, whatever its certificate's dates."""
    der = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).digest()


def read_crl(data: bytes, authorities: Sequence[x509.Certificate]) -> RevocationList:
    """A revocation list in PEM or DER, its signature checked against one of the authorities.

    Raises:
        Refused: CRL_UNUSABLE with what is wrong: not readable, not signed by one of the authorities, partial, without
            number or next update.
    """
    try:
        crl = x509.load_pem_x509_crl(data) if data.lstrip().startswith(b"-----") else x509.load_der_x509_crl(data)
        return _read(crl, authorities)
    except UNREADABLE:
        raise Refused(ReasonCode.CRL_UNUSABLE, "form") from None


def _read(crl: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]) -> RevocationList:
    issuer = _issuer(crl, authorities)
    if any(extension.oid not in _LIST_EXTENSIONS and extension.critical for extension in crl.extensions):
        raise Refused(ReasonCode.CRL_UNUSABLE, "partial list")
    if crl.next_update_utc is None:
        raise Refused(ReasonCode.CRL_UNUSABLE, "nextUpdate")
    return RevocationList(
        issuer_key=key_digest(issuer),
        number=crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        this_update=crl.last_update_utc,
        next_update=crl.next_update_utc,
        since={entry.serial_number: _since(entry) for entry in crl},
    )


def _issuer(crl: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]) -> x509.Certificate:
    for authority in authorities:
        if authority.subject == crl.issuer and _signed(crl, authority):
            return authority
    raise Refused(ReasonCode.CRL_UNUSABLE, "signature")


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    return usage.crl_sign and is_usable_public_key(key) and crl.is_signature_valid(key)


def _since(entry: x509.RevokedCertificate) -> datetime:
    if any(extension.oid not in _ENTRY_EXTENSIONS and extension.critical for extension in entry.extensions):
        raise Refused(ReasonCode.CRL_UNUSABLE, "indirect list")
    return entry.revocation_date_utc
