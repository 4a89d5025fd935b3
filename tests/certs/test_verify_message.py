"""The numbered recipe: every step refuses what is its own, and no changed message passes."""

import contextlib
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import verify_message as module
from certs.base64url import decode, encode
from certs.keys import SigningKey, TokenKey, new_key, write_certificates, write_x5c
from certs.kinds import MESSAGE_CTY, MESSAGE_HEADER, MESSAGE_TYP
from certs.profiles import CertProfile
from certs.seal import compact_json, sign_message
from certs.signatures import sign
from certs.trust import STALE_CRL, TrustMaterial
from certs.verify_message import TOLERABLE, VerifiedMessage, verify_message
from schemas.limits import IAT_MAX_AGE, IAT_MAX_AHEAD
from schemas.reasons import REASONS, Disposition, ReasonCode, Refused
from tests.certs.conftest import NOW
from tests.certs.forge import DAY, Forge, Spec
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki, make_pki

IAT = int(NOW.timestamp())
BUNDLE = '{"resourceType":"Bundle","name":"Nguyễn Văn Thử"}'.encode()
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def jws(pki: TestPki) -> bytes:
    return sign_message(BUNDLE, pki.facility(BAC_GIANG).signing, iat=IAT)


def check(jws: bytes, trust: TrustMaterial, **options: Any) -> VerifiedMessage:
    return verify_message(jws, trust, **{"now": NOW, "owner": BAC_GIANG, **options})


def refusal(jws: bytes, trust: TrustMaterial, **options: Any) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as refused:
        check(jws, trust, **options)
    return refused.value.reason, refused.value.where


def header_of(key: SigningKey, iat: object = IAT, alg: str = "ES256") -> dict[str, Any]:
    return {
        "alg": alg,
        "typ": MESSAGE_TYP,
        "cty": MESSAGE_CTY,
        "kid": key.kid,
        "iat": iat,
        "x5t#S256": key.kid,
        "x5c": write_x5c((key.certificate, *key.chain)),
    }


def signed(header: dict[str, Any], key: SigningKey, payload: bytes = BUNDLE, alg: str = "ES256") -> bytes:
    """A message with any header, honestly signed."""
    text = encode(json.dumps(header).encode()) + b"." + encode(payload)
    return text + b"." + encode(sign(alg, key.private_key, text))


# --- the good way ----------------------------------------------------------------------------------------------


def test_a_good_message(pki: TestPki, trust: TrustMaterial, jws: bytes) -> None:
    found = check(jws, trust)
    assert found.payload == BUNDLE
    assert found.payload_sha256 == hashlib.sha256(BUNDLE).hexdigest()
    assert found.facility == BAC_GIANG
    assert found.kid == pki.facility(BAC_GIANG).signing.kid
    assert (found.iat, found.alg, found.flags) == (IAT, "ES256", frozenset())


def test_the_header_that_is_written(pki: TestPki, jws: bytes) -> None:
    header = json.loads(decode(jws.split(b".")[0]))
    assert header.keys() == MESSAGE_HEADER
    assert header == header_of(pki.facility(BAC_GIANG).signing)


@settings(max_examples=30, deadline=None)
@given(payload=st.binary(max_size=3_000))
def test_the_bytes_are_the_record(pki: TestPki, trust: TrustMaterial, payload: bytes) -> None:
    assert check(sign_message(payload, pki.facility(BAC_GIANG).signing, iat=IAT), trust).payload == payload


def test_rsa(pki: TestPki) -> None:
    key = pki.rsa_key(CertProfile.SIGN, BAC_GIANG)
    found = check(sign_message(BUNDLE, key, iat=IAT), pki.trust())
    assert (found.alg, found.facility) == ("PS256", BAC_GIANG)


def test_below_an_intermediate_authority() -> None:
    root = Forge.root()
    regional = root.authority()
    trust = TrustMaterial.read(
        write_certificates([root.certificate]),
        root.crl(),
        regional.crl(),
        further=write_certificates([regional.certificate]),
    )
    key = regional.issue()
    jws = sign_message(BUNDLE, key, iat=IAT)
    assert check(jws, trust).facility == BAC_GIANG
    assert refusal(sign_message(BUNDLE, replace(key, chain=()), iat=IAT), trust)[0] is ReasonCode.UNTRUSTED_ISSUER


