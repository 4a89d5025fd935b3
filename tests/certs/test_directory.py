"""The directory: a facility's own word, checked to the authority, never older than known."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.directory import (
    KnownEntry,
    VerifiedEntry,
    countersign,
    entry_certificates,
    sign_entry,
    verify_countersigned,
    verify_entry,
)
from certs.keys import SigningKey, TokenKey, write_certificates
from certs.profiles import CertProfile
from certs.seal import seal, sign_compact, sign_token
from certs.trust import STALE_CRL, TrustMaterial
from certs.unseal import open_envelope, verify_token
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.directory import DirectoryEntry, DutyPhone, FacilityCode
from tests.certs.conftest import NOW
from tests.certs.forge import DAY, Forge, Spec, usage
from tests.certs.pki import BAC_GIANG, BACH_MAI, EXCHANGE, TestPki, make_pki


def entry_of(
    pki: TestPki,
    facility: str = BACH_MAI,
    version: int = 1,
    *,
    signing: tuple[Any, ...] = (),
    encryption: tuple[Any, ...] = (),
    **changes: Any,
) -> DirectoryEntry:
    party = pki.facility(facility)
    members: dict[str, Any] = {
        "facility": facility,
        "version": version,
        "at": iso(NOW),
        "name": "Bệnh viện Bạch Mai (trình diễn)",
        "codes": (FacilityCode(code=facility, valid_from="2026-01-01"),),
        "phones": (
            DutyPhone(label="Trực 1", phone="024 0000 0001", checked_on="2026-11-01"),
            DutyPhone(label="Trực 2", phone="024 0000 0002", checked_on="2026-11-01"),
        ),
        "signing_certificates": entry_certificates(signing or (party.signing.certificate,)),
        "encryption_certificates": entry_certificates(encryption or (party.encryption.certificate,)),
    }
    return DirectoryEntry(**{**members, **changes})


def read(token: str | bytes, trust: TrustMaterial, **options: Any) -> VerifiedEntry:
    raw = token.encode() if isinstance(token, str) else token
    return verify_entry(raw, trust, **{"now": NOW, "known": {}, "owner": BACH_MAI, **options})


def reason(act: Any) -> ReasonCode:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.reason


@pytest.fixture(scope="module")
def token(pki: TestPki) -> str:
    return sign_entry(entry_of(pki), pki.facility(BACH_MAI).signing)


# --- the good way ----------------------------------------------------------------------------------------------


def test_a_good_entry(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    found = read(token, trust)
    party = pki.facility(BACH_MAI)
    assert found.entry == entry_of(pki)
    assert found.token == token
    assert found.signers == {party.signing.kid: party.signing.certificate}
    assert found.readers == (party.encryption.certificate,)
    assert found.flags == frozenset()
    assert found.known == KnownEntry(1, iso(NOW), found.sha256)


def test_its_keys_are_what_others_need(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    found = read(token, trust)
    sealed = seal(b"x", [found.readers[0]])
    assert open_envelope(sealed, pki.facility(BACH_MAI).decryption_keys) == b"x"
    ack = sign_token(b"{}", "lienvien-ack+jws", pki.facility(BACH_MAI).signing.token_key)
    assert verify_token(ack, typ="lienvien-ack+jws", keys=found.keys) == b"{}"


def test_the_header_is_that_of_any_token(token: str) -> None:
    import json

    from certs.base64url import decode

    assert json.loads(decode(token.split(".", maxsplit=1)[0].encode())).keys() == {"alg", "typ", "kid"}


def test_below_an_intermediate_authority(pki: TestPki) -> None:
    root = Forge.root()
    regional = root.authority()
    trust = TrustMaterial.read(
        write_certificates([root.certificate]),
        root.crl(),
        regional.crl(),
        further=write_certificates([regional.certificate]),
    )
    signing = regional.issue()
    reading = regional.issue(Spec(usage=usage(key_agreement=True)))
    entry = entry_of(pki, BAC_GIANG, signing=(signing.certificate,), encryption=(reading.certificate,))
    found = read(sign_entry(entry, signing), trust, owner=BAC_GIANG)
    assert found.chain == signing.chain
    assert found.readers == (reading.certificate,)
    bare = sign_entry(entry, replace(signing, chain=()))
    assert reason(lambda: read(bare, trust, owner=BAC_GIANG)) is ReasonCode.UNTRUSTED_ISSUER
    other = sign_compact(entry.encode(), entry.TYP, signing.token_key, {"x5c": ["AAAA"]})
    assert reason(lambda: read(other, trust, owner=BAC_GIANG)) is ReasonCode.CERTIFICATE_MALFORMED
    for x5c in ([], "AAAA", None, ["AAAA"] * 9):
        odd = sign_compact(entry.encode(), entry.TYP, signing.token_key, {"x5c": x5c})
        assert reason(lambda: read(odd, trust, owner=BAC_GIANG)) in (  # noqa: B023
            ReasonCode.HEADER_NOT_ALLOWED,
            ReasonCode.UNTRUSTED_ISSUER,
        )
    from certs.keys import write_x5c

    swapped = sign_compact(entry.encode(), entry.TYP, signing.token_key, {"x5c": write_x5c([reading.certificate])})
    assert reason(lambda: read(swapped, trust, owner=BAC_GIANG)) is ReasonCode.KEY_UNKNOWN


# --- who may say it --------------------------------------------------------------------------------------------


def test_only_the_facility_itself(pki: TestPki, trust: TrustMaterial) -> None:
    stranger = pki.facility(BAC_GIANG).signing
    about_another = entry_of(pki, BACH_MAI, signing=(stranger.certificate,))
    forged = sign_entry(about_another, stranger)
    for owner in (BACH_MAI, None):
        assert reason(lambda: read(forged, trust, owner=owner)) is ReasonCode.FACILITY_MISMATCH  # noqa: B023
    assert reason(lambda: read(forged, trust, owner=BAC_GIANG)) is ReasonCode.FACILITY_MISMATCH


def test_another_s_certificate_slipped_in(pki: TestPki, trust: TrustMaterial) -> None:
    """The facility signs, but lists a key of somebody else: mail would be sealed for the wrong house."""
    own, other = pki.facility(BACH_MAI), pki.facility(BAC_GIANG)
    for changes in (
        {"encryption": (other.encryption.certificate,)},
        {"encryption": (own.encryption.certificate, other.encryption.certificate)},
        {"signing": (own.signing.certificate, other.signing.certificate)},
    ):
        forged = sign_entry(entry_of(pki, **changes), own.signing)  # type: ignore[arg-type]
        assert reason(lambda: read(forged, trust)) is ReasonCode.FACILITY_MISMATCH  # noqa: B023


def test_certificates_of_another_use(pki: TestPki, trust: TrustMaterial) -> None:
    own = pki.facility(BACH_MAI)
    for changes in (
        {"encryption": (own.signing.certificate,)},
        {"encryption": (own.tls.certificate,)},
        {"signing": (own.signing.certificate, own.encryption.certificate)},
    ):
        forged = sign_entry(entry_of(pki, **changes), own.signing)  # type: ignore[arg-type]
        assert reason(lambda: read(forged, trust)) is ReasonCode.CERTIFICATE_WRONG_USAGE  # noqa: B023


def test_a_signer_that_the_entry_does_not_list(pki: TestPki, trust: TrustMaterial) -> None:
    own = pki.facility(BACH_MAI)
    unlisted = pki.key(CertProfile.SIGN, BACH_MAI)
    entry = entry_of(pki)
    assert reason(lambda: sign_entry(entry, unlisted)) is ReasonCode.KEY_NOT_OF_CERTIFICATE
    forged = sign_token(entry.encode(), entry.TYP, unlisted.token_key)
    assert reason(lambda: read(forged, trust)) is ReasonCode.KEY_UNKNOWN
    by_reader = sign_token(entry.encode(), entry.TYP, own.encryption.token_key)
    assert reason(lambda: read(by_reader, trust)) is ReasonCode.KEY_UNKNOWN


def test_a_stranger_of_the_same_name(pki: TestPki, trust: TrustMaterial) -> None:
    root = Forge.root()
    signing = root.issue()
    reading = root.issue(Spec(usage=usage(key_agreement=True)))
    entry = entry_of(pki, BAC_GIANG, signing=(signing.certificate,), encryption=(reading.certificate,))
    assert reason(lambda: read(sign_entry(entry, signing), trust, owner=None)) is ReasonCode.UNTRUSTED_ISSUER


def test_an_encryption_key_of_another_authority(pki: TestPki, trust: TrustMaterial) -> None:
    foreign = Forge.root().issue(Spec(usage=usage(key_agreement=True)))
    entry = entry_of(pki, encryption=(foreign.certificate,))
    forged = sign_entry(entry, pki.facility(BACH_MAI).signing)
    assert reason(lambda: read(forged, trust)) is ReasonCode.UNTRUSTED_ISSUER


def test_the_exchange_cannot_speak_for_a_hospital(pki: TestPki, trust: TrustMaterial) -> None:
    entry = entry_of(pki, signing=(pki.exchange.signing.certificate,))
    forged = sign_entry(entry, pki.exchange.signing)
    assert reason(lambda: read(forged, trust)) is ReasonCode.CERTIFICATE_MALFORMED


# --- time ------------------------------------------------------------------------------------------------------


def test_keys_overlap_at_a_rollover(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, now=NOW)
    old = pki.facility(BACH_MAI)
    new = pki.key(CertProfile.ENC, BACH_MAI)
    entry = entry_of(pki, encryption=(new.certificate, old.encryption.certificate))
    token = sign_entry(entry, old.signing)
    assert read(token, pki.trust()).readers == (new.certificate, old.encryption.certificate)
    pki.revoke(old.encryption.certificate)
    assert read(token, pki.trust()).readers == (new.certificate,)
    pki.revoke(new.certificate)
    assert read(token, pki.trust()).readers == ()  # proven, but nothing may be sealed for it


def test_expired_keys_are_left_out(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    after = pki.facility(BACH_MAI).encryption.certificate.not_valid_after_utc + timedelta(seconds=1)
    fresh = pki.trust(now=after)
    found = read(token, fresh, now=after)
    assert (found.readers, dict(found.signers)) == ((), {})
    assert found.entry.facility == BACH_MAI  # it was said in time


def test_a_revoked_signer_takes_the_entry_with_it(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, now=NOW)
    token = sign_entry(entry_of(pki), pki.facility(BACH_MAI).signing)
    pki.revoke(pki.facility(BACH_MAI).signing.certificate)
    assert reason(lambda: read(token, pki.trust())) is ReasonCode.CERTIFICATE_REVOKED


def test_until_the_signature_holds_neither_time_nor_revocation_nor_owner_is_told(tmp_path: Path) -> None:
    pki = make_pki(tmp_path, now=NOW)
    own, other = pki.facility(BACH_MAI).signing, pki.facility(BAC_GIANG).signing
    key = TokenKey(other.private_key, own.kid)

    def forged(**changes: Any) -> str:
        made = entry_of(pki, **changes)
        return sign_token(made.encode(), made.TYP, key)

    late = iso(NOW + timedelta(days=4000))
    assert reason(lambda: read(forged(), pki.trust(), owner=BAC_GIANG)) is ReasonCode.SIGNATURE_INVALID
    assert reason(lambda: read(forged(at=late), pki.trust())) is ReasonCode.SIGNATURE_INVALID
    assert (
        reason(lambda: read(forged(facility=BAC_GIANG, signing=(own.certificate,)), pki.trust(), owner=None))
        is ReasonCode.SIGNATURE_INVALID
    )
    pki.revoke(own.certificate)
    assert reason(lambda: read(forged(), pki.trust())) is ReasonCode.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW + timedelta(minutes=5), None),
        (NOW + timedelta(minutes=5, seconds=1), ReasonCode.IAT_IN_FUTURE),
        (NOW - timedelta(days=1), ReasonCode.CERTIFICATE_NOT_YET_VALID),
        (NOW + timedelta(days=4000), ReasonCode.CERTIFICATE_EXPIRED),
    ],
)
def test_when_it_says_it_was_made(pki: TestPki, trust: TrustMaterial, at: Any, expected: ReasonCode | None) -> None:
    token = sign_entry(entry_of(pki, at=iso(at)), pki.facility(BACH_MAI).signing)
    if expected is None:
        assert read(token, trust).entry.at == iso(at)
    else:
        assert reason(lambda: read(token, trust)) is expected


def test_a_moment_that_is_none(pki: TestPki, trust: TrustMaterial) -> None:
    moment = {"at": "2026-13-45T99:99:99.000Z"}  # the model would not take it: a foreign writer's would
    token = sign_entry(entry_of(pki).model_copy(update=moment), pki.facility(BACH_MAI).signing)
    assert reason(lambda: read(token, trust)) is ReasonCode.TOKEN_MALFORMED


def test_an_old_list(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    next_update = next(iter(trust.lists.values())).next_update
    assert read(token, trust, now=next_update + DAY).flags == {STALE_CRL}
    late = next_update + 4 * DAY
    assert reason(lambda: read(token, trust, now=late)) is ReasonCode.CRL_STALE
    found = read(token, trust, now=late, tolerate=frozenset({ReasonCode.CRL_STALE}))
    assert (found.flags, len(found.signers), len(found.readers)) == ({ReasonCode.CRL_STALE.value}, 1, 1)


# --- versions --------------------------------------------------------------------------------------------------


def test_never_back(pki: TestPki, trust: TrustMaterial) -> None:
    signing = pki.facility(BACH_MAI).signing
    tokens = {version: sign_entry(entry_of(pki, version=version), signing) for version in (1, 2, 3)}
    known = {BACH_MAI: read(tokens[2], trust).known}
    assert reason(lambda: read(tokens[1], trust, known=known)) is ReasonCode.DIRECTORY_ROLLED_BACK
    assert read(tokens[2], trust, known=known).entry.version == 2
    assert read(tokens[3], trust, known=known).entry.version == 3
    assert read(tokens[1], trust, known={BAC_GIANG: known[BACH_MAI]}).entry.version == 1


def test_two_entries_of_one_version(pki: TestPki, trust: TrustMaterial) -> None:
    signing = pki.facility(BACH_MAI).signing
    known = {BACH_MAI: read(sign_entry(entry_of(pki), signing), trust).known}
    other = sign_entry(entry_of(pki, name="Bệnh viện khác"), signing)
    assert reason(lambda: read(other, trust, known=known)) is ReasonCode.DIRECTORY_FORKED


def test_a_higher_version_that_is_older(pki: TestPki, trust: TrustMaterial) -> None:
    signing = pki.facility(BACH_MAI).signing
    known = {BACH_MAI: read(sign_entry(entry_of(pki), signing), trust).known}
    older = sign_entry(entry_of(pki, version=2, at=iso(NOW - timedelta(minutes=1))), signing)
    assert reason(lambda: read(older, trust, known=known)) is ReasonCode.DIRECTORY_ROLLED_BACK


def test_versions_are_judged_last(pki: TestPki, trust: TrustMaterial) -> None:
    """A forged low version is a forgery, not a step back: who is not proven learns nothing of what is known."""
    known = {BACH_MAI: KnownEntry(9, iso(NOW), "0" * 64)}
    token = sign_entry(entry_of(pki), pki.facility(BACH_MAI).signing)
    forged = token[:-8] + "AAAAAAAA"
    assert reason(lambda: read(forged, trust, known=known)) is ReasonCode.SIGNATURE_INVALID


# --- as the exchange passes it on ------------------------------------------------------------------------------


def carried(pki: TestPki, token: str, **options: Any) -> str:
    return countersign(token, EXCHANGE, pki.exchange.signing.token_key, now=NOW, **options)


def receive(pki: TestPki, trust: TrustMaterial, token: str, **options: Any) -> VerifiedEntry:
    key = pki.exchange.signing.token_key
    defaults: dict[str, Any] = {"keys": {key.kid: key.public_key}, "exchange": EXCHANGE, "recipient": BAC_GIANG}
    return verify_countersigned(token, **{**defaults, "trust": trust, "now": NOW, "known": {}, **options})


def test_countersigned(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    for recipient in (None, BAC_GIANG):
        found = receive(pki, trust, carried(pki, token, recipient=recipient))
        assert found.token == token
        assert found.entry.facility == BACH_MAI


def test_countersigned_for_another(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    assert reason(lambda: receive(pki, trust, carried(pki, token, recipient=BACH_MAI))) is ReasonCode.STAMP_NOT_FOR_ME
    assert reason(lambda: receive(pki, trust, carried(pki, token), exchange="mien-nam")) is (
        ReasonCode.EXCHANGE_MISMATCH
    )
    assert reason(lambda: receive(pki, trust, carried(pki, token), keys={})) is ReasonCode.KEY_UNKNOWN


def test_a_false_exchange_changes_nothing(pki: TestPki, trust: TrustMaterial) -> None:
    """It countersigns an entry with its own encryption key in the hospital's place."""
    entry = entry_of(pki, encryption=(pki.exchange.encryption.certificate,))
    forged = sign_token(entry.encode(), entry.TYP, pki.exchange.signing.token_key)
    assert reason(lambda: receive(pki, trust, carried(pki, forged))) is ReasonCode.KEY_UNKNOWN
    own = entry_of(pki, signing=(pki.exchange.signing.certificate,), encryption=(pki.exchange.encryption.certificate,))
    forged = sign_entry(own, pki.exchange.signing)
    assert reason(lambda: receive(pki, trust, carried(pki, forged))) is ReasonCode.CERTIFICATE_MALFORMED


