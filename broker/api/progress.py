"""Where a transfer stands: the last proven stage, and when nothing moves, why and who must act. Pure.

Silence is shown as silence: a stage counts as reached only where its proof was accepted.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from broker.api import deadlines
from broker.queries.views import HandedOn, Stage, TransferView
from schemas.lifecycle import Decision, Delivery, Journey, Loop
from schemas.reasons import REASONS, Fixer


class Situation(StrEnum):
    """Whether somebody has to do something."""

    MOVING = "moving"  # no deadline has passed
    STUCK = "stuck"
    FINISHED = "finished"


class Cause(StrEnum):
    """Why a transfer does not move."""

    WAITING_IN_EXCHANGE = "waiting-in-exchange"
    NOT_CONFIRMED = "not-confirmed"
    UNREADABLE = "unreadable"
    UNDELIVERABLE = "undeliverable"
    NOBODY_OPENED = "nobody-opened"
    NOBODY_DECIDED = "nobody-decided"
    INFORMATION_AWAITED = "information-awaited"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one transfer stands at a moment.

    ``stage`` was proven ``at``; ``due_at`` is when the next one should be (or should have been), None without a clock.
    ``cause`` and ``owner`` are there exactly when it is stuck.
    """

    stage: Stage
    at: datetime
    situation: Situation
    due_at: datetime | None = None
    cause: Cause | None = None
    owner: Fixer | None = None


_OWNER: Final = {
    Cause.WAITING_IN_EXCHANGE: Fixer.OPERATOR,
    Cause.NOT_CONFIRMED: Fixer.RECEIVER_IT,
    Cause.UNREADABLE: Fixer.SENDER_IT,
    Cause.UNDELIVERABLE: Fixer.RECEIVER_IT,
    Cause.NOBODY_OPENED: Fixer.RECEIVER_DUTY,
    Cause.NOBODY_DECIDED: Fixer.RECEIVER_DUTY,
    Cause.INFORMATION_AWAITED: Fixer.SENDER_DOCTOR,
}
_NOT_IN_INBOX: Final = frozenset({HandedOn.QUEUED, HandedOn.NUMBERED})
_ENDED_DECISIONS: Final = frozenset(
    {Decision.DECLINED, Decision.REDIRECT_SUGGESTED, Decision.WITHDRAWN, Decision.CANCELLED, Decision.EXPIRED}
)
_UNDECIDED: Final = frozenset({Decision.OPEN, Decision.UNDER_REVIEW, Decision.AWAITING_INFORMATION})
_OPEN_LOOPS: Final = frozenset({Loop.OWED, Loop.INTERIM})


def progress(transfer: TransferView, now: datetime) -> Progress:
    """Where the transfer stands."""
    stage, at = last_proven(transfer)
    if is_finished(transfer):
        return Progress(stage, at, Situation.FINISHED)
    due_at, cause = _next_step(transfer)
    if cause is None or (due_at is not None and now <= due_at):
        return Progress(stage, at, Situation.MOVING, due_at)
    return Progress(stage, at, Situation.STUCK, due_at, cause, _owner(cause, transfer))


def last_proven(transfer: TransferView) -> tuple[Stage, datetime]:
    """The furthest stage that is proven. Every transfer in the database is received."""
    stage = next(stage for stage in reversed(Stage) if stage in transfer.reached)
    return stage, transfer.reached[stage]


def is_finished(transfer: TransferView) -> bool:
    """True when nobody is expected to do anything more: the journey ended, or was called off before it began."""
    state = transfer.state
    if state.journey in {Journey.ARRIVED, Journey.NOT_ARRIVED, Journey.DIED}:
        return state.loop not in _OPEN_LOOPS
    return state.journey is Journey.NOT_DEPARTED and state.decision in _ENDED_DECISIONS


def _next_step(transfer: TransferView) -> tuple[datetime | None, Cause | None]:
    """What is waited for: by when, and what it is called when it does not come. A due time of None is long past."""
    state, received_at = transfer.state, transfer.reached[Stage.RECEIVED]
    if state.delivery is Delivery.UNREADABLE:
        return None, Cause.UNREADABLE
    if state.delivery is Delivery.UNDELIVERABLE:
        return None, Cause.UNDELIVERABLE
    if state.delivery is Delivery.SUBMITTED:
        waits_here = transfer.handed_on in _NOT_IN_INBOX
        cause = Cause.WAITING_IN_EXCHANGE if waits_here else Cause.NOT_CONFIRMED
        return deadlines.delivered_by(transfer.priority, received_at), cause
    if state.decision not in _UNDECIDED or state.journey is not Journey.NOT_DEPARTED:
        return None, None
    delivered_at = transfer.reached.get(Stage.DELIVERED, transfer.reached.get(Stage.OPENED, received_at))
    if state.delivery is Delivery.DELIVERED:
        return deadlines.opened_by(transfer.priority, delivered_at), Cause.NOBODY_OPENED
    due_at = deadlines.decided_by(transfer.priority, transfer.kind, delivered_at)
    awaited = state.decision is Decision.AWAITING_INFORMATION
    cause = Cause.INFORMATION_AWAITED if awaited else Cause.NOBODY_DECIDED
    return (due_at, cause) if due_at is not None else (None, None)


def _owner(cause: Cause, transfer: TransferView) -> Fixer:
    if cause is Cause.UNREADABLE and transfer.ack_reason is not None:
        return REASONS[transfer.ack_reason].fixer
    return _OWNER[cause]
