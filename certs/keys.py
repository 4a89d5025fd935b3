"""Private keys: made here, kept in files that nobody else may read, named by their certificate."""

import os
import stat
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias, TypeGuard

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.base64url import decode_standard, encode
from certs.weak_keys import has_roca_fingerprint
from schemas.limits import CERTIFICATES_MAX, SIGNING_STOPS_BEFORE_EXPIRY
from schemas.reasons import ReasonCode, Refused

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

RSA_MIN_BITS: Final = 2048  # of a key that is met (Circular 15/2025/TT-BKHCN)
RSA_MAX_BITS: Final = 4096  # larger keys only serve to burn time
RSA_MIN_EXPONENT: Final = 65537  # NIST SP 800-56B section 6.2
# All that the X.509 reader raises for bytes that are not what they should be, partly when a field is first looked at.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
_CURVES: Final = ("secp256r1", "secp384r1")
_OWNER_ONLY: Final = 0o600


def certificate_kid(certificate: x509.Certificate) -> str:
    """``x5t#S256``: base64url of the SHA-256 of the certificate's DER (RFC 7515 section 4.1.8)."""
    return encode(certificate.fingerprint(hashes.SHA256())).decode("ascii")


def is_usable_public_key(key: object) -> TypeGuard[PublicKey]:
    """True for the key types of the contract: EC P-256 or P-384, RSA of 2048 to 4096 bits and of a sound make."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name in _CURVES
    if not isinstance(key, rsa.RSAPublicKey) or not RSA_MIN_BITS <= key.key_size <= RSA_MAX_BITS:
        return False
    numbers = key.public_numbers()
    return numbers.e >= RSA_MIN_EXPONENT and not has_roca_fingerprint(numbers.n)


@dataclass(frozen=True)
class TokenKey:
    """A key that signs compact tokens: those that are verified by ``kid`` alone, without a chain in the header."""

    private_key: PrivateKey
    kid: str

    @cached_property
    def public_key(self) -> PublicKey:
        """What others verify with."""
        return self.private_key.public_key()


@dataclass(frozen=True)
class SigningKey:
    """A private key with its certificate and the intermediates between it and the root (root excluded)."""

    private_key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @cached_property
    def kid(self) -> str:
        """The key's name: ``x5t#S256`` of the certificate."""
        return certificate_kid(self.certificate)

    @cached_property
    def token_key(self) -> TokenKey:
        """The same key for compact tokens (ack, inbox-status; receipt, stamp and notice of an exchange)."""
        return TokenKey(self.private_key, self.kid)

    @cached_property
    def signs_until(self) -> datetime:
        """A signing key stops 30 days before its certificate ends, so that what it signed can still arrive late."""
        return self.certificate.not_valid_after_utc - SIGNING_STOPS_BEFORE_EXPIRY


def new_key() -> ec.EllipticCurvePrivateKey:
    """A new EC P-256 private key from the system's random source."""
    return ec.generate_private_key(ec.SECP256R1())


def save_private_key(path: Path, key: PrivateKey) -> None:
    """Write a private key as PKCS #8 PEM, durably, mode 0600 from its first byte.

    Raises:
        FileExistsError: a key file is never overwritten.
    """
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())


def load_private_key(path: Path) -> PrivateKey:
    """Read a private key.

    Raises:
        Refused: KEY_FILE_UNSAFE when group or others have any right to the file (not judged on Windows, where rights
            are not a mode), KEY_FILE_UNREADABLE, KEY_TOO_WEAK.
    """
    try:
        with path.open("rb") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & ~_OWNER_ONLY:
                raise Refused(ReasonCode.KEY_FILE_UNSAFE, str(path))
            pem = file.read()
        key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, *UNREADABLE):
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(path)) from None
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) and is_usable_public_key(key.public_key()):
        return key
    raise Refused(ReasonCode.KEY_TOO_WEAK, str(path))


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text, in order. Raises Refused(CERTIFICATE_MALFORMED) when there is none."""
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "pem") from None


def write_certificates(certificates: Sequence[x509.Certificate]) -> bytes:
    """PEM text of some certificates, in order."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def read_x5c(text: object) -> x509.Certificate:
    """One member of ``x5c``: base64 of DER (RFC 7515 section 4.1.6). Raises Refused(CERTIFICATE_MALFORMED)."""
    try:
        return x509.load_der_x509_certificate(decode_standard(text))
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "x5c") from None


def write_x5c(certificates: Sequence[x509.Certificate]) -> list[str]:
    """``x5c``: leaf and intermediates, never the root. Raises Refused(HEADER_NOT_ALLOWED) for more than travel."""
    if len(certificates) > CERTIFICATES_MAX:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.x5c")
    return [
        b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode("ascii") for certificate in certificates
    ]


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read a PEM file, the own certificate first. Raises Refused: KEY_FILE_UNREADABLE, CERTIFICATE_MALFORMED."""
    try:
        return read_certificates(path.read_bytes())
    except OSError:
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(path)) from None


def load_signing_key(key_path: Path, certificate_path: Path) -> SigningKey:
    """Read a key and the certificates that belong to it.

    Raises:
        Refused: as ``load_private_key`` and ``load_certificates``, and KEY_NOT_OF_CERTIFICATE.
    """
    key = load_private_key(key_path)
    certificate, *chain = load_certificates(certificate_path)
    if certificate.public_key() != key.public_key():
        raise Refused(ReasonCode.KEY_NOT_OF_CERTIFICATE, str(certificate_path))
    return SigningKey(key, certificate, tuple(chain))
