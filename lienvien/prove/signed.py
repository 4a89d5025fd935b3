"""Tokens and certificates in the evidence, verified down to the authority's certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from certs.keys import PublicKey, certificate_kid
from certs.signatures import verify
from certs.token import parse_compact
from schemas.ids import exchange_urn
from schemas.limits import TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.model import TokenModel

Model = TypeVar("Model", bound=TokenModel)


@dataclass(frozen=True)
class Keyring:
    """Public keys by ``kid``, each shown to be certified."""

    keys: Mapping[str, PublicKey]

    def read(self, token: bytes, model: type[Model], typ: str, *, max_bytes: int = TOKEN_MAX_BYTES) -> Model:
        """The payload of a token whose signature holds. Raises Refused."""
        parsed = parse_compact(token, typ=typ, max_bytes=max_bytes)
        key = self.keys.get(parsed.kid)
        if key is None:
            raise Refused(ReasonCode.KEY_UNKNOWN, typ)
        verify(parsed.alg, key, parsed.signing_input, parsed.signature)
        return model.decode(parsed.payload)


def certified_key(certificate: x509.Certificate, authority: x509.Certificate) -> PublicKey:
    """The public key of a certificate that the authority itself issued. Raises Refused(UNTRUSTED_ISSUER)."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        raise Refused(ReasonCode.UNTRUSTED_ISSUER, "certificate") from None
    return certificate.public_key()  # type: ignore[return-value]  # certs.signatures refuses key types that are not of the contract


def exchange_keyring(exchange: str, certificate: x509.Certificate, authority: x509.Certificate) -> Keyring:
    """The exchange's signing key. Raises Refused: UNTRUSTED_ISSUER, FACILITY_MISMATCH (of another exchange)."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if exchange_urn(exchange) not in names.get_values_for_type(x509.UniformResourceIdentifier):
        raise Refused(ReasonCode.FACILITY_MISMATCH, "exchange certificate")
    return Keyring({certificate_kid(certificate): certified_key(certificate, authority)})
