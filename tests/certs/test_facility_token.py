"""A facility's ack and inbox-status: known certificates, judged under today's trust."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import facility_token as module
from certs.facility_token import VerifiedToken, verify_facility_token
from certs.keys import TokenKey, write_certificates
from certs.profiles import CertProfile
from certs.seal import sign_token
from certs.trust import STALE_CRL, TrustMaterial
from schemas.reasons import ReasonCode, Refused
from tests.certs.conftest import NOW
from tests.certs.forge import DAY, Forge
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki, make_pki

TYP = "lienvien-ack+jws"


def check(pki: TestPki, token: str | bytes, trust: TrustMaterial, **options: Any) -> VerifiedToken:
    key = pki.facility(BACH_MAI).signing
    defaults: dict[str, Any] = {"typ": TYP, "signers": {key.kid: key.certificate}, "now": NOW, "owner": BACH_MAI}
    raw = token.encode() if isinstance(token, str) else token
    return verify_facility_token(raw, **{**defaults, "trust": trust, **options})


def reason(*args: Any, **options: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        check(*args, **options)
    return refused.value.reason


@pytest.fixture(scope="module")
def token(pki: TestPki) -> str:
    return sign_token(b'{"acknowledged":[]}', TYP, pki.facility(BACH_MAI).signing.token_key)


def test_a_good_token(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    found = check(pki, token, trust)
    assert found == VerifiedToken(b'{"acknowledged":[]}', BACH_MAI, pki.facility(BACH_MAI).signing.kid, frozenset())
    assert check(pki, token, trust, owner=None).facility == BACH_MAI


def test_rsa(pki: TestPki) -> None:
    key = pki.rsa_key(CertProfile.SIGN, BACH_MAI)
    token = sign_token(b"{}", TYP, key.token_key)
    assert check(pki, token, pki.trust(), signers={key.kid: key.certificate}).payload == b"{}"


def test_another_owner(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    assert reason(pki, token, trust, owner=BAC_GIANG) is ReasonCode.FACILITY_MISMATCH


def test_another_kind(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    assert reason(pki, token, trust, typ="lienvien-inbox-status+jws") is ReasonCode.TOKEN_WRONG_TYPE


def test_unknown_signers(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    other = pki.facility(BAC_GIANG).signing
    assert reason(pki, token, trust, signers={}) is ReasonCode.KEY_UNKNOWN
    assert reason(pki, token, trust, signers={other.kid: other.certificate}) is ReasonCode.KEY_UNKNOWN
    kid = pki.facility(BACH_MAI).signing.kid
    assert reason(pki, token, trust, signers={kid: other.certificate}) is ReasonCode.KEY_UNKNOWN


def test_signed_by_another(pki: TestPki, trust: TrustMaterial) -> None:
    own, other = pki.facility(BACH_MAI).signing, pki.facility(BAC_GIANG).signing
    forged = sign_token(b"{}", TYP, TokenKey(other.private_key, own.kid))
    assert reason(pki, forged, trust) is ReasonCode.SIGNATURE_INVALID


def test_a_certificate_of_another_use(pki: TestPki, trust: TrustMaterial) -> None:
    for key in (pki.facility(BACH_MAI).encryption, pki.facility(BACH_MAI).tls):
        forged = sign_token(b"{}", TYP, key.token_key)
        assert reason(pki, forged, trust, signers={key.kid: key.certificate}) is ReasonCode.CERTIFICATE_WRONG_USAGE


def test_an_exchange_is_no_facility(pki: TestPki, trust: TrustMaterial) -> None:
    key = pki.exchange.signing
    forged = sign_token(b"{}", TYP, key.token_key)
    assert reason(pki, forged, trust, signers={key.kid: key.certificate}) is ReasonCode.CERTIFICATE_MALFORMED


def test_revoked_and_expired(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, now=NOW)
    key = pki.facility(BACH_MAI).signing
    token = sign_token(b"{}", TYP, key.token_key)
    trust = pki.trust()
    after = key.certificate.not_valid_after_utc + timedelta(seconds=1)
    assert check(pki, token, trust).facility == BACH_MAI
    assert reason(pki, token, pki.trust(now=after), now=after) is ReasonCode.CERTIFICATE_EXPIRED
    pki.revoke(key.certificate)
    assert reason(pki, token, pki.trust()) is ReasonCode.CERTIFICATE_REVOKED


def test_until_the_signature_holds_neither_time_nor_revocation_nor_owner_is_told(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, now=NOW)
    own, other = pki.facility(BACH_MAI).signing, pki.facility(BAC_GIANG).signing
    forged = sign_token(b"{}", TYP, TokenKey(other.private_key, own.kid))
    after = own.certificate.not_valid_after_utc + timedelta(seconds=1)
    assert reason(pki, forged, pki.trust(now=after), now=after) is ReasonCode.SIGNATURE_INVALID
    assert reason(pki, forged, pki.trust(), owner=BAC_GIANG) is ReasonCode.SIGNATURE_INVALID
    pki.revoke(own.certificate)
    assert reason(pki, forged, pki.trust()) is ReasonCode.SIGNATURE_INVALID


def test_below_an_intermediate_authority(pki: TestPki) -> None:
    root = Forge.root()
    regional = root.authority()
    key = regional.issue()
    trust = TrustMaterial.read(
        write_certificates([root.certificate]),
        root.crl(),
        regional.crl(),
        further=write_certificates([regional.certificate]),
    )
    token = sign_token(b"{}", TYP, key.token_key)
    signers = {key.kid: key.certificate}
    assert check(pki, token, trust, signers=signers, chain=key.chain, owner=BAC_GIANG).facility == BAC_GIANG
    assert reason(pki, token, trust, signers=signers, owner=BAC_GIANG) is ReasonCode.UNTRUSTED_ISSUER


def test_an_old_list(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    next_update = next(iter(trust.lists.values())).next_update
    assert check(pki, token, trust, now=next_update + DAY).flags == {STALE_CRL}
    assert reason(pki, token, trust, now=next_update + 4 * DAY) is ReasonCode.CRL_STALE
    tolerate = frozenset({ReasonCode.CRL_STALE})
    assert check(pki, token, trust, now=next_update + 4 * DAY, tolerate=tolerate).flags == {"crl-stale"}
    assert reason(pki, token, TrustMaterial(trust.roots), tolerate=tolerate) is ReasonCode.CRL_UNUSABLE
    forged = token[:-8] + "AAAAAAAA"
    assert reason(pki, forged, trust, now=next_update + 4 * DAY) is ReasonCode.SIGNATURE_INVALID


def test_a_known_seal_is_not_led_back_again(pki: TestPki, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = pki.trust()
    check(pki, token, trust)
    monkeypatch.setattr(module, "facility_of_certificate", lambda certificate: pytest.fail("read again"))
    assert check(pki, token, trust).facility == BACH_MAI
    assert reason(pki, token, trust, owner=BAC_GIANG) is ReasonCode.FACILITY_MISMATCH


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_changed_token_passes(pki: TestPki, trust: TrustMaterial, token: str, data: st.DataObject) -> None:
    raw = token.encode()
    place = data.draw(st.integers(0, len(raw) - 1))
    made = raw[:place] + data.draw(st.binary(max_size=3)) + raw[place + 1 :]
    if made != raw:
        with pytest.raises(Refused):
            check(pki, made, trust)
