"""Requests: the names that were approved, and the proof that their maker holds the key."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.keys import new_key
from certs.profiles import RULES, CertProfile, Holder
from certs.requests import build_request, check_request, make_request
from schemas.reasons import ReasonCode, Refused

HOLDER = Holder(CertProfile.SIGN, "24001")


def refusal(pem: bytes, holder: Holder = HOLDER) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as refused:
        check_request(pem, holder)
    return refused.value.reason, refused.value.where


@pytest.mark.parametrize(
    ("profile", "name", "subject"),
    [
        (CertProfile.TLS, "24001", "CN=24001,OU=k1,O=Lien Vien,C=VN"),
        (CertProfile.SIGN, "24001", "CN=24001,OU=signing,O=Lien Vien,C=VN"),
        (CertProfile.ENC, "24001", "CN=24001,OU=encryption,O=Lien Vien,C=VN"),
        (CertProfile.BROKER, "broker-1", "CN=broker-1,OU=broker,O=Lien Vien,C=VN"),
        (CertProfile.PLATFORM, "exchange", "CN=exchange,OU=platform,O=Lien Vien,C=VN"),
        (CertProfile.EXCHANGE_SIGN, "bo-y-te", "CN=bo-y-te,OU=signing,O=Lien Vien,C=VN"),
        (CertProfile.EXCHANGE_ENC, "bo-y-te", "CN=bo-y-te,OU=encryption,O=Lien Vien,C=VN"),
    ],
)
def test_subjects_as_kafka_reads_them(profile: CertProfile, name: str, subject: str) -> None:
    made = x509.load_pem_x509_csr(make_request(name, profile).pem)
    assert made.subject.rfc4514_string() == subject
    assert made.is_signature_valid


def test_only_facilities_have_generations_in_their_subject() -> None:
    assert "OU=k7," in Holder(CertProfile.TLS, "24001", 7).subject().rfc4514_string()
    units = {RULES[profile].unit for profile in CertProfile if profile is not CertProfile.TLS}
    assert None not in units
    assert not any(unit.startswith("k") and unit[1:].isdigit() for unit in units if unit)


@pytest.mark.parametrize("profile", list(CertProfile))
def test_a_request_of_every_profile_passes(profile: CertProfile) -> None:
    name = "24001" if RULES[profile].of_facility else "exchange"
    made = make_request(name, profile)
    assert check_request(made.pem, Holder(profile, name)) == made.key.public_key()


def test_alternative_names() -> None:
    def names(profile: CertProfile, name: str, *hosts: str) -> list[str]:
        return [str(one.value) for one in Holder(profile, name, 1, hosts).alternative_names()]

    assert names(CertProfile.SIGN, "24001") == ["urn:lienvien:facility:24001"]
    assert names(CertProfile.EXCHANGE_SIGN, "bo-y-te") == ["urn:lienvien:exchange:bo-y-te"]
    assert names(CertProfile.BROKER, "broker-1") == ["localhost", "127.0.0.1"]
    assert names(CertProfile.PLATFORM, "exchange", "truc.moh.gov.vn", "::1", "localhost") == [
        *("urn:lienvien:exchange:exchange", "localhost", "127.0.0.1", "truc.moh.gov.vn", "::1")
    ]


@pytest.mark.parametrize(
    ("profile", "name", "generation", "hosts"),
    [
        (CertProfile.SIGN, "24Z0", 1, ()),
        (CertProfile.SIGN, "exchange", 1, ()),
        (CertProfile.SIGN, "24001\n", 1, ()),
        (CertProfile.SIGN, "", 1, ()),
        (CertProfile.TLS, "24001", 0, ()),
        (CertProfile.TLS, "24001", -1, ()),
        (CertProfile.TLS, "24001", 1, ("localhost",)),
        (CertProfile.ENC, "24001", 1, ("localhost",)),
        (CertProfile.BROKER, "24001", 1, ()),
        (CertProfile.PLATFORM, "CN=x", 1, ()),
    ],
)
def test_names_that_no_profile_carries(
    profile: CertProfile, name: str, generation: int, hosts: tuple[str, ...]
) -> None:
    holder = Holder(profile, name, generation, hosts)
    assert not holder.is_well_formed()
    with pytest.raises(ValueError, match="does not fit"):
        build_request(new_key(), holder)
    assert refusal(make_request("24001", CertProfile.SIGN).pem, holder)[0] is ReasonCode.REQUEST_NAMES_DIFFER


@pytest.mark.parametrize(
    "approved",
    [
        Holder(CertProfile.SIGN, "01901"),
        Holder(CertProfile.ENC, "24001"),
        Holder(CertProfile.TLS, "24001"),
        Holder(CertProfile.TLS, "24001", 2),
    ],
)
def test_the_approved_names_are_compared(approved: Holder) -> None:
    asked = make_request("24001", CertProfile.TLS, 3) if approved.profile is CertProfile.TLS else None
    pem = asked.pem if asked else make_request("24001", CertProfile.SIGN).pem
    assert refusal(pem, approved) == (ReasonCode.REQUEST_NAMES_DIFFER, "subject")


def custom(key: Any, subject: x509.Name, *extensions: x509.ExtensionType, digest: Any = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, digest or hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_alternative_names_are_compared_whole() -> None:
    own = HOLDER.alternative_names()
    other = x509.UniformResourceIdentifier("urn:lienvien:facility:01901")
    for names in ([other], [*own, other], [*own, x509.DNSName("localhost")]):
        pem = custom(new_key(), HOLDER.subject(), x509.SubjectAlternativeName(names))
        assert refusal(pem) == (ReasonCode.REQUEST_NAMES_DIFFER, "subjectAltName")


def test_a_request_asks_for_names_and_nothing_more() -> None:
    names = x509.SubjectAlternativeName(HOLDER.alternative_names())
    pem = custom(new_key(), HOLDER.subject(), names, x509.BasicConstraints(True, None))
    assert refusal(pem) == (ReasonCode.REQUEST_NAMES_DIFFER, "subjectAltName")
    assert refusal(custom(new_key(), HOLDER.subject()))[0] is ReasonCode.REQUEST_MALFORMED


def test_possession_is_proven() -> None:
    """A request for another's public key, signed with one's own."""
    victim, thief = new_key(), new_key()
    good = x509.load_pem_x509_csr(build_request(thief, HOLDER)).public_bytes(serialization.Encoding.DER)
    parts = [
        key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        for key in (thief, victim)
    ]
    assert good.count(parts[0]) == 1
    forged = x509.load_der_x509_csr(good.replace(*parts))
    assert forged.public_key() == victim.public_key()
    assert refusal(forged.public_bytes(serialization.Encoding.PEM))[0] is ReasonCode.REQUEST_NOT_PROVEN


@pytest.mark.parametrize(
    ("key", "profile", "good"),
    [
        (ec.generate_private_key(ec.SECP256R1()), CertProfile.SIGN, True),
        (ec.generate_private_key(ec.SECP384R1()), CertProfile.SIGN, False),
        (ec.generate_private_key(ec.SECP384R1()), CertProfile.TLS, False),
        (ec.generate_private_key(ec.SECP384R1()), CertProfile.ENC, True),
        (ec.generate_private_key(ec.SECP521R1()), CertProfile.ENC, False),
        (rsa.generate_private_key(65537, 2048), CertProfile.SIGN, False),
        (rsa.generate_private_key(65537, 3072), CertProfile.SIGN, True),
        (rsa.generate_private_key(3, 3072), CertProfile.SIGN, False),
    ],
)
def test_strength_of_new_keys(key: Any, profile: CertProfile, good: bool) -> None:
    holder = Holder(profile, "24001")
    pem = build_request(key, holder)
    if good:
        assert check_request(pem, holder) == key.public_key()
    else:
        assert refusal(pem, holder)[0] is ReasonCode.KEY_TOO_WEAK


@pytest.mark.parametrize(
    "pem", [b"", b"x", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_what_is_no_request(pem: bytes) -> None:
    assert refusal(pem)[0] is ReasonCode.REQUEST_MALFORMED


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_request_passes(data: st.DataObject) -> None:
    der = bytearray(x509.load_pem_x509_csr(PEM).public_bytes(serialization.Encoding.DER))
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    from base64 import encodebytes

    lines = b"-----BEGIN CERTIFICATE REQUEST-----\n" + encodebytes(bytes(der)) + b"-----END CERTIFICATE REQUEST-----\n"
    refusal(lines)


PEM = make_request("24001", CertProfile.SIGN).pem


def test_every_request_has_a_new_key() -> None:
    assert (
        make_request("24001", CertProfile.SIGN).key.public_key()
        != make_request("24001", CertProfile.SIGN).key.public_key()
    )
