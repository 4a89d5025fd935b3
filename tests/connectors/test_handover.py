"""Hand-over: complete or not at all, cases in order, tried until yes, repeats marked only where they may be ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import handover
from connectors.alarm_words import AlarmCode
from connectors.handover import HandoverDesk, NotTakenError, heads
from connectors.parcel import Parcel
from connectors.store import alarms, handovers
from connectors.store.handovers import Handover
from schemas.events import Event
from schemas.urgency import Priority, more_urgent
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import FakeHis, drain, handovers_of, send
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import CrashError, CrashingStore, World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    await read_all(made)  # a database that has read before
    yield made
    await made.close()


async def test_urgent_first_and_a_case_in_its_order(world: World) -> None:
    case_id, transfer_id = new_id(), new_id()
    send(world, priority=Priority.ROUTINE)
    slip = send(world, priority=Priority.URGENT, case_id=case_id, transfer_id=transfer_id)
    cancel = send(world, priority=Priority.STAT, event=Event.CANCEL, case_id=case_id, transfer_id=transfer_id)
    await read_all(world)
    his = FakeHis()
    await drain(world, HandoverDesk(world.site, his))
    order = [parcel.message_id for parcel, _ in his.taken]
    assert order[:2] == [bundle["entry"][0]["resource"]["id"] for bundle in (slip, cancel)]


async def test_a_case_that_is_not_taken_holds_up_no_other(world: World) -> None:
    case_id = new_id()
    send(world, priority=Priority.STAT, case_id=case_id)
    send(world, priority=Priority.STAT, case_id=case_id, event=Event.DEPARTED)
    send(world, priority=Priority.ROUTINE)
    await read_all(world)
    his = FakeHis(answers=[NotTakenError("HTTP 404", outcome_known=True)])
    desk = HandoverDesk(world.site, his)
    await drain(world, desk)
    assert [parcel.event for parcel, _ in his.taken] == [Event.SUBMIT]
    world.clock.pass_(10)
    await drain(world, desk)
    assert [parcel.event for parcel, _ in his.taken] == [Event.SUBMIT, Event.SUBMIT, Event.DEPARTED]


@pytest.mark.parametrize(("known", "marked"), [(True, False), (False, True)])
async def test_only_what_may_have_arrived_is_marked(world: World, known: bool, marked: bool) -> None:
    send(world)
    await read_all(world)
    his = FakeHis(answers=[NotTakenError("x", outcome_known=known)])
    desk = HandoverDesk(world.site, his)
    await drain(world, desk)
    world.clock.pass_(10)
    await drain(world, desk)
    assert [duplicate for _, duplicate in his.taken] == [marked]


async def test_what_lay_there_before_this_database_is_marked(tmp_path: Path) -> None:
    fresh = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    send(fresh)
    await read_all(fresh)
    his = FakeHis()
    await drain(fresh, HandoverDesk(fresh.site, his))
    assert [duplicate for _, duplicate in his.taken] == [True]
    await fresh.close()


async def test_a_message_that_breaks_us_stops_no_other_case(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    send(world, priority=Priority.STAT)
    send(world, priority=Priority.ROUTINE)
    await read_all(world)
    real, his = handover.make_parcel, FakeHis()

    def breaking(message: Handover, jws: bytes, stamp: bytes) -> Parcel:
        if message.priority == "stat":
            raise RecursionError
        return real(message, jws, stamp)

    monkeypatch.setattr(handover, "make_parcel", breaking)
    desk = HandoverDesk(world.site, his)
    await drain(world, desk)
    assert len(his.taken) == 1
    monkeypatch.undo()
    world.clock.pass_(10)
    await drain(world, desk)
    assert [duplicate for _, duplicate in his.taken] == [False, False]


async def test_the_mark_stays_once_it_was_needed(world: World) -> None:
    send(world)
    await read_all(world)
    his = FakeHis(answers=[NotTakenError("x", outcome_known=False), NotTakenError("x", outcome_known=True)])
    desk = HandoverDesk(world.site, his)
    for _ in range(3):
        await drain(world, desk)
        world.clock.pass_(30)
    assert [duplicate for _, duplicate in his.taken] == [True]


async def test_a_his_that_stays_away_alarms_until_it_is_back(world: World) -> None:
    send(world)
    await read_all(world)
    his = FakeHis(answers=[NotTakenError("ConnectError", outcome_known=True)] * 3)
    desk = HandoverDesk(world.site, his)
    for _ in range(3):
        await drain(world, desk)
        world.clock.pass_(60)
    assert AlarmCode.HANDOVER_FAILING in {a.code for a in await world.database.read(alarms.open_alarms)}
    assert (await world.database.read(handovers.failing))[0][1:] == ("ConnectError", 3)
    await drain(world, desk)
    assert await world.database.read(alarms.open_alarms) == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_crash_at_any_step_hands_over_at_least_once_and_marks_repeats(
    world: World, at: int, after: bool
) -> None:
    send(world)
    await read_all(world)
    his = FakeHis()
    world.site.store = CrashingStore(world.database, at=at, after=after)
    with pytest.raises(CrashError):
        await drain(world, HandoverDesk(world.site, his))
    await world.restart()
    await drain(world, HandoverDesk(world.site, his))
    assert len({parcel.message_id for parcel, _ in his.taken}) == 1
    assert not his.taken[0][1] or (at, after) == (1, True)
    for _, duplicate in his.taken[1:]:
        assert duplicate
    assert await world.database.read(handovers.waiting) == []


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(list(Priority))), max_size=20))
def test_heads_are_the_oldest_of_each_case_most_urgent_case_first(cases: list[tuple[str, Priority]]) -> None:
    waiting = handovers_of(cases)
    found = heads(waiting)
    assert {item.message.case_id for item in found} == {case for case, _ in cases}
    for item in found:
        own = [message for message in waiting if message.case_id == item.message.case_id]
        assert item.message is own[0]
        rank = Priority.ROUTINE
        for message in own:
            rank = more_urgent(rank, Priority(message.priority))
        assert item.rank == rank.rank
    assert [item.rank for item in found] == sorted(item.rank for item in found)
