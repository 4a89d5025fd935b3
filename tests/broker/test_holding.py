"""What is uncertain waits, and burns nothing: revocation lists, clocks, cloned databases, quota."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import broker.second_look as second_look_module
from broker.stages.examining import Examined, Material, examine
from broker.stages.known import Standing
from broker.stages.submission import Record
from broker.store import tables
from broker.store.losses import HELD_BYTES_LOST
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.notice import NoticeKind
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, digest
from tests.broker.messages import Message, message, new_case, sealed
from tests.certs.pki import TestPki, make_pki
from tests.schemas.bundles import DESTINATION, SENDER, uuid

ACCEPTED = (Verdict.ACCEPTED, None)
HELD_BY_LIST = (Verdict.HELD, ReasonCode.CRL_STALE)


@pytest.fixture
async def stale(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose revocation list ended yesterday."""
    pki = make_pki(tmp_path / "own", facilities=(SENDER, DESTINATION, STRANGER))
    desk = await Desk.open(tmp_path / "exchange", pki)
    _write_list(desk, pki, old=True)
    yield desk
    await desk.close()


def _write_list(desk: Desk, pki: TestPki, *, old: bool) -> None:
    """Replace the list on disk, as an administrator would."""
    crl = desk.material._files[1]
    made = pki.now - timedelta(days=9) if old else pki.now
    crl.write_bytes(pki.authority.crl(made, timedelta(days=8)))
    desk.material._stamps = ()


async def test_with_an_old_list_stat_passes_flagged_and_the_rest_waits(stale: Desk) -> None:
    stale.submit(SENDER, sealed(stale.pki, message(new_case(), priority="stat")))
    stale.submit(SENDER, sealed(stale.pki, message(new_case(), priority="urgent")))
    await stale.work()
    assert stale.verdicts(SENDER) == [ACCEPTED, HELD_BY_LIST]
    (envelope,) = stale.envelopes(DESTINATION)
    assert "stale-crl" in (envelope.stamp.tags or ())
    assert len(await stale.rows(tables.held)) == 1


async def test_a_held_message_holds_only_later_ones_of_its_case(stale: Desk) -> None:
    case, other = new_case(), new_case()
    stale.submit(SENDER, sealed(stale.pki, message(case)))
    stale.submit(SENDER, sealed(stale.pki, message(case, Event.UPDATE, priority="stat")))
    stale.submit(SENDER, sealed(stale.pki, message(other, priority="stat")))
    await stale.work()
    assert stale.verdicts(SENDER) == [ACCEPTED, HELD_BY_LIST, (Verdict.HELD, ReasonCode.CASE_HELD)] or sorted(
        stale.verdicts(SENDER)
    ) == sorted([HELD_BY_LIST, (Verdict.HELD, ReasonCode.CASE_HELD), ACCEPTED])
    assert [one.stamp.case_id for one in stale.envelopes(DESTINATION)] == [other.case_id]


async def test_when_the_list_is_renewed_what_waited_goes_on_in_its_order(stale: Desk) -> None:
    case = new_case()
    stale.submit(SENDER, sealed(stale.pki, message(case)))
    stale.submit(SENDER, sealed(stale.pki, message(case, Event.UPDATE)))
    await stale.work()
    _write_list(stale, stale.pki, old=False)
    assert await stale.second_look.look(stale.lanes.epochs()) == 0, "not before its time"
    await stale.pass_by(31)
    assert await stale.second_look.look(stale.lanes.epochs()) == 2
    await stale.carry()
    assert [one.stamp.event for one in stale.envelopes(DESTINATION)] == [Event.SUBMIT, Event.UPDATE]
    assert await stale.rows(tables.held) == []
    assert len(await stale.rows(tables.message)) == 2