def test_a_bare_entry_is_no_countersigned_one(pki: TestPki, trust: TrustMaterial, token: str) -> None:
    assert reason(lambda: receive(pki, trust, token)) is ReasonCode.TOKEN_WRONG_TYPE
    assert reason(lambda: read(carried(pki, token), trust)) is ReasonCode.TOKEN_WRONG_TYPE


# --- whatever is thrown at it ----------------------------------------------------------------------------------


def test_sizes(pki: TestPki, trust: TrustMaterial) -> None:
    signing: SigningKey = pki.facility(BACH_MAI).signing
    assert reason(lambda: read(b"a" * 65_537, trust)) is ReasonCode.RECORD_TOO_LARGE
    phones = tuple(DutyPhone(label="x" * 200, phone="1" * 40) for _ in range(30))
    big = entry_of(pki, phones=phones, encryption=(pki.facility(BACH_MAI).encryption.certificate,) * 4)
    assert len(sign_entry(big, signing)) < 65_536


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b"\xff", b'{"facility":"01901"}', b"9" * 5_000, b'{"at":1e999999999999999999}']
)
def test_payloads_of_another_form(pki: TestPki, trust: TrustMaterial, payload: bytes) -> None:
    token = sign_token(payload, DirectoryEntry.TYP, pki.facility(BACH_MAI).signing.token_key)
    assert reason(lambda: read(token, trust)) is ReasonCode.TOKEN_MALFORMED


