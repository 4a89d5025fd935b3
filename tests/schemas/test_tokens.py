"""Tokens: closed payloads, and each kind refused at every other door."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import tokens
from schemas.events import Event
from schemas.lifecycle import TransferState
from schemas.reasons import ReasonCode, Refused
from schemas.tokens import delivery, directory, notice, receipt, stamp
from schemas.tokens.model import TokenModel
from schemas.topics import RecordType
from schemas.urgency import Kind, Priority
from tests.schemas.bundles import uuid

AT = "2026-11-22T03:20:00.000Z"
DIGEST = "0a" * 32
EXCHANGE = "urn:lienvien:exchange:bo-y-te"

STAMP = stamp.Stamp(
    exchange=EXCHANGE,
    recipient="01Z99",
    record_type=RecordType.ENVELOPE,
    record_sha256=DIGEST,
    generation=1,
    delivery_seq=7,
    accepted_at=AT,
    message_id=uuid(1),
    bundle_id=uuid(2),
    case_id=uuid(3),
    transfer_id=uuid(4),
    event=Event.SUBMIT,
    sender="24Z01",
    priority=Priority.STAT,
    kind=Kind.EMERGENCY,
    tags=("unclassified",),
    event_seq=1,
    state=TransferState(),
    payload_sha256=DIGEST,
    possible_duplicate=True,
)
RECEIPT = receipt.Receipt(
    exchange=EXCHANGE,
    recipient="24Z01",
    verdict=receipt.Verdict.ACCEPTED,
    message_id=uuid(1),
    bundle_id=uuid(2),
    case_id=uuid(3),
    transfer_id=uuid(4),
    event=Event.SUBMIT,
    record_sha256=DIGEST,
    payload_sha256=DIGEST,
    source=receipt.Source(topic="xfer.submit.24Z01", partition=0, offset=0),
    appended_at=AT,
    accepted_at=AT,
    event_seq=1,
    state=TransferState(),
    policy_version="1",
    audit_leaf=DIGEST,
)
NOTICE = notice.Notice(
    exchange=EXCHANGE,
    recipient="24Z01",
    notice=notice.NoticeKind.CROSSED,
    at=AT,
    notice_id=uuid(9),
    reason=ReasonCode.CROSSED,
    winning_event_seq=2,
)
ACK = delivery.Ack(
    exchange=EXCHANGE,
    facility="01Z99",
    recipient="24Z01",
    at=AT,
    acknowledged=(
        delivery.Acknowledged(
            message_id=uuid(1), payload_sha256=DIGEST, delivery_seq=7, verdict=delivery.AckVerdict.DELIVERED, at=AT
        ),
    ),
)
STATUS = delivery.InboxStatus(
    exchange=EXCHANGE,
    facility="01Z99",
    generation=1,
    complete_to=7,
    missing=(9, 10),
    highest=11,
    incarnation=uuid(0x1C),
    at=AT,
)
HEAD = delivery.Head(exchange=EXCHANGE, recipient="01Z99", generation=1, last=0, at=AT)
VOID = delivery.Void(exchange=EXCHANGE, recipient="01Z99", generation=1, delivery_seq=3, at=AT)
ENTRY = directory.DirectoryEntry(
    facility="24Z01",
    version=1,
    at=AT,
    name="Bệnh viện Đa khoa tỉnh",
    codes=(directory.FacilityCode(code="24Z01", valid_from="2025-01-01"),),
    phones=(directory.DutyPhone(label="Trực", phone="0204 3 854 123", checked_on="2026-11-01"),),
    signing_certificates=("TUlJ",),
    encryption_certificates=("TUlJ",),
)
COUNTERSIGNED = directory.CountersignedEntry(exchange=EXCHANGE, recipient="01Z99", entry="a.b.c", at=AT)
REGISTER = directory.Register(
    exchange=EXCHANGE,
    version=1,
    page=1,
    pages=1,
    at=AT,
    facilities=(directory.KnownFacility(code="01929", name="Bạch Mai", valid_from="2025-01-01", connected=True),),
)
ALL: tuple[TokenModel, ...] = (
    STAMP,
    RECEIPT,
    NOTICE,
    ACK,
    STATUS,
    HEAD,
    VOID,
    ENTRY,
    COUNTERSIGNED,
    REGISTER,
)


def name_of(token: object) -> str:
    return type(token).__name__


def members(token: TokenModel) -> dict[str, Any]:
    made = json.loads(token.encode())
    assert isinstance(made, dict)
    return made


def refused(kind: type[TokenModel], payload: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as raised:
        kind.decode(json.dumps(payload).encode())
    assert raised.value.reason is ReasonCode.TOKEN_MALFORMED
    return raised.value


def test_every_kind_of_token_is_here() -> None:
    kinds = {type(token) for token in ALL}
    known = {
        value
        for module in (delivery, directory, notice, receipt, stamp)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TokenModel) and hasattr(value, "TYP")
    }
    assert kinds == known
    assert len({kind.TYP for kind in kinds}) == len(kinds)
    assert all(kind.TYP.startswith("lienvien-") and kind.TYP.endswith("+jws") for kind in kinds)
    assert tokens.__doc__


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_what_is_written_is_read_back(token: TokenModel) -> None:
    payload = token.encode()
    assert type(token).decode(payload) == token
    assert type(token).decode(payload).encode() == payload
    assert b"null" not in payload
    assert b": " not in payload


@pytest.mark.parametrize("token", ALL, ids=name_of)
@pytest.mark.parametrize("door", ALL, ids=name_of)
def test_each_kind_is_refused_at_every_other_door(token: TokenModel, door: TokenModel) -> None:
    """The payload alone tells two kinds apart; the ``typ`` of the header is checked before."""
    if type(token) is not type(door):
        refused(type(door), members(token))


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_unknown_members_are_refused_and_not_repeated(token: TokenModel) -> None:
    answer = refused(type(token), {**members(token), "NGUYEN VAN A": 1})
    assert "NGUYEN" not in str(answer)


@pytest.mark.parametrize("token", [STAMP, RECEIPT], ids=name_of)
@pytest.mark.parametrize(
    "state", [{"NGUYEN VAN A": 1}, {"delivery": "banana"}, {"delivery": "opened", "NGUYEN VAN A": 1}, {}, []]
)
def test_a_state_is_closed_too(token: TokenModel, state: object) -> None:
    assert "NGUYEN" not in str(refused(type(token), {**members(token), "state": state}))


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_nothing_is_coerced(token: TokenModel) -> None:
    for name, value in members(token).items():
        if isinstance(value, bool):
            wrong: tuple[Any, ...] = ("true", 1)
        elif isinstance(value, int):
            wrong = (str(value), value + 0.5, True, -1)
        elif isinstance(value, str):
            wrong = (7, None if name not in type(token).model_fields else [value])
        else:
            wrong = ("x", 7)
        for other in wrong:
            refused(type(token), {**members(token), name: other})


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_needed_members_are_needed(token: TokenModel) -> None:
    for name, field in type(token).model_fields.items():
        if field.is_required():
            payload = members(token)
            del payload[name]
            assert refused(type(token), payload).where == name


@pytest.mark.parametrize("token", ALL, ids=name_of)
@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"null", b'"x"', b"{}", b"\xff", b"{" * 100])
def test_other_json_is_refused(token: TokenModel, payload: bytes) -> None:
    with pytest.raises(Refused):
        type(token).decode(payload)


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_duplicate_members_are_refused(token: TokenModel) -> None:
    payload = token.encode()
    first = payload[1 : payload.index(b",")]
    with pytest.raises(Refused) as raised:
        type(token).decode(payload[:-1] + b"," + first + b"}")
    assert raised.value.reason is ReasonCode.DUPLICATE_MEMBER


@pytest.mark.parametrize("token", ALL, ids=name_of)
def test_a_token_cannot_be_changed(token: TokenModel) -> None:
    with pytest.raises(ValidationError):
        token.at = AT  # type: ignore[attr-defined]


MALFORMED = {
    "recipient": ["24z01", "24Z0", "24Z011", "24Z01\n", "２４Z01", ""],
    "exchange": ["bo-y-te", "urn:lienvien:exchange:", "urn:lienvien:exchange:Bo", "urn:lienvien:facility:24Z01"],
    "message_id": [uuid(1).upper().replace("0", "A"), "x", uuid(1) + "\n", f"urn:uuid:{uuid(1)}"],
    "record_sha256": ["0A" * 32, "0a" * 31, ""],
    "accepted_at": [
        "2026-11-22T03:20:00Z",
        "2026-11-22T03:20:00.000+07:00",
        "2026-02-30T03:20:00.000Z",
        "2026-11-22T25:20:00.000Z",
        "２０２６-11-22T03:20:00.000Z",
        "",
    ],
    "event": ["transfer-banana", "", 7],
    "generation": [0, -1, 2**53, 1.0, "1"],
    "delivery_seq": [0, 2**53],
    "record_type": ["banana"],
    "priority": ["asap", ""],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_values_have_their_form(name: str) -> None:
    for value in MALFORMED[name]:
        answer = refused(stamp.Stamp, {**members(STAMP), name: value})
        assert answer.where == name


@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "26-01-01", "2026-1-1", "2026-01-01\n", "２０２６-01-01"])
def test_days_exist(day: str) -> None:
    payload = members(ENTRY)
    payload["codes"][0]["valid_from"] = day
    assert refused(directory.DirectoryEntry, payload).where == "codes.0.valid_from"


@pytest.mark.parametrize("record_type", RecordType)
def test_the_members_of_a_stamp_are_closed_for_each_record_type(record_type: RecordType) -> None:
    """A member that does not apply is absent; one that does may be there."""
    allowed = stamp.MEMBERS.get(record_type)
    if allowed is None:  # inbox-status is never on an inbox
        assert record_type is RecordType.INBOX_STATUS
        return
    always = {"exchange", "recipient", "record_type", "record_sha256", "generation"}
    full = {name: value for name, value in members(STAMP).items() if name in allowed | always}
    full["record_type"] = record_type.value
    stamp.Stamp.decode(json.dumps(full).encode())
    for name, value in members(STAMP).items():
        if name not in full:
            refused(stamp.Stamp, {**full, name: value})


@pytest.mark.parametrize("name", ["message_id", "event", "sender", "priority", "payload_sha256", "accepted_at"])
def test_an_envelope_needs_its_facts(name: str) -> None:
    payload = members(STAMP)
    del payload[name]
    refused(stamp.Stamp, payload)


@pytest.mark.parametrize("record_type", [kind for kind in stamp.MEMBERS if "delivery_seq" in stamp.MEMBERS[kind]])
def test_every_numbered_record_has_its_number(record_type: RecordType) -> None:
    """Only the head has none: it tells the last number given out."""
    always = ("exchange", "recipient", "record_sha256", "generation")
    payload = {name: members(STAMP)[name] for name in always} | {"record_type": record_type.value}
    refused(stamp.Stamp, payload)
    assert set(stamp.MEMBERS) - {RecordType.HEAD} == {k for k in stamp.MEMBERS if "delivery_seq" in stamp.MEMBERS[k]}


def test_an_ack_names_at_least_one_message_and_not_too_many() -> None:
    payload = members(ACK)
    one = payload["acknowledged"][0]
    refused(delivery.Ack, {**payload, "acknowledged": []})
    refused(delivery.Ack, {**payload, "acknowledged": [one] * 201})
    assert len(delivery.Ack.decode(json.dumps({**payload, "acknowledged": [one] * 200}).encode()).acknowledged) == 200


@given(st.dictionaries(st.sampled_from(sorted(members(STAMP))), st.none() | st.integers() | st.text(max_size=5)))
def test_any_payload_is_read_or_refused(changes: dict[str, Any]) -> None:
    """No other exception ever leaves a reader of tokens."""
    for token in ALL:
        try:
            type(token).decode(json.dumps({**members(token), **changes}).encode())
        except Refused as answer:
            assert answer.reason in (ReasonCode.TOKEN_MALFORMED, ReasonCode.CHARACTER_NOT_ALLOWED)  # noqa: PT017
