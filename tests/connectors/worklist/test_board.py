"""The law of the board: where a transfer stands, in which order, who has looked, and what rings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import actions
from connectors.answers import Details, NamedPerson
from connectors.link import Trouble
from connectors.progress import state_text
from connectors.store.transfers import TransferEvent, TransferRow
from connectors.worklist.board import (
    SHOWN_AFTER_CHANGE,
    BoardRow,
    Known,
    Look,
    Papers,
    Section,
    arrange,
    board,
    board_row,
    section_of,
)
from schemas.codes.lists import DeclineReason
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, Journey, Loop, TransferState
from schemas.reasons import REASONS, ReasonCode
from schemas.times import iso
from schemas.urgency import UNCLASSIFIED, Kind, Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.site_world import World
from tests.connectors.worklist.desk_world import caught_up, offer

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DOCTOR = NamedPerson("BS. Trực Mẫu", None, None)

states = st.builds(
    TransferState,
    st.sampled_from(Delivery),
    st.sampled_from(Decision),
    st.sampled_from(Journey),
    st.sampled_from(Loop),
)


def row(**changes: Any) -> TransferRow:
    """One transfer to Bạch Mai, ten minutes old."""
    times = {name: None for name in TransferRow.__dataclass_fields__ if name.endswith("_at")}
    state = changes.pop("at_state", TransferState(Delivery.DELIVERED))
    values: dict[str, Any] = {
        "sender": BAC_GIANG,
        "transfer_id": "t-1",
        "destination": BACH_MAI,
        "case_id": "c-1",
        "case_code": "24001-2211-001-7",
        "slip_number": None,
        "priority": "urgent",
        "raised_priority": None,
        "kind": "emergency",
        "tags": "",
        "event_seq": 1,
        "state": state_text(state),
        "case_folder": "urgent-24001-2211-001-7",
        "patient": "{}",
        "submit_message_id": "m-1",
        "conflict": None,
        **times,
        "received_at": iso(NOW - timedelta(minutes=10)),
        "first_at": iso(NOW - timedelta(minutes=9)),
        "last_at": iso(NOW),
    }
    return TransferRow(**{**values, **changes})


def seen(transfer: TransferRow, *events: TransferEvent) -> BoardRow:
    known = Known(transfer, events, Papers(True, "/incoming/x"), "BV Bắc Giang", "0204 1")
    return board_row(known, BACH_MAI, NOW)


def said(
    event: Event, *, by: str = BACH_MAI, seq: int | None = None, refused: str | None = None, minute: int = 5
) -> Any:
    at = iso(NOW - timedelta(minutes=minute))
    return TransferEvent(BAC_GIANG, "t-1", f"m-{event}-{minute}", event.value, by, seq, at, '{"by": "BS. A"}', refused)


# --- where it stands --------------------------------------------------------------------------------------------


@given(states, st.sampled_from(Priority))
def test_what_is_over_is_never_open_and_who_may_come_is_never_over(state: TransferState, urgency: Priority) -> None:
    found = section_of(state, urgency)
    if state.decision in (Decision.CANCELLED, Decision.EXPIRED):
        assert found is not Section.OPEN
    if state.journey in (Journey.ARRIVED, Journey.DIED, Journey.NOT_ARRIVED):
        assert found is Section.OVER
    elif state.decision in (Decision.DECLINED, Decision.ACCEPTED, Decision.WITHDRAWN, Decision.REDIRECT_SUGGESTED):
        assert found is Section.EXPECTED
    elif state.decision is Decision.OPEN:
        assert found is Section.OPEN


@pytest.mark.parametrize(
    ("journey", "urgency", "section"),
    [
        (Journey.NOT_DEPARTED, Priority.ROUTINE, Section.OVER),
        (Journey.NOT_DEPARTED, Priority.STAT, Section.EXPECTED),
        (Journey.DEPARTED, Priority.ROUTINE, Section.EXPECTED),
    ],
)
def test_a_slip_that_ran_out_while_somebody_may_be_on_the_road_is_still_expected(
    journey: Journey, urgency: Priority, section: Section
) -> None:
    assert section_of(TransferState(decision=Decision.EXPIRED, journey=journey), urgency) is section


# --- in which order ---------------------------------------------------------------------------------------------

board_rows = st.builds(
    lambda number, urgency, minutes, state, unclassified: replace(
        seen(
            row(
                transfer_id=f"t-{number}",
                priority=urgency.value,
                tags=UNCLASSIFIED if unclassified else "",
                at_state=state,
                received_at=iso(NOW - timedelta(minutes=minutes)),
            )
        )
    ),
    st.integers(0, 10_000),
    st.sampled_from(Priority),
    st.integers(0, 600),
    states,
    st.booleans(),
)


@given(st.lists(board_rows, max_size=12, unique_by=lambda one: one.key), st.randoms(use_true_random=False))
def test_urgency_first_then_who_waits_longest_whatever_the_store_gave(rows: list[BoardRow], chance: Any) -> None:
    arranged = arrange(rows)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert arrange(shuffled) == arranged
    assert sorted(one.key for one in arranged) == sorted(one.key for one in rows)
    for one, other in pairwise(arranged):
        if one.section is other.section:
            assert one.urgency.rank <= other.urgency.rank
            if one.urgency is other.urgency:
                assert one.age_s >= other.age_s
        else:
            assert list(Section).index(one.section) < list(Section).index(other.section)


def test_unclassified_stands_with_the_urgent_and_says_so() -> None:
    found = seen(row(priority="routine", tags=UNCLASSIFIED))
    assert (found.urgency, found.unclassified) == (Priority.URGENT, True)
    assert seen(row(priority="stat", tags=UNCLASSIFIED)).urgency is Priority.STAT


def test_what_people_here_raised_counts() -> None:
    raised = seen(row(transfer_id="t-2", priority="routine", raised_priority="stat"))
    assert (raised.urgency, raised.raised, raised.rings) == (Priority.STAT, True, True)
    assert arrange([seen(row(received_at=iso(NOW - timedelta(hours=9)))), raised])[0] is raised


# --- who has looked ---------------------------------------------------------------------------------------------


def test_reaching_the_machine_is_nobodys_look() -> None:
    assert seen(row(delivered_at=iso(NOW))).look is None
    assert seen(row(), said(Event.SUBMIT, by=BAC_GIANG, seq=1)).look is None


@pytest.mark.parametrize("event", [Event.RECEIVED, Event.ACCEPT, Event.DECLINE])
@pytest.mark.parametrize("seq", [None, 2])
def test_a_named_person_looked_and_the_board_knows_whether_others_know(event: Event, seq: int | None) -> None:
    found = seen(row(priority="stat"), said(event, seq=seq))
    assert found.look == Look("BS. A", iso(NOW - timedelta(minutes=5)), seq is not None)
    assert not found.rings, "a human act ends it"
    assert [one.event for one in found.unsent] == ([] if seq else [event.value])


def test_an_answer_that_was_refused_is_no_look_and_is_said() -> None:
    found = seen(row(priority="stat"), said(Event.ACCEPT, refused="late"))
    assert found.look is None
    assert found.rings
    (one,) = found.unsent
    assert (one.reason, one.vi) == ("late", REASONS[ReasonCode.LATE].vi)


def test_of_refused_answers_only_the_newest_word_stays() -> None:
    found = seen(row(), said(Event.ACCEPT, refused="late", minute=8), said(Event.DECLINE, seq=3, minute=2))
    assert found.unsent == ()


def test_a_look_that_only_the_exchange_tells_has_no_name() -> None:
    found = seen(row(opened_at=iso(NOW), at_state=TransferState(Delivery.OPENED)))
    assert found.look == Look(None, iso(NOW), sent=True)


# --- what rings -------------------------------------------------------------------------------------------------


@given(states, st.sampled_from(Priority), st.booleans())
def test_only_an_open_emergency_that_nobody_looked_at_rings(
    state: TransferState, urgency: Priority, looked: bool
) -> None:
    events = [said(Event.RECEIVED, seq=2)] if looked else []
    found = seen(row(priority=urgency.value, at_state=state), *events)
    is_looked = looked or state.delivery is Delivery.OPENED
    assert found.rings == (urgency is Priority.STAT and found.section is Section.OPEN and not is_looked)


# --- on a real store --------------------------------------------------------------------------------------------


async def test_the_board_says_who_what_where_and_whom_to_phone(central: World) -> None:
    transfer_id = offer(central, priority=Priority.STAT)
    await caught_up(central)
    facts = await board(central.site)
    (found,) = facts["rows"]
    assert (found["patient"], found["birth_year"], found["sex"]) == ("NGUYỄN VĂN AN", "1961", "male")
    assert found["diagnosis"] == "I21.0 Nhồi máu cơ tim cấp"
    assert found["sender_name"] == f"Bệnh viện {BAC_GIANG}"
    assert found["phones"] == ("024 3869 3731", "0204 385 4500")
    assert found["papers"] == {
        "handed_over": False,
        "place": str(Path(central.folder / "incoming" / f"stat-{found['case_code']}")),
    }
    assert (facts["waiting"], facts["ringing"]) == (1, [transfer_id])
    assert facts["link"]["caught_up"]


async def test_an_answer_from_here_is_a_look_at_once_and_known_to_be_unsent(central: World) -> None:
    offer(central, priority=Priority.STAT)
    await caught_up(central)
    (found,) = (await board(central.site))["rows"]
    details = Details(reason=DeclineReason.NO_BED)
    await actions.answer(central.site, Event.DECLINE, found["transfer_id"], DOCTOR, details)
    facts = await board(central.site)
    (found,) = facts["rows"]
    assert found["look"]["by"] == DOCTOR.name
    assert not found["look"]["sent"]
    assert found["unsent"][0]["event"] == "transfer-decline"
    assert found["section"] is Section.OPEN, "what is not sent is not decided"
    assert (facts["waiting"], facts["ringing"]) == (0, [])


async def test_what_is_undecided_stays_for_ever_and_what_is_over_leaves(central: World) -> None:
    open_id = offer(central, kind=Kind.OUTPATIENT)
    gone = offer(central, slip_number="GCT-2", state=TransferState(Delivery.DELIVERED, Decision.CANCELLED))
    await caught_up(central)
    assert {found["key"] for found in (await board(central.site))["rows"]} == {open_id, gone}
    central.clock.pass_(SHOWN_AFTER_CHANGE.total_seconds() + 1)
    assert [found["key"] for found in (await board(central.site))["rows"]] == [open_id]


async def test_a_line_that_breaks_is_said(central: World) -> None:
    await caught_up(central)
    central.site.live.link_is(Trouble.LOST, central.clock.now())
    link = (await board(central.site))["link"]
    assert (link["connected"], link["caught_up"], link["trouble"]) == (False, False, "lost")
