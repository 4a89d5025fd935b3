"""The trust decision."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.chain import Purpose
from certs.identity import exchange_of_certificate, facility_of_certificate
from certs.keys import SigningKey, new_key, read_x5c, write_certificates, write_x5c
from certs.profiles import CertProfile
from certs.trust import STALE_CRL, TrustDecision, TrustMaterial, TrustPolicy, decide, decide_exchange
from schemas.limits import CRL_GRACE_FOR_STAT
from schemas.reasons import REASONS, Disposition, ReasonCode, Refused
from tests.certs.conftest import NOW
from tests.certs.forge import DAY, FACILITY, Forge, Spec, name, usage
from tests.certs.pki import BAC_GIANG, BACH_MAI, EXCHANGE, TestPki, make_pki

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def root() -> Forge:
    return Forge.root()


def trust_of(*issuers: Forge, further: tuple[Forge, ...] = (), policy: TrustPolicy | None = None) -> TrustMaterial:
    return TrustMaterial.read(
        write_certificates([issuer.certificate for issuer in issuers]),
        *(issuer.crl() for issuer in (*issuers, *further)),
        policy=policy,
        further=write_certificates([issuer.certificate for issuer in further]),
    )


def judge(key: SigningKey, trust: TrustMaterial, **options: Any) -> TrustDecision:
    options = {"now": NOW, "signed_at": NOW, "owner": BAC_GIANG, **options}
    return decide(key.certificate, key.chain, trust, **options)


def reason(key: SigningKey, trust: TrustMaterial, **options: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        judge(key, trust, **options)
    return refused.value.reason


# --- who -------------------------------------------------------------------------------------------------------


def test_a_good_seal(pki: TestPki, trust: TrustMaterial) -> None:
    decision = judge(pki.facility(BAC_GIANG).signing, trust)
    assert decision.facility == BAC_GIANG
    assert decision.flags == frozenset()
    assert judge(pki.facility(BAC_GIANG).signing, trust, owner=None).facility == BAC_GIANG


def test_another_owner(pki: TestPki, trust: TrustMaterial) -> None:
    assert reason(pki.facility(BACH_MAI).signing, trust) is ReasonCode.FACILITY_MISMATCH


@pytest.mark.parametrize("profile", list(CertProfile))
@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_profile_serves_its_own_purpose_alone(pki: TestPki, profile: CertProfile, purpose: Purpose) -> None:
    fits = {
        CertProfile.TLS: Purpose.TLS_CLIENT,
        CertProfile.SIGN: Purpose.SIGNING,
        CertProfile.ENC: Purpose.ENCRYPTION,
    }
    of_facility = profile in fits
    key = pki.key(profile, BAC_GIANG if of_facility else "exchange")
    if fits.get(profile) is purpose:
        assert judge(key, pki.trust(), purpose=purpose).facility == BAC_GIANG
    elif of_facility:
        assert reason(key, pki.trust(), purpose=purpose) is ReasonCode.CERTIFICATE_WRONG_USAGE
    else:  # the usage may fit; then the name does not
        assert reason(key, pki.trust(), purpose=purpose) in (
            ReasonCode.CERTIFICATE_WRONG_USAGE,
            ReasonCode.CERTIFICATE_MALFORMED,
        )


def test_an_exchange(pki: TestPki, trust: TrustMaterial) -> None:
    certificate = pki.exchange.signing.certificate
    assert exchange_of_certificate(certificate) == EXCHANGE
    decision = decide_exchange(certificate, (), trust, now=NOW, exchange=EXCHANGE)
    assert decision.facility == EXCHANGE
    for other in (pki.facility(BAC_GIANG).signing.certificate, pki.exchange.encryption.certificate):
        with pytest.raises(Refused):
            decide_exchange(other, (), trust, now=NOW, exchange=EXCHANGE)
    with pytest.raises(Refused) as refused:
        decide_exchange(certificate, (), trust, now=NOW, exchange="mien-nam")
    assert refused.value.reason is ReasonCode.EXCHANGE_MISMATCH
    reading = pki.exchange.encryption.certificate
    assert decide_exchange(reading, (), trust, now=NOW, exchange=EXCHANGE, purpose=Purpose.ENCRYPTION).flags == set()


CONFUSED = [
    ("no alternative name", {"uris": ()}),
    ("two facilities", {"uris": (FACILITY + "24001", FACILITY + "01901")}),
    ("the same facility twice", {"uris": (FACILITY + "24001", FACILITY + "24001")}),
    ("a facility and another URI", {"uris": (FACILITY + "24001", "https://benhvien.vn/24001")}),
    ("an exchange", {"uris": ("urn:lienvien:exchange:bo-y-te",)}),
    ("another urn", {"uris": ("urn:oid:1.2.3",)}),
    ("capitals in the scheme", {"uris": ("URN:lienvien:facility:24001",)}),
    ("a code that is too long", {"uris": (FACILITY + "240011",)}),
    ("a code that is too short", {"uris": (FACILITY + "2400",)}),
    ("a code in small letters", {"uris": (FACILITY + "24z01",), "subject": name("24z01")}),
    ("a wildcard", {"uris": (FACILITY + "*",), "subject": name("*")}),
    ("a NUL", {"uris": (FACILITY + "24001\0",)}),
    ("a line end", {"uris": (FACILITY + "24001\n",)}),
    ("a query", {"uris": (FACILITY + "24001?x",)}),
    ("an escape", {"uris": (FACILITY + "%32%34001",)}),
    ("no common name", {"subject": name()}),
    ("another common name", {"subject": name("01901")}),
    ("two common names", {"subject": name("24001", "01901")}),
    ("two equal common names", {"subject": name("24001", "24001")}),
    ("a common name with an escaped comma", {"subject": name("24001,OU=k1")}),
    ("a common name with a space", {"subject": name("24001 ")}),
    ("a common name with a NUL", {"subject": name("24001\0")}),
    ("the facility as a DNS name", {"uris": (), "other_names": (x509.DNSName("24001"),)}),
    ("the facility as an address", {"uris": (), "other_names": (x509.RFC822Name("24001@benhvien.vn"),)}),
]


@pytest.mark.parametrize(("label", "change"), CONFUSED, ids=[label for label, _ in CONFUSED])
def test_names_that_could_be_read_in_two_ways(root: Forge, label: str, change: dict[str, Any]) -> None:
    key = root.issue(replace(Spec(), **change))
    assert reason(key, trust_of(root), owner=None) is ReasonCode.CERTIFICATE_MALFORMED, label
    assert reason(key, trust_of(root)) is ReasonCode.CERTIFICATE_MALFORMED, label


def test_further_names_of_other_kinds_do_not_matter(root: Forge) -> None:
    names = (x509.RFC822Name("cntt@benhvien.vn"), x509.DNSName("benhvien.vn"))
    assert judge(root.issue(Spec(other_names=names)), trust_of(root)).facility == BAC_GIANG


# --- by whom ---------------------------------------------------------------------------------------------------


def test_another_authority_of_the_same_name(root: Forge) -> None:
    stranger = Forge.root()
    assert stranger.certificate.subject == root.certificate.subject
    assert reason(stranger.issue(), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER
    with_its_root = replace(stranger.issue(), chain=(stranger.certificate,))
    assert reason(with_its_root, trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_self_signed(root: Forge) -> None:
    own = Forge.root("24001")
    assert reason(SigningKey(own.key, own.certificate), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_no_roots_at_all(root: Forge) -> None:
    assert reason(root.issue(), TrustMaterial(())) is ReasonCode.UNTRUSTED_ISSUER


def test_the_root_itself_is_nobodys_seal(root: Forge) -> None:
    assert reason(SigningKey(root.key, root.certificate), trust_of(root)) in (
        ReasonCode.UNTRUSTED_ISSUER,
        ReasonCode.CERTIFICATE_WRONG_USAGE,
    )


def test_below_an_intermediate_authority(root: Forge) -> None:
    regional = root.authority()
    key = regional.issue()
    trust = trust_of(root, further=(regional,))
    assert judge(key, trust).facility == BAC_GIANG
    assert reason(replace(key, chain=()), trust) is ReasonCode.UNTRUSTED_ISSUER


def test_a_facility_is_no_authority(root: Forge) -> None:
    facility = root.issue()
    false = Forge(facility.certificate, facility.private_key, (facility.certificate,))
    assert reason(false.issue(Spec()), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_path_lengths(root: Forge) -> None:
    below = root.authority(path_length=0).authority("second")
    assert reason(below.issue(), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER
    strict = Forge.root("strict", path_length=0)
    assert reason(strict.authority().issue(), trust_of(strict)) is ReasonCode.UNTRUSTED_ISSUER


def test_an_authority_that_is_none_by_its_own_words(root: Forge) -> None:
    not_ca = root.authority(ca=False)
    assert reason(not_ca.issue(), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_more_intermediates_than_travel(root: Forge) -> None:
    key = root.issue()
    padded = replace(key, chain=(root.certificate,) * 3)
    assert reason(padded, trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_a_signature_of_the_authority_that_was_changed(root: Forge) -> None:
    der = bytearray(root.issue().certificate.public_bytes(Encoding.DER))
    der[-5] ^= 1
    broken = SigningKey(new_key(), x509.load_der_x509_certificate(bytes(der)))
    assert reason(broken, trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


def test_two_roots_during_a_rollover(root: Forge) -> None:
    new = Forge.root("Lien Vien 2")
    trust = trust_of(root, new)
    for issuer in (root, new):
        assert judge(issuer.issue(), trust).facility == BAC_GIANG


# --- for what --------------------------------------------------------------------------------------------------

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
MAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
DOCUMENT = ObjectIdentifier("1.3.6.1.5.5.7.3.36")


@pytest.mark.parametrize(
    ("bits", "extended", "good"),
    [
        ({"digital_signature": True}, (MAIL,), True),
        ({"digital_signature": True}, (DOCUMENT,), True),
        ({"digital_signature": True}, (DOCUMENT, CLIENT), True),
        ({"content_commitment": True}, (MAIL,), True),
        ({"digital_signature": True, "content_commitment": True}, (MAIL, DOCUMENT), True),
        ({"digital_signature": True}, (), False),
        ({"digital_signature": True}, (CLIENT,), False),
        ({"digital_signature": True}, (SERVER,), False),
        ({"digital_signature": True}, (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,), False),
        ({"digital_signature": True, "key_agreement": True}, (MAIL,), False),
        ({"digital_signature": True, "key_encipherment": True}, (MAIL,), False),
        ({"key_agreement": True}, (MAIL,), False),
        ({"key_cert_sign": True}, (MAIL,), False),
        ({}, (MAIL,), False),
    ],
)
def test_usages_of_a_seal(root: Forge, bits: dict[str, bool], extended: tuple[Any, ...], good: bool) -> None:
    key = root.issue(Spec(usage=usage(**bits), extended=extended))
    if good:
        assert judge(key, trust_of(root)).facility == BAC_GIANG
    else:
        assert reason(key, trust_of(root)) is ReasonCode.CERTIFICATE_WRONG_USAGE


@pytest.mark.parametrize(
    ("bits", "extended", "good"),
    [
        ({"key_agreement": True}, (MAIL,), True),
        ({"key_encipherment": True}, (MAIL,), True),
        ({"key_agreement": True}, (), True),
        ({"key_agreement": True, "digital_signature": True}, (MAIL,), False),
        ({"key_agreement": True, "content_commitment": True}, (MAIL,), False),
        ({"key_agreement": True}, (CLIENT,), False),
        ({"digital_signature": True}, (MAIL,), False),
        ({"data_encipherment": True}, (MAIL,), False),
    ],
)
def test_usages_of_an_encryption_key(root: Forge, bits: dict[str, bool], extended: tuple[Any, ...], good: bool) -> None:
    key = root.issue(Spec(usage=usage(**bits), extended=extended))
    if good:
        assert judge(key, trust_of(root), purpose=Purpose.ENCRYPTION).facility == BAC_GIANG
    else:
        assert reason(key, trust_of(root), purpose=Purpose.ENCRYPTION) is ReasonCode.CERTIFICATE_WRONG_USAGE


@pytest.mark.parametrize(
    ("bits", "extended", "good"),
    [
        ({"digital_signature": True}, (CLIENT,), True),
        ({"digital_signature": True}, (CLIENT, SERVER), True),
        ({"digital_signature": True}, (SERVER,), False),
        ({"digital_signature": True}, (), False),
        ({"key_agreement": True}, (CLIENT,), False),
    ],
)
def test_usages_of_a_link(root: Forge, bits: dict[str, bool], extended: tuple[Any, ...], good: bool) -> None:
    key = root.issue(Spec(usage=usage(**bits), extended=extended))
    if good:
        assert judge(key, trust_of(root), purpose=Purpose.TLS_CLIENT).facility == BAC_GIANG
    else:
        assert reason(key, trust_of(root), purpose=Purpose.TLS_CLIENT) is ReasonCode.CERTIFICATE_WRONG_USAGE


def test_without_key_usage(root: Forge) -> None:
    assert reason(root.issue(Spec(usage=None)), trust_of(root)) is ReasonCode.CERTIFICATE_MALFORMED


def test_a_seal_that_calls_itself_an_authority(root: Forge) -> None:
    key = root.issue(Spec(ca=True, usage=usage(digital_signature=True, key_cert_sign=True)))
    assert reason(key, trust_of(root)) in (ReasonCode.CERTIFICATE_WRONG_USAGE, ReasonCode.UNTRUSTED_ISSUER)


def test_without_basic_constraints(root: Forge) -> None:
    assert judge(root.issue(Spec(ca=None)), trust_of(root)).facility == BAC_GIANG


def test_a_critical_extension_that_nobody_reads(root: Forge) -> None:
    extension = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert reason(root.issue(Spec(extra=((extension, True),))), trust_of(root)) in (
        ReasonCode.CERTIFICATE_MALFORMED,
        ReasonCode.UNTRUSTED_ISSUER,
    )
    assert judge(root.issue(Spec(extra=((extension, False),))), trust_of(root)).facility == BAC_GIANG


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 1024),
    ],
    ids=["P-521", "secp256k1", "Ed25519", "RSA 1024"],
)
def test_key_types_off_the_list(root: Forge, key: Any) -> None:
    assert reason(root.issue(Spec(), key), trust_of(root)) in (
        ReasonCode.CERTIFICATE_WRONG_USAGE,
        ReasonCode.UNTRUSTED_ISSUER,
        ReasonCode.CERTIFICATE_MALFORMED,
    )


def test_a_certificate_signed_with_a_weak_digest(root: Forge) -> None:
    rsa_root = Forge.root("weak", key=rsa.generate_private_key(65537, 2048))
    assert judge(rsa_root.issue(), trust_of(rsa_root)).facility == BAC_GIANG
    assert reason(rsa_root.issue(Spec(hash=hashes.SHA224())), trust_of(rsa_root)) is ReasonCode.UNTRUSTED_ISSUER


# --- when ------------------------------------------------------------------------------------------------------


def test_validity_is_judged_at_the_time_of_signing(root: Forge) -> None:
    key = root.issue(Spec(not_before=NOW - 10 * DAY, not_after=NOW - 3 * DAY))
    trust = trust_of(root)
    assert judge(key, trust, signed_at=NOW - 5 * DAY).facility == BAC_GIANG
    assert reason(key, trust, signed_at=NOW) is ReasonCode.CERTIFICATE_EXPIRED
    assert reason(key, trust, signed_at=NOW - 11 * DAY) is ReasonCode.CERTIFICATE_NOT_YET_VALID


@given(offset=st.integers(-400, 400))
def test_exactly_the_window(root: Forge, offset: int) -> None:
    key = FIXED.setdefault("key", root.issue(Spec(not_before=NOW - 100 * HOUR, not_after=NOW + 100 * HOUR)))
    trust = FIXED.setdefault("trust", trust_of(root))
    moment = NOW + offset * HOUR
    if -100 <= offset <= 100:
        assert judge(key, trust, signed_at=moment).facility == BAC_GIANG
    else:
        late = offset > 0
        expected = ReasonCode.CERTIFICATE_EXPIRED if late else ReasonCode.CERTIFICATE_NOT_YET_VALID
        assert reason(key, trust, signed_at=moment) is expected


FIXED: dict[str, Any] = {}


def test_an_expired_stranger_is_a_stranger(root: Forge) -> None:
    """Expired is only said of what a trusted authority did issue."""
    old = Spec(not_before=NOW - 10 * DAY, not_after=NOW - 3 * DAY)
    assert reason(Forge.root().issue(old), trust_of(root)) is ReasonCode.UNTRUSTED_ISSUER


# --- revoked ---------------------------------------------------------------------------------------------------


def test_revoked_as_of_now_whenever_it_was_signed(tmp_path: Any) -> None:
    pki = make_pki(tmp_path, now=NOW)
    key = pki.facility(BAC_GIANG).signing
    before = pki.trust()
    pki.revoke(key.certificate)
    after = pki.trust()
    assert judge(key, before).facility == BAC_GIANG
    assert reason(key, after) is ReasonCode.CERTIFICATE_REVOKED
    assert reason(key, after, signed_at=NOW - timedelta(minutes=1)) is ReasonCode.CERTIFICATE_REVOKED
    assert judge(pki.facility(BACH_MAI).signing, after, owner=BACH_MAI).facility == BACH_MAI


def test_a_revocation_dated_in_the_future_counts_at_once(root: Forge) -> None:
    key = root.issue()
    serial = key.certificate.serial_number
    trust = trust_of(root).with_crl(root.crl(serial, number=2, since=NOW + DAY))
    assert reason(key, trust) is ReasonCode.CERTIFICATE_REVOKED


def test_a_revoked_authority_takes_its_seals_with_it(root: Forge) -> None:
    regional = root.authority()
    trust = trust_of(root, further=(regional,))
    assert judge(regional.issue(), trust).facility == BAC_GIANG
    revoked = trust.with_crl(root.crl(regional.certificate.serial_number, number=2))
    assert reason(regional.issue(), revoked) is ReasonCode.CERTIFICATE_REVOKED


def test_a_serial_counts_for_its_own_issuer_only(root: Forge) -> None:
    other = Forge.root("Lien Vien 2")
    key = root.issue()
    trust = trust_of(root, other).with_crl(other.crl(key.certificate.serial_number, number=2))
    assert judge(key, trust).facility == BAC_GIANG


def test_without_a_list_of_one_step_everything_waits(root: Forge) -> None:
    regional = root.authority()
    trust = trust_of(root)
    assert reason(regional.issue(), trust) is ReasonCode.CRL_UNUSABLE
    assert reason(root.issue(), TrustMaterial((root.certificate,))) is ReasonCode.CRL_UNUSABLE
    assert REASONS[ReasonCode.CRL_UNUSABLE].disposition is Disposition.HELD


@pytest.mark.parametrize(
    ("late", "verdict"),
    [
        (timedelta(0), set()),
        (timedelta(seconds=1), {STALE_CRL}),
        (timedelta(hours=71, minutes=59), {STALE_CRL}),
        (CRL_GRACE_FOR_STAT, {STALE_CRL}),
        (CRL_GRACE_FOR_STAT + timedelta(seconds=1), ReasonCode.CRL_STALE),
        (timedelta(days=365), ReasonCode.CRL_STALE),
    ],
)
def test_an_old_list(root: Forge, late: timedelta, verdict: Any) -> None:
    key, trust = root.issue(Spec(not_after=NOW + 1000 * DAY)), trust_of(root)
    now = NOW + DAY + late
    if isinstance(verdict, set):
        assert judge(key, trust, now=now).flags == verdict
    else:
        assert reason(key, trust, now=now) is verdict
        assert REASONS[verdict].disposition is Disposition.HELD


def test_the_grace_is_a_named_decision_of_the_site(root: Forge) -> None:
    key, trust = root.issue(), trust_of(root, policy=TrustPolicy(crl_grace=timedelta(0)))
    assert reason(key, trust, now=NOW + DAY + HOUR) is ReasonCode.CRL_STALE


def test_revoked_on_an_old_list_is_revoked(root: Forge) -> None:
    key = root.issue()
    trust = TrustMaterial.read(write_certificates([root.certificate]), root.crl(key.certificate.serial_number))
    for now in (NOW, NOW + 2 * DAY, NOW + 300 * DAY):
        assert reason(key, trust, now=now, signed_at=NOW) is ReasonCode.CERTIFICATE_REVOKED


# --- whatever is thrown at it ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # a changed byte may make the number negative
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_changed_certificate_is_trusted(root: Forge, data: st.DataObject) -> None:
    key = FIXED.setdefault("good", root.issue())
    trust = FIXED.setdefault("its trust", trust_of(root))
    der = bytearray(key.certificate.public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    if bytes(der) == key.certificate.public_bytes(Encoding.DER):
        return
    from base64 import b64encode

    with pytest.raises(Refused):
        decide(read_x5c(b64encode(der).decode()), (), trust, now=NOW, signed_at=NOW, owner=BAC_GIANG)


@given(text=st.text(max_size=80))
def test_no_text_is_a_certificate(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_x5c(text)
    assert refused.value.reason is ReasonCode.CERTIFICATE_MALFORMED


def test_the_written_form_reads_back(pki: TestPki) -> None:
    certificate = pki.facility(BAC_GIANG).signing.certificate
    (text,) = write_x5c([certificate])
    assert read_x5c(text) == certificate
    assert facility_of_certificate(read_x5c(text)) == BAC_GIANG
    with pytest.raises(Refused) as refused:
        write_x5c([certificate] * 4)
    assert refused.value.reason is ReasonCode.HEADER_NOT_ALLOWED


def test_a_decision_needs_an_aware_time(pki: TestPki, trust: TrustMaterial) -> None:
    with pytest.raises(TypeError):
        judge(pki.facility(BAC_GIANG).signing, trust, now=datetime(2026, 11, 22))  # noqa: DTZ001
