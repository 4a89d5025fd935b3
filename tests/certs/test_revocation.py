"""Revocation lists: complete ones of a known authority, and never an older one than known."""

import time
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ObjectIdentifier
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.keys import new_key, write_certificates
from certs.revocation import key_digest, read_crl
from certs.trust import TrustMaterial
from schemas.reasons import ReasonCode, Refused
from tests.certs.conftest import NOW
from tests.certs.forge import DAY, Forge, Spec, name, usage
from tests.certs.pki import TestPki

ROOT = Forge.root()


def where(data: bytes, *authorities: x509.Certificate) -> str:
    with pytest.raises(Refused) as refused:
        read_crl(data, authorities or (ROOT.certificate,))
    assert refused.value.reason is ReasonCode.CRL_UNUSABLE
    return refused.value.where


def test_what_a_list_says() -> None:
    found = read_crl(ROOT.crl(5, 6, number=7), [ROOT.certificate])
    assert found.number == 7
    assert found.issuer_key == key_digest(ROOT.certificate)
    assert (found.this_update, found.next_update) == (NOW - DAY, NOW + DAY)
    assert dict(found.since) == {5: NOW - 2 * DAY, 6: NOW - 2 * DAY}


def test_an_empty_list() -> None:
    assert dict(read_crl(ROOT.crl(), [ROOT.certificate]).since) == {}


def test_pem_and_der(pki: TestPki) -> None:
    pem = pki.authority.crl(NOW)
    der = x509.load_pem_x509_crl(pem).public_bytes(Encoding.DER)
    authorities = [pki.authority.certificate]
    assert read_crl(pem, authorities) == read_crl(der, authorities) == read_crl(b"\n" + pem, authorities)


def test_another_authority_of_the_same_name() -> None:
    stranger = Forge.root()
    assert where(stranger.crl()) == "signature"
    assert where(ROOT.crl(), stranger.certificate) == "signature"
    assert read_crl(ROOT.crl(), [stranger.certificate, ROOT.certificate]).issuer_key == key_digest(ROOT.certificate)


def test_signed_with_another_key() -> None:
    assert where(ROOT.crl(key=new_key())) == "signature"


def test_an_authority_that_may_not_sign_lists() -> None:
    key = new_key()
    spec = Spec(subject=name("x"), uris=(), usage=usage(key_cert_sign=True), extended=(), ca=True)
    silent = Forge(ROOT.sign(spec, key), key)
    assert where(silent.crl(), silent.certificate) == "signature"


