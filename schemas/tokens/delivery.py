"""Tokens of delivery: ack and inbox-status by the destination, head and void by the exchange."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas.limits import ACKS_PER_TOKEN, MISSING_NUMBERS_MAX
from schemas.reasons import ReasonCode
from schemas.tokens.model import ExchangeUrn, FacilityId, Moment, Sequence, Sha256, TokenModel, Uuid


class AckVerdict(StrEnum):
    """The destination's connector has the message durably and could read it, or could not."""

    DELIVERED = "delivered"
    UNREADABLE = "unreadable"


class Acknowledged(TokenModel):
    """One delivery in an ack."""

    message_id: Uuid
    payload_sha256: Sha256
    delivery_seq: Sequence
    verdict: AckVerdict
    reason: ReasonCode | None = None
    at: Moment


class Ack(TokenModel):
    """The proof of delivery: signed by the destination, carried to the sender unopened. One recipient per ack."""

    TYP: ClassVar[str] = "lienvien-ack+jws"

    exchange: ExchangeUrn
    facility: FacilityId  # who signs: the destination
    recipient: FacilityId  # the sender of every message named
    at: Moment
    acknowledged: Annotated[tuple[Acknowledged, ...], Field(min_length=1, max_length=ACKS_PER_TOKEN)]


class InboxStatus(TokenModel):
    """What a facility holds of its inbox: everything up to ``complete_to`` but the missing numbers.

    ``back`` asks for a head at once, after a time without connection.
    """

    TYP: ClassVar[str] = "lienvien-inbox-status+jws"

    exchange: ExchangeUrn
    facility: FacilityId
    generation: Sequence
    complete_to: Annotated[int, Field(ge=0, lt=2**53)]  # highest number without a gap; 0 when none
    missing: Annotated[tuple[Sequence, ...], Field(max_length=MISSING_NUMBERS_MAX)] = ()
    highest: Annotated[int, Field(ge=0, lt=2**53)]
    incarnation: Uuid
    back: bool = False
    at: Moment


class Head(TokenModel):
    """The last number given out in one inbox; itself unnumbered, published every few minutes as a sign of life."""

    TYP: ClassVar[str] = "lienvien-head+jws"

    exchange: ExchangeUrn
    recipient: FacilityId
    generation: Sequence
    last: Annotated[int, Field(ge=0, lt=2**53)]
    at: Moment


class Void(TokenModel):
    """A number whose bytes are lost: nothing will ever come under it."""

    TYP: ClassVar[str] = "lienvien-void+jws"

    exchange: ExchangeUrn
    recipient: FacilityId
    generation: Sequence
    delivery_seq: Sequence
    at: Moment
