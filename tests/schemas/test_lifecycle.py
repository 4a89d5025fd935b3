"""The life of a transfer: every state with every step, by every party; and the laws that hold for all of them."""

from dataclasses import astuple
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, Party, TransportStep
from schemas.lifecycle import (
    ACTORS,
    DECIDABLE,
    DECISION,
    DELIVERY,
    JOURNEY,
    LOOP,
    Decision,
    Delivery,
    Journey,
    Loop,
    Step,
    TransferState,
    apply,
    business_status,
    diagram,
    opens_debt,
    task_status,
)
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import KINDS_WITH_CLOCKS, Kind

STEPS: tuple[Step, ...] = (*Event, *TransportStep)
STATES = [TransferState(*one) for one in product(Delivery, Decision, Journey, Loop)]
MOVES_NOTHING = {Event.SUBMIT, Event.ANNOUNCE}  # these open a transfer; there is no state yet
FHIR_STATUSES = {"requested", "received", "accepted", "rejected", "cancelled", "in-progress", "failed", "completed"}

states = st.sampled_from(STATES)
steps = st.sampled_from(STEPS)


def outcome(state: TransferState, step: Step, by: Party, kind: Kind | None = None) -> TransferState | ReasonCode:
    try:
        return apply(state, step, by, kind)
    except Refused as refused:
        return refused.reason


def actor(step: Step) -> Party:
    return min(ACTORS[step])


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_somebody_who_may_take_it(step: Step) -> None:
    assert ACTORS[step]
    for party in set(Party) - ACTORS[step]:
        for state in STATES[::17]:
            assert outcome(state, step, party) is ReasonCode.NOT_A_PARTY


@pytest.mark.parametrize("step", STEPS)
def test_walk_every_pair(step: Step) -> None:
    """In each of 1,125 states a step moves one track at most (the debt apart), or is refused with a reason."""
    assert len(STATES) == 1_125
    for state in STATES:
        found = outcome(state, step, actor(step))
        if isinstance(found, ReasonCode):
            assert found in (ReasonCode.EVENT_NOT_ALLOWED, ReasonCode.LATE, ReasonCode.CROSSED)
            continue
        moved = [before is not after for before, after in zip(astuple(state), astuple(found), strict=True)]
        assert sum(moved) <= 1
        assert task_status(found) in FHIR_STATUSES


@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_in_one_table_at_most(step: Step) -> None:
    tables = [table for table in (DELIVERY, DECISION, JOURNEY, LOOP) if any(key[1] == step for key in table)]
    assert len(tables) == (0 if step in MOVES_NOTHING else 1)


@pytest.mark.parametrize("step", STEPS)
def test_a_pair_that_is_not_in_the_tables_is_refused(step: Step) -> None:
    for state in STATES:
        pairs = ((state.delivery, DELIVERY), (state.decision, DECISION), (state.journey, JOURNEY), (state.loop, LOOP))
        listed = any((own, step) in table for own, table in pairs)
        accepted = isinstance(outcome(state, step, actor(step)), TransferState)
        assert listed or not accepted


def test_every_state_of_every_track_can_be_reached() -> None:
    reached = {TransferState()}
    frontier = [TransferState()]
    while frontier:
        state = frontier.pop()
        for step, kind in product(STEPS, (Kind.EMERGENCY, Kind.OUTPATIENT)):
            for party in ACTORS[step]:
                found = outcome(state, step, party, kind)
                if isinstance(found, TransferState) and found not in reached:
                    reached.add(found)
                    frontier.append(found)
    for track, values in (("delivery", Delivery), ("decision", Decision), ("journey", Journey), ("loop", Loop)):
        assert {getattr(state, track) for state in reached} == set(values)


@pytest.mark.parametrize("state", STATES[::7])
def test_care_is_never_refused(state: TransferState) -> None:
    """Departed and arrived are legal always: declined, cancelled, expired, unreadable."""
    assert isinstance(outcome(state, Event.DEPARTED, Party.SENDER), TransferState)
    assert isinstance(outcome(state, Event.ARRIVED, Party.DESTINATION), TransferState)


_FORWARD = [Journey.NOT_DEPARTED, Journey.DEPARTED, Journey.ARRIVED]


@given(states, st.lists(steps, max_size=8))
def test_the_journey_never_moves_backward(state: TransferState, path: list[Step]) -> None:
    for step in path:
        found = outcome(state, step, actor(step))
        if not isinstance(found, TransferState):
            continue
        if state.journey is Journey.ARRIVED:
            assert found.journey is Journey.ARRIVED
        if state.journey is Journey.DIED:
            assert found.journey is Journey.DIED
        if state.journey is not Journey.NOT_DEPARTED:
            assert found.journey is not Journey.NOT_DEPARTED
        state = found


@given(states, steps)
def test_a_refused_step_changes_nothing_and_an_accepted_one_repeats(state: TransferState, step: Step) -> None:
    before = astuple(state)
    first = outcome(state, step, actor(step))
    assert astuple(state) == before
    assert outcome(state, step, actor(step)) == first


@given(states, st.sampled_from([Event.ACCEPT, Event.DECLINE]))
def test_a_decision_needs_a_slip_that_could_be_read(state: TransferState, step: Event) -> None:
    found = outcome(state, step, Party.DESTINATION)
    if isinstance(found, TransferState):
        assert state.delivery in DECIDABLE