@pytest.mark.parametrize(
    ("label", "extension"),
    [
        ("a delta", x509.DeltaCRLIndicator(1)),
        (
            "for some reasons only",
            x509.IssuingDistributionPoint(
                None, None, False, False, frozenset([x509.ReasonFlags.key_compromise]), False, False
            ),
        ),
        ("for authorities only", x509.IssuingDistributionPoint(None, None, False, True, None, False, False)),
        ("indirect", x509.IssuingDistributionPoint(None, None, False, False, None, True, False)),
        ("with something unknown", x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
    ],
)
def test_lists_whose_silence_proves_nothing(label: str, extension: Any) -> None:
    assert where(ROOT.crl(extensions=[(extension, True)])) == "partial list", label


def test_an_entry_of_another_issuer() -> None:
    other = x509.CertificateIssuer([x509.DirectoryName(name("another"))])
    assert where(ROOT.crl(5, entry_extensions=[(other, True)])) == "indirect list"


def test_reasons_and_dates_of_entries_are_read_over() -> None:
    extensions = [(x509.CRLReason(x509.ReasonFlags.key_compromise), False), (x509.InvalidityDate(NOW), False)]
    assert 5 in read_crl(ROOT.crl(5, entry_extensions=extensions), [ROOT.certificate]).since


def test_without_number() -> None:
    assert where(ROOT.crl(number=None)) == "form"


def test_without_next_update() -> None:
    """The library cannot write such a list, so the second time is cut out of the signed part, which is signed anew."""
    whole = x509.load_der_x509_crl(ROOT.crl())
    assert whole.next_update_utc is not None
    signed = _without(whole.tbs_certlist_bytes, b"\x17\x0d" + whole.next_update_utc.strftime("%y%m%d%H%M%SZ").encode())
    assert isinstance(ROOT.key, ec.EllipticCurvePrivateKey)
    signature = ROOT.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")  # ecdsa-with-SHA256
    bits = b"\x03" + bytes([len(signature) + 1]) + b"\0" + signature
    der = _sequence(signed + algorithm + bits)
    assert x509.load_der_x509_crl(der).next_update_utc is None
    assert where(der) == "nextUpdate"


def _without(sequence: bytes, part: bytes) -> bytes:
    assert sequence.count(part) == 1
    header = 2 if sequence[1] < 0x80 else 2 + (sequence[1] & 0x7F)
    return _sequence(sequence[header:].replace(part, b""))


def _sequence(body: bytes) -> bytes:
    if len(body) < 0x80:
        return b"\x30" + bytes([len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(size)]) + size + body


@pytest.mark.parametrize("data", [b"", b"x", b"-----BEGIN X509 CRL-----", b"\x30\x00", b"\0" * 100])
def test_what_is_no_list(data: bytes) -> None:
    assert where(data) == "form"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_list_is_taken(data: st.DataObject) -> None:
    der = bytearray(LIST)
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    where(bytes(der))


LIST = ROOT.crl(5, 6, 7)


# --- renewing --------------------------------------------------------------------------------------------------


def trust() -> TrustMaterial:
    return TrustMaterial.read(write_certificates([ROOT.certificate]), ROOT.crl(number=5))


def test_a_newer_list_replaces_the_older() -> None:
    fresh = trust().with_crl(ROOT.crl(9, number=6, this=NOW))
    assert [found.number for found in fresh.lists.values()] == [6]


def test_a_list_never_goes_back() -> None:
    for older in (ROOT.crl(number=4), ROOT.crl(number=5, this=NOW - 2 * DAY), ROOT.crl(number=4, this=NOW)):
        with pytest.raises(Refused) as refused:
            trust().with_crl(older)
        assert refused.value.reason is ReasonCode.CRL_UNUSABLE
    assert trust().with_crl(ROOT.crl(number=5)).lists  # the same again is no harm


def test_files_read_anew_never_go_back_either() -> None:
    """The same rule where roots and lists are read as a whole: a restored old file does not un-revoke anybody."""
    roots = write_certificates([ROOT.certificate])
    newer, older = TrustMaterial.read(roots, ROOT.crl(9, number=6)), TrustMaterial.read(roots, ROOT.crl(number=5))
    assert older.followed_by(newer) is newer
    assert newer.followed_by(newer) is newer
    with pytest.raises(Refused) as refused:
        newer.followed_by(older)
    assert refused.value.reason is ReasonCode.CRL_UNUSABLE
    other = Forge.root("Lien Vien 2")
    rolled = TrustMaterial.read(write_certificates([other.certificate]), other.crl(number=1))
    assert newer.followed_by(rolled) is rolled  # another authority counts for itself


def test_a_value_never_changes() -> None:
    before = trust()
    after = before.with_crl(ROOT.crl(9, number=6))
    assert [found.number for found in before.lists.values()] == [5]
    assert after is not before
    assert after.seals is not before.seals


def test_twenty_thousand_entries_are_one_look_each() -> None:
    crl = read_crl(ROOT.crl(*range(1, 20_001)), [ROOT.certificate])
    start = time.process_time()
    assert sum(serial in crl.since for serial in range(1, 40_001)) == 20_000
    assert time.process_time() - start < 5  # seconds; a search through the list would take minutes
    assert crl.next_update - crl.this_update == timedelta(days=2)
