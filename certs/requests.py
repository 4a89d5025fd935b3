"""Certificate requests (PKCS #10): the key is made where it will live, the authority sees the request alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.keys import UNREADABLE, PrivateKey, PublicKey, is_usable_public_key, new_key
from certs.profiles import RULES, CertProfile, Holder
from schemas.reasons import ReasonCode, Refused

NEW_RSA_MIN_BITS: Final = 3072  # of a key that is made today; older ones are met with 2048


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A fresh private key and the PEM of the request for its certificate."""

    key: PrivateKey
    pem: bytes


def build_request(key: PrivateKey, holder: Holder) -> bytes:
    """The PEM of a request for an existing key. Raises ValueError when the profile may not carry this name or hosts."""
    if not holder.is_well_formed():
        raise ValueError("the name does not fit the profile")
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(holder.subject())
        .add_extension(x509.SubjectAlternativeName(holder.alternative_names()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def make_request(name: str, profile: CertProfile, generation: int = 1, hosts: Sequence[str] = ()) -> NewRequest:
    """A new EC P-256 key and the request for its certificate. Raises ValueError as ``build_request``."""
    key = new_key()
    return NewRequest(key, build_request(key, Holder(profile, name, generation, tuple(hosts))))


def check_request(pem: bytes, holder: Holder) -> PublicKey:
    """The public key of a request that proves possession and names exactly the approved holder.

    Raises:
        Refused: REQUEST_MALFORMED, REQUEST_NOT_PROVEN, REQUEST_NAMES_DIFFER, KEY_TOO_WEAK.
    """
    if not holder.is_well_formed():
        raise Refused(ReasonCode.REQUEST_NAMES_DIFFER, "name")
    try:
        request = x509.load_pem_x509_csr(pem)
        proven = request.is_signature_valid
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        subject, extensions, public_key = request.subject, request.extensions, request.public_key()
    except UNREADABLE:
        raise Refused(ReasonCode.REQUEST_MALFORMED) from None
    if not proven:
        raise Refused(ReasonCode.REQUEST_NOT_PROVEN)
    if subject != holder.subject():
        raise Refused(ReasonCode.REQUEST_NAMES_DIFFER, "subject")
    if len(extensions) != 1 or set(names) != set(holder.alternative_names()):
        raise Refused(ReasonCode.REQUEST_NAMES_DIFFER, "subjectAltName")
    return _strong(public_key, holder.profile)


def _strong(key: object, profile: CertProfile) -> PublicKey:
    """New keys are EC P-256 (P-384 too where only sealed for), or RSA of 3072 bits and more."""
    if is_usable_public_key(key):
        if isinstance(key, rsa.RSAPublicKey):
            strong = key.key_size >= NEW_RSA_MIN_BITS
        else:
            strong = key.curve.name == "secp256r1" or RULES[profile].agrees
        if strong:
            return key
    raise Refused(ReasonCode.KEY_TOO_WEAK)
