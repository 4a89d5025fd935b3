"""From the outbox to the inboxes: numbers, order, failures, what is sent again. On both databases."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store import bulk, tables
from broker.store.engine import PositionLostError
from broker.store.numbering import KEPT_FOR_OTHERS, Settled, _batches, choose
from schemas.events import Event
from schemas.limits import NUMBERED_BATCH_BYTES, NUMBERED_BATCH_RECORDS
from schemas.tokens.delivery import Void
from schemas.tokens.notice import NoticeKind
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk
from tests.broker.messages import message, new_case, sealed, status
from tests.broker.tokens import payload_of
from tests.schemas.bundles import DESTINATION, SENDER


async def _submit(desk: Desk, count: int, priority: str = "urgent", sender: str = SENDER) -> list[str]:
    """Some decided messages, not carried yet; their ids."""
    made = [message(new_case(sender, DESTINATION), priority=priority) for _ in range(count)]
    for one in made:
        desk.submit(sender, sealed(desk.pki, one))
    while await desk.pipeline.turn():
        pass
    return [one.message_id for one in made]


async def test_numbers_have_no_gap_and_no_repeat(any_desk: Desk) -> None:
    await _submit(any_desk, 20)
    await _submit(any_desk, 20, sender=STRANGER)
    await any_desk.carry()
    numbers = [one.stamp.delivery_seq for one in any_desk.received(DESTINATION)]
    assert numbers == list(range(1, 41))
    (counter,) = await any_desk.rows(tables.inbox_counter, destination=DESTINATION)
    assert (counter.next_seq, counter.published_through) == (41, 40)


async def test_one_batch_without_acknowledgement_for_each_destination(any_desk: Desk) -> None:
    await _submit(any_desk, 20)
    batches = await any_desk.relay._store.step(any_desk.lanes.epochs(), Settled(), set())
    assert [len(one.records) for one in batches if one.destination == DESTINATION] == [NUMBERED_BATCH_RECORDS]
    busy = {one.destination for one in batches}
    assert await any_desk.relay._store.step(any_desk.lanes.epochs(), Settled(), busy) == []


async def test_urgent_goes_first_and_routine_keeps_its_tenth(any_desk: Desk) -> None:
    desk = any_desk
    routine = await _submit(desk, 20, "routine")
    stat = await _submit(desk, 20, "stat")
    await desk.carry()
    order = [one.stamp.message_id for one in desk.envelopes(DESTINATION)]
    first = order[:NUMBERED_BATCH_RECORDS]
    assert first == [*stat[: NUMBERED_BATCH_RECORDS - KEPT_FOR_OTHERS], *routine[:KEPT_FOR_OTHERS]]
    assert [one for one in order if one in stat] == stat
    assert [one for one in order if one in routine] == routine


async def test_what_waits_of_a_case_rises_with_what_follows_it(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _submit(desk, 16, "urgent")
    desk.submit(SENDER, sealed(desk.pki, message(case, priority="routine")))
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.UPDATE, priority="stat")))
    await desk.work()
    of_case = [one.stamp.event for one in desk.envelopes(DESTINATION)[:2]]
    assert of_case == [Event.SUBMIT, Event.UPDATE]


async def test_a_failed_send_starts_again_at_the_first_number_without_acknowledgement(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 5)
    desk.inbox.fails_after[DESTINATION] = 2
    await desk.carry()
    assert [one.stamp.delivery_seq for one in desk.received(DESTINATION)] == [1, 2]
    assert len(desk.receipts(SENDER)) == 5, "other destinations go on"
    del desk.inbox.fails_after[DESTINATION]
    await desk.pass_by(1.0)
    await desk.carry()
    assert [one.stamp.delivery_seq for one in desk.received(DESTINATION)] == [1, 2, 3, 4, 5]


async def test_a_lost_answer_repeats_the_same_number_with_the_same_bytes_and_stamp(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 3)
    desk.inbox.loses_answer.add(DESTINATION)
    await desk.carry()
    desk.inbox.loses_answer.clear()
    await desk.pass_by(1.0)
    await desk.carry()
    first, again, *rest = desk.received(DESTINATION)
    assert (first.value, first.signed_stamp) == (again.value, again.signed_stamp)
    assert [one.stamp.delivery_seq for one in (first, again, *rest)] == [1, 1, 2, 3]


async def test_a_new_owner_first_publishes_what_is_numbered(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 3)
    store = desk.relay._store
    numbered = [
        one for one in await store.step(desk.lanes.epochs(), Settled(), set()) if one.destination == DESTINATION
    ]
    await _submit(desk, 1, "stat")
    again = [one for one in await store.step(desk.lanes.epochs(), Settled(), set()) if one.destination == DESTINATION]
    assert again == numbered
    settled = Settled(published_through={DESTINATION: 3})
    (following,) = list(await store.step(desk.lanes.epochs(), settled, {SENDER}))
    assert [record.delivery_seq for record in following.records] == [4]


async def test_settling_twice_changes_nothing(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 1)
    store, settled = desk.relay._store, Settled(published_through={DESTINATION: 1})
    await store.step(desk.lanes.epochs(), Settled(), {SENDER})
    for _ in range(2):
        assert await store.step(desk.lanes.epochs(), settled, {SENDER}) == []


async def test_a_worker_that_lost_a_lane_numbers_nothing(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 1)
    former = {lane: epoch - 1 for lane, epoch in desk.lanes.epochs().items()}
    with pytest.raises(PositionLostError):
        await desk.relay._store.step(former, Settled(), set())
    rows = await desk.rows(tables.outbox, destination=DESTINATION)
    assert [row.delivery_seq for row in rows] == [None]


async def test_missing_numbers_are_sent_again_as_they_were(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 4)
    await desk.carry()
    desk.introduce(DESTINATION)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 1, missing=(2, 3, 99)), RecordType.INBOX_STATUS)
    await desk.work()
    before, after = desk.received(DESTINATION)[:4], desk.received(DESTINATION)[4:]
    assert [one.stamp.delivery_seq for one in after] == [2, 3]
    assert [one.signed_stamp for one in after] == [one.signed_stamp for one in before[1:3]]
    assert [one.value for one in after] == [one.value for one in before[1:3]]
    assert not [row for row in await desk.rows(tables.outbox) if row.resend]


@pytest.mark.parametrize("is_busy", [False, True])
async def test_one_inbox_that_misses_very_many_starves_no_other(any_desk: Desk, *, is_busy: bool) -> None:
    desk, many = any_desk, 1_100
    first, other = sorted((DESTINATION, STRANGER))
    assert first < other
    common = {
        "lane": 0,
        "record_type": "notice",
        "priority_rank": 0,
        "record_sha256": "0" * 64,
        "size": 1,
        "token": "t",
        "stamp": "s",
        "queued_at": "2026-11-22T09:00:00.000Z",
        "resend": True,
    }
    rows = [{**common, "destination": first, "delivery_seq": number} for number in range(many, 0, -1)]
    rows += [{**common, "destination": other, "delivery_seq": number} for number in (7, 5)]
    counters = [
        {"destination": one, "lane": 0, "next_seq": many + 1, "published_through": many} for one in (first, other)
    ]
    async with desk.database.write() as connection:
        await connection.execute(tables.outbox.insert(), rows)
        await bulk.upsert(connection, tables.inbox_counter, counters)
    busy = {first} if is_busy else set()
    batches = await desk.relay._store.step(desk.lanes.epochs(), Settled(), busy)
    found = {one.destination: [record.delivery_seq for record in one.records] for one in batches if one.again}
    expected = {other: [5, 7]} if is_busy else {first: [*range(1, NUMBERED_BATCH_RECORDS + 1)], other: [5, 7]}
    assert found == expected


async def test_lost_bytes_become_a_void_and_the_sender_is_asked(any_desk: Desk) -> None:
    desk = any_desk
    first, second = await _submit(desk, 2)
    topic = f"xfer.submit.{SENDER}"
    desk.log.starts[topic], desk.log.topics[topic] = 1, desk.log.topics[topic][1:]
    await desk.carry()
    await desk.pass_by(1.0)
    await desk.carry()
    void, envelope = desk.received(DESTINATION)
    assert (void.record_type, void.stamp.delivery_seq) == (RecordType.VOID, 1)
    assert Void.decode(payload_of(void.value)).delivery_seq == 1
    assert (envelope.stamp.message_id, envelope.stamp.delivery_seq) == (second, 2)
    (notice,) = desk.notices(SENDER)
    assert (notice.notice, notice.message_id) == (NoticeKind.RESEND_REQUEST, first)


async def test_a_log_that_is_away_loses_no_number(any_desk: Desk) -> None:
    desk = any_desk
    await _submit(desk, 2)
    desk.log.down = True
    await desk.carry()
    assert desk.received(DESTINATION) == []
    desk.log.down = False
    await desk.pass_by(1.0)
    await desk.carry()
    assert [one.record_type for one in desk.received(DESTINATION)] == [RecordType.ENVELOPE] * 2


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, NUMBERED_BATCH_BYTES * 2)), min_size=1, max_size=48)


@given(ROWS)
def test_a_batch_keeps_the_law(waiting: list[tuple[int, int]]) -> None:
    ordered = sorted(enumerate(waiting), key=lambda one: (one[1][0], one[0]))
    per_urgency: dict[int, int] = {}
    rows = []
    for number, (urgency, size) in ordered:
        per_urgency[urgency] = per_urgency.get(urgency, 0) + 1
        if per_urgency[urgency] <= NUMBERED_BATCH_RECORDS:
            rows.append(SimpleNamespace(id=number, urgency=urgency, size=size))
    chosen = choose(rows)
    by_id = {row.id: row for row in rows}
    assert 1 <= len(chosen) <= NUMBERED_BATCH_RECORDS
    assert len(set(chosen)) == len(chosen)
    assert len(chosen) == 1 or sum(by_id[one].size for one in chosen) <= NUMBERED_BATCH_BYTES
    order = [(by_id[one].urgency, one) for one in chosen]
    assert order == sorted(order)
    for urgency in range(3):  # first come, first served within one urgency
        of_urgency = [row.id for row in rows if row.urgency == urgency]
        taken = [one for one in chosen if by_id[one].urgency == urgency]
        assert taken == of_urgency[: len(taken)]


async def test_a_look_says_whether_a_step_would_find_anything(any_desk: Desk) -> None:
    desk = any_desk
    store, epochs = desk.relay._store, desk.lanes.epochs()
    assert not await store.has_work({})
    await desk.carry()
    assert not await store.has_work(epochs)
    await _submit(desk, 1)
    assert await store.has_work(epochs)  # nothing has a number yet
    assert not await store.has_work({})
    batches = await store.step(epochs, Settled(), set())
    assert await store.has_work(epochs)  # numbered, not acknowledged
    through = {batch.destination: batch.records[-1].delivery_seq for batch in batches}
    await store.step(epochs, Settled(published_through=through), set())
    assert not await store.has_work(epochs)
    desk.introduce(DESTINATION)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 0, missing=(1,)), RecordType.INBOX_STATUS)
    await desk.work()
    assert not await store.has_work(epochs)  # sent again by then


def test_what_is_sent_again_is_a_batch_of_ordinary_size() -> None:
    """A hospital that misses many large records must not bring them all into memory at once."""

    def row(destination: str, number: int, size: int) -> SimpleNamespace:
        names = ("stamp", "case_id", "topic", "offset", "record_sha256", "token")
        given = dict.fromkeys(names, "") | {"id": number, "record_type": "envelope"}
        return SimpleNamespace(destination=destination, delivery_seq=number, size=size, **given)

    large, small = NUMBERED_BATCH_BYTES // 2, 100
    rows = [row("01929", number, large) for number in range(1, 6)]
    rows += [row("01Z97", 1, 2 * NUMBERED_BATCH_BYTES), row("01Z97", 2, small)]
    rows += [row("24Z01", number, small) for number in range(1, 40)]
    batches = {batch.destination: [one.delivery_seq for one in batch.records] for batch in _batches(rows, again=True)}
    assert batches == {"01929": [1, 2], "01Z97": [1], "24Z01": list(range(1, NUMBERED_BATCH_RECORDS + 1))}
