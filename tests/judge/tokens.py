"""Signed tokens and certificates, down to the authority; by jwcrypto, which the product does not use."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from jwcrypto import jwk, jws
from jwcrypto.common import JWException

FACILITY_URN: Final = "urn:lienvien:facility:"
_ALLOWED: Final = ["ES256", "PS256"]
_EXACTLY: Final = frozenset({"alg", "typ", "kid"})

Claims = dict[str, Any]


class NotSignedError(ValueError):
    """The token, or a certificate behind it, is not what it must be."""


@dataclass
class Keys:
    """Verification keys by ``kid`` (base64url SHA-256 of the certificate)."""

    by_kid: dict[str, jwk.JWK] = field(default_factory=dict)

    def add(self, certificate: x509.Certificate) -> None:
        """Trusts a certificate that was proven before."""
        self.by_kid[kid_of(certificate)] = jwk.JWK.from_pyca(certificate.public_key())


def kid_of(certificate: x509.Certificate) -> str:
    """``x5t#S256`` of a certificate."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def open_token(token: bytes, typ: str, keys: Keys, *, also: Iterable[str] = ()) -> Claims:
    """The claims of a compact JWS that one of these keys signed, its header closed. Raises NotSignedError."""
    header = header_of(token)
    if header.get("typ") != typ or not set(header) <= _EXACTLY | set(also) or not set(header) >= _EXACTLY:
        raise NotSignedError("the token's header is not that of its kind")
    key = keys.by_kid.get(str(header["kid"]))
    if key is None:
        raise NotSignedError("the token is signed by a foreign key")
    signed = jws.JWS()
    signed.allowed_algs = _ALLOWED
    try:
        signed.deserialize(token.decode("ascii"))
        signed.verify(key, alg=str(header["alg"]))
        claims = json.loads(signed.payload)
    except (JWException, ValueError, TypeError):
        raise NotSignedError("the token's signature is wrong") from None
    if not isinstance(claims, dict):
        raise NotSignedError("the token holds no object")
    return claims


def header_of(token: bytes) -> Claims:
    """The unproven header of a compact JWS. Raises NotSignedError."""
    return _part(token, 0)


def claims_of(token: bytes) -> Claims:
    """The unproven claims of a compact JWS. Raises NotSignedError."""
    return _part(token, 1)


def _part(token: bytes, number: int) -> Claims:
    parts = token.split(b".")
    if len(parts) != 3:
        raise NotSignedError("not a compact token")
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[number] + b"=" * (-len(parts[number]) % 4)))
    except (binascii.Error, ValueError):
        raise NotSignedError("not a compact token") from None
    if not isinstance(found, dict):
        raise NotSignedError("not a compact token")
    return found


def load_certificate(pem: bytes) -> x509.Certificate:
    """A certificate in PEM. Raises NotSignedError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise NotSignedError("not a certificate") from None


def check_issued(leaf: x509.Certificate, authority: x509.Certificate, between: Iterable[x509.Certificate] = ()) -> None:
    """The leaf leads to the authority, by way of these at most. Raises NotSignedError."""
    chain = [leaf, *between, authority]
    try:
        for below, above in pairwise(chain):
            below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        raise NotSignedError("a certificate does not lead to the authority") from None


def facility_of(certificate: x509.Certificate) -> str:
    """The facility code in the certificate's name. Raises NotSignedError."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        raise NotSignedError("a certificate names no facility") from None
    found = [uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith(FACILITY_URN)]
    if len(found) != 1:
        raise NotSignedError("a certificate names no facility")
    return found[0].removeprefix(FACILITY_URN)


def directory_keys(entry: bytes, authority: x509.Certificate) -> tuple[str, Keys]:
    """The facility of a directory entry and its signing keys, proven by its own signature. Raises NotSignedError."""
    header, said = header_of(entry), claims_of(entry)
    try:
        between = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in header.get("x5c", [])[1:]]
        listed = [x509.load_der_x509_certificate(base64.b64decode(der)) for der in said["signing_certificates"]]
    except (KeyError, TypeError, ValueError):
        raise NotSignedError("the directory entry's certificates are malformed") from None
    keys = Keys()
    for certificate in listed:
        check_issued(certificate, authority, between)
        if facility_of(certificate) != said.get("facility"):
            raise NotSignedError("a directory entry lists another's certificate")
        keys.add(certificate)
    open_token(entry, "lienvien-directory+jws", keys, also=("x5c",))
    return str(said["facility"]), keys


def merged(all_keys: Iterable[Keys]) -> Keys:
    """The keys of several entries of one facility."""
    found: Mapping[str, jwk.JWK] = {kid: key for keys in all_keys for kid, key in keys.by_kid.items()}
    return Keys(dict(found))
