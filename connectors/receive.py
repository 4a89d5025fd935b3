"""What a record of the inbox is: pure, and total over any bytes.

``examine`` is the numbered recipe. Its outcome is one of a few types, so that nothing can be handed over that did not
pass every step: ``Message`` and ``Token`` have; ``Repeat`` was taken in before; ``Unproven`` failed before the stamp
was proven to be the exchange's (nobody is answered, its number stays missing); ``Unreadable`` failed after that (its
sender is told, so that he seals anew).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from certs.facility_token import verify_facility_token
from certs.keys import PrivateKey, PublicKey
from certs.trust import STALE_CRL, TrustMaterial
from certs.unseal import open_envelope, verify_token
from certs.verify_message import verify_message
from connectors.numbers import GenerationSays, NumberMemory, Place, generation_says, place
from schemas import strict_json
from schemas.limits import INBOX_TOPIC_MAX_BYTES, STAMP_MAX_BYTES
from schemas.message import MessageFacts, read_facts
from schemas.reasons import ReasonCode, Refused
from schemas.times import parse_iso
from schemas.tokens.delivery import Ack, Head, Void
from schemas.tokens.directory import CountersignedEntry, Register
from schemas.tokens.notice import Notice
from schemas.tokens.receipt import Receipt
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType
from schemas.urgency import Priority

TokenPayload = Receipt | Ack | Notice | Void | Head | CountersignedEntry | Register


@dataclass(frozen=True, slots=True)
class InboxRecord:
    """A record as Kafka gave it."""

    topic: str
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class ReceiveContext:
    """Whose inbox this is, and whom it trusts. Keys by ``kid``, judged when they were loaded.

    ``signers``: signing certificates of other facilities, by facility, from their directory entries; for acks.
    """

    facility: str
    exchange: str
    exchange_keys: Mapping[str, PublicKey]
    decryption_keys: Mapping[str, PrivateKey]
    trust: TrustMaterial
    signers: Mapping[str, Mapping[str, x509.Certificate]]
    now: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known before a record, looked up by its proven stamp."""

    payload_sha256: str | None  # stored under (sender, message id); None when new
    token_known: bool
    number: NumberMemory
    generation: int


Recall = Callable[[Stamp], Memory]


@dataclass(frozen=True, slots=True)
class Unproven:
    """No stamp of the exchange: position, quarantine row, alarm, no answer."""

    reason: ReasonCode
    where: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A stamped record that cannot be taken in. Its id stays free.

    ``park``: the cause lies here (a revocation list, a key not known yet): kept, and judged again, without an answer.
    """

    stamp: Stamp
    reason: ReasonCode
    where: str
    park: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """Taken in before; dropped. ``differs``: the known message id came with other content."""

    stamp: Stamp
    place: Place | None
    generation: GenerationSays
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message of another facility that passed every check."""

    stamp: Stamp
    stamp_token: bytes
    place: Place
    generation: GenerationSays
    facts: MessageFacts
    bundle: Mapping[str, Any]
    jws: bytes
    payload: bytes
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Token:
    """A token that passed every check."""

    stamp: Stamp
    stamp_token: bytes
    place: Place | None  # a head has no number
    generation: GenerationSays
    payload: TokenPayload
    raw: bytes


Examined = Unproven | Unreadable | Repeat | Message | Token

# Reasons that lie at this end and pass by themselves.
LIES_HERE: Final = frozenset({ReasonCode.CRL_STALE, ReasonCode.CRL_UNUSABLE})


def examine(record: InboxRecord, context: ReceiveContext, recall: Recall) -> Examined:
    """Judge one record, in the order of the contract.

    1. size, and exactly one stamp
    2. the stamp's form, kind, key and signature
    3. recipient and exchange are mine
    4. id and number: taken in before?
    5. digest of the record
    6. own entry of the envelope by ``kid``; decrypt
    7. the signed message: form, algorithm, chain, sender, validity and revocation at the stamp's time
    8. digest of the payload (mandatory: AES-GCM does not commit to its key)
    9. ids, event, parties, priority in the Bundle are the stamp's

    Tokens take steps 1 to 5, then their own verification (``_token``). The caller still owes: position, rows, answer.
    """
    try:
        stamp, stamp_token = read_stamp(record, context)  # 1, 2
    except Refused as refused:
        return Unproven(refused.reason, refused.where)
    try:
        _check_addressee(stamp, record, context)  # 3
        memory = recall(stamp)
        says = generation_says(memory.generation, stamp.generation)
        where = None if stamp.delivery_seq is None else place(memory.number, stamp.delivery_seq, stamp.record_sha256)
        if memory.token_known or memory.payload_sha256 is not None:  # 4
            differs = memory.payload_sha256 not in (None, stamp.payload_sha256)
            return Repeat(stamp, where, says, differs)
        if hashlib.sha256(record.value).hexdigest() != stamp.record_sha256:  # 5
            raise Refused(ReasonCode.RECORD_DIGEST_DIFFERS)
        if stamp.record_type is not RecordType.ENVELOPE:
            return Token(stamp, stamp_token, where, says, _token(stamp, record.value, context), record.value)
        assert where is not None  # the stamp's closed set: an envelope has a number
        return _message(_Placed(stamp, stamp_token, where, says), record.value, context)  # 6 to 9
    except Refused as refused:
        return Unreadable(stamp, refused.reason, refused.where, _is_ours(stamp, refused))