@pytest.mark.parametrize("delivery", sorted(DECIDABLE))
def test_accept_and_decline_are_legal_before_anyone_opened(delivery: Delivery) -> None:
    state = TransferState(delivery=delivery)
    assert apply(state, Event.ACCEPT, Party.DESTINATION).decision is Decision.ACCEPTED
    assert apply(state, Event.DECLINE, Party.DESTINATION).decision is Decision.DECLINED


@given(states)
def test_a_patient_who_is_there_cannot_be_cancelled_away(state: TransferState) -> None:
    found = outcome(state, Event.CANCEL, Party.SENDER)
    if state.journey in (Journey.ARRIVED, Journey.DIED):
        assert isinstance(found, ReasonCode)


def test_crossing_cancel_and_accept_end_alike_whoever_was_first() -> None:
    start = TransferState(delivery=Delivery.OPENED)
    accepted = apply(start, Event.ACCEPT, Party.DESTINATION)
    assert apply(accepted, Event.CANCEL, Party.SENDER).decision is Decision.CANCELLED
    cancelled = apply(start, Event.CANCEL, Party.SENDER)
    assert outcome(cancelled, Event.ACCEPT, Party.DESTINATION) is ReasonCode.CROSSED
    declined = apply(start, Event.DECLINE, Party.DESTINATION)
    assert outcome(declined, Event.CANCEL, Party.SENDER) is ReasonCode.CROSSED


@pytest.mark.parametrize("first", [Event.ACCEPT, Event.DECLINE])
@pytest.mark.parametrize("second", [Event.ACCEPT, Event.DECLINE])
def test_a_second_decision_is_late(first: Event, second: Event) -> None:
    decided = apply(TransferState(), first, Party.DESTINATION)
    assert outcome(decided, second, Party.DESTINATION) is ReasonCode.LATE


def test_cancelling_twice_is_late() -> None:
    cancelled = apply(TransferState(), Event.CANCEL, Party.SENDER)
    assert outcome(cancelled, Event.CANCEL, Party.SENDER) is ReasonCode.LATE


@given(states, st.sampled_from([None, *Kind]))
def test_an_arrival_opens_the_debt_once_and_for_two_kinds(state: TransferState, kind: Kind | None) -> None:
    found = apply(state, Event.ARRIVED, Party.DESTINATION, kind)
    owed = state.loop is Loop.NONE and kind in KINDS_WITH_CLOCKS
    assert opens_debt(state, kind) is owed
    assert found.loop is (Loop.OWED if owed else state.loop)


@pytest.mark.parametrize("state", STATES)
def test_status_is_one_of_fhirs_and_business_status_one_of_ours(state: TransferState) -> None:
    assert task_status(state) in FHIR_STATUSES
    assert business_status(state) in {one.value for track in (Delivery, Decision, Journey, Loop) for one in track}


@pytest.mark.parametrize(
    ("state", "status", "business"),
    [
        (TransferState(), "requested", "submitted"),
        (TransferState(delivery=Delivery.DELIVERED), "requested", "delivered"),
        (TransferState(delivery=Delivery.OPENED), "received", "under-review"),
        (TransferState(decision=Decision.AWAITING_INFORMATION), "requested", "awaiting-information"),
        (TransferState(decision=Decision.ACCEPTED), "accepted", "accepted"),
        (TransferState(decision=Decision.DECLINED), "rejected", "declined"),
        (TransferState(decision=Decision.CANCELLED), "cancelled", "cancelled"),
        (TransferState(decision=Decision.EXPIRED), "failed", "expired"),
        (TransferState(decision=Decision.ACCEPTED, journey=Journey.DEPARTED), "accepted", "departed"),
        (TransferState(decision=Decision.DECLINED, journey=Journey.ARRIVED), "in-progress", "arrived"),
        (TransferState(decision=Decision.ACCEPTED, journey=Journey.ARRIVED, loop=Loop.OWED), "in-progress", "arrived"),
        (TransferState(journey=Journey.DIED), "failed", "died"),
        (TransferState(journey=Journey.ARRIVED, loop=Loop.COMPLETED), "completed", "completed"),
        (TransferState(journey=Journey.ARRIVED, loop=Loop.CLOSED), "completed", "closed"),
    ],
)
def test_what_people_read(state: TransferState, status: str, business: str) -> None:
    assert (task_status(state), business_status(state)) == (status, business)


@pytest.mark.parametrize(
    ("table", "start"),
    [
        (DELIVERY, Delivery.SUBMITTED),
        (DECISION, Decision.OPEN),
        (JOURNEY, Journey.NOT_DEPARTED),
        (LOOP, Loop.NONE),
    ],
)
def test_a_diagram_shows_every_arrow_once(table: dict, start: object) -> None:  # type: ignore[type-arg]
    text = diagram(table, start)  # type: ignore[arg-type]
    lines = text.splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert f"[*] --> {start.value}" in text  # type: ignore[attr-defined]
    arrows = {(source.value, target.value) for (source, _), target in table.items() if source is not target}
    drawn = [line.strip().partition(":")[0].split(" --> ") for line in lines[3:]]
    assert {(a, b) for a, b in drawn} == arrows
    assert len(drawn) == len(arrows)


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        DELIVERY[Delivery.OPENED, Event.RECEIVED] = Delivery.OPENED  # type: ignore[index]
