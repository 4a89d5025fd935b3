"""The life of a transfer: a tuple of four small tables instead of one large one.

Theory of operation. A step (a clinical event, or one of the transport's own) moves at most one track, looked up in that
track's table; a step that is not in the table for the present state is refused and changes nothing. Two rules cross the
tracks, both named below: an arrival may open the summary debt (``opens_debt``), and a decision needs a slip that could
be read (``DECIDABLE``). Care is never refused: departed and arrived are legal in every state, and the journey never
moves backward.

The tables are data: the README's diagrams are generated from them (``diagram``), and a test walks every pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from schemas.events import Event, Party, TransportStep
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import KINDS_WITH_CLOCKS, Kind

Step = Event | TransportStep
_State = TypeVar("_State", bound=StrEnum)


class Delivery(StrEnum):
    """How far the slip itself has come; moved by the destination's connector and the exchange."""

    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    OPENED = "opened"  # by a named clinician; a page load is not enough
    UNREADABLE = "unreadable"
    UNDELIVERABLE = "undeliverable"


class Decision(StrEnum):
    """What the people decided."""

    OPEN = "open"
    UNDER_REVIEW = "under-review"
    AWAITING_INFORMATION = "awaiting-information"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REDIRECT_SUGGESTED = "redirect-suggested"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Journey(StrEnum):
    """Where the patient is."""

    NOT_DEPARTED = "not-departed"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    NOT_ARRIVED = "not-arrived"
    DIED = "died"


class Loop(StrEnum):
    """Whether the discharge summary came back."""

    NONE = "none"
    OWED = "owed"
    INTERIM = "interim"
    COMPLETED = "completed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TransferState:
    """Where a transfer stands: one state on each track."""

    delivery: Delivery = Delivery.SUBMITTED
    decision: Decision = Decision.OPEN
    journey: Journey = Journey.NOT_DEPARTED
    loop: Loop = Loop.NONE


_DELIVERY: Final[Mapping[tuple[Delivery, Step], Delivery]] = {
    **{
        (state, TransportStep.DELIVERED): Delivery.DELIVERED
        for state in (Delivery.SUBMITTED, Delivery.UNREADABLE, Delivery.UNDELIVERABLE)
    },
    (Delivery.DELIVERED, TransportStep.DELIVERED): Delivery.DELIVERED,
    (Delivery.OPENED, TransportStep.DELIVERED): Delivery.OPENED,
    (Delivery.SUBMITTED, TransportStep.UNREADABLE): Delivery.UNREADABLE,
    (Delivery.UNREADABLE, TransportStep.UNREADABLE): Delivery.UNREADABLE,
    (Delivery.SUBMITTED, TransportStep.UNDELIVERABLE): Delivery.UNDELIVERABLE,
    (Delivery.UNREADABLE, TransportStep.UNDELIVERABLE): Delivery.UNDELIVERABLE,
    **{(state, Event.RECEIVED): Delivery.OPENED for state in (Delivery.SUBMITTED, Delivery.DELIVERED, Delivery.OPENED)},
}

_UNDECIDED: Final = (Decision.OPEN, Decision.UNDER_REVIEW, Decision.AWAITING_INFORMATION)

_DECISION: Final[Mapping[tuple[Decision, Step], Decision]] = {
    **{(state, Event.ACCEPT): Decision.ACCEPTED for state in _UNDECIDED},
    **{(state, Event.DECLINE): Decision.DECLINED for state in _UNDECIDED},
    **{(state, Event.REDIRECT): Decision.REDIRECT_SUGGESTED for state in _UNDECIDED},
    **{(state, Event.INFO_REQUEST): Decision.AWAITING_INFORMATION for state in _UNDECIDED},
    **{(state, Event.CANCEL): Decision.CANCELLED for state in (*_UNDECIDED, Decision.ACCEPTED, Decision.WITHDRAWN)},
    **{(state, TransportStep.EXPIRED): Decision.EXPIRED for state in _UNDECIDED},
    (Decision.ACCEPTED, Event.ACCEPT_WITHDRAW): Decision.WITHDRAWN,
    (Decision.OPEN, Event.UPDATE): Decision.OPEN,
    (Decision.UNDER_REVIEW, Event.UPDATE): Decision.UNDER_REVIEW,
    (Decision.AWAITING_INFORMATION, Event.UPDATE): Decision.UNDER_REVIEW,  # the information asked for has come
    **{
        (state, Event.UPDATE): state
        for state in (Decision.ACCEPTED, Decision.DECLINED, Decision.REDIRECT_SUGGESTED, Decision.WITHDRAWN)
    },
    **{(state, Event.PHONE_NOTE): state for state in Decision},
}