def read_stamp(record: InboxRecord, context: ReceiveContext) -> tuple[Stamp, bytes]:
    """The stamp of a record, proven (steps 1 and 2). Raises Refused."""
    if len(record.value) > INBOX_TOPIC_MAX_BYTES:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    stamps = [value for name, value in record.headers if name == HEADER_STAMP]
    if len(stamps) != 1:
        raise Refused(ReasonCode.STAMP_MISSING, "headers")
    try:
        payload = verify_token(stamps[0], typ=Stamp.TYP, keys=context.exchange_keys, max_bytes=STAMP_MAX_BYTES)
        return Stamp.decode(payload), stamps[0]
    except Refused as refused:
        raise Refused(ReasonCode.STAMP_INVALID, refused.reason.value) from None


def _check_addressee(stamp: Stamp, record: InboxRecord, context: ReceiveContext) -> None:
    if stamp.recipient != context.facility or stamp.exchange != context.exchange:
        raise Refused(ReasonCode.STAMP_NOT_FOR_ME, "stamp")
    kinds = [value for name, value in record.headers if name == HEADER_RECORD_TYPE]
    if kinds != [stamp.record_type.value.encode()]:
        raise Refused(ReasonCode.RECORD_TYPE_UNKNOWN, "headers")


@dataclass(frozen=True, slots=True)
class _Placed:
    stamp: Stamp
    stamp_token: bytes
    place: Place
    generation: GenerationSays


def _message(placed: _Placed, value: bytes, context: ReceiveContext) -> Message:
    stamp = placed.stamp
    accepted_at = _moment(stamp.accepted_at)
    jws = open_envelope(value, context.decryption_keys)  # 6
    verified = verify_message(jws, context.trust, now=context.now, owner=stamp.sender, judged_at=accepted_at)  # 7
    if STALE_CRL in verified.flags and stamp.priority is not Priority.STAT:
        raise Refused(ReasonCode.CRL_STALE)
    if verified.payload_sha256 != stamp.payload_sha256:  # 8
        raise Refused(ReasonCode.PAYLOAD_DIGEST_DIFFERS)
    bundle = strict_json.loads(verified.payload)
    facts = read_facts(bundle)
    _check_facts(facts, stamp)  # 9
    return Message(
        stamp,
        placed.stamp_token,
        placed.place,
        placed.generation,
        facts,
        bundle,
        jws,
        verified.payload,
        verified.flags,
    )


def _moment(text: str | None) -> datetime:
    try:
        return parse_iso(str(text))
    except ValueError:  # the form is right but there is no such day
        raise Refused(ReasonCode.STAMP_INVALID, "accepted_at") from None


_SAME: Final = ("message_id", "bundle_id", "case_id", "transfer_id", "event", "sender", "recipient", "priority")


def _check_facts(facts: MessageFacts, stamp: Stamp) -> None:
    for name in _SAME:  # the stamp's recipient was found to be me in step 3
        if getattr(facts, name) != getattr(stamp, name):
            raise Refused(ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, name)


def _token(stamp: Stamp, value: bytes, context: ReceiveContext) -> TokenPayload:
    if stamp.record_type is RecordType.ACK:
        return _ack(stamp, value, context)
    if stamp.record_type is RecordType.DIRECTORY:
        return _directory(value, context)
    models: Mapping[RecordType, type[Receipt] | type[Notice] | type[Void] | type[Head]] = {
        RecordType.RECEIPT: Receipt,
        RecordType.NOTICE: Notice,
        RecordType.VOID: Void,
        RecordType.HEAD: Head,
    }
    model = models.get(stamp.record_type)
    if model is None:
        raise Refused(ReasonCode.RECORD_TYPE_UNKNOWN, "stamp.record_type")
    token = model.decode(verify_token(value, typ=model.TYP, keys=context.exchange_keys))
    _check_exchange(token.exchange, context)
    if token.recipient != context.facility:
        raise Refused(ReasonCode.STAMP_NOT_FOR_ME, "token.recipient")
    if isinstance(token, Void) and token.delivery_seq != stamp.delivery_seq:
        raise Refused(ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, "delivery_seq")
    if isinstance(token, Receipt) and token.message_id != stamp.message_id:
        raise Refused(ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, "message_id")
    return token


def _ack(stamp: Stamp, value: bytes, context: ReceiveContext) -> Ack:
    verified = verify_facility_token(
        value,
        typ=Ack.TYP,
        signers=context.signers.get(stamp.sender or "", {}),
        trust=context.trust,
        now=_moment(stamp.accepted_at),
        owner=stamp.sender,
    )
    ack = Ack.decode(verified.payload)
    _check_exchange(ack.exchange, context)
    if ack.recipient != context.facility or ack.facility != stamp.sender:
        raise Refused(ReasonCode.BUNDLE_DISAGREES_WITH_STAMP, "ack")
    return ack


def _directory(value: bytes, context: ReceiveContext) -> CountersignedEntry | Register:
    entry: CountersignedEntry | Register
    try:
        entry = CountersignedEntry.decode(verify_token(value, typ=CountersignedEntry.TYP, keys=context.exchange_keys))
    except Refused as refused:
        if refused.reason is not ReasonCode.TOKEN_WRONG_TYPE:
            raise
        entry = Register.decode(verify_token(value, typ=Register.TYP, keys=context.exchange_keys))
    _check_exchange(entry.exchange, context)
    return entry


def _check_exchange(exchange: str, context: ReceiveContext) -> None:
    if exchange != context.exchange:
        raise Refused(ReasonCode.EXCHANGE_MISMATCH, "token.exchange")


def _is_ours(stamp: Stamp, refused: Refused) -> bool:
    if stamp.record_type is RecordType.ACK and refused.reason is ReasonCode.KEY_UNKNOWN:
        return True  # the signer's directory entry is still on its way
    return refused.reason in LIES_HERE
