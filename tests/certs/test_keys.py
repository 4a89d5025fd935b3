"""Private keys are files for their owner's eyes alone."""

import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certs.keys import (
    SigningKey,
    certificate_kid,
    is_usable_public_key,
    load_certificates,
    load_private_key,
    load_signing_key,
    new_key,
    read_certificates,
    save_private_key,
    write_certificates,
)
from certs.weak_keys import has_roca_fingerprint
from schemas.reasons import ReasonCode, Refused
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki


def reason(act: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.reason


def pem(key: Any) -> bytes:
    found: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return found


def test_saved_and_loaded(tmp_path: Path) -> None:
    key, path = new_key(), tmp_path / "signing.key"
    save_private_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = load_private_key(path)
    assert pem(loaded) == pem(key)


def test_a_wider_umask_changes_nothing(tmp_path: Path) -> None:
    import os

    before = os.umask(0)
    try:
        save_private_key(tmp_path / "signing.key", new_key())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    save_private_key(path, new_key())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        save_private_key(path, new_key())
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_modes_that_are_private(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.key"
    save_private_key(path, new_key())
    path.chmod(mode)
    assert load_private_key(path)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o666, 0o700, 0o601, 0o610, 0o606, 0o777])
def test_any_wider_mode_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.key"
    save_private_key(path, new_key())
    path.chmod(mode)
    with pytest.raises(Refused) as refused:
        load_private_key(path)
    assert refused.value.reason is ReasonCode.KEY_FILE_UNSAFE
    assert refused.value.where == str(path)  # a machine with several hospitals has several of that name


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff"]
)
def test_unreadable_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    path.chmod(0o600)
    assert reason(lambda: load_private_key(path)) is ReasonCode.KEY_FILE_UNREADABLE


def test_missing_files_and_folders(tmp_path: Path) -> None:
    assert reason(lambda: load_private_key(tmp_path / "none.key")) is ReasonCode.KEY_FILE_UNREADABLE
    assert reason(lambda: load_private_key(tmp_path)) is ReasonCode.KEY_FILE_UNREADABLE
    assert reason(lambda: load_certificates(tmp_path / "none.pem")) is ReasonCode.KEY_FILE_UNREADABLE


def test_a_password_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    locked = new_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    path.write_bytes(locked)
    path.chmod(0o600)
    assert reason(lambda: load_private_key(path)) is ReasonCode.KEY_FILE_UNREADABLE


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["RSA 1024", "P-521", "secp256k1", "Ed25519"],
)
def test_keys_off_the_list(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(pem(key))
    path.chmod(0o600)
    assert reason(lambda: load_private_key(path)) is ReasonCode.KEY_TOO_WEAK


def test_usable_keys() -> None:
    assert is_usable_public_key(new_key().public_key())
    assert is_usable_public_key(ec.generate_private_key(ec.SECP384R1()).public_key())
    assert is_usable_public_key(rsa.generate_private_key(65537, 2048).public_key())
    assert not is_usable_public_key(rsa.generate_private_key(3, 2048).public_key())
    assert not is_usable_public_key(new_key())
    assert not is_usable_public_key(None)


def test_a_key_of_the_faulty_generator_is_not_usable() -> None:
    """A product of two numbers of that family: powers of 65537 modulo a product of primes, plus multiples of it."""
    primorial = 1
    for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97):
        primorial *= prime
    for prime in (101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167):
        primorial *= prime
    modulus = (pow(65537, 1_234_567, primorial) + 3**560 // primorial * primorial) * (
        pow(65537, 7_654_321, primorial) + 5**400 // primorial * primorial
    )
    assert has_roca_fingerprint(modulus)
    sound = [rsa.generate_private_key(65537, 2048).public_key().public_numbers().n for _ in range(5)]
    assert not any(map(has_roca_fingerprint, sound))


def test_a_kid_is_the_digest_of_the_certificate(pki: TestPki) -> None:
    import base64
    import hashlib

    certificate = pki.facility(BAC_GIANG).signing.certificate
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    assert certificate_kid(certificate) == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert pki.facility(BAC_GIANG).signing.kid == certificate_kid(certificate)
    assert pki.facility(BAC_GIANG).signing.token_key.kid == certificate_kid(certificate)


def test_certificates_as_text(pki: TestPki) -> None:
    certificates = (pki.facility(BAC_GIANG).signing.certificate, pki.authority.certificate)
    assert read_certificates(write_certificates(certificates)) == certificates
    for text in (b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        assert reason(lambda: read_certificates(text)) is ReasonCode.CERTIFICATE_MALFORMED  # noqa: B023


def test_a_pair_of_files(pki: TestPki, tmp_path: Path) -> None:
    paths = pki.facility(BAC_GIANG).write(tmp_path / "a")
    other = pki.facility(BACH_MAI).write(tmp_path / "b")
    key = load_signing_key(paths["signing_key"], paths["signing_certificate"])
    assert isinstance(key, SigningKey)
    assert key.kid == pki.facility(BAC_GIANG).signing.kid
    assert key.chain == ()
    assert reason(lambda: load_signing_key(paths["signing_key"], other["signing_certificate"])) is (
        ReasonCode.KEY_NOT_OF_CERTIFICATE
    )


def test_the_chain_follows_the_certificate(pki: TestPki, tmp_path: Path) -> None:
    signing = pki.facility(BAC_GIANG).signing
    save_private_key(tmp_path / "k", signing.private_key)
    (tmp_path / "c").write_bytes(write_certificates([signing.certificate, pki.authority.certificate]))
    assert load_signing_key(tmp_path / "k", tmp_path / "c").chain == (pki.authority.certificate,)


def test_keys_do_not_show_themselves(pki: TestPki) -> None:
    """A key in a log line or a traceback must not be a key."""
    signing = pki.facility(BAC_GIANG).signing
    secret = signing.private_key.private_numbers()
    number = str(getattr(secret, "private_value", ""))
    assert number
    assert number not in repr(signing)
    assert "BEGIN" not in repr(signing)
