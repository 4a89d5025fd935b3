"""What the database knows that a decision needs: plain values, read under lock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.events import Event
from schemas.lifecycle import TransferState
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.urgency import Kind, Priority


class Standing(StrEnum):
    """A facility, as the exchange sees it."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    NOT_CONNECTED = "not-connected"  # in the register only
    CLOSED = "closed"  # in the register, but its code has ended
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message that has a final answer."""

    sender: str
    message_id: str
    payload_sha256: str
    content_sha256: str | None
    verdict: Verdict
    receipt: str  # the signed token
    destination: str | None
    event: Event | None
    transfer_id: str | None
    case_id: str | None
    priority: Priority | None
    event_seq: int | None
    record_sha256: str
    ack: AckVerdict | None


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that waits. ``receipt`` is the answer its sender has had."""

    sender: str
    message_id: str
    case_id: str
    payload_sha256: str
    reason: ReasonCode
    receipt: str
    offset: int  # in its sender's topic; another one when it comes again
    record_sha256: str
    held_at: str  # since when: a held message holds only those of its case that came later

    @property
    def turn(self) -> tuple[str, int]:
        """Orders the waiting messages of one case as they first came."""
        return self.held_at, self.offset


@dataclass(frozen=True, slots=True)
class Delivery:
    """The newest outbox row that carries a message. ``stamp`` is signed, or its facts while there is no number.

    ``outbox_id`` is None for a row that this very turn will write.
    """

    outbox_id: int | None
    numbered: bool
    stamp: str
    priority_rank: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """One offer, from one sender to one destination."""

    sender: str
    transfer_id: str
    destination: str
    case_id: str
    case_code: str | None
    kind: Kind | None
    priority: Priority
    unclassified: bool
    incomplete: bool
    state: TransferState
    event_seq: int
    decision_seq: int | None
    slip_message_id: str
    times: Mapping[str, str] = field(default_factory=dict)  # when the exchange accepted each stage, by column

    def other(self, facility: str) -> str:
        """The other party."""
        return self.destination if facility == self.sender else self.sender


@dataclass(frozen=True, slots=True)
class Known:
    """Everything a decision on one message looks at."""

    sender: Standing
    recipient: Standing
    same_id: StoredMessage | None = None
    same_bundle: StoredMessage | None = None
    same_content: StoredMessage | None = None  # accepted before under another id, and its transfer still stands
    cloned: bool = False  # another message has this incarnation and counter
    waiting: HeldMessage | None = None  # this very message, held before
    case_waits: bool = False  # an earlier message of the case is held
    own_transfer: Transfer | None = None  # (sender, transfer_id)
    their_transfer: Transfer | None = None  # (recipient, transfer_id): the message answers it
    over_quota: bool = False
    clocks_disagree: bool = False
