"""Tokens at the inbox: each kind at its own door, proven by its own signer."""

from dataclasses import replace

import pytest

from connectors.receive import (
    Repeat,
    Token,
    Unreadable,
)
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.tokens.notice import NoticeKind
from schemas.topics import RecordType
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import URN, ExchangeDouble
from tests.connectors.receive_steps import NOTHING, acknowledgement, judge, restamped


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> ExchangeDouble:
    return ExchangeDouble(make_pki(tmp_path_factory.mktemp("pki")))


def test_tokens_of_the_exchange_are_taken(exchange: ExchangeDouble) -> None:
    for record in (
        exchange.head(BACH_MAI),
        exchange.void(BACH_MAI, 7),
        exchange.notice(BACH_MAI, NoticeKind.RESEND_REQUEST),
    ):
        assert isinstance(judge(exchange, record), Token)


def test_a_head_has_no_number(exchange: ExchangeDouble) -> None:
    assert judge(exchange, exchange.head(BACH_MAI)).place is None


def test_an_ack_is_proven_by_the_other_hospitals_own_key(exchange: ExchangeDouble) -> None:
    record = exchange.deliver(BACH_MAI, RecordType.ACK, acknowledgement(exchange), sender=BAC_GIANG)
    outcome = judge(exchange, record)
    assert isinstance(outcome, Token)
    assert isinstance(outcome.payload, Ack)


def test_an_ack_whose_signer_is_not_known_yet_is_kept(exchange: ExchangeDouble) -> None:
    record = exchange.deliver(BACH_MAI, RecordType.ACK, acknowledgement(exchange), sender=BAC_GIANG)
    outcome = judge(exchange, record, signers={})
    assert (outcome.reason, outcome.park) == (ReasonCode.KEY_UNKNOWN, True)


@pytest.mark.parametrize(
    "changes", [{"recipient": BAC_GIANG}, {"facility": "01Z99"}, {"exchange": "urn:lienvien:exchange:other"}]
)
def test_an_ack_must_be_from_its_sender_to_me(exchange: ExchangeDouble, changes: dict[str, str]) -> None:
    token = acknowledgement(exchange, **changes)
    record = exchange.deliver(BACH_MAI, RecordType.ACK, token, sender=BAC_GIANG)
    assert isinstance(judge(exchange, record), Unreadable)


def test_an_ack_by_the_exchange_itself_proves_no_delivery(exchange: ExchangeDouble) -> None:
    parsed = Ack(
        exchange=URN,
        facility=BAC_GIANG,
        recipient=BACH_MAI,
        at=iso(exchange.now),
        acknowledged=(
            Acknowledged(
                message_id="00000000-0000-4000-8000-000000000001",
                payload_sha256="a" * 64,
                delivery_seq=1,
                verdict=AckVerdict.DELIVERED,
                at=iso(exchange.now),
            ),
        ),
    )
    record = exchange.deliver(BACH_MAI, RecordType.ACK, exchange.token(parsed), sender=BAC_GIANG)
    assert judge(exchange, record).reason is ReasonCode.KEY_UNKNOWN


def test_a_void_speaks_of_its_own_number_only(exchange: ExchangeDouble) -> None:
    record = restamped(exchange, exchange.void(BACH_MAI, 7), delivery_seq=8)
    assert judge(exchange, record).reason is ReasonCode.BUNDLE_DISAGREES_WITH_STAMP


def test_a_known_token_is_dropped(exchange: ExchangeDouble) -> None:
    record = exchange.notice(BACH_MAI, NoticeKind.EXPIRED)
    assert isinstance(judge(exchange, record, replace(NOTHING, token_known=True)), Repeat)


@pytest.mark.parametrize("door", [RecordType.RECEIPT, RecordType.ACK, RecordType.VOID, RecordType.DIRECTORY])
def test_a_token_of_one_kind_is_refused_at_every_other_door(exchange: ExchangeDouble, door: RecordType) -> None:
    token = exchange.notice(BACH_MAI, NoticeKind.EXPIRED).value
    members = {"message_id": "00000000-0000-4000-8000-000000000001"} if door is RecordType.RECEIPT else {}
    outcome = judge(exchange, exchange.deliver(BACH_MAI, door, token, **members))
    assert isinstance(outcome, Unreadable)
    assert outcome.reason in (ReasonCode.TOKEN_WRONG_TYPE, ReasonCode.KEY_UNKNOWN)
