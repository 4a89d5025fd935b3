"""The life of a transfer after its submit: who may act, what crosses, what came too early. On both databases."""

import pytest

from broker.stages.known import Standing
from broker.store import facilities, tables
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, Journey, Loop
from schemas.reasons import ReasonCode
from schemas.tokens.notice import NoticeKind
from schemas.tokens.receipt import Verdict
from tests.broker.desk import STRANGER, Desk
from tests.broker.messages import Case, message, new_case, sealed
from tests.schemas.bundles import BY_DESTINATION, DESTINATION, SENDER

ACCEPTED = (Verdict.ACCEPTED, None)


async def _say(desk: Desk, case: Case, *events: Event) -> None:
    for event in events:
        facility = case.destination if event in BY_DESTINATION else case.sender
        desk.submit(facility, sealed(desk.pki, message(case, event)))
        await desk.work()


async def test_a_transfer_goes_its_whole_way_and_each_side_hears_of_the_other(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT, Event.RECEIVED, Event.ACCEPT, Event.DEPARTED, Event.ARRIVED)
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.delivery, transfer.decision) == (Delivery.OPENED, Decision.ACCEPTED)
    assert (transfer.journey, transfer.loop) == (Journey.ARRIVED, Loop.OWED)
    assert (transfer.event_seq, transfer.decision_seq) == (5, 3)
    assert all((transfer.opened_at, transfer.decided_at, transfer.departed_at, transfer.arrived_at))
    heard = [one.stamp.event for one in desk.envelopes(SENDER)]
    assert heard == [Event.RECEIVED, Event.ACCEPT, Event.ARRIVED]
    assert [one.stamp.event for one in desk.envelopes(DESTINATION)] == [Event.SUBMIT, Event.DEPARTED]


async def test_an_update_reaches_the_destination_and_changes_no_decision(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT, Event.ACCEPT, Event.UPDATE)
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.decision, transfer.event_seq, transfer.decision_seq) == (Decision.ACCEPTED, 3, 2)
    assert [one.stamp.event for one in desk.envelopes(DESTINATION)] == [Event.SUBMIT, Event.UPDATE]


async def test_nothing_lowers_the_priority_of_a_transfer(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case, priority="stat")))
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.UPDATE, priority="routine")))
    await desk.work()
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.priority == "stat"


async def test_a_cancel_that_crosses_an_acceptance_is_told_to_both_sides(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT, Event.CANCEL, Event.ACCEPT)
    (receipt,) = desk.receipts(DESTINATION)
    assert (receipt.verdict, receipt.reason) == (Verdict.REFUSED, ReasonCode.CROSSED)
    assert (receipt.event_seq, receipt.winning_event_seq) == (None, 2)
    (notice,) = desk.notices(SENDER)
    assert (notice.notice, notice.reason, notice.event) == (NoticeKind.CROSSED, ReasonCode.CROSSED, Event.ACCEPT)
    assert (notice.winning_event_seq, notice.transfer_id) == (2, case.transfer_id)
    assert notice.state is not None
    assert notice.state.decision is Decision.CANCELLED
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.decision, transfer.event_seq) == (Decision.CANCELLED, 2)


async def test_a_second_decision_is_late_and_changes_nothing(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT, Event.DECLINE, Event.ACCEPT)
    assert desk.verdicts(DESTINATION) == [ACCEPTED, (Verdict.REFUSED, ReasonCode.LATE)]
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.decision == Decision.DECLINED
    (kept,) = await desk.rows(tables.message, verdict="refused")
    assert (kept.event, kept.offset) == ("transfer-accept", 1)


@pytest.mark.parametrize("before", [Event.DECLINE, Event.CANCEL])
async def test_care_is_never_refused(any_desk: Desk, before: Event) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT, before, Event.DEPARTED, Event.ARRIVED)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.journey == Journey.ARRIVED
    assert all(verdict is Verdict.ACCEPTED for verdict, _ in desk.verdicts(SENDER) + desk.verdicts(DESTINATION))


