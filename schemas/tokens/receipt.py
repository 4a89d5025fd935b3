"""Receipt and refusal, one shape: the exchange's answer to one message, signed once, stored, replayed byte for byte."""

from enum import StrEnum
from typing import ClassVar

from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.model import (
    Code,
    ExchangeUrn,
    FacilityId,
    Moment,
    Sequence,
    Sha256,
    State,
    TokenModel,
    Uuid,
    Where,
)


class Verdict(StrEnum):
    """``accepted`` means durable. ``refused`` is final. ``transient`` and ``held`` are not, and are judged anew."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    TRANSIENT = "transient"
    HELD = "held"


class Source(TokenModel):
    """Where the record lay in Kafka."""

    topic: str
    partition: int
    offset: int


class Receipt(TokenModel):
    """What the exchange decided about one message, and under which numbers.

    ``event_seq`` is the event's position in its transfer; a refusal has none, but ``LATE`` and ``CROSSED`` name the
    ``winning_event_seq``. ``duplicate_of`` is the message id whose content this one repeats. ``audit_leaf`` is the leaf
    hash of the audit entry (RFC 6962); ``log_index`` its number, where one was known when the receipt was signed.
    """

    TYP: ClassVar[str] = "lienvien-receipt+jws"

    exchange: ExchangeUrn
    recipient: FacilityId
    verdict: Verdict
    reason: ReasonCode | None = None
    where: Where | None = None
    message_id: Uuid
    bundle_id: Uuid | None = None
    case_id: Uuid | None = None
    transfer_id: Uuid | None = None
    event: Event | None = None
    record_sha256: Sha256
    payload_sha256: Sha256
    source: Source
    appended_at: Moment
    accepted_at: Moment
    event_seq: Sequence | None = None
    winning_event_seq: Sequence | None = None
    duplicate_of: Uuid | None = None
    state: State | None = None
    policy_version: Code
    audit_leaf: Sha256
    log_index: int | None = None