# --- step by step ----------------------------------------------------------------------------------------------


def test_step_1_size(trust: TrustMaterial) -> None:
    assert refusal(b"a" * 1_000_000, trust)[0] is ReasonCode.RECORD_TOO_LARGE


@pytest.mark.parametrize("name", sorted(MESSAGE_HEADER - {"typ"}))
def test_step_2_a_missing_member(pki: TestPki, trust: TrustMaterial, name: str) -> None:
    key = pki.facility(BAC_GIANG).signing
    header = header_of(key)
    del header[name]
    assert refusal(signed(header, key), trust) == (ReasonCode.HEADER_NOT_ALLOWED, "header")


@pytest.mark.parametrize(
    "extra", [{"crit": ["b64"], "b64": False}, {"jku": "http://127.0.0.1/"}, {"jwk": {}}, {"x5u": "file:///etc/passwd"}]
)
def test_step_2_a_further_member(pki: TestPki, trust: TrustMaterial, extra: dict[str, Any]) -> None:
    key = pki.facility(BAC_GIANG).signing
    assert refusal(signed({**header_of(key), **extra}, key), trust) == (ReasonCode.HEADER_NOT_ALLOWED, "header")


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("cty", "application/json", "header.cty"),
        ("cty", None, "header.cty"),
        ("cty", ["application/fhir+json"], "header.cty"),
        ("x5t#S256", "A" * 43, "header.x5t#S256"),
        ("x5t#S256", None, "header.x5t#S256"),
        ("iat", str(IAT), "header.iat"),
        ("iat", float(IAT), "header.iat"),
        ("iat", True, "header.iat"),
        ("iat", None, "header.iat"),
        ("iat", 0, "header.iat"),
        ("iat", -1, "header.iat"),
        ("iat", 10**12, "header.iat"),
        ("iat", 10**400, "header.iat"),
        ("x5c", [], "header.x5c"),
        ("x5c", "AAAA", "header.x5c"),
        ("x5c", None, "header.x5c"),
        ("x5c", [None], "header.x5c"),
        ("x5c", [["AAAA"]], "header.x5c"),
        ("x5c", ["AAAA"] * 4, "header.x5c"),
        ("x5c", {"0": "AAAA"}, "header.x5c"),
    ],
)
def test_step_3_values(pki: TestPki, trust: TrustMaterial, name: str, value: object, where: str) -> None:
    key = pki.facility(BAC_GIANG).signing
    assert refusal(signed({**header_of(key), name: value}, key), trust) == (ReasonCode.HEADER_NOT_ALLOWED, where)


def test_step_3_a_kid_of_another_certificate(pki: TestPki, trust: TrustMaterial) -> None:
    key, other = pki.facility(BAC_GIANG).signing, pki.facility(BACH_MAI).signing
    header = {**header_of(key), "kid": other.kid, "x5t#S256": other.kid}
    assert refusal(signed(header, key), trust) == (ReasonCode.KEY_UNKNOWN, "header.kid")


@pytest.mark.parametrize("text", ["AAAA", "", "!!!", "QQ", "é", "-----BEGIN CERTIFICATE-----"])
def test_step_4_no_certificate(pki: TestPki, trust: TrustMaterial, text: str) -> None:
    key = pki.facility(BAC_GIANG).signing
    assert refusal(signed({**header_of(key), "x5c": [text]}, key), trust)[0] is ReasonCode.CERTIFICATE_MALFORMED


def test_step_4_another_spelling_of_a_certificate(pki: TestPki, trust: TrustMaterial) -> None:
    key = pki.facility(BAC_GIANG).signing
    (text,) = header_of(key)["x5c"]
    for other in (text + "\n", text.replace("=", ""), text[:40] + " " + text[40:], text.replace("+", "-") + "="):
        if other != text:
            assert refusal(signed({**header_of(key), "x5c": [other]}, key), trust)[0] is (
                ReasonCode.CERTIFICATE_MALFORMED
            )


def test_step_4_a_stranger(trust: TrustMaterial) -> None:
    assert refusal(sign_message(BUNDLE, Forge.root().issue(), iat=IAT), trust)[0] is ReasonCode.UNTRUSTED_ISSUER