async def test_a_waiting_message_whose_bytes_are_gone_is_asked_for_once_a_day(stale: Desk) -> None:
    made = message(new_case())
    envelope = sealed(stale.pki, made)
    first = stale.submit(SENDER, envelope)
    await stale.work()
    stale.log.starts[first.topic], stale.log.topics[first.topic] = 1, []

    async def days(count: int) -> None:
        for _ in range(count * 4):
            await stale.pass_by(6 * 3_600)
            assert await stale.second_look.look(stale.lanes.epochs()) == 0
        await stale.carry()

    await days(1)
    (notice,) = stale.notices(SENDER)
    assert (notice.notice, notice.message_id) == (NoticeKind.RESEND_REQUEST, made.message_id)
    await days(3)
    assert len(stale.notices(SENDER)) == 4
    alarms = [(one.alarm, one.message_id) for one in await stale.rows(tables.alarm)]
    assert alarms == [(HELD_BYTES_LOST, made.message_id)]
    assert len(await stale.rows(tables.held)) == 1, "it waits until it comes again"
    _write_list(stale, stale.pki, old=False)
    stale.submit(SENDER, envelope)
    await stale.work()
    assert stale.verdicts(SENDER)[-1] == ACCEPTED
    assert await stale.rows(tables.held) == []


async def test_a_waiting_message_that_comes_again_waits_at_its_new_place_and_keeps_its_turn(stale: Desk) -> None:
    case, other = new_case(), new_case()
    first = stale.submit(SENDER, sealed(stale.pki, message(case)))
    stale.submit(SENDER, sealed(stale.pki, message(case, Event.UPDATE)))
    await stale.work()
    stale.log.starts[first.topic], stale.log.topics[first.topic] = 1, stale.log.topics[first.topic][1:]
    again = stale.submit(SENDER, first.value)
    stale.submit(SENDER, sealed(stale.pki, message(other, priority="stat")))
    await stale.work()
    (row,) = await stale.rows(tables.held, event=Event.SUBMIT)
    assert row.offset == again.offset
    receipts = [one.value for one in stale.received(SENDER, RecordType.RECEIPT)]
    assert receipts.count(receipts[0]) == 2, "asked again, answered again, byte for byte"
    _write_list(stale, stale.pki, old=False)
    await stale.pass_by(31)
    assert await stale.second_look.look(stale.lanes.epochs()) == 2
    await stale.carry()
    assert stale.notices(SENDER) == [], "nothing has to be sent a third time"
    events = [one.stamp.event for one in stale.envelopes(DESTINATION) if one.stamp.case_id == case.case_id]
    assert events == [Event.SUBMIT, Event.UPDATE]


async def test_another_record_at_the_place_of_a_lost_one_is_not_mistaken_for_it(stale: Desk) -> None:
    """The log was cut and has grown again: places name other bytes."""
    made, second = message(new_case()), message(new_case(), text="Khac")
    lost = stale.submit(SENDER, sealed(stale.pki, made))
    await stale.work()
    resealed = replace(lost, value=sealed(stale.pki, made))
    stale.log.replace(SENDER, [resealed])
    stale.log.reconnect()
    await stale.work()
    (row,) = await stale.rows(tables.held)
    assert row.record_sha256 == digest(resealed.value)
    assert stale.verdicts(SENDER) == [HELD_BY_LIST] * 2
    stale.log.replace(SENDER, [replace(lost, value=sealed(stale.pki, second))])
    stale.log.reconnect()
    await stale.work()
    await stale.pass_by(31)
    assert await stale.second_look.look(stale.lanes.epochs()) == 1
    await stale.carry()
    assert [one.message_id for one in stale.notices(SENDER)] == [made.message_id], "only the lost one is asked for"


