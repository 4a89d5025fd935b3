"""A record on its way in: the envelope opened with one's own key, a token verified with a key that is known already.

Recipient entries of an envelope are not protected by anything. Only the own entry is looked at, and handed on alone: an
entry that is malformed, off the curve or meant for somebody else never decides whether a good message opens.
"""

from collections.abc import Mapping
from typing import Any, Final

from certs.base64url import decode_text
from certs.keys import PrivateKey, PublicKey
from certs.kinds import ENVELOPE_CTY
from certs.signatures import verify
from certs.strict_object import read_object
from certs.token import parse_compact
from certs.unwrap import CONTENT, ECDH_ES, RSA_OAEP, Sealed, unwrap
from schemas.limits import ENVELOPE_MAX_BYTES, RECIPIENTS_MAX, TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

_MEMBERS: Final = frozenset({"protected", "recipients", "iv", "ciphertext", "tag"})
_ENTRY: Final = frozenset({"header", "encrypted_key"})
_ENTRY_HEADER: Final = {ECDH_ES: frozenset({"alg", "kid", "epk"}), RSA_OAEP: frozenset({"alg", "kid"})}
_PROTECTED: Final = {"enc": CONTENT, "cty": ENVELOPE_CTY}
# The protected header has two members, so compact JSON knows two spellings of it, by their order.
_COMPACT: Final = frozenset({b'{"enc":"A256GCM","cty":"JOSE"}', b'{"cty":"JOSE","enc":"A256GCM"}'})


def open_envelope(record: bytes, keys: Mapping[str, PrivateKey]) -> bytes:
    """The signed message inside an envelope, not verified yet.

    Args:
        record: the record's value, or an HTTPS body.
        keys: own decryption keys by ``kid`` (``x5t#S256`` of their certificate); several during a rollover.

    Raises:
        Refused: RECORD_TOO_LARGE, ENVELOPE_MALFORMED, DUPLICATE_MEMBER, ENVELOPE_HEADER_NOT_COMPACT,
            ENVELOPE_TOO_MANY_RECIPIENTS, ENVELOPE_NOT_FOR_US, ALGORITHM_NOT_ALLOWED, ENVELOPE_UNDECRYPTABLE.
    """
    if len(record) > ENVELOPE_MAX_BYTES:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    try:
        envelope = read_object(record)
        if envelope.keys() != _MEMBERS:
            raise Refused(ReasonCode.ENVELOPE_MALFORMED, "members")
        aad = _check_protected(envelope["protected"])
        kid, entry = _own_entry(envelope["recipients"], keys)
        sealed = _sealed(envelope, entry, aad)
    except ValueError:
        raise Refused(ReasonCode.ENVELOPE_MALFORMED) from None
    return unwrap(sealed, keys[kid])


def _check_protected(text: object) -> bytes:
    """The protected header as it came: compact, since a library that spells it anew would authenticate other bytes."""
    header = decode_text(text)
    if header not in _COMPACT:
        members = read_object(header)
        if members.get("enc") != CONTENT:
            raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "protected.enc")
        if members != _PROTECTED:
            raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "protected")
        raise Refused(ReasonCode.ENVELOPE_HEADER_NOT_COMPACT, "protected")
    return str(text).encode("ascii")


def _own_entry(recipients: object, keys: Mapping[str, PrivateKey]) -> tuple[str, dict[str, Any]]:
    if not isinstance(recipients, list) or not recipients:
        raise Refused(ReasonCode.ENVELOPE_MALFORMED, "recipients")
    if len(recipients) > RECIPIENTS_MAX:
        raise Refused(ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS)
    own = [(kid, entry) for entry in recipients if (kid := _kid(entry)) is not None and kid in keys]
    if not own:
        raise Refused(ReasonCode.ENVELOPE_NOT_FOR_US)
    kid, entry = own[0]
    if entry.keys() != _ENTRY:
        raise Refused(ReasonCode.ENVELOPE_MALFORMED, "recipient")
    return kid, entry


def _kid(entry: object) -> str | None:
    header = entry.get("header") if isinstance(entry, dict) else None
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None


def _sealed(envelope: Mapping[str, Any], entry: Mapping[str, Any], aad: bytes) -> Sealed:
    header = entry["header"]
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in _ENTRY_HEADER:
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "recipient.alg")
    if header.keys() != _ENTRY_HEADER[alg]:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "recipient")
    return Sealed(
        alg=alg,
        epk=header.get("epk"),
        encrypted_key=decode_text(entry["encrypted_key"]),
        aad=aad,
        iv=decode_text(envelope["iv"]),
        ciphertext=decode_text(envelope["ciphertext"]),
        tag=decode_text(envelope["tag"]),
    )


def verify_token(
    token: bytes | str, *, typ: str, keys: Mapping[str, PublicKey], max_bytes: int = TOKEN_MAX_BYTES
) -> bytes:
    """The payload of a compact token whose signer is known already.

    Args:
        token: as it came.
        typ: the only kind that may pass here.
        keys: the public keys that may have signed, by ``kid``: judged by the caller (``trust.decide``) and his alone.
        max_bytes: of the token; stamps have a smaller limit.

    Raises:
        Refused: what ``parse_compact`` and ``verify`` raise, and KEY_UNKNOWN.
    """
    parsed = parse_compact(_bytes(token), typ=typ, max_bytes=max_bytes)
    key = keys.get(parsed.kid)
    if key is None:
        raise Refused(ReasonCode.KEY_UNKNOWN, "header.kid")
    verify(parsed.alg, key, parsed.signing_input, parsed.signature)
    return parsed.payload


def _bytes(token: bytes | str) -> bytes:
    if isinstance(token, bytes):
        return token
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise Refused(ReasonCode.TOKEN_MALFORMED) from None
