"""One sealed entry at a time: the content key out of a recipient's entry, the content out of the ciphertext.

The algorithms are joserfc's (RFC 7518 sections 4.3, 4.6, 4.4 and 5.3). The library is handed one entry and the bytes
that were authenticated, exactly as they came: its own reading of JSON serialisations rebuilds them, and by default
opens only when every entry opens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.errors import JoseError
from joserfc.jwe import GeneralJSONEncryption, JWERegistry, Recipient

from certs.base64url import decode_text
from certs.jose_keys import jose_key
from certs.keys import PrivateKey, PublicKey, is_usable_public_key
from schemas.reasons import ReasonCode, Refused

ECDH_ES: Final = "ECDH-ES+A256KW"
RSA_OAEP: Final = "RSA-OAEP-256"
CONTENT: Final = "A256GCM"
CONTENT_KEY_BYTES: Final = 32
IV_BYTES: Final = 12  # RFC 7518 section 5.3
TAG_BYTES: Final = 16

REGISTRY: Final = JWERegistry(algorithms=[ECDH_ES, RSA_OAEP, CONTENT], verify_all_recipients=False, max_recipients=4)
_CONTENT: Final = REGISTRY.get_enc(CONTENT)
# The library exports no types for these two.
_ECDH: Final[Any] = REGISTRY.get_alg(ECDH_ES)
_RSA: Final[Any] = REGISTRY.get_alg(RSA_OAEP)
# the recipient's curve → its name in a JWK, bytes of a coordinate (RFC 7518 section 6.2.1)
_CURVES: Final[Mapping[str, tuple[str, int]]] = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48)}
_EPK_MEMBERS: Final = frozenset({"kty", "crv", "x", "y"})


@dataclass(frozen=True, slots=True)
class Sealed:
    """One recipient's view of a JWE (RFC 7516 section 2), all parts decoded but ``aad``."""

    alg: str
    epk: object  # ephemeral public key as a JWK; None for RSA
    encrypted_key: bytes
    aad: bytes  # the protected header's segment as it came: what was authenticated
    iv: bytes
    ciphertext: bytes
    tag: bytes


def key_algorithm_of(key: PrivateKey | PublicKey) -> str:
    """The only algorithm by which a content key may be sealed for a key.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED for a key that is off the list.
    """
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else key
    if not is_usable_public_key(public):
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "key")
    return ECDH_ES if isinstance(public, ec.EllipticCurvePublicKey) else RSA_OAEP


def unwrap(sealed: Sealed, key: PrivateKey) -> bytes:
    """The plaintext.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED, and ENVELOPE_UNDECRYPTABLE for everything else: who probes must not learn
            which step failed.
    """
    content_key = unwrap_content_key(sealed.alg, sealed.epk, sealed.encrypted_key, key)
    return open_content(content_key, sealed.iv, sealed.ciphertext, sealed.tag, sealed.aad)


def unwrap_content_key(alg: str, epk: object, encrypted_key: bytes, key: PrivateKey) -> bytes:
    """The content key of 32 bytes. Raises Refused: ALGORITHM_NOT_ALLOWED, ENVELOPE_UNDECRYPTABLE."""
    if alg != key_algorithm_of(key):
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "recipient.alg")
    try:
        content_key = _content_key(epk, encrypted_key, key)
    except (JoseError, ValueError):
        raise Refused(ReasonCode.ENVELOPE_UNDECRYPTABLE) from None
    if len(content_key) != CONTENT_KEY_BYTES:
        raise Refused(ReasonCode.ENVELOPE_UNDECRYPTABLE)
    return content_key


def _content_key(epk: object, encrypted_key: bytes, key: PrivateKey) -> bytes:
    jwe = GeneralJSONEncryption({"enc": CONTENT})
    if isinstance(key, rsa.RSAPrivateKey):
        entry: Recipient[Any] = Recipient(jwe, {"alg": RSA_OAEP}, jose_key(key))
        entry.encrypted_key = encrypted_key
        return bytes(_RSA.decrypt_cek(entry))
    # The ephemeral key goes in as a point that was checked already: reading it as a JWK costs as much as the agreement.
    ephemeral = _ephemeral_key(epk, key.curve)
    entry = Recipient(jwe, {"alg": ECDH_ES, "epk": ephemeral}, jose_key(key))
    return bytes(_ECDH.unwrap_cek_with_auk(encrypted_key, _ECDH.decrypt_agreed_upon_key(_CONTENT, entry)))


def _ephemeral_key(epk: object, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey:
    """The point behind a JWK (RFC 7518 section 6.2). Raises ValueError unless it lies on the recipient's own curve."""
    name, size = _CURVES[curve.name]
    if not isinstance(epk, dict) or epk.keys() != _EPK_MEMBERS or epk["kty"] != "EC" or epk["crv"] != name:
        raise ValueError("not an ephemeral key of this curve")
    x, y = decode_text(epk["x"]), decode_text(epk["y"])
    if len(x) != size or len(y) != size:
        raise ValueError("not a point of the curve")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + y)


def open_content(content_key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, aad: bytes) -> bytes:
    """The plaintext behind AES-256-GCM. Raises Refused(ENVELOPE_UNDECRYPTABLE)."""
    if len(content_key) != CONTENT_KEY_BYTES or len(iv) != IV_BYTES or len(tag) != TAG_BYTES:
        raise Refused(ReasonCode.ENVELOPE_UNDECRYPTABLE)
    try:
        return _CONTENT.decrypt(ciphertext, tag, content_key, iv, aad)
    except (JoseError, ValueError):
        raise Refused(ReasonCode.ENVELOPE_UNDECRYPTABLE) from None