_JOURNEY: Final[Mapping[tuple[Journey, Step], Journey]] = {
    (Journey.NOT_DEPARTED, Event.DEPARTED): Journey.DEPARTED,
    # a late departed only adds its time
    **{
        (state, Event.DEPARTED): state
        for state in (Journey.DEPARTED, Journey.ARRIVED, Journey.NOT_ARRIVED, Journey.DIED)
    },
    **{
        (state, Event.ARRIVED): Journey.ARRIVED
        for state in (Journey.NOT_DEPARTED, Journey.DEPARTED, Journey.ARRIVED, Journey.NOT_ARRIVED)
    },
    (Journey.DIED, Event.ARRIVED): Journey.DIED,
    (Journey.NOT_DEPARTED, Event.NOT_ARRIVED): Journey.NOT_ARRIVED,
    (Journey.DEPARTED, Event.NOT_ARRIVED): Journey.NOT_ARRIVED,
    **{(state, Event.DIED): Journey.DIED for state in (Journey.NOT_DEPARTED, Journey.DEPARTED, Journey.NOT_ARRIVED)},
}

_LOOP: Final[Mapping[tuple[Loop, Step], Loop]] = {
    (Loop.OWED, Event.INTERIM): Loop.INTERIM,
    (Loop.INTERIM, Event.INTERIM): Loop.INTERIM,
    (Loop.NONE, Event.COMPLETED): Loop.COMPLETED,  # a summary nobody owed is welcome
    (Loop.OWED, Event.COMPLETED): Loop.COMPLETED,
    (Loop.INTERIM, Event.COMPLETED): Loop.COMPLETED,
    (Loop.COMPLETED, Event.CLOSED): Loop.CLOSED,
}

DELIVERY: Final = MappingProxyType(dict(_DELIVERY))
DECISION: Final = MappingProxyType(dict(_DECISION))
JOURNEY: Final = MappingProxyType(dict(_JOURNEY))
LOOP: Final = MappingProxyType(dict(_LOOP))

# Who may take a step; the two parties only, and the exchange for the transport's own.
ACTORS: Final[Mapping[Step, frozenset[Party]]] = MappingProxyType(
    {
        Event.ANNOUNCE: frozenset({Party.SENDER}),
        Event.SUBMIT: frozenset({Party.SENDER}),
        Event.UPDATE: frozenset({Party.SENDER}),
        Event.CANCEL: frozenset({Party.SENDER}),
        Event.DEPARTED: frozenset({Party.SENDER}),
        Event.CLOSED: frozenset({Party.SENDER}),
        Event.RECEIVED: frozenset({Party.DESTINATION}),
        Event.INFO_REQUEST: frozenset({Party.DESTINATION}),
        Event.ACCEPT: frozenset({Party.DESTINATION}),
        Event.ACCEPT_WITHDRAW: frozenset({Party.DESTINATION}),
        Event.DECLINE: frozenset({Party.DESTINATION}),
        Event.REDIRECT: frozenset({Party.DESTINATION}),
        Event.ARRIVED: frozenset({Party.DESTINATION}),
        Event.NOT_ARRIVED: frozenset({Party.DESTINATION}),
        Event.INTERIM: frozenset({Party.DESTINATION}),
        Event.COMPLETED: frozenset({Party.DESTINATION}),
        Event.DIED: frozenset({Party.SENDER, Party.DESTINATION}),
        Event.PHONE_NOTE: frozenset({Party.SENDER, Party.DESTINATION}),
        TransportStep.DELIVERED: frozenset({Party.DESTINATION}),
        TransportStep.UNREADABLE: frozenset({Party.DESTINATION}),
        TransportStep.UNDELIVERABLE: frozenset({Party.EXCHANGE}),
        TransportStep.EXPIRED: frozenset({Party.EXCHANGE}),
    }
)

