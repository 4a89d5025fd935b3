"""The key alone fixes the algorithm."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.signatures import algorithm_of, sign, verify
from schemas.reasons import ReasonCode, Refused

P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
K256 = ec.generate_private_key(ec.SECP256K1())
RSA2048 = rsa.generate_private_key(65537, 2048)
RSA1024 = rsa.generate_private_key(65537, 1024)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

ALGORITHMS = ["ES256", "PS256", "ES384", "RS256", "PS384", "HS256", "none", "EdDSA", "Ed25519", "ES256K", "", "es256"]


def reason(act: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.reason


@pytest.mark.parametrize(("key", "alg"), [(P256, "ES256"), (RSA2048, "PS256")])
def test_what_is_signed_verifies(key: Any, alg: str) -> None:
    assert algorithm_of(key) == algorithm_of(key.public_key()) == alg
    signature = sign(alg, key, b"header.payload")
    verify(alg, key.public_key(), b"header.payload", signature)
    assert reason(lambda: verify(alg, key.public_key(), b"header.paylaod", signature)) is ReasonCode.SIGNATURE_INVALID


@pytest.mark.parametrize("key", [P256, P384, K256, RSA2048, RSA1024])
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_other_pair_is_refused_before_anything_is_computed(key: Any, alg: str) -> None:
    if (key, alg) in ((P256, "ES256"), (RSA2048, "PS256")):
        return
    assert reason(lambda: sign(alg, key, b"x")) is ReasonCode.ALGORITHM_NOT_ALLOWED
    assert reason(lambda: verify(alg, key.public_key(), b"x", b"y" * 64)) is ReasonCode.ALGORITHM_NOT_ALLOWED


def test_keys_of_another_kind() -> None:
    other: Any = ed25519.Ed25519PrivateKey.generate()
    assert reason(lambda: algorithm_of(other)) is ReasonCode.ALGORITHM_NOT_ALLOWED
    assert reason(lambda: verify("ES256", other.public_key(), b"x", b"y" * 64)) is ReasonCode.ALGORITHM_NOT_ALLOWED


def test_es256_is_two_numbers_of_32_bytes_not_der() -> None:
    der = P256.sign(b"x", ec.ECDSA(hashes.SHA256()))
    assert reason(lambda: verify("ES256", P256.public_key(), b"x", der)) is ReasonCode.SIGNATURE_INVALID
    r, s = decode_dss_signature(der)
    verify("ES256", P256.public_key(), b"x", r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_es256_is_randomised_so_a_receipt_is_signed_once() -> None:
    assert sign("ES256", P256, b"x") != sign("ES256", P256, b"x")


def test_a_malleated_signature_is_another_token_for_the_same_content() -> None:
    """(r, n-s) verifies: a token's bytes are no identity, the payload's digest is."""
    signature = sign("ES256", P256, b"x")
    s = int.from_bytes(signature[32:], "big")
    verify("ES256", P256.public_key(), b"x", signature[:32] + (ORDER - s).to_bytes(32, "big"))


@given(st.binary(max_size=600))
def test_no_bytes_are_a_signature(signature: bytes) -> None:
    assert reason(lambda: verify("ES256", P256.public_key(), b"x", signature)) is ReasonCode.SIGNATURE_INVALID
    assert reason(lambda: verify("PS256", RSA2048.public_key(), b"x", signature)) is ReasonCode.SIGNATURE_INVALID


@settings(max_examples=60)
@given(st.integers(0, 63), st.integers(1, 255))
def test_every_changed_byte_breaks_es256(place: int, flip: int) -> None:
    signature = bytearray(sign("ES256", P256, b"x"))
    signature[place] ^= flip
    assert reason(lambda: verify("ES256", P256.public_key(), b"x", bytes(signature))) is ReasonCode.SIGNATURE_INVALID


def test_pss_with_another_salt_length_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import padding

    for length in (0, 20, 31, 33, padding.PSS.MAX_LENGTH):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), length)
        signature = RSA2048.sign(b"x", pss, hashes.SHA256())
        assert reason(lambda: verify("PS256", RSA2048.public_key(), b"x", signature)) is ReasonCode.SIGNATURE_INVALID  # noqa: B023
    pkcs1 = RSA2048.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
    assert reason(lambda: verify("PS256", RSA2048.public_key(), b"x", pkcs1)) is ReasonCode.SIGNATURE_INVALID