@pytest.mark.parametrize("kind", ["encryption", "tls"])
def test_step_4_another_key_of_the_same_facility(pki: TestPki, trust: TrustMaterial, kind: str) -> None:
    key = getattr(pki.facility(BAC_GIANG), kind)
    assert refusal(sign_message(BUNDLE, key, iat=IAT), trust)[0] is ReasonCode.CERTIFICATE_WRONG_USAGE


def test_step_5_an_algorithm_of_another_key(pki: TestPki, trust: TrustMaterial) -> None:
    key = pki.facility(BAC_GIANG).signing
    header = header_of(key, alg="PS256")
    assert refusal(signed(header, key), trust) == (ReasonCode.ALGORITHM_NOT_ALLOWED, "header.alg")
    for alg in ("none", "HS256", "RS256", "ES384", "EdDSA"):
        assert refusal(signed({**header, "alg": alg}, key), trust)[0] is ReasonCode.ALGORITHM_NOT_ALLOWED


def test_step_5_the_public_key_as_a_secret(pki: TestPki, trust: TrustMaterial) -> None:
    """The classic: an HMAC with the public key, which everybody has."""
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = pki.facility(BAC_GIANG).signing
    public = key.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for alg in ("HS256", "ES256"):
        text = encode(compact_json(header_of(key, alg=alg))) + b"." + encode(BUNDLE)
        forged = text + b"." + encode(hmac.digest(public, text, "sha256"))
        assert refusal(forged, trust)[0] in (ReasonCode.ALGORITHM_NOT_ALLOWED, ReasonCode.SIGNATURE_INVALID)


def test_step_7_time_and_revocation(tmp_path: Any) -> None:
    root = Forge.root()
    trust = TrustMaterial.read(write_certificates([root.certificate]), root.crl())
    key = root.issue(Spec(not_before=NOW - 20 * DAY, not_after=NOW - 10 * DAY))
    good = signed(header_of(key, iat=IAT - 15 * 86_400), key)
    assert check(good, trust).facility == BAC_GIANG  # signed in time, arrives later
    assert refusal(signed(header_of(key), key), trust)[0] is ReasonCode.CERTIFICATE_EXPIRED
    early = signed(header_of(key, iat=IAT - 25 * 86_400), key)
    assert refusal(early, trust)[0] is ReasonCode.CERTIFICATE_NOT_YET_VALID
    revoked = trust.with_crl(root.crl(key.certificate.serial_number, number=2))
    assert refusal(good, revoked)[0] is ReasonCode.CERTIFICATE_REVOKED


def test_step_8_another_facility_s_topic(pki: TestPki, trust: TrustMaterial, jws: bytes) -> None:
    assert refusal(jws, trust, owner=BACH_MAI)[0] is ReasonCode.FACILITY_MISMATCH
    assert check(jws, trust, owner=None).facility == BAC_GIANG


def test_step_6_signature(pki: TestPki, trust: TrustMaterial, jws: bytes) -> None:
    head, payload, signature = jws.split(b".")
    for forged in (
        b".".join((head, encode(BUNDLE + b" "), signature)),
        b".".join((head, payload, encode(b"\0" * 64))),
        b".".join((head, payload, b"")),
        b".".join((head, b"", signature)),
    ):
        assert refusal(forged, trust)[0] is ReasonCode.SIGNATURE_INVALID


def test_step_6_anothers_certificate_in_front_of_ones_own_signature(pki: TestPki, trust: TrustMaterial) -> None:
    key, other = pki.facility(BAC_GIANG).signing, pki.facility(BACH_MAI).signing
    assert refusal(signed(header_of(key), other), trust)[0] is ReasonCode.SIGNATURE_INVALID


def test_step_6_a_signature_of_another_message(pki: TestPki, trust: TrustMaterial, jws: bytes) -> None:
    other = sign_message(b"{}", pki.facility(BAC_GIANG).signing, iat=IAT)
    swapped = b".".join((*jws.split(b".")[:2], other.split(b".")[2]))
    assert refusal(swapped, trust)[0] is ReasonCode.SIGNATURE_INVALID