async def test_a_second_submit_of_a_known_transfer_is_not_allowed(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    desk.submit(SENDER, sealed(desk.pki, message(case, text="Khac han")))
    await desk.work()
    assert desk.verdicts(SENDER)[1] == (Verdict.REFUSED, ReasonCode.EVENT_NOT_ALLOWED)


async def test_an_event_of_an_unknown_transfer_is_asked_for_again(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    accept = sealed(desk.pki, message(case, Event.ACCEPT))
    desk.submit(DESTINATION, accept)
    await desk.work()
    assert desk.verdicts(DESTINATION) == [(Verdict.TRANSIENT, ReasonCode.TRANSFER_UNKNOWN)]
    assert await desk.rows(tables.message) == []
    await _say(desk, case, Event.SUBMIT)
    desk.submit(DESTINATION, accept)
    await desk.work()
    assert desk.verdicts(DESTINATION)[1] == ACCEPTED


@pytest.mark.parametrize("event", [Event.DEPARTED, Event.ARRIVED])
async def test_what_came_before_its_slip_waits_and_is_applied_when_the_slip_comes(any_desk: Desk, event: Event) -> None:
    desk, case = any_desk, new_case()
    early = DESTINATION if event is Event.ARRIVED else SENDER
    await _say(desk, case, event)
    assert desk.verdicts(early) == [(Verdict.HELD, ReasonCode.TRANSFER_UNKNOWN)]
    assert await desk.second_look.look(desk.lanes.epochs()) == 0
    await _say(desk, case, Event.SUBMIT)
    assert await desk.second_look.look(desk.lanes.epochs()) == 1
    await desk.carry()
    assert await desk.rows(tables.held) == []
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.journey == (Journey.ARRIVED if event is Event.ARRIVED else Journey.DEPARTED)
    assert desk.verdicts(early)[-1] == ACCEPTED
    assert desk.receipts(early)[-1].event_seq == 2


async def test_an_early_event_repeated_while_it_waits_gets_the_same_answer(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    early = sealed(desk.pki, message(case, Event.ARRIVED))
    for _ in range(2):
        desk.submit(DESTINATION, early)
        await desk.work()
    first, second = desk.received(DESTINATION)
    assert first.value == second.value
    assert len(await desk.rows(tables.held)) == 1


async def test_an_event_before_its_slip_in_one_turn_does_not_hold_the_slip(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.DEPARTED)))
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    await desk.work()
    assert desk.verdicts(SENDER) == [(Verdict.HELD, ReasonCode.TRANSFER_UNKNOWN), ACCEPTED]


async def test_a_stranger_who_copies_the_ids_meets_nothing(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT)
    stolen = Case(case.sender, STRANGER, case.space)
    desk.submit(STRANGER, sealed(desk.pki, message(stolen, Event.ACCEPT)))
    await desk.work()
    assert desk.verdicts(STRANGER) == [(Verdict.REFUSED, ReasonCode.NOT_A_PARTY)]
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.decision, transfer.event_seq) == (Decision.OPEN, 1)


async def test_a_sender_cannot_move_its_transfer_to_another_hospital_by_an_event(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT)
    moved = Case(case.sender, STRANGER, case.space)
    desk.submit(SENDER, sealed(desk.pki, message(moved, Event.CANCEL)))
    await desk.work()
    assert desk.verdicts(SENDER)[1] == (Verdict.REFUSED, ReasonCode.NOT_A_PARTY)
    assert desk.envelopes(STRANGER) == []


async def test_the_destination_cannot_cancel(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _say(desk, case, Event.SUBMIT)
    reversed_case = Case(case.destination, case.sender, case.space)
    desk.submit(DESTINATION, sealed(desk.pki, message(reversed_case, Event.CANCEL)))
    await desk.work()
    assert desk.verdicts(DESTINATION) == [(Verdict.REFUSED, ReasonCode.NOT_A_PARTY)]


async def test_a_suspended_facility_is_told_so_and_burns_nothing(any_desk: Desk) -> None:
    desk, envelope = any_desk, sealed(any_desk.pki, message(new_case()))
    await desk.stand(SENDER, Standing.SUSPENDED)
    desk.submit(SENDER, envelope)
    await desk.work()
    await desk.stand(SENDER, Standing.ACTIVE)
    desk.submit(SENDER, envelope)
    await desk.work()
    assert desk.verdicts(SENDER) == [(Verdict.TRANSIENT, ReasonCode.FACILITY_SUSPENDED), ACCEPTED]


async def test_destinations_that_cannot_be_reached_say_why(any_desk: Desk) -> None:
    desk = any_desk
    async with desk.database.write() as connection:
        rows = [
            {"code": code, "name": code, "valid_from": "2019-01-01", "valid_to": until, "phone": None}
            for code, until in (("30Z01", None), ("30Z02", "2020-01-01"))
        ]
        await facilities.load_register(connection, rows)
    for code in ("30Z01", "30Z02", "30Z03"):
        desk.pki.facility(code)
        desk.submit(SENDER, sealed(desk.pki, message(new_case(SENDER, code))))
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    assert desk.verdicts(SENDER) == [
        (Verdict.TRANSIENT, ReasonCode.DESTINATION_NOT_CONNECTED),
        (Verdict.TRANSIENT, ReasonCode.DESTINATION_CLOSED),
        (Verdict.TRANSIENT, ReasonCode.DESTINATION_UNKNOWN),
        (Verdict.TRANSIENT, ReasonCode.FACILITY_SUSPENDED),
    ]


async def test_a_slip_for_an_unknown_destination_burns_no_id_and_goes_once_it_is_connected(any_desk: Desk) -> None:
    desk, late = any_desk, "30Z04"
    envelope = sealed(desk.pki, message(new_case(SENDER, late)))
    desk.submit(SENDER, envelope)
    await desk.work()
    assert desk.verdicts(SENDER) == [(Verdict.TRANSIENT, ReasonCode.DESTINATION_UNKNOWN)]
    assert await desk.rows(tables.message) == []
    async with desk.database.write() as connection:
        await facilities.admit(connection, late, [1], "2026-11-22T00:00:00.000Z")
    desk.submit(SENDER, envelope)
    await desk.work()
    assert desk.verdicts(SENDER)[1:] == [(Verdict.ACCEPTED, None)]
    assert len(await desk.rows(tables.transfer)) == 1
