"""The recipe for a record of the inbox: every step refuses what it is there for, and nothing slips past."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certs.seal import seal, sign_message, sign_token
from connectors.numbers import GenerationSays, NumberMemory, Place
from connectors.receive import (
    Message,
    Repeat,
    Unproven,
    Unreadable,
)
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import as_bytes, make_bundle
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.receive_steps import NOTHING, good, judge, payload, restamped


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> ExchangeDouble:
    return ExchangeDouble(make_pki(tmp_path_factory.mktemp("pki")))


def test_a_good_message_is_taken(exchange: ExchangeDouble) -> None:
    outcome = judge(exchange, good(exchange))
    assert isinstance(outcome, Message)
    assert outcome.facts.sender == BAC_GIANG
    assert outcome.facts.recipient == BACH_MAI
    assert hashlib.sha256(outcome.payload).hexdigest() == outcome.stamp.payload_sha256


@pytest.mark.parametrize("event", [Event.UPDATE, Event.CANCEL, Event.DEPARTED])
def test_other_events_are_taken(exchange: ExchangeDouble, event: Event) -> None:
    outcome = judge(exchange, good(exchange, event=event))
    assert isinstance(outcome, Message)
    assert outcome.facts.event is event


@pytest.mark.parametrize("stamps", [0, 2])
def test_1_there_must_be_exactly_one_stamp(exchange: ExchangeDouble, stamps: int) -> None:
    record = good(exchange)
    stamp = [pair for pair in record.headers if pair[0] == HEADER_STAMP]
    others = tuple(pair for pair in record.headers if pair[0] != HEADER_STAMP)
    assert judge(exchange, replace(record, headers=others + tuple(stamp * stamps))) == Unproven(
        ReasonCode.STAMP_MISSING, "headers"
    )


def test_1_size_comes_first(exchange: ExchangeDouble) -> None:
    record = replace(good(exchange), value=b"x" * (1_310_720 + 1), headers=())
    assert judge(exchange, record) == Unproven(ReasonCode.RECORD_TOO_LARGE, "")


def test_2_a_stamp_by_anyone_else_proves_nothing(exchange: ExchangeDouble) -> None:
    record = good(exchange)
    forged = Stamp.decode(payload(record))
    token = sign_token(forged.encode(), Stamp.TYP, exchange.pki.facility(BAC_GIANG).signing.token_key).encode()
    outcome = judge(exchange, exchange.record(BACH_MAI, record.value, token, "envelope"))
    assert outcome == Unproven(ReasonCode.STAMP_INVALID, "key-unknown")


def test_2_another_token_of_the_exchange_is_no_stamp(exchange: ExchangeDouble) -> None:
    record = exchange.head(BACH_MAI)
    outcome = judge(exchange, exchange.record(BACH_MAI, record.value, record.value, "head"))
    assert outcome == Unproven(ReasonCode.STAMP_INVALID, "token-wrong-type")


def test_3_a_record_for_another_hospital_is_not_mine(exchange: ExchangeDouble) -> None:
    record = restamped(exchange, good(exchange), recipient="01Z99")
    outcome = judge(exchange, record)
    assert isinstance(outcome, Unreadable)
    assert outcome.reason is ReasonCode.STAMP_NOT_FOR_ME


def test_3_a_record_of_another_exchange_is_not_mine(exchange: ExchangeDouble) -> None:
    outcome = judge(exchange, restamped(exchange, good(exchange), exchange="urn:lienvien:exchange:other"))
    assert outcome.reason is ReasonCode.STAMP_NOT_FOR_ME


@pytest.mark.parametrize("header", [b"receipt", b"", b"\xff\x00"])
def test_3_the_header_must_name_the_stamps_record_type(exchange: ExchangeDouble, header: bytes) -> None:
    record = good(exchange)
    stamp = dict(record.headers)[HEADER_STAMP]
    outcome = judge(exchange, replace(record, headers=((HEADER_RECORD_TYPE, header), (HEADER_STAMP, stamp))))
    assert outcome.reason is ReasonCode.RECORD_TYPE_UNKNOWN


def test_4_a_known_message_is_dropped_before_anything_is_opened(exchange: ExchangeDouble) -> None:
    record = good(exchange)
    digest = Stamp.decode(payload(record)).payload_sha256
    outcome = judge(exchange, replace(record, value=b"damaged"), replace(NOTHING, payload_sha256=digest))
    assert isinstance(outcome, Repeat)
    assert not outcome.differs


def test_4_a_known_id_with_other_content_is_told_apart(exchange: ExchangeDouble) -> None:
    outcome = judge(exchange, good(exchange), replace(NOTHING, payload_sha256="f" * 64))
    assert isinstance(outcome, Repeat)
    assert outcome.differs


@pytest.mark.parametrize(
    ("memory", "place"),
    [
        (NumberMemory(0, None), Place.AHEAD),
        (NumberMemory(40, None), Place.AHEAD),
        (NumberMemory(41, None), Place.NEXT),
        (NumberMemory(50, None), Place.FILLS_GAP),
        (NumberMemory(50, "f" * 64), Place.CONFLICT),
    ],
)
def test_4_the_number_never_decides_whether_a_message_is_new(
    exchange: ExchangeDouble, memory: NumberMemory, place: Place
) -> None:
    record = restamped(exchange, good(exchange), delivery_seq=42)
    outcome = judge(exchange, record, replace(NOTHING, number=memory))
    assert isinstance(outcome, Message)
    assert outcome.place is place


@pytest.mark.parametrize(
    ("known", "says"),
    [(1, GenerationSays.SAME), (2, GenerationSays.LOWER), (0, GenerationSays.HIGHER_UNANNOUNCED)],
)
def test_4_an_unexpected_generation_is_noticed_and_judged_by_id(
    exchange: ExchangeDouble, known: int, says: GenerationSays
) -> None:
    outcome = judge(exchange, good(exchange), replace(NOTHING, generation=known))
    assert isinstance(outcome, Message)
    assert outcome.generation is says


def test_5_the_record_must_be_the_stamped_one(exchange: ExchangeDouble) -> None:
    first, second = good(exchange), good(exchange)
    outcome = judge(exchange, replace(first, value=second.value))
    assert outcome.reason is ReasonCode.RECORD_DIGEST_DIFFERS


def test_6_an_envelope_for_somebody_else_cannot_be_opened(exchange: ExchangeDouble) -> None:
    other = exchange.pki.facility("01Z99").encryption.certificate
    payload = as_bytes(make_bundle(BAC_GIANG, BACH_MAI))
    jws = sign_message(payload, exchange.pki.facility(BAC_GIANG).signing, iat=int(exchange.now.timestamp()))
    value = seal(jws, [exchange.pki.exchange.encryption.certificate, other])
    outcome = judge(exchange, exchange.put(BACH_MAI, value, payload))
    assert outcome.reason is ReasonCode.ENVELOPE_NOT_FOR_US
    assert not outcome.park


def test_7_the_signature_must_be_the_stamped_senders(exchange: ExchangeDouble) -> None:
    payload = as_bytes(make_bundle(BAC_GIANG, BACH_MAI))
    value, _ = exchange.sealed_message("24Z02", BACH_MAI, payload)
    outcome = judge(exchange, exchange.put(BACH_MAI, value, payload))
    assert outcome.reason is ReasonCode.FACILITY_MISMATCH


def test_7_a_certificate_revoked_before_acceptance_is_refused_later_revocation_is_not(tmp_path: Path) -> None:
    double = ExchangeDouble(make_pki(tmp_path))
    record = good(double)
    double.pki.now += timedelta(minutes=5)
    double.pki.revoke(double.pki.facility(BAC_GIANG).signing.certificate)
    assert isinstance(judge(double, record, trust=double.pki.trust()), Message)
    double.later(minutes=10)
    late = good(double)
    assert judge(double, late, trust=double.pki.trust()).reason is ReasonCode.CERTIFICATE_REVOKED


@pytest.mark.parametrize(("priority", "taken"), [(Priority.STAT, True), (Priority.URGENT, False)])
def test_7_with_an_old_revocation_list_only_stat_passes_the_others_are_kept(
    tmp_path: Path, priority: Priority, taken: bool
) -> None:
    double = ExchangeDouble(make_pki(tmp_path))
    double.later(days=8)
    outcome = judge(double, good(double, priority=priority))
    if taken:
        assert isinstance(outcome, Message)
        assert outcome.flags == {"stale-crl"}
    else:
        assert (outcome.reason, outcome.park) == (ReasonCode.CRL_STALE, True)


def test_8_the_opened_payload_must_be_the_stamped_one(exchange: ExchangeDouble) -> None:
    record = restamped(exchange, good(exchange), payload_sha256="0" * 64)
    assert judge(exchange, record).reason is ReasonCode.PAYLOAD_DIGEST_DIFFERS


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("message_id", "00000000-0000-4000-8000-000000000000"),
        ("bundle_id", "00000000-0000-4000-8000-000000000000"),
        ("case_id", "00000000-0000-4000-8000-000000000000"),
        ("transfer_id", "00000000-0000-4000-8000-000000000000"),
        ("event", Event.CANCEL),
        ("priority", Priority.STAT),
    ],
)
def test_9_the_bundle_must_say_what_the_stamp_says(exchange: ExchangeDouble, member: str, value: object) -> None:
    outcome = judge(exchange, restamped(exchange, good(exchange), **{member: value}))
    assert (outcome.reason, outcome.where) == (ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, member)


def test_9_a_bundle_for_another_recipient_is_not_taken(exchange: ExchangeDouble) -> None:
    payload = as_bytes(make_bundle(BAC_GIANG, "01Z99"))
    value, _ = exchange.sealed_message(BAC_GIANG, BACH_MAI, payload)
    outcome = judge(exchange, exchange.put(BACH_MAI, value, payload))
    assert (outcome.reason, outcome.where) == (ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, "recipient")


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"\xff", b'{"resourceType":"Bundle","entry":[]}', b"null"])
def test_a_signed_payload_of_any_kind_is_unreadable_not_an_error(exchange: ExchangeDouble, payload: bytes) -> None:
    value, _ = exchange.sealed_message(BAC_GIANG, BACH_MAI, payload)
    record = restamped(exchange, good(exchange), value, payload_sha256=hashlib.sha256(payload).hexdigest())
    assert isinstance(judge(exchange, record), Unreadable)
