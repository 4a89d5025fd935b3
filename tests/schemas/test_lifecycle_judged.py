"""The judge's tables of states, typed in by hand from the contract, agree with the product's on every step."""

from itertools import product

import pytest

from schemas.events import Event, Party
from schemas.lifecycle import ACTORS, Decision, Delivery, Journey, Loop, TransferState, apply
from schemas.reasons import Refused
from schemas.urgency import Kind
from tests.judge.states import State, step


@pytest.mark.parametrize("event", [event for event in Event if event not in (Event.ANNOUNCE, Event.SUBMIT)])
@pytest.mark.parametrize("kind", [Kind.EMERGENCY, Kind.OUTPATIENT, None])
def test_every_state_and_event(event: Event, kind: Kind | None) -> None:
    party = Party.SENDER if Party.SENDER in ACTORS[event] else Party.DESTINATION
    for tracks in product(Delivery, Decision, Journey, Loop):
        try:
            after = apply(TransferState(*tracks), event, party, kind)
            expected = State(after.delivery, after.decision, after.journey, after.loop)
        except Refused:
            expected = None
        found = step(State(*(track.value for track in tracks)), event.value, kind.value if kind else None)
        assert found == expected, tracks
