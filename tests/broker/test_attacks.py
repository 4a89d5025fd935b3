"""Records of any content on a submit topic: one reason, one trace, an answer only to who is proven, no id burnt."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from broker.stages.submission import Record
from broker.store import tables
from certs.seal import seal, sign_message
from schemas.ids import exchange_urn
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import InboxStatus
from schemas.tokens.receipt import Verdict
from schemas.topics import HEADER_RECORD_TYPE, RecordType
from tests.broker.desk import STRANGER, Desk
from tests.broker.messages import Message, message, new_case, sealed, status
from tests.certs.pki import EXCHANGE, TestPki, make_pki
from tests.schemas.bundles import DESTINATION, SENDER, uuid

Attack = Callable[[Desk, Message], bytes]


def _envelope(desk: Desk, jws: bytes) -> bytes:
    readers = [desk.pki.exchange.encryption.certificate, desk.pki.facility(DESTINATION).encryption.certificate]
    return seal(jws, readers)


def _signed(desk: Desk, payload: bytes) -> bytes:
    """Proven, whatever the content."""
    jws = sign_message(payload, desk.pki.facility(SENDER).signing, iat=int(desk.pki.now.timestamp()))
    return _envelope(desk, jws)


def _foreign_signature(desk: Desk, made: Message) -> bytes:
    other = desk.pki.facility(STRANGER).signing
    key = replace(desk.pki.facility(SENDER).signing, private_key=other.private_key)
    return _envelope(desk, sign_message(made.payload, key, iat=int(desk.pki.now.timestamp())))


def _copied_certificate(desk: Desk, made: Message) -> bytes:
    """A certificate is public: whoever copies a stranger's is nobody yet."""
    key = replace(desk.pki.facility(STRANGER).signing, private_key=desk.pki.facility(SENDER).signing.private_key)
    return _envelope(desk, sign_message(made.payload, key, iat=int(desk.pki.now.timestamp())))


def _copied_out_of_time(desk: Desk, made: Message) -> bytes:
    key = replace(desk.pki.facility(SENDER).signing, private_key=desk.pki.facility(STRANGER).signing.private_key)
    return _envelope(desk, sign_message(made.payload, key, iat=int((desk.pki.now - timedelta(days=1)).timestamp())))


def _encryption_key_signs(desk: Desk, made: Message) -> bytes:
    key = desk.pki.facility(SENDER).encryption
    return _envelope(desk, sign_message(made.payload, key, iat=int(desk.pki.now.timestamp())))


def _not_yet_valid(desk: Desk, made: Message) -> bytes:
    return sealed(desk.pki, made, at=desk.pki.now - timedelta(days=1))


def _duplicate_member_outside(desk: Desk, made: Message) -> bytes:
    return sealed(desk.pki, made).replace(b'{"', b'{"iv":"AAAA","', 1)


def _many_recipients(desk: Desk, made: Message) -> bytes:
    envelope = json.loads(sealed(desk.pki, made))
    envelope["recipients"] += [{"header": {"alg": "ECDH-ES+A256KW", "kid": "x"}, "encrypted_key": "AA"}] * 5_000
    return json.dumps(envelope).encode()


UNPROVEN: dict[str, tuple[Attack, ReasonCode, bool]] = {
    "nothing": (lambda *_: b"", ReasonCode.ENVELOPE_MALFORMED, False),
    "random bytes": (lambda *_: bytes(range(256)) * 40, ReasonCode.ENVELOPE_MALFORMED, False),
    "NUL characters": (lambda *_: b"\0" * 5_000, ReasonCode.ENVELOPE_MALFORMED, False),
    "the Bundle in clear": (lambda _, made: made.payload, ReasonCode.ENVELOPE_MALFORMED, False),
    "deep nesting": (lambda *_: b"[" * 100_000, ReasonCode.ENVELOPE_MALFORMED, False),
    "oversize": (lambda *_: b" " * (960 * 1024 + 1), ReasonCode.RECORD_TOO_LARGE, False),
    "two members of one name": (_duplicate_member_outside, ReasonCode.DUPLICATE_MEMBER, False),
    "five thousand recipients": (_many_recipients, ReasonCode.ENVELOPE_TOO_MANY_RECIPIENTS, False),
    "foreign signature": (_foreign_signature, ReasonCode.SIGNATURE_INVALID, False),
    "another facility's certificate": (_copied_certificate, ReasonCode.SIGNATURE_INVALID, False),
    "a copied certificate at a time it does not cover": (_copied_out_of_time, ReasonCode.SIGNATURE_INVALID, False),
    "another facility's message": (
        lambda desk, made: sealed(desk.pki, made, signer=STRANGER),
        ReasonCode.FACILITY_MISMATCH,
        True,
    ),
    "signed by an encryption key": (_encryption_key_signs, ReasonCode.CERTIFICATE_WRONG_USAGE, False),
    "certificate not yet valid": (_not_yet_valid, ReasonCode.CERTIFICATE_NOT_YET_VALID, True),
}


