"""Notice: what the exchange has to tell a facility beside receipts."""

from enum import StrEnum
from typing import ClassVar

from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.model import ExchangeUrn, FacilityId, Moment, Sequence, State, TokenModel, Uuid, Where


class NoticeKind(StrEnum):
    """Why the notice was written."""

    CROSSED = "crossed"  # the other party tried something that came too late; both sides show the conflict
    RESEND_REQUEST = "resend-request"  # the bytes behind a number are lost; seal and send the message again
    DEADLINE_MISSED = "deadline-missed"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    GENERATION_RAISED = "generation-raised"
    DIRECTORY_CHANGED = "directory-changed"


class Notice(TokenModel):
    """One notice. Members that do not apply are absent."""

    TYP: ClassVar[str] = "lienvien-notice+jws"

    exchange: ExchangeUrn
    recipient: FacilityId
    notice: NoticeKind
    at: Moment
    notice_id: Uuid
    reason: ReasonCode | None = None
    where: Where | None = None
    message_id: Uuid | None = None
    case_id: Uuid | None = None
    transfer_id: Uuid | None = None
    event: Event | None = None
    winning_event_seq: Sequence | None = None
    state: State | None = None
    delivery_seq: Sequence | None = None
    generation: Sequence | None = None
