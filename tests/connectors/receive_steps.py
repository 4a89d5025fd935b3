"""Records of an inbox, good and changed, and how they are judged."""

import hashlib
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from certs.seal import sign_token
from connectors.numbers import NumberMemory
from connectors.receive import (
    InboxRecord,
    Memory,
    ReceiveContext,
    examine,
)
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_STAMP
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.bundles import make_bundle
from tests.connectors.exchange_double import URN, ExchangeDouble

NOTHING = Memory(None, token_known=False, number=NumberMemory(0, None), generation=1)


def context(exchange: ExchangeDouble, **changes: Any) -> ReceiveContext:
    me = exchange.pki.facility(BACH_MAI)
    signing = exchange.pki.exchange.signing
    sender = exchange.pki.facility(BAC_GIANG).signing
    plain = ReceiveContext(
        facility=BACH_MAI,
        exchange=URN,
        exchange_keys={signing.kid: signing.token_key.public_key},
        decryption_keys=me.decryption_keys,
        trust=exchange.trust,
        signers={BAC_GIANG: {sender.kid: sender.certificate}},
        now=exchange.now,
    )
    return replace(plain, **changes)


def judge(exchange: ExchangeDouble, record: InboxRecord, memory: Memory = NOTHING, **changes: Any) -> Any:
    return examine(record, context(exchange, **changes), lambda _: memory)


def good(exchange: ExchangeDouble, **changes: Any) -> InboxRecord:
    return exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, **changes))


def restamped(
    exchange: ExchangeDouble, record: InboxRecord, value: bytes | None = None, /, **changes: Any
) -> InboxRecord:
    """The record with another value under a stamp that the exchange signed for it."""
    from certs.token import parse_compact

    value = record.value if value is None else value
    stamp = Stamp.decode(parse_compact(dict(record.headers)[HEADER_STAMP], typ=Stamp.TYP).payload)
    changed = stamp.model_copy(update={"record_sha256": hashlib.sha256(value).hexdigest(), **changes})
    return exchange.record(BACH_MAI, value, exchange.token(changed), changed.record_type.value)


def acknowledgement(exchange: ExchangeDouble, /, **changes: Any) -> bytes:
    item = Acknowledged(
        message_id="00000000-0000-4000-8000-000000000001",
        payload_sha256="a" * 64,
        delivery_seq=1,
        verdict=AckVerdict.DELIVERED,
        at=iso(exchange.now),
    )
    plain = {"exchange": URN, "facility": BAC_GIANG, "recipient": BACH_MAI, "at": iso(exchange.now)}
    ack = Ack(**{**plain, "acknowledged": (item,), **changes})
    return sign_token(ack.encode(), Ack.TYP, exchange.pki.facility(BAC_GIANG).signing.token_key).encode()


@st.composite
def damaged(draw: st.DrawFn, value: bytes) -> bytes:
    position = draw(st.integers(min_value=0, max_value=len(value) - 1))
    flip = draw(st.integers(min_value=1, max_value=255))
    return value[:position] + bytes([value[position] ^ flip]) + value[position + 1 :]


def payload(record: InboxRecord) -> bytes:
    from certs.token import parse_compact

    return parse_compact(dict(record.headers)[HEADER_STAMP], typ=Stamp.TYP).payload