@pytest.mark.parametrize("name", UNPROVEN)
async def test_what_nobody_is_proven_to_have_sent_leaves_a_trace_and_burns_nothing(desk: Desk, name: str) -> None:
    attack, reason, evidence = UNPROVEN[name]
    made = message(new_case())
    record = desk.submit(SENDER, attack(desk, made))
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    assert desk.verdicts(SENDER) == [(Verdict.ACCEPTED, None)]
    await _one_trace(desk, record, reason, evidence=evidence)


async def _one_trace(desk: Desk, record: Record, reason: ReasonCode, *, evidence: bool) -> None:
    rows = await desk.rows(tables.quarantine)
    counted = await desk.rows(tables.junk_counter)
    if evidence:
        assert [(row.topic, row.offset, row.reason) for row in rows] == [(record.topic, record.offset, reason)]
        assert rows[0].facility is None
        assert counted == []
    else:
        assert rows == []
        assert [(row.topic, row.reason, row.records) for row in counted] == [(record.topic, reason, 1)]


HEADERS: dict[str, tuple[tuple[str, bytes], ...]] = {
    "no header": (),
    "unknown type": ((HEADER_RECORD_TYPE, b"letter"),),
    "a type only the exchange writes": ((HEADER_RECORD_TYPE, b"receipt"),),
    "two types": ((HEADER_RECORD_TYPE, b"envelope"), (HEADER_RECORD_TYPE, b"ack")),
    "an empty type": ((HEADER_RECORD_TYPE, b""),),
}


@pytest.mark.parametrize("name", HEADERS)
async def test_a_record_without_one_lawful_type_is_counted(desk: Desk, name: str) -> None:
    made = message(new_case())
    desk.log.append(SENDER, sealed(desk.pki, made), None, HEADERS[name])
    await desk.work()
    (row,) = await desk.rows(tables.junk_counter)
    assert row.reason == ReasonCode.RECORD_TYPE_UNKNOWN
    assert desk.received(SENDER) == []


async def test_a_token_of_one_kind_is_refused_at_every_other_door(desk: Desk) -> None:
    desk.introduce(SENDER)
    token = status(desk.pki, SENDER, 0)
    for door in (RecordType.ENVELOPE, RecordType.ACK, RecordType.DIRECTORY):
        desk.submit(SENDER, token, door)
    await desk.work()
    counted = {row.reason: row.records for row in await desk.rows(tables.junk_counter)}
    assert counted == {ReasonCode.ENVELOPE_MALFORMED: 1, ReasonCode.TOKEN_WRONG_TYPE: 2}
    assert await desk.rows(tables.inbox_status) == []


async def test_an_expired_and_a_revoked_certificate_are_evidence(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "own", facilities=(SENDER, DESTINATION, STRANGER))
    revoked, good = pki.facility(SENDER).signing, message(new_case())
    desk = await Desk.open(tmp_path / "exchange", _with_revoked(pki, revoked.certificate))
    try:
        desk.submit(SENDER, sealed(pki, good))
        await desk.work()
        (row,) = await desk.rows(tables.quarantine)
        assert row.reason == ReasonCode.CERTIFICATE_REVOKED
        assert desk.received(SENDER) == []
        assert await desk.rows(tables.message) == []
    finally:
        await desk.close()


def _with_revoked(pki: TestPki, *certificates: x509.Certificate) -> TestPki:
    pki.revoke(*certificates)
    return pki


