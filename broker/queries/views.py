"""What pages and status can show: facts as the database holds them, typed. No content of a message, no patient.

Times are aware and in UTC. ``facility`` names are five-character codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.events import Event
from schemas.lifecycle import TransferState
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.urgency import Kind, Priority


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. A facility sees its own cases only; the operator (``facility`` None) sees all."""

    facility: str | None = None


OPERATOR = Viewer()


class Stage(StrEnum):
    """What is proven about a transfer, in the order of the journey."""

    RECEIVED = "received"  # the exchange has it, durably: receipt
    DELIVERED = "delivered"  # the destination's connector has it, durably: ack
    OPENED = "opened"  # a named clinician looked at it
    DECIDED = "decided"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    COMPLETED = "completed"  # the discharge summary came back
    CLOSED = "closed"


class HandedOn(StrEnum):
    """How far the exchange itself has carried a message."""

    QUEUED = "queued"  # has no number in the destination's inbox yet
    NUMBERED = "numbered"  # has a number, Kafka has not confirmed it
    PUBLISHED = "published"  # lies in the destination's inbox
    CONFIRMED = "confirmed"  # the destination says it holds that number


@dataclass(frozen=True, slots=True)
class TransferView:
    """One offer. ``reached`` holds the stages that are proven, and when the exchange accepted the proof."""

    transfer_id: str
    case_id: str
    case_code: str | None
    sender: str
    destination: str
    kind: Kind | None
    priority: Priority
    unclassified: bool
    incomplete: bool
    state: TransferState
    event_seq: int
    reached: Mapping[Stage, datetime]
    changed_at: datetime
    handed_on: HandedOn | None = None  # of the newest slip; None where the row is gone, which means confirmed
    ack_reason: ReasonCode | None = None  # why the destination could not read it


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message and the exchange's answer."""

    message_id: str
    sender: str
    destination: str | None
    event: Event | None
    priority: Priority | None
    transfer_id: str | None
    case_id: str | None
    verdict: Verdict
    reason: ReasonCode | None
    event_seq: int | None
    appended_at: datetime
    decided_at: datetime
    ack: AckVerdict | None
    ack_reason: ReasonCode | None
    acked_at: datetime | None
    handed_on: HandedOn | None = None


@dataclass(frozen=True, slots=True)
class HeldView:
    """A message that waits until a cause is gone."""

    message_id: str
    sender: str
    transfer_id: str
    case_id: str
    event: Event
    priority: Priority
    reason: ReasonCode
    held_at: datetime
    try_at: datetime


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """A record set aside. ``facility`` is whom the signature proves, where it does; the topic names its owner."""

    topic: str
    offset: int
    record_type: str | None
    facility: str | None
    reason: ReasonCode
    size: int | None
    found_at: datetime


@dataclass(frozen=True, slots=True)
class JunkView:
    """Records of one topic that nobody is proven to have sent, counted."""

    topic: str
    reason: ReasonCode
    records: int
    last_minute: str  # UTC, to the minute


@dataclass(frozen=True, slots=True)
class AlarmView:
    """Something that needs a person."""

    at: datetime
    alarm: str
    facility: str | None
    topic: str | None
    message_id: str | None


@dataclass(frozen=True, slots=True)
class LaneView:
    """One share of the work. ``worker`` is None while nobody serves it."""

    lane: int
    worker: str | None
    epoch: int
    facilities: int


@dataclass(frozen=True, slots=True)
class FacilityView:
    """One facility that takes part."""

    facility: str
    name: str | None
    status: str  # active, suspended
    lane: int
    generations: str
    directory: str | None  # the countersigned entry, which holds its certificates
    last_submitted_at: datetime | None
    unpublished: int  # records that wait for its inbox
    unconfirmed: int  # published, not yet confirmed by its connector
    missing: int  # numbers it says it misses
    heard_at: datetime | None  # its last inbox-status


@dataclass(frozen=True, slots=True)
class LogView:
    """The audit log: its last checkpoint, and how many entries wait for a number."""

    size: int
    checkpoint_at: datetime | None
    unnumbered: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers for the tiles; each has its list. Those of a span are of the last 24 hours."""

    transfers: Mapping[str, int]  # by Decision
    held: int
    refused: int
    quarantined: int
    junk: int
    alarms: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """Numbers by facility since a moment (held: now)."""

    transfers: Mapping[tuple[str, str], int]  # by sender and decision
    refused: Mapping[str, int]
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Which transfers are wanted. None means any. ``before``: submitted_at and transfer_id of the last row seen."""

    sender: str | None = None
    destination: str | None = None
    facility: str | None = None  # as either party
    priority: Priority | None = None
    decision: str | None = None
    journey: str | None = None
    before: tuple[str, str] | None = None
