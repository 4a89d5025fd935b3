"""One signature at a time, under one algorithm that the key itself fixes (RFC 7518 sections 3.4 and 3.5).

The algorithms are joserfc's; which of them a key may use is decided here, never by a header.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jws import JWSRegistry

from certs.jose_keys import jose_key
from certs.keys import RSA_MAX_BITS, RSA_MIN_BITS, PrivateKey, PublicKey
from schemas.reasons import ReasonCode, Refused

_REGISTRY: Final = JWSRegistry(algorithms=["ES256", "PS256"])
_ES256: Final = _REGISTRY.get_alg("ES256")
_PS256: Final = _REGISTRY.get_alg("PS256")


def algorithm_of(key: PrivateKey | PublicKey) -> str:
    """The only algorithm that a key may sign with: ES256 for EC P-256, PS256 for RSA of 2048 to 4096 bits.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED for every other key.
    """
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        if key.curve.name == "secp256r1":
            return "ES256"
    elif isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and RSA_MIN_BITS <= key.key_size <= RSA_MAX_BITS:
        return "PS256"
    raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "key")


def verify(alg: str, public_key: PublicKey, signing_input: bytes, signature: bytes) -> None:
    """Return when the signature holds.

    Args:
        alg: as the header claims; it must be the one that the key fixes.
        public_key: from a verified certificate or the directory.
        signing_input: header and payload segments with the dot between (RFC 7515 section 5.2).
        signature: decoded; for ES256 the 64 bytes R and S, not DER.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED, SIGNATURE_INVALID.
    """
    if alg != algorithm_of(public_key):
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "header.alg")
    try:
        algorithm = _ES256 if isinstance(public_key, ec.EllipticCurvePublicKey) else _PS256
        holds = algorithm.verify(signing_input, signature, jose_key(public_key))
    except ValueError:  # a signature longer than the key's modulus, by the library's version
        holds = False
    if holds is not True:
        raise Refused(ReasonCode.SIGNATURE_INVALID)


def sign(alg: str, key: PrivateKey, signing_input: bytes) -> bytes:
    """The signature over a signing input. ES256 is randomised: sign once, store, replay.

    Raises:
        Refused: ALGORITHM_NOT_ALLOWED when the key is not of this algorithm.
    """
    if alg != algorithm_of(key):
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "key")
    algorithm = _ES256 if isinstance(key, ec.EllipticCurvePrivateKey) else _PS256
    return algorithm.sign(signing_input, jose_key(key))