def test_a_payload_with_a_duplicate_member(pki: TestPki, trust: TrustMaterial) -> None:
    payload = entry_of(pki).encode().replace(b'"version":1', b'"version":1,"version":2')
    token = sign_token(payload, DirectoryEntry.TYP, pki.facility(BACH_MAI).signing.token_key)
    assert reason(lambda: read(token, trust)) is ReasonCode.DUPLICATE_MEMBER


@pytest.mark.parametrize("name", ["signing_certificates", "encryption_certificates"])
def test_certificates_of_another_form(pki: TestPki, trust: TrustMaterial, name: str) -> None:
    own = pki.facility(BACH_MAI)
    entry = entry_of(pki)
    broken = entry.model_copy(update={name: ("AAAA", *getattr(entry, name))})
    token = sign_token(broken.encode(), entry.TYP, own.signing.token_key)
    assert reason(lambda: read(token, trust)) is ReasonCode.CERTIFICATE_MALFORMED


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_entry_passes(trust: TrustMaterial, token: str, data: st.DataObject) -> None:
    raw = token.encode()
    place = data.draw(st.integers(0, len(raw) - 1))
    made = raw[:place] + data.draw(st.binary(max_size=3)) + raw[place + 1 :]
    if made != raw:
        with pytest.raises(Refused):
            read(made, trust)
