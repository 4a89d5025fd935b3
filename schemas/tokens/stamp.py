"""The stamp: the exchange's word on one inbox record, carried as the header ``stamp``."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from pydantic import model_validator

from schemas.events import Event
from schemas.tokens.model import ExchangeUrn, FacilityId, Moment, Sequence, Sha256, State, TokenModel, Uuid
from schemas.topics import RecordType
from schemas.urgency import Kind, Priority

_ALWAYS: Final = frozenset({"exchange", "recipient", "record_type", "record_sha256", "generation"})
_CASE: Final = frozenset({"message_id", "bundle_id", "case_id", "transfer_id", "event", "sender"})
_NUMBERED: Final = frozenset({"delivery_seq", "accepted_at"})

# The members each record type may have beside the ones always there; the set per type is closed.
MEMBERS: Final[Mapping[RecordType, frozenset[str]]] = MappingProxyType(
    {
        RecordType.ENVELOPE: _NUMBERED
        | _CASE
        | {"priority", "kind", "tags", "event_seq", "state", "payload_sha256", "possible_duplicate"},
        RecordType.RECEIPT: _NUMBERED | _CASE,
        RecordType.ACK: _NUMBERED | {"sender"},
        RecordType.NOTICE: _NUMBERED | _CASE,
        RecordType.VOID: _NUMBERED,
        RecordType.DIRECTORY: _NUMBERED,
        RecordType.HEAD: frozenset({"accepted_at"}),
    }
)


class Stamp(TokenModel):
    """Facts of one inbox record. Times UTC; ``event_seq`` and ``delivery_seq`` from 1; digests lower-case hex."""

    TYP: ClassVar[str] = "lienvien-stamp+jws"

    exchange: ExchangeUrn
    recipient: FacilityId
    record_type: RecordType
    record_sha256: Sha256
    generation: Sequence
    delivery_seq: Sequence | None = None
    accepted_at: Moment | None = None
    message_id: Uuid | None = None
    bundle_id: Uuid | None = None
    case_id: Uuid | None = None
    transfer_id: Uuid | None = None
    event: Event | None = None
    sender: FacilityId | None = None
    priority: Priority | None = None
    kind: Kind | None = None
    tags: tuple[str, ...] | None = None
    event_seq: Sequence | None = None
    state: State | None = None
    payload_sha256: Sha256 | None = None
    possible_duplicate: bool | None = None

    @model_validator(mode="after")
    def _closed_set(self) -> "Stamp":
        allowed = MEMBERS.get(self.record_type, frozenset()) | _ALWAYS
        if any(getattr(self, name) is not None for name in type(self).model_fields if name not in allowed):
            raise ValueError("a member that does not apply to this record type")
        needed = {"delivery_seq"} & MEMBERS.get(self.record_type, frozenset())
        if self.record_type is RecordType.ENVELOPE:
            needed |= _CASE | {"priority", "payload_sha256", "accepted_at"}
        if any(getattr(self, name) is None for name in needed):
            raise ValueError("a member is missing for this record type")
        return self
