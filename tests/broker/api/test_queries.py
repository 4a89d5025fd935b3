"""What pages ask, on both databases; and that a facility never sees another's case."""

import pytest

from broker.queries import Queries
from broker.queries.views import OPERATOR, HandedOn, Stage, TransferFilter, TransferView, Viewer
from schemas.lifecycle import Decision
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority
from tests.broker.api.cases import NOON
from tests.broker.api.world import (
    ACCEPTED,
    ARRIVED,
    DECLINED,
    DESTINATION,
    FOREIGN,
    FRESH,
    LATE,
    OPENED,
    OTHER,
    QUEUED,
    ROUTINE,
    SENDER,
    SUSPENDED,
    TRANSFERS,
    UNREADABLE,
    D,
    H,
    M,
    S,
    code,
    uid,
)

ANY = TransferFilter()


def _numbers(found: list[TransferView]) -> list[int]:
    return [int(view.transfer_id[-12:]) for view in found]


async def test_transfers_newest_first_with_all_facts(either: Queries) -> None:
    found = await either.transfers(OPERATOR, ANY)
    assert _numbers(found) == [FRESH, FOREIGN, QUEUED, OPENED, UNREADABLE, LATE, ACCEPTED, DECLINED, ARRIVED, ROUTINE]
    accepted = found[6]
    assert (accepted.sender, accepted.destination, accepted.case_code) == (SENDER, DESTINATION, code(ACCEPTED))
    assert accepted.state.decision is Decision.ACCEPTED
    begun = NOON - 20 * M
    assert accepted.reached == {
        Stage.RECEIVED: begun,
        Stage.DELIVERED: begun + S,
        Stage.OPENED: begun + M,
        Stage.DECIDED: begun + 2 * M,
        Stage.DEPARTED: begun + 5 * M,
    }
    assert (found[2].incomplete, found[4].unclassified) == (True, True)


async def test_how_far_the_exchange_has_carried_each_slip(either: Queries) -> None:
    everything = await either.transfers(OPERATOR, ANY)
    found = dict(zip(_numbers(everything), everything, strict=True))
    assert found[FRESH].handed_on is HandedOn.CONFIRMED  # number 1, complete to 2
    assert found[OPENED].handed_on is HandedOn.PUBLISHED  # number 3
    assert found[FOREIGN].handed_on is HandedOn.NUMBERED  # number 9, published through 8
    assert found[QUEUED].handed_on is HandedOn.QUEUED
    assert found[ACCEPTED].handed_on is None  # its row is gone
    assert found[UNREADABLE].ack_reason is ReasonCode.ENVELOPE_UNDECRYPTABLE


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (TransferFilter(sender=OTHER), [FOREIGN]),
        (TransferFilter(destination=SENDER), []),
        (TransferFilter(facility=OTHER), [FOREIGN]),
        (TransferFilter(priority=Priority.URGENT), [OPENED, UNREADABLE]),
        (TransferFilter(decision="declined"), [DECLINED, ARRIVED]),
        (TransferFilter(journey="departed"), [ACCEPTED]),
        (TransferFilter(decision="declined", journey="arrived"), [ARRIVED]),
    ],
)
async def test_filters(either: Queries, wanted: TransferFilter, numbers: list[int]) -> None:
    assert _numbers(await either.transfers(OPERATOR, wanted)) == numbers


async def test_pages_meet_without_gap_or_repeat(either: Queries) -> None:
    for viewer in (OPERATOR, Viewer(DESTINATION)):
        seen: list[int] = []
        before = None
        while page := await either.transfers(viewer, TransferFilter(before=before), limit=3):
            seen += _numbers(page)
            last = page[-1]
            moment = last.reached[Stage.RECEIVED]
            before = (f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z", last.transfer_id)
        assert seen == _numbers(await either.transfers(viewer, ANY))
        assert len(seen) == len(TRANSFERS)


async def test_a_facility_sees_its_own_and_nothing_else(either: Queries) -> None:
    everything = await either.transfers(OPERATOR, ANY)
    for viewer in (Viewer(SENDER), Viewer(DESTINATION), Viewer(OTHER), Viewer(SUSPENDED)):
        mine = [view for view in everything if viewer.facility in {view.sender, view.destination}]
        assert await either.transfers(viewer, ANY) == mine
        assert {v.transfer_id for v in await either.unsettled(viewer, NOON)} <= {v.transfer_id for v in mine}
        for view in everything:
            for name in (view.case_code, view.case_id, view.transfer_id, uid(3, int(view.transfer_id[-12:]))):
                assert await either.named(viewer, str(name)) == ([view] if view in mine else [])


async def test_a_facility_that_filters_for_another_sees_only_what_both_share(either: Queries) -> None:
    assert _numbers(await either.transfers(Viewer(OTHER), TransferFilter(facility=DESTINATION))) == [FOREIGN]
    assert await either.transfers(Viewer(OTHER), TransferFilter(facility=SENDER)) == []
    assert await either.transfers(Viewer(OTHER), TransferFilter(sender=SENDER)) == []
    assert len(await either.transfers(Viewer(DESTINATION), TransferFilter(facility=SENDER))) == 9
    assert len(await either.transfers(Viewer(SENDER), TransferFilter(facility=SENDER))) == 9


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nguyễn Văn A",
        "24Z01",
        "%",
        code(FRESH).lower(),
        code(FRESH)[:-1] + "0",
        uid(1, FRESH).replace("-", ""),
        "' OR 1=1",
    ],
)
async def test_any_other_text_means_nothing(either: Queries, name: str) -> None:
    assert await either.named(OPERATOR, name) == []