PROVEN: dict[str, tuple[Callable[[Message], bytes], ReasonCode, bool]] = {
    "two members of one name": (
        lambda made: made.payload.replace(b'{"resourceType"', b'{"id":"x","resourceType"', 1),
        ReasonCode.DUPLICATE_MEMBER,
        False,
    ),
    "a NUL character": (
        lambda made: made.payload.replace(b"Theo d\xc3\xb5i", b"Theo \\u0000"),
        ReasonCode.CHARACTER_NOT_ALLOWED,
        False,
    ),
    "nested too deep": (
        lambda made: made.payload.replace(b'"type":"message"', b'"x":' + b"[" * 60 + b"]" * 60 + b',"type":"message"'),
        ReasonCode.JSON_TOO_DEEP,
        False,
    ),
    "an unknown element": (
        lambda made: made.payload.replace(b'"type":"message"', b'"type":"message","surprise":1'),
        ReasonCode.PROFILE_VIOLATED,
        True,
    ),
    "an unknown event": (
        lambda made: made.payload.replace(b'"code":"transfer-submit"', b'"code":"transfer-teleport"'),
        ReasonCode.EVENT_UNKNOWN,
        True,
    ),
    "a priority nobody may use": (
        lambda made: made.payload.replace(b'"priority":"urgent"', b'"priority":"asap"'),
        ReasonCode.PRIORITY_NOT_ALLOWED,
        True,
    ),
    "another sender inside": (
        lambda made: made.payload.replace(SENDER.encode(), STRANGER.encode()),
        ReasonCode.SENDER_MISMATCH,
        True,
    ),
}


@pytest.mark.parametrize("name", PROVEN)
async def test_a_proven_sender_gets_a_signed_refusal_that_names_what_is_wrong(desk: Desk, name: str) -> None:
    change, reason, kept = PROVEN[name]
    made = message(new_case())
    payload = change(made)
    assert payload != made.payload
    desk.submit(SENDER, _signed(desk, payload))
    await desk.work()
    (receipt,) = desk.receipts(SENDER)
    assert (receipt.verdict, receipt.reason) == (Verdict.REFUSED, reason)
    assert receipt.message_id == made.message_id
    assert desk.envelopes(DESTINATION) == []
    assert bool(await desk.rows(tables.message)) is kept
    assert await desk.rows(tables.transfer) == []


async def test_a_proven_message_without_any_id_is_kept_by_its_place(desk: Desk) -> None:
    record = desk.submit(SENDER, _signed(desk, b"this is no JSON"))
    await desk.work()
    (row,) = await desk.rows(tables.quarantine)
    assert (row.topic, row.offset, row.reason) == (record.topic, record.offset, ReasonCode.JSON_MALFORMED)
    assert row.facility == SENDER
    assert desk.received(SENDER) == []


async def test_an_id_of_another_form_is_refused_without_being_echoed(desk: Desk) -> None:
    made = message(new_case())
    canary = "NGUYEN-VAN-CANARY"
    desk.submit(SENDER, _signed(desk, made.payload.replace(made.message_id.encode(), canary.encode())))
    await desk.work()
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.ID_MALFORMED
    everything = [str(row) for table in tables.metadata.sorted_tables for row in await desk.rows(table)]
    assert everything
    assert not [row for row in everything if canary in row]


async def test_a_flood_of_junk_delays_nobody_and_costs_one_row_a_minute(desk: Desk) -> None:
    for _ in range(200):
        desk.submit(STRANGER, b"junk")
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.pipeline.turn()
    await desk.carry()
    assert desk.verdicts(SENDER) == [(Verdict.ACCEPTED, None)]
    await desk.work()
    (row,) = await desk.rows(tables.junk_counter)
    assert row.records == 200
    assert len(await desk.rows(tables.audit_entry)) == 1  # the accepted message; junk is reported by the minute


async def test_the_status_of_another_facility_is_refused(desk: Desk) -> None:
    desk.introduce(SENDER)
    forged = InboxStatus(
        exchange=exchange_urn(EXCHANGE),
        facility=DESTINATION,
        generation=1,
        complete_to=9,
        highest=9,
        incarnation=uuid(1),
        at=iso(desk.pki.now),
    )
    from certs.seal import sign_token

    key = desk.pki.facility(SENDER).signing.token_key
    desk.submit(SENDER, sign_token(forged.encode(), InboxStatus.TYP, key).encode(), RecordType.INBOX_STATUS)
    await desk.work()
    assert await desk.rows(tables.inbox_status) == []
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.FACILITY_MISMATCH


async def test_another_exchanges_token_is_refused(desk: Desk) -> None:
    desk.introduce(SENDER)
    token = InboxStatus(
        exchange=exchange_urn("other"),
        facility=SENDER,
        generation=1,
        complete_to=9,
        highest=9,
        incarnation=uuid(1),
        at=iso(desk.pki.now),
    )
    from certs.seal import sign_token

    key = desk.pki.facility(SENDER).signing.token_key
    desk.submit(SENDER, sign_token(token.encode(), InboxStatus.TYP, key).encode(), RecordType.INBOX_STATUS)
    await desk.work()
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.EXCHANGE_MISMATCH
