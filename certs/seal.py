"""A message on its way out: signed, then sealed for its readers; and the small tokens around it.

Sign, then seal: the signed content names its reader (``MessageHeader.destination``), and nobody who merely carries the
envelope learns who signed what.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwe import GeneralJSONEncryption, encrypt_json
from joserfc.jwk import ECKey, RSAKey

from certs.base64url import encode
from certs.keys import UNREADABLE, SigningKey, TokenKey, certificate_kid, is_usable_public_key, write_x5c
from certs.kinds import ENVELOPE_CTY, MESSAGE_CTY, MESSAGE_TYP
from certs.signatures import algorithm_of, sign
from certs.unwrap import CONTENT, REGISTRY, key_algorithm_of
from schemas.limits import BUNDLE_MAX_BYTES, ENVELOPE_MAX_BYTES, RECIPIENTS_MAX, TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused


def compact_json(value: Mapping[str, Any]) -> bytes:
    """JSON without spaces, ASCII only: the one spelling of a header."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def sign_message(payload: bytes, key: SigningKey, *, iat: int, even_if_ending: bool = False) -> bytes:
    """The compact JWS over the exact bytes of a Bundle.

    Args:
        payload: the Bundle; these bytes are what is verified, delivered and proven.
        key: the facility's signing key with its chain.
        iat: the claimed time of signing, whole seconds since 1970 UTC.
        even_if_ending: sign although the certificate ends within 30 days, for a case that cannot wait.

    Raises:
        Refused: BUNDLE_TOO_LARGE, ALGORITHM_NOT_ALLOWED (the key's type), SIGNING_KEY_ENDING, CERTIFICATE_EXPIRED,
            HEADER_NOT_ALLOWED (more certificates than travel).
    """
    if len(payload) > BUNDLE_MAX_BYTES:
        raise Refused(ReasonCode.BUNDLE_TOO_LARGE)
    if iat > key.certificate.not_valid_after_utc.timestamp():
        raise Refused(ReasonCode.CERTIFICATE_EXPIRED)
    if iat > key.signs_until.timestamp() and not even_if_ending:
        raise Refused(ReasonCode.SIGNING_KEY_ENDING)
    members = {
        "cty": MESSAGE_CTY,
        "iat": iat,
        "x5t#S256": key.kid,
        "x5c": write_x5c((key.certificate, *key.chain)),
    }
    return sign_compact(payload, MESSAGE_TYP, key.token_key, members)


def sign_token(payload: bytes, typ: str, key: TokenKey) -> str:
    """A compact JWS with the header alg, typ, kid and nothing else. ES256 is randomised: sign once, store, replay.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED (the key's type), RECORD_TOO_LARGE (beyond what any reader takes).
    """
    alg = algorithm_of(key.private_key)
    token = _signed(alg, _token_header(alg, typ, key.kid), payload, key)
    if len(token) > TOKEN_MAX_BYTES:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    return token.decode("ascii")


def sign_compact(payload: bytes, typ: str, key: TokenKey, members: Mapping[str, Any]) -> bytes:
    """A compact JWS with further header members. Raises Refused(ALGORITHM_NOT_ALLOWED) for the key's type."""
    alg = algorithm_of(key.private_key)
    header = encode(compact_json({"alg": alg, "typ": typ, "kid": key.kid, **members}))
    return _signed(alg, header, payload, key)


@lru_cache(maxsize=256)
def _token_header(alg: str, typ: str, kid: str) -> bytes:
    return encode(compact_json({"alg": alg, "typ": typ, "kid": kid}))


def _signed(alg: str, header: bytes, payload: bytes, key: TokenKey) -> bytes:
    signing_input = header + b"." + encode(payload)
    return signing_input + b"." + encode(sign(alg, key.private_key, signing_input))


PROTECTED: Final = {"enc": CONTENT, "cty": ENVELOPE_CTY}


def seal(jws: bytes, recipients: Sequence[x509.Certificate]) -> bytes:
    """The envelope: a JWE in JSON general serialisation (RFC 7516 section 7.2.1), one entry per recipient.

    Args:
        jws: a signed message.
        recipients: the encryption certificates of the exchange and of the destination, already judged.

    Raises:
        Refused: ENVELOPE_TOO_MANY_RECIPIENTS, CERTIFICATE_WRONG_USAGE (not meant for sealing), ALGORITHM_NOT_ALLOWED
            (the key's type), RECORD_TOO_LARGE.
        ValueError: no recipient, or one of them twice.
    """
    kids = [certificate_kid(certificate) for certificate in recipients]
    if not kids or len(set(kids)) != len(kids):
        raise ValueError("an envelope needs distinct recipients")
    if len(kids) > RECIPIENTS_MAX:
        raise Refused(ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS)
    envelope = GeneralJSONEncryption(dict(PROTECTED), jws)
    for kid, certificate in zip(kids, recipients, strict=True):
        key = _sealing_key(certificate)
        envelope.add_recipient({"alg": key_algorithm_of(key.public_key), "kid": kid}, key)
    record = compact_json(dict(encrypt_json(envelope, None, registry=REGISTRY)))
    if len(record) > ENVELOPE_MAX_BYTES:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    return record


def _sealing_key(certificate: x509.Certificate) -> ECKey | RSAKey:
    try:
        key = certificate.public_key()
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_WRONG_USAGE, "recipient") from None
    if not is_usable_public_key(key):
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "recipient")
    if isinstance(key, ec.EllipticCurvePublicKey) and usage.key_agreement:
        return ECKey.import_key(key)
    if isinstance(key, rsa.RSAPublicKey) and usage.key_encipherment:
        return RSAKey.import_key(key)
    raise Refused(ReasonCode.CERTIFICATE_WRONG_USAGE, "recipient")