def test_until_the_signature_holds_a_certificate_that_anybody_may_copy_proves_nothing() -> None:
    root = Forge.root()
    trust = TrustMaterial.read(write_certificates([root.certificate]), root.crl())
    key, other = root.issue(Spec(not_before=NOW - 20 * DAY, not_after=NOW - 10 * DAY)), root.issue()
    revoked = trust.with_crl(root.crl(key.certificate.serial_number, number=2))
    for judge, owner, iat in ((trust, BAC_GIANG, IAT), (revoked, BAC_GIANG, IAT - 15 * 86_400), (trust, BACH_MAI, IAT)):
        forged = signed(header_of(key, iat=iat), other)
        assert refusal(forged, judge, owner=owner)[0] is ReasonCode.SIGNATURE_INVALID


# --- step 9: age -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(0), None),
        (timedelta(hours=72), None),
        (IAT_MAX_AGE, None),
        (IAT_MAX_AGE + SECOND, ReasonCode.IAT_TOO_OLD),
        (timedelta(days=90), ReasonCode.IAT_TOO_OLD),
        (-IAT_MAX_AHEAD, None),
        (-IAT_MAX_AHEAD - SECOND, ReasonCode.IAT_IN_FUTURE),
        (timedelta(days=-200), ReasonCode.IAT_IN_FUTURE),
    ],
)
def test_age(age: timedelta, verdict: ReasonCode | None) -> None:
    root = Forge.root()
    trust = TrustMaterial.read(write_certificates([root.certificate]), root.crl())
    key = root.issue()
    jws = signed(header_of(key, iat=int((NOW - age).timestamp())), key)
    if verdict is None:
        assert check(jws, trust).flags == frozenset()
        return
    assert refusal(jws, trust) == (verdict, "header.iat")
    assert REASONS[verdict].disposition in (Disposition.TRANSIENT, Disposition.HELD)
    assert check(jws, trust, tolerate=frozenset({verdict})).flags == {verdict.value}
    other = frozenset(TOLERABLE - {verdict})
    assert refusal(jws, trust, tolerate=other)[0] is verdict


@settings(max_examples=60, deadline=None)
@given(seconds=st.integers(-40 * 86_400, 40 * 86_400))
def test_age_exactly(seconds: int) -> None:
    jws = signed(header_of(AGED_KEY, iat=IAT - seconds), AGED_KEY)
    if -IAT_MAX_AHEAD.total_seconds() <= seconds <= IAT_MAX_AGE.total_seconds():
        assert check(jws, AGED_TRUST).iat == IAT - seconds
    else:
        assert refusal(jws, AGED_TRUST)[1] == "header.iat"


AGED_ROOT = Forge.root()
AGED_KEY = AGED_ROOT.issue()
AGED_TRUST = TrustMaterial.read(write_certificates([AGED_ROOT.certificate]), AGED_ROOT.crl())


def test_who_sees_a_reason_of_step_9_knows_the_sender(trust: TrustMaterial, pki: TestPki) -> None:
    """A stranger's, a forged or a misdirected message never gets one of the tolerable reasons."""
    key = pki.facility(BAC_GIANG).signing
    old = signed(header_of(key, iat=IAT - 80 * 86_400), key)
    late = NOW + 100 * DAY
    forged = old[:-4] + b"AAAA"
    stranger = signed(header_of(AGED_KEY, iat=IAT - 80 * 86_400), AGED_KEY)
    for jws, owner in ((forged, BAC_GIANG), (stranger, BAC_GIANG), (old, BACH_MAI)):
        for now in (NOW, late):
            assert refusal(jws, trust, owner=owner, now=now)[0] not in TOLERABLE


def test_a_clock_that_runs_ahead_is_named_as_such() -> None:
    """Signed 'next year', when the certificate will have ended: the clock is wrong, not the certificate."""
    jws = signed(header_of(AGED_KEY, iat=IAT + 365 * 86_400), AGED_KEY)
    assert refusal(jws, AGED_TRUST)[0] is ReasonCode.IAT_IN_FUTURE


def test_an_old_list(pki: TestPki, trust: TrustMaterial) -> None:
    next_update = next(iter(trust.lists.values())).next_update
    iat = int(next_update.timestamp())
    jws = sign_message(BUNDLE, pki.facility(BAC_GIANG).signing, iat=iat)
    assert check(jws, trust, now=next_update).flags == frozenset()
    assert check(jws, trust, now=next_update + SECOND).flags == {STALE_CRL}
    assert check(jws, trust, now=next_update + timedelta(hours=72)).flags == {STALE_CRL}
    beyond = next_update + timedelta(hours=72) + SECOND
    assert refusal(jws, trust, now=beyond)[0] is ReasonCode.CRL_STALE
    held = check(jws, trust, now=beyond, tolerate=frozenset({ReasonCode.CRL_STALE}))
    assert held.flags == {"crl-stale"}
    assert held.facility == BAC_GIANG


