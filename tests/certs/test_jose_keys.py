"""Keys as joserfc takes them: made once, never mixed up."""

import gc

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from certs import jose_keys
from certs.jose_keys import jose_key
from certs.keys import new_key
from certs.signatures import sign, verify
from schemas.reasons import Refused


def test_a_key_is_described_once() -> None:
    key = new_key()
    assert jose_key(key) is jose_key(key)
    assert isinstance(jose_key(key), ECKey)
    assert isinstance(jose_key(rsa.generate_private_key(65537, 2048)), RSAKey)


def test_private_and_public_are_two() -> None:
    key = new_key()
    assert jose_key(key).is_private
    assert not jose_key(key.public_key()).is_private


def test_the_place_of_a_forgotten_key_never_names_another() -> None:
    """Objects at one address follow one another; what is remembered must be of the key that is asked for."""
    message = b"header.payload"
    for _ in range(300):
        key = new_key()
        public = key.public_key()
        signature = sign("ES256", key, message)
        verify("ES256", public, message, signature)
        with pytest.raises(Refused):
            verify("ES256", new_key().public_key(), message, signature)
        del key, public
        gc.collect(0)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jose_keys, "_KEPT_MAX", 3)
    keys: list[ec.EllipticCurvePrivateKey] = [new_key() for _ in range(8)]
    made = [jose_key(key) for key in keys]
    assert len(jose_keys._kept) <= 3
    assert jose_key(keys[0]) is not made[0]
    assert jose_key(keys[0]).thumbprint() == made[0].thumbprint()