async def test_an_answers_id_finds_the_case(either: Queries) -> None:
    assert _numbers(await either.named(OPERATOR, uid(4, ACCEPTED))) == [ACCEPTED]
    assert _numbers(await either.named(Viewer(SENDER), uid(4, ACCEPTED))) == [ACCEPTED]
    assert await either.named(Viewer(OTHER), uid(4, ACCEPTED)) == []


async def test_unsettled_is_urgent_first_then_oldest(either: Queries) -> None:
    found = _numbers(await either.unsettled(OPERATOR, NOON))
    assert found[:4] in ([LATE, QUEUED, FOREIGN, FRESH], [LATE, FOREIGN, QUEUED, FRESH])
    assert found[4:] == [UNREADABLE, OPENED, ROUTINE]
    assert await either.unsettled(OPERATOR, NOON + 31 * D) == []


async def test_messages_of_a_transfer(either: Queries) -> None:
    (accepted,) = await either.named(OPERATOR, code(ACCEPTED))
    found = await either.messages(OPERATOR, accepted)
    assert [m.message_id for m in found] == [uid(3, ACCEPTED), uid(4, ACCEPTED)]
    assert await either.messages(Viewer(SENDER), accepted) == found
    assert await either.messages(Viewer(OTHER), accepted) == []


async def test_a_refused_message_is_known_to_its_sender_alone(either: Queries) -> None:
    (declined,) = await either.named(OPERATOR, code(DECLINED))
    slip, crossed = uid(3, DECLINED), uid(4, 90)
    assert [m.message_id for m in await either.messages(OPERATOR, declined)] == [slip, crossed]
    assert [m.message_id for m in await either.messages(Viewer(DESTINATION), declined)] == [slip, crossed]
    assert [m.message_id for m in await either.messages(Viewer(SENDER), declined)] == [slip]
    assert await either.message(Viewer(SENDER), crossed) == []
    (shown,) = await either.message(Viewer(DESTINATION), crossed)
    assert (shown.verdict, shown.reason) == (Verdict.REFUSED, ReasonCode.LATE)


async def test_refusals_leave_out_what_was_accepted_later(either: Queries) -> None:
    found = await either.refusals(OPERATOR, NOON - D)
    assert [m.message_id for m in found] == [uid(4, 91), uid(4, 90)]
    assert [m.message_id for m in await either.refusals(Viewer(SENDER), NOON - D)] == [uid(4, 91)]
    assert await either.refusals(Viewer(OTHER), NOON - D) == []
    assert await either.refusals(OPERATOR, NOON + M) == []


async def test_held(either: Queries) -> None:
    (found,) = await either.held(OPERATOR)
    assert (found.sender, found.reason, found.held_at) == (OTHER, ReasonCode.CRL_STALE, NOON - 40 * M)
    assert await either.held(Viewer(OTHER)) == [found]
    assert await either.held(Viewer(SENDER)) == []


async def test_quarantine_junk_and_alarms(either: Queries) -> None:
    (record,) = await either.quarantine(NOON - D)
    assert (record.topic, record.offset, record.reason) == (f"xfer.submit.{OTHER}", 5, ReasonCode.POISON)
    assert await either.quarantine(NOON - H) == []
    (junk,) = await either.junk(NOON - D)
    assert (junk.records, junk.reason, junk.last_minute) == (20, ReasonCode.SIGNATURE_INVALID, "2026-11-23T04:59")
    assert await either.junk(NOON) == []
    (alarm,) = await either.alarms()
    assert (alarm.alarm, alarm.facility) == ("message-id-reused", OTHER)


async def test_lanes(either: Queries) -> None:
    assert [(v.lane, v.worker, v.epoch, v.facilities) for v in await either.lanes()] == [
        (0, "worker-1", 3, 1),
        (1, "worker-1", 3, 1),
        (2, None, 0, 1),
    ]


async def test_facilities(either: Queries) -> None:
    found = {view.facility: view for view in await either.facilities()}
    assert list(found) == [DESTINATION, SENDER, OTHER, SUSPENDED]
    assert found[SENDER].name == "BVĐK tỉnh Bắc Giang (thử nghiệm)"
    assert found[SENDER].last_submitted_at == NOON - S
    destination = found[DESTINATION]
    assert (destination.unpublished, destination.unconfirmed, destination.missing) == (1, 6, 1)
    assert destination.heard_at == NOON - 29 * S
    assert (found[OTHER].name, found[OTHER].heard_at, found[OTHER].unconfirmed) == (None, None, 0)
    assert found[SUSPENDED].status == "suspended"


async def test_names(either: Queries) -> None:
    assert await either.names({SENDER, OTHER}) == {SENDER: "BVĐK tỉnh Bắc Giang (thử nghiệm)"}
    assert await either.names(set()) == {}


async def test_who_is_let_in(either: Queries) -> None:
    assert await either.admitted(SENDER) == ("active", frozenset({"1", "2"}))
    assert await either.admitted(SUSPENDED) == ("suspended", frozenset({"1"}))
    assert await either.admitted("00000") is None


async def test_log_and_counts(either: Queries) -> None:
    log = await either.log()
    assert (log.size, log.unnumbered, log.checkpoint_at) == (2, 1, NOON - S)
    counts = await either.counts(OPERATOR, NOON - D)
    assert counts.transfers == {"open": 6, "accepted": 1, "declined": 2}
    assert (counts.held, counts.refused, counts.quarantined, counts.junk, counts.alarms) == (1, 2, 1, 20, 1)
    own = await either.counts(Viewer(OTHER), NOON - D)
    assert (own.transfers, own.held, own.refused) == ({"open": 1}, 1, 0)
