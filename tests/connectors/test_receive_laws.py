"""Any bytes are judged, stamped or not, and a changed record is never taken."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certs.profiles import CertProfile
from certs.seal import sign_token
from connectors.receive import (
    InboxRecord,
    Message,
    Unproven,
    Unreadable,
)
from schemas.reasons import ReasonCode
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from tests.certs.pki import BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.receive_steps import damaged, good, judge, restamped


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> ExchangeDouble:
    return ExchangeDouble(make_pki(tmp_path_factory.mktemp("pki")))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.binary(max_size=400),
    headers=st.lists(st.tuples(st.sampled_from(["stamp", "record_type", "x"]), st.binary(max_size=200)), max_size=4),
)
def test_any_bytes_are_judged(exchange: ExchangeDouble, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    record = InboxRecord("xfer.inbox.01901", 0, value, tuple(headers))
    assert isinstance(judge(exchange, record), Unproven)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_stamped_record_of_any_bytes_is_judged(exchange: ExchangeDouble, data: st.DataObject) -> None:
    record = good(exchange)
    value = data.draw(st.one_of(st.binary(max_size=300), damaged(record.value)))
    kind = data.draw(st.sampled_from([k for k in RecordType if k is not RecordType.INBOX_STATUS]))
    if kind is RecordType.ENVELOPE:
        outcome = judge(exchange, restamped(exchange, record, value))
        if isinstance(outcome, Message):  # another recipient's entry is protected by nothing and decides nothing
            assert outcome.payload == judge(exchange, record).payload
            return
    else:
        outcome = judge(exchange, exchange.deliver(BACH_MAI, kind, value))
    assert isinstance(outcome, Unreadable)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_changed_record_is_never_taken(exchange: ExchangeDouble, data: st.DataObject) -> None:
    record = good(exchange)
    outcome = judge(exchange, replace(record, value=data.draw(damaged(record.value))))
    assert isinstance(outcome, Unreadable)
    assert outcome.reason is ReasonCode.RECORD_DIGEST_DIFFERS


def test_signing_certificates_serve_no_other_purpose(exchange: ExchangeDouble) -> None:
    wrong = exchange.pki.key(CertProfile.EXCHANGE_ENC, "other")
    stamp = sign_token(b"{}", Stamp.TYP, wrong.token_key).encode()
    outcome = judge(exchange, exchange.record(BACH_MAI, b"x", stamp, "envelope"))
    assert isinstance(outcome, Unproven)