async def test_an_early_event_whose_bytes_are_gone_is_asked_for_when_its_slip_is_there(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    early = desk.submit(SENDER, sealed(desk.pki, message(case, Event.DEPARTED)))
    await desk.work()
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    await desk.work()
    desk.log.starts[early.topic] = 1
    desk.log.topics[early.topic] = desk.log.topics[early.topic][1:]
    for _ in range(3):
        assert await desk.second_look.look(desk.lanes.epochs()) == 0
        await desk.pass_by(60)
    await desk.carry()
    assert [one.notice for one in desk.notices(SENDER)] == [NoticeKind.RESEND_REQUEST]
    desk.submit(SENDER, early.value)
    await desk.work()
    assert desk.verdicts(SENDER)[-1] == ACCEPTED
    assert await desk.rows(tables.held) == []


async def test_what_still_has_to_wait_is_told_once(stale: Desk) -> None:
    stale.submit(SENDER, sealed(stale.pki, message(new_case())))
    await stale.work()
    await stale.pass_by(31)
    assert await stale.second_look.look(stale.lanes.epochs()) == 1
    await stale.carry()
    assert stale.verdicts(SENDER) == [HELD_BY_LIST]
    assert await stale.second_look.look(stale.lanes.epochs()) == 0, "looked at a moment ago"


async def test_a_signature_from_the_future_is_asked_for_again(desk: Desk) -> None:
    made = message(new_case())
    envelope = sealed(desk.pki, made, at=desk.pki.now + timedelta(minutes=6))
    desk.submit(SENDER, envelope)
    await desk.work()
    await desk.pass_by(120)
    desk.submit(SENDER, envelope)
    await desk.work()
    assert desk.verdicts(SENDER) == [(Verdict.TRANSIENT, ReasonCode.IAT_IN_FUTURE), ACCEPTED]


async def test_an_old_signature_refuses_only_an_id_that_is_not_known(desk: Desk) -> None:
    known, unknown = message(new_case()), message(new_case())
    envelope, later = sealed(desk.pki, known), sealed(desk.pki, unknown)
    desk.submit(SENDER, envelope)
    await desk.work()
    await desk.pass_by(timedelta(days=31).total_seconds())
    _write_list(desk, desk.pki, old=False)
    desk.submit(SENDER, envelope)
    desk.submit(SENDER, later)
    await desk.work()
    first, again, refused = desk.verdicts(SENDER)
    assert (first, again) == (ACCEPTED, ACCEPTED)
    assert refused == (Verdict.TRANSIENT, ReasonCode.IAT_TOO_OLD)


async def test_while_time_or_list_are_unsure_faulty_content_gets_no_final_answer(desk: Desk) -> None:
    made = message(new_case())
    faulty = replace(made, payload=made.payload.replace(b'"priority":"urgent"', b'"priority":"asap"'))
    ahead = sealed(desk.pki, faulty, at=desk.pki.now + timedelta(hours=1))
    envelope = sealed(desk.pki, faulty)
    _write_list(desk, desk.pki, old=True)
    for value in (ahead, envelope):
        desk.submit(SENDER, value)
        await desk.work()
    _write_list(desk, desk.pki, old=False)
    for _ in range(2):
        desk.submit(SENDER, envelope)
        await desk.work()
    assert desk.verdicts(SENDER) == [
        (Verdict.TRANSIENT, ReasonCode.IAT_IN_FUTURE),
        (Verdict.TRANSIENT, ReasonCode.CRL_STALE),
        *[(Verdict.REFUSED, ReasonCode.PRIORITY_NOT_ALLOWED)] * 2,
    ]
    answers = [one.value for one in desk.received(SENDER, RecordType.RECEIPT)][2:]
    assert answers[0] == answers[1], "a final answer is given once, and then repeated"
    assert len(await desk.rows(tables.message)) == 1


def _from(original: Message, like: Message) -> Message:
    """A message that claims the incarnation and counter of another."""
    own = uuid(0x1C, int(original.bundle_id[-12:], 16)).encode()
    theirs = uuid(0x1C, int(like.bundle_id[-12:], 16)).encode()
    return Message(
        original.payload.replace(own, theirs),
        original.message_id,
        original.bundle_id,
        SENDER,
        DESTINATION,
        original.case,
    )


@pytest.mark.parametrize(
    ("priority", "verdict"),
    [("routine", (Verdict.HELD, ReasonCode.INCARNATION_CLONED)), ("urgent", ACCEPTED), ("stat", ACCEPTED)],
)
async def test_one_counter_with_two_messages_alarms_and_holds_routine(
    any_desk: Desk, priority: str, verdict: tuple[Verdict, ReasonCode | None]
) -> None:
    desk, first = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, first))
    desk.submit(SENDER, sealed(desk.pki, _from(message(new_case(), priority=priority, text="Khac"), first)))
    await desk.work()
    assert sorted(desk.verdicts(SENDER), key=str) == sorted([ACCEPTED, verdict], key=str)
    (alarm,) = await desk.rows(tables.alarm)
    assert alarm.alarm == ReasonCode.INCARNATION_CLONED