def test_without_a_list(pki: TestPki, jws: bytes) -> None:
    bare = TrustMaterial((pki.authority.certificate,))
    assert refusal(jws, bare)[0] is ReasonCode.CRL_UNUSABLE
    assert check(jws, bare, tolerate=TOLERABLE).flags == {"crl-unusable"}


def test_only_reasons_that_are_not_final_can_be_tolerated() -> None:
    assert all(REASONS[code].disposition in (Disposition.TRANSIENT, Disposition.HELD) for code in TOLERABLE)


# --- the receiver's view ---------------------------------------------------------------------------------------


def test_a_receiver_judges_as_of_the_stamp() -> None:
    """Accepted by the exchange on day 0, read by a connector that was away for 60 days, the key revoked in between."""
    key = AGED_ROOT.issue(Spec(not_after=NOW + 5 * DAY))
    jws = signed(header_of(key), key)
    later = NOW + 60 * DAY
    crl = AGED_ROOT.crl(
        key.certificate.serial_number, number=9, this=later - DAY, until=later + DAY, since=NOW + 10 * DAY
    )
    trust = TrustMaterial.read(write_certificates([AGED_ROOT.certificate]), crl)
    assert refusal(jws, trust, now=later)[0] is ReasonCode.CERTIFICATE_REVOKED
    found = check(jws, trust, now=later, judged_at=NOW + SECOND)
    assert found.flags == frozenset()
    assert refusal(jws, trust, now=later, judged_at=NOW + 11 * DAY)[0] is ReasonCode.CERTIFICATE_REVOKED
    assert refusal(jws, trust, now=later, judged_at=NOW - timedelta(hours=1))[0] is ReasonCode.IAT_IN_FUTURE


# --- remembering -----------------------------------------------------------------------------------------------


def test_a_known_seal_is_not_read_again(pki: TestPki, jws: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = pki.trust()
    check(jws, trust)
    monkeypatch.setattr(module, "read_x5c", lambda text: pytest.fail("read again"))
    assert check(jws, trust).facility == BAC_GIANG


def test_what_is_remembered_is_judged_anew_every_time(tmp_path: Any) -> None:
    pki = make_pki(tmp_path, now=NOW)
    key = pki.facility(BAC_GIANG).signing
    jws = sign_message(BUNDLE, key, iat=IAT)
    trust = pki.trust()
    for _ in range(2):
        assert check(jws, trust).facility == BAC_GIANG
    assert refusal(jws, trust, owner=BACH_MAI)[0] is ReasonCode.FACILITY_MISMATCH
    after = int((key.certificate.not_valid_after_utc + SECOND).timestamp())
    late = signed(header_of(key, iat=after), key)
    assert refusal(late, trust, now=datetime.fromtimestamp(after, UTC))[0] is ReasonCode.CERTIFICATE_EXPIRED
    forged = signed(header_of(key), pki.facility(BACH_MAI).signing)
    assert refusal(forged, trust)[0] is ReasonCode.SIGNATURE_INVALID
    pki.revoke(key.certificate)
    assert check(jws, trust).facility == BAC_GIANG  # the old list does not know yet
    assert refusal(jws, trust.with_crl(pki.authority.crl(NOW)))[0] is ReasonCode.CERTIFICATE_REVOKED


def test_a_kid_is_compared_with_a_remembered_seal_too(pki: TestPki, trust: TrustMaterial, jws: bytes) -> None:
    key, other = pki.facility(BAC_GIANG).signing, pki.facility(BACH_MAI).signing
    check(jws, trust)
    header = {**header_of(key), "kid": other.kid, "x5t#S256": other.kid}
    assert refusal(signed(header, key), trust)[0] is ReasonCode.KEY_UNKNOWN


def test_a_known_seal_beside_other_intermediates_is_not_the_known_one(pki: TestPki, jws: bytes) -> None:
    trust = pki.trust()
    check(jws, trust)
    key = pki.facility(BAC_GIANG).signing
    with_junk = signed({**header_of(key), "x5c": [*header_of(key)["x5c"], "AAAA"]}, key)
    assert refusal(with_junk, trust)[0] is ReasonCode.CERTIFICATE_MALFORMED


def test_strangers_are_never_remembered(pki: TestPki) -> None:
    trust = pki.trust()
    for _ in range(3):
        refusal(sign_message(BUNDLE, Forge.root().issue(), iat=IAT), trust)
    assert not trust.seals._paths


def test_the_memory_is_bounded() -> None:
    from certs.trust import SealMemory

    memory = SealMemory(size=2)
    for number in range(5):
        memory.put((number,), object())  # type: ignore[arg-type]
    assert [memory.get((number,)) is None for number in range(5)] == [True, True, True, False, False]


# --- whatever is thrown at it ----------------------------------------------------------------------------------


@given(raw=st.binary(max_size=400))
def test_random_bytes(trust: TrustMaterial, raw: bytes) -> None:
    with pytest.raises(Refused):
        check(raw, trust)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_changed_message_passes(trust: TrustMaterial, jws: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(jws) - 1))
    length = data.draw(st.integers(0, 4))
    made = jws[:place] + data.draw(st.binary(max_size=4)) + jws[place + length :]
    if made != jws:
        with pytest.raises(Refused):
            check(made, trust)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_member_may_be_anything(pki: TestPki, trust: TrustMaterial, data: st.DataObject) -> None:
    """Even honestly signed: there is a message or a refusal, never an accident."""
    key = pki.facility(BAC_GIANG).signing
    header = header_of(key)
    header[data.draw(st.sampled_from(sorted(header)))] = data.draw(JSON)
    with contextlib.suppress(Refused):
        assert check(signed(header, key), trust).facility == BAC_GIANG