# Guard: accept, decline and redirect need a slip that could be read.
DECIDABLE: Final = frozenset({Delivery.SUBMITTED, Delivery.DELIVERED, Delivery.OPENED})
_NEEDS_READABLE: Final = frozenset({Event.ACCEPT, Event.DECLINE, Event.REDIRECT})
# Guard: a patient who is there cannot be cancelled away.
_ENDED_JOURNEYS: Final = frozenset({Journey.ARRIVED, Journey.DIED})

_DECISIVE: Final = frozenset({Event.ACCEPT, Event.DECLINE, Event.REDIRECT, Event.CANCEL, Event.INFO_REQUEST})


def opens_debt(state: TransferState, kind: Kind | None) -> bool:
    """Guard: an arrival opens the summary debt for emergency and inpatient transfers, once."""
    return state.loop is Loop.NONE and kind in KINDS_WITH_CLOCKS


def apply(state: TransferState, step: Step, by: Party, kind: Kind | None = None) -> TransferState:
    """The state after a step.

    Raises:
        Refused: NOT_A_PARTY (this party may not take the step), CROSSED (the other side's decision came first), LATE
            (a decision was made before), EVENT_NOT_ALLOWED (any other pair that is not in the tables).
    """
    if by not in ACTORS.get(step, frozenset()):
        raise Refused(ReasonCode.NOT_A_PARTY, step)
    if step is Event.ARRIVED:
        debt = Loop.OWED if opens_debt(state, kind) else state.loop
        return replace(state, journey=JOURNEY[state.journey, step], loop=debt)
    if (state.journey, step) in JOURNEY:
        return replace(state, journey=JOURNEY[state.journey, step])
    if (state.decision, step) in DECISION and _guards_hold(state, step):
        return replace(state, decision=DECISION[state.decision, step])
    if (state.delivery, step) in DELIVERY:
        return replace(state, delivery=DELIVERY[state.delivery, step])
    if (state.loop, step) in LOOP:
        return replace(state, loop=LOOP[state.loop, step])
    raise Refused(_why_not(state, step), step)


def _guards_hold(state: TransferState, step: Step) -> bool:
    if step in _NEEDS_READABLE:
        return state.delivery in DECIDABLE
    if step is Event.CANCEL:
        return state.journey not in _ENDED_JOURNEYS
    return True


def _why_not(state: TransferState, step: Step) -> ReasonCode:
    """Tells a crossing (both sides decided) from a late decision and from a plain impossibility."""
    if step not in _DECISIVE or state.decision in _UNDECIDED:
        return ReasonCode.EVENT_NOT_ALLOWED
    if (step is Event.CANCEL) != (state.decision is Decision.CANCELLED):
        return ReasonCode.CROSSED
    return ReasonCode.LATE


def task_status(state: TransferState) -> str:
    """FHIR R4 ``Task.status`` of the tuple."""
    if state.loop in (Loop.COMPLETED, Loop.CLOSED):
        return "completed"
    if state.journey is Journey.DIED:
        return "failed"
    if state.journey is Journey.ARRIVED:
        return "in-progress"
    by_decision = {
        Decision.ACCEPTED: "accepted",
        Decision.DECLINED: "rejected",
        Decision.REDIRECT_SUGGESTED: "rejected",
        Decision.CANCELLED: "cancelled",
        Decision.WITHDRAWN: "failed",
        Decision.EXPIRED: "failed",
    }
    if state.decision in by_decision:
        return by_decision[state.decision]
    return "received" if state.delivery is Delivery.OPENED else "requested"


def business_status(state: TransferState) -> str:
    """``Task.businessStatus`` of the tuple: the most telling of the four states (own code system)."""
    if state.loop is not Loop.NONE and state.loop is not Loop.OWED:
        return state.loop.value
    if state.journey is not Journey.NOT_DEPARTED:
        return state.journey.value
    if state.decision is not Decision.OPEN:
        return state.decision.value
    return Decision.UNDER_REVIEW.value if state.delivery is Delivery.OPENED else state.delivery.value


def diagram(table: Mapping[tuple[_State, Step], _State], start: _State) -> str:
    """A Mermaid state diagram of one table; arrows with the same ends share a line, loops are left out."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (source, step), target in table.items():
        if source is not target:
            arrows.setdefault((source.value, target.value), []).append(step.value)
    lines = ["stateDiagram-v2", "    direction LR", f"    [*] --> {start.value}"]
    lines += [f"    {source} --> {target}: {', '.join(steps)}" for (source, target), steps in arrows.items()]
    return "\n".join(lines)
