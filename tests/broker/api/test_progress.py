"""Where a transfer stands: every row says what is proven, what is late, and whose turn it is."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from broker.api.progress import Cause, Situation, is_finished, last_proven, progress
from broker.queries.views import HandedOn, Stage, TransferView
from schemas.lifecycle import Decision, Delivery, Journey, Loop, TransferState
from schemas.reasons import REASONS, Fixer, ReasonCode
from schemas.urgency import Kind, Priority
from tests.broker.api.cases import NOON, transfer

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
DELIVERED = TransferState(delivery=Delivery.DELIVERED)
OPENED = TransferState(delivery=Delivery.OPENED)
ASKED = TransferState(delivery=Delivery.OPENED, decision=Decision.AWAITING_INFORMATION)


@pytest.mark.parametrize(
    ("case", "due", "cause", "owner"),
    [
        (transfer(), M, Cause.NOT_CONFIRMED, Fixer.RECEIVER_IT),
        (transfer(handed_on=HandedOn.QUEUED), M, Cause.WAITING_IN_EXCHANGE, Fixer.OPERATOR),
        (transfer(handed_on=HandedOn.NUMBERED), M, Cause.WAITING_IN_EXCHANGE, Fixer.OPERATOR),
        (transfer(handed_on=HandedOn.CONFIRMED), M, Cause.NOT_CONFIRMED, Fixer.RECEIVER_IT),
        (transfer(handed_on=None), M, Cause.NOT_CONFIRMED, Fixer.RECEIVER_IT),
        (transfer(priority=Priority.URGENT), 10 * M, Cause.NOT_CONFIRMED, Fixer.RECEIVER_IT),
        (transfer(priority=Priority.ROUTINE), 4 * H, Cause.NOT_CONFIRMED, Fixer.RECEIVER_IT),
        (transfer(DELIVERED, delivered=10 * S), 3 * M + 10 * S, Cause.NOBODY_OPENED, Fixer.RECEIVER_DUTY),
        (
            transfer(DELIVERED, delivered=10 * S, priority=Priority.URGENT),
            30 * M + 10 * S,
            Cause.NOBODY_OPENED,
            Fixer.RECEIVER_DUTY,
        ),
        (
            transfer(DELIVERED, delivered=10 * S, priority=Priority.ROUTINE),
            22 * H,
            Cause.NOBODY_OPENED,
            Fixer.RECEIVER_DUTY,
        ),
        (transfer(OPENED, delivered=10 * S, opened=M), 10 * M + 10 * S, Cause.NOBODY_DECIDED, Fixer.RECEIVER_DUTY),
        (transfer(OPENED, opened=M), 11 * M, Cause.NOBODY_DECIDED, Fixer.RECEIVER_DUTY),
        (transfer(OPENED, delivered=S, kind=None), 10 * M + S, Cause.NOBODY_DECIDED, Fixer.RECEIVER_DUTY),
        (transfer(ASKED, delivered=S, opened=M), 10 * M + S, Cause.INFORMATION_AWAITED, Fixer.SENDER_DOCTOR),
    ],
)
def test_nothing_is_late_before_its_time_and_everything_after(
    case: TransferView, due: timedelta, cause: Cause, owner: Fixer
) -> None:
    on_time = progress(case, NOON + due)
    assert (on_time.situation, on_time.cause, on_time.due_at) == (Situation.MOVING, None, NOON + due)
    late = progress(case, NOON + due + S)
    assert (late.situation, late.cause, late.owner, late.due_at) == (Situation.STUCK, cause, owner, NOON + due)


@pytest.mark.parametrize(
    "case",
    [
        transfer(OPENED, delivered=S, opened=M, priority=Priority.ROUTINE),
        transfer(OPENED, delivered=S, opened=M, kind=Kind.OUTPATIENT),
        transfer(TransferState(Delivery.OPENED, Decision.ACCEPTED), delivered=S, opened=M, decided=2 * M),
        transfer(TransferState(Delivery.DELIVERED, journey=Journey.DEPARTED), delivered=S, departed=M),
        transfer(TransferState(Delivery.OPENED, journey=Journey.ARRIVED, loop=Loop.OWED), delivered=S, arrived=M),
        transfer(TransferState(Delivery.OPENED, Decision.DECLINED, Journey.DEPARTED), delivered=S, departed=M),
    ],
)
def test_no_clock_runs_where_nobody_has_to_act(case: TransferView) -> None:
    found = progress(case, NOON + timedelta(days=30))
    assert (found.situation, found.due_at, found.cause, found.owner) == (Situation.MOVING, None, None, None)


def test_a_slip_that_cannot_be_read_is_stuck_at_once() -> None:
    unreadable = transfer(TransferState(Delivery.UNREADABLE))
    found = progress(unreadable, NOON)
    assert (found.situation, found.cause, found.owner) == (Situation.STUCK, Cause.UNREADABLE, Fixer.SENDER_IT)
    for code in (ReasonCode.CERTIFICATE_EXPIRED, ReasonCode.ENVELOPE_UNDECRYPTABLE):
        owner = progress(replace(unreadable, ack_reason=code), NOON).owner
        assert owner is REASONS[code].fixer


def test_a_slip_that_cannot_be_delivered_is_stuck_at_once() -> None:
    found = progress(transfer(TransferState(Delivery.UNDELIVERABLE)), NOON)
    assert (found.situation, found.cause) == (Situation.STUCK, Cause.UNDELIVERABLE)


@pytest.mark.parametrize(
    ("state", "finished"),
    [
        (TransferState(decision=Decision.CANCELLED), True),
        (TransferState(Delivery.UNREADABLE, Decision.CANCELLED), True),
        (TransferState(Delivery.OPENED, Decision.DECLINED), True),
        (TransferState(Delivery.OPENED, Decision.DECLINED, Journey.DEPARTED), False),  # the patient comes all the same
        (TransferState(Delivery.OPENED, Decision.ACCEPTED), False),
        (TransferState(Delivery.OPENED, Decision.ACCEPTED, Journey.ARRIVED, Loop.NONE), True),
        (TransferState(Delivery.OPENED, Decision.ACCEPTED, Journey.ARRIVED, Loop.OWED), False),
        (TransferState(Delivery.OPENED, Decision.ACCEPTED, Journey.ARRIVED, Loop.INTERIM), False),
        (TransferState(Delivery.OPENED, Decision.ACCEPTED, Journey.ARRIVED, Loop.COMPLETED), True),
        (TransferState(Delivery.OPENED, Decision.OPEN, Journey.DIED), True),
        (TransferState(Delivery.OPENED, Decision.ACCEPTED, Journey.NOT_ARRIVED), True),
        (TransferState(), False),
    ],
)
def test_finished(state: TransferState, finished: bool) -> None:
    case = transfer(state)
    assert is_finished(case) == finished
    assert (progress(case, NOON).situation is Situation.FINISHED) == finished


def test_the_last_proven_stage_is_the_furthest_not_the_newest() -> None:
    assert last_proven(transfer()) == (Stage.RECEIVED, NOON)
    late_ack = transfer(delivered=9 * M, opened=2 * M)
    assert last_proven(late_ack) == (Stage.OPENED, NOON + 2 * M)
    assert last_proven(transfer(arrived=H, decided=2 * H)) == (Stage.ARRIVED, NOON + H)


@pytest.mark.parametrize("tracks", list(product(Delivery, Decision, Journey, Loop)))
def test_every_state_stands_somewhere(tracks: tuple[Delivery, Decision, Journey, Loop]) -> None:
    found = progress(transfer(TransferState(*tracks)), NOON + timedelta(days=400))
    assert (found.situation is Situation.STUCK) == (found.cause is not None) == (found.owner is not None)
    if tracks[2] in {Journey.ARRIVED, Journey.DIED}:
        assert found.cause in {None, Cause.UNREADABLE, Cause.UNDELIVERABLE, Cause.NOT_CONFIRMED}