def test_refusals_never_hold_content(pki: TestPki, trust: TrustMaterial) -> None:
    key = pki.facility(BAC_GIANG).signing
    secret = "NGUYEN VAN CANARY"
    for jws in (
        signed(header_of(key), pki.facility(BACH_MAI).signing, payload=secret.encode()),
        signed({**header_of(key), "cty": secret}, key),
        signed({**header_of(key), "x5c": [secret]}, key),
        signed({**header_of(key), "iat": secret}, key),
        signed({**header_of(key), secret: secret}, key),
    ):
        with pytest.raises(Refused) as refused:
            check(jws, trust)
        shown = f"{refused.value!r} {refused.value} {refused.value.where} {refused.value.__cause__}"
        assert secret not in shown


# --- signing ---------------------------------------------------------------------------------------------------


def test_a_signing_key_stops_thirty_days_before_its_end(pki: TestPki) -> None:
    key = pki.facility(BAC_GIANG).signing
    end = key.certificate.not_valid_after_utc
    assert key.signs_until == end - timedelta(days=30)
    last = int(key.signs_until.timestamp())
    assert sign_message(BUNDLE, key, iat=last)
    with pytest.raises(Refused) as refused:
        sign_message(BUNDLE, key, iat=last + 1)
    assert refused.value.reason is ReasonCode.SIGNING_KEY_ENDING
    assert sign_message(BUNDLE, key, iat=last + 1, even_if_ending=True)
    with pytest.raises(Refused) as refused:
        sign_message(BUNDLE, key, iat=int(end.timestamp()) + 1, even_if_ending=True)
    assert refused.value.reason is ReasonCode.CERTIFICATE_EXPIRED


def test_more_intermediates_than_travel_are_not_sent(pki: TestPki) -> None:
    key = pki.facility(BAC_GIANG).signing
    with pytest.raises(Refused) as refused:
        sign_message(BUNDLE, replace(key, chain=(pki.authority.certificate,) * 3), iat=IAT)
    assert refused.value.reason is ReasonCode.HEADER_NOT_ALLOWED


def test_a_key_of_another_type_does_not_sign(pki: TestPki) -> None:
    from tests.certs.forge import p384

    key = SigningKey(p384(), pki.facility(BAC_GIANG).signing.certificate)
    with pytest.raises(Refused) as refused:
        sign_message(BUNDLE, key, iat=IAT)
    assert refused.value.reason is ReasonCode.ALGORITHM_NOT_ALLOWED
    assert TokenKey(new_key(), "kid").public_key is not None
