"""Every kind of token at every door: only the diagonal passes, though all of them are honestly signed."""

from collections.abc import Callable
from typing import Any

import pytest

from certs.directory import countersign, entry_certificates, sign_entry, verify_countersigned, verify_entry
from certs.facility_token import verify_facility_token
from certs.keys import SigningKey
from certs.seal import seal, sign_message, sign_token
from certs.trust import TrustMaterial
from certs.unseal import open_envelope, verify_token
from certs.verify_message import verify_message
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.delivery import Ack, Head, InboxStatus, Void
from schemas.tokens.directory import CountersignedEntry, DirectoryEntry, FacilityCode, Register
from schemas.tokens.notice import Notice
from schemas.tokens.receipt import Receipt
from schemas.tokens.stamp import Stamp
from tests.certs.conftest import NOW
from tests.certs.pki import BACH_MAI, EXCHANGE, TestPki

OF_THE_EXCHANGE = [Stamp, Receipt, Notice, Head, Void, Register]
OF_A_FACILITY = [Ack, InboxStatus]


def entry(pki: TestPki) -> str:
    party = pki.facility(BACH_MAI)
    model = DirectoryEntry(
        facility=BACH_MAI,
        version=1,
        at=iso(NOW),
        name="Bệnh viện",
        codes=(FacilityCode(code=BACH_MAI, valid_from="2026-01-01"),),
        signing_certificates=entry_certificates([party.signing.certificate]),
        encryption_certificates=entry_certificates([party.encryption.certificate]),
    )
    return sign_entry(model, party.signing)


@pytest.fixture(scope="module")
def items(pki: TestPki) -> dict[str, bytes]:
    """One good specimen of everything that travels, by name."""
    facility, exchange = pki.facility(BACH_MAI).signing, pki.exchange.signing
    message = sign_message(b"{}", facility, iat=int(NOW.timestamp()))
    found = {
        "message": message,
        "envelope": seal(message, [pki.exchange.encryption.certificate]),
        DirectoryEntry.TYP: entry(pki).encode(),
        CountersignedEntry.TYP: countersign(entry(pki), EXCHANGE, exchange.token_key, now=NOW).encode(),
    }
    for models, key in ((OF_THE_EXCHANGE, exchange), (OF_A_FACILITY, facility)):
        found.update({model.TYP: sign_token(b"{}", model.TYP, key.token_key).encode() for model in models})  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="module")
def doors(pki: TestPki, trust: TrustMaterial) -> dict[str, Callable[[bytes], object]]:
    """Every function that takes something from outside, by what it is for. Every key is known at every door."""
    facility, exchange = pki.facility(BACH_MAI).signing, pki.exchange.signing
    keys = {key.kid: key.token_key.public_key for key in (facility, exchange)}
    signers = {key.kid: key.certificate for key in (facility, exchange)}

    def token_door(typ: str) -> Callable[[bytes], object]:
        return lambda raw: verify_token(raw, typ=typ, keys=keys)

    def facility_door(typ: str) -> Callable[[bytes], object]:
        return lambda raw: verify_facility_token(raw, typ=typ, signers=signers, trust=trust, now=NOW, owner=BACH_MAI)

    found: dict[str, Callable[[bytes], object]] = {
        "message": lambda raw: verify_message(raw, trust, now=NOW, owner=BACH_MAI),
        "envelope": lambda raw: open_envelope(raw, pki.exchange.decryption_keys),
        DirectoryEntry.TYP: lambda raw: verify_entry(raw, trust, now=NOW, known={}, owner=BACH_MAI),
        CountersignedEntry.TYP: lambda raw: verify_countersigned(
            raw, keys=keys, exchange=EXCHANGE, recipient=BACH_MAI, trust=trust, now=NOW, known={}
        ),
    }
    found.update({model.TYP: token_door(model.TYP) for model in OF_THE_EXCHANGE})  # type: ignore[attr-defined]
    found.update({model.TYP: facility_door(model.TYP) for model in OF_A_FACILITY})  # type: ignore[attr-defined]
    return found


def test_only_the_diagonal(items: dict[str, bytes], doors: dict[str, Callable[[bytes], object]]) -> None:
    assert items.keys() == doors.keys()
    assert len(items) == 12
    passed = set()
    for door, opens in doors.items():
        for item, raw in items.items():
            try:
                opens(raw)
            except Refused as refused:
                assert item != door, (item, door, str(refused))  # noqa: PT017
            else:
                passed.add((item, door))
    assert passed == {(name, name) for name in items}


def test_the_reason_is_the_kind(items: dict[str, bytes], doors: dict[str, Callable[[bytes], object]]) -> None:
    for door, opens in doors.items():
        for item, raw in items.items():
            if item == door or "envelope" in (item, door):
                continue
            with pytest.raises(Refused) as refused:
                opens(raw)
            assert refused.value.reason is ReasonCode.TOKEN_WRONG_TYPE, (item, door)


def test_kinds_are_distinct() -> None:
    models: list[Any] = [*OF_THE_EXCHANGE, *OF_A_FACILITY, DirectoryEntry, CountersignedEntry]
    kinds = [model.TYP for model in models] + ["lienvien-message+jws"]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.startswith("lienvien-") and kind.endswith("+jws") for kind in kinds)


def test_a_signature_never_serves_as_an_envelope(pki: TestPki, items: dict[str, bytes]) -> None:
    """A compact JWE, a JWS in JSON form, an envelope inside an envelope."""
    from certs.kinds import MESSAGE_TYP

    nested = seal(items["envelope"], [pki.exchange.encryption.certificate])
    inner = open_envelope(nested, pki.exchange.decryption_keys)
    assert inner == items["envelope"]  # it opens once; what comes out is no message
    for raw in (inner, b"a.b.c.d.e", b'{"payload":"e30","signatures":[]}'):
        with pytest.raises(Refused):
            verify_token(raw, typ=MESSAGE_TYP, keys={})


def test_keys_of_one_use_never_serve_the_other(pki: TestPki) -> None:
    party = pki.facility(BACH_MAI)
    keys: list[SigningKey] = [party.signing, party.encryption, party.tls]
    assert len({key.kid for key in keys}) == 3
    numbers = [key.private_key.public_key().public_numbers() for key in keys]
    assert numbers[0] != numbers[1]
    assert numbers[1] != numbers[2]
    assert numbers[0] != numbers[2]