async def test_a_counter_that_goes_back_is_no_alarm(any_desk: Desk) -> None:
    desk = any_desk
    for counter in (9, 3):
        made = message(new_case(), text=f"Khac {counter}")
        counted = made.payload.replace(b'"valuePositiveInt":7', f'"valuePositiveInt":{counter}'.encode())
        one = Message(counted, made.message_id, made.bundle_id, SENDER, DESTINATION, made.case)
        desk.submit(SENDER, sealed(desk.pki, one))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED]
    assert await desk.rows(tables.alarm) == []


async def test_over_quota_routine_waits_and_stat_passes(desk: Desk) -> None:
    desk.pipeline.quota.burst = 1
    desk.pipeline.quota.per_minute = 1
    desk.submit(SENDER, sealed(desk.pki, message(new_case(), priority="urgent")))
    desk.submit(SENDER, sealed(desk.pki, message(new_case(), priority="urgent")))
    desk.submit(SENDER, sealed(desk.pki, message(new_case(), priority="routine", text="Khac")))
    desk.submit(SENDER, sealed(desk.pki, message(new_case(), priority="stat", text="Khac han")))
    await desk.work()
    assert (Verdict.TRANSIENT, ReasonCode.OVER_QUOTA) in desk.verdicts(SENDER)
    stored = {row.priority for row in await desk.rows(tables.message)}
    assert stored == {"urgent", "stat"}


async def test_a_waiting_message_that_breaks_its_judge_stops_no_other(
    stale: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = stale.submit(SENDER, sealed(stale.pki, message(new_case())))
    stale.submit(SENDER, sealed(stale.pki, message(new_case())))
    await stale.work()
    _write_list(stale, stale.pki, old=False)
    await stale.pass_by(60)

    def fragile(record: Record, material: Material, now: datetime) -> Examined:
        if record.offset == bad.offset:
            raise ZeroDivisionError
        return examine(record, material, now)

    monkeypatch.setattr(second_look_module, "examine", fragile)
    assert await stale.second_look.look(stale.lanes.epochs()) == 1
    await stale.carry()
    assert stale.verdicts(SENDER) == [HELD_BY_LIST, HELD_BY_LIST, ACCEPTED]
    (row,) = await stale.rows(tables.held)
    assert row.offset == bad.offset


async def test_a_message_held_let_go_and_held_again_in_one_turn_is_held(any_desk: Desk) -> None:
    """Its sender uses the id for something else in between; the last word of a turn stands, whatever came before it."""
    desk, case = any_desk, new_case()
    early, slip = message(case, Event.DEPARTED), message(case)
    reused = replace(
        slip,
        payload=slip.payload.replace(slip.message_id.encode(), early.message_id.encode()),
        message_id=early.message_id,
    )
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    for one in (early, reused, early):
        desk.submit(SENDER, sealed(desk.pki, one))
    await desk.work()
    held = (Verdict.HELD, ReasonCode.TRANSFER_UNKNOWN)
    assert desk.verdicts(SENDER) == [held, (Verdict.TRANSIENT, ReasonCode.FACILITY_SUSPENDED), held]
    (row,) = await desk.rows(tables.held)
    assert row.message_id == early.message_id
