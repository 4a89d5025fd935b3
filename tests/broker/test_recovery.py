"""A restored database is brought forward from its inbox topics: the same ids, receipts and numbers, nothing twice."""

from pathlib import Path
from typing import Any

import pytest

from broker.audit.actions import Action
from broker.recovery.recover import Step
from broker.store import counters, tables
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.notice import NoticeKind
from schemas.tokens.receipt import Receipt, Verdict
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, digest
from tests.broker.messages import Message, ack, message, new_case, renamed, sealed, status
from tests.broker.recovery_world import Restorable
from tests.broker.tokens import payload_of
from tests.schemas.bundles import DESTINATION, SENDER

ACCEPTED = (Verdict.ACCEPTED, None)


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def restorable(desk: Desk, tmp_path: Path) -> Restorable:
    return Restorable.around(desk, tmp_path / "exchange")


async def _send(desk: Desk, *made: Message) -> None:
    for one in made:
        desk.submit(one.sender, sealed(desk.pki, one))
    await desk.work()


async def _acknowledge(desk: Desk, made: Message) -> None:
    desk.introduce(made.destination)
    (token,) = {ack(desk.pki, made, payload_sha256=_payload_digest(desk, made))}
    desk.submit(made.destination, token, RecordType.ACK)
    await desk.work()


def _payload_digest(desk: Desk, made: Message) -> str:
    stamps = [one.stamp for one in desk.envelopes(made.destination) if one.stamp.message_id == made.message_id]
    return str(stamps[0].payload_sha256)


async def _state(desk: Desk) -> dict[str, Any]:
    """What must be the same before the loss and after the recovery."""
    message_columns = [one.name for one in tables.message.c]
    messages = {
        row.message_id: {name: getattr(row, name) for name in message_columns}
        for row in await desk.rows(tables.message)
    }
    transfers = {row.transfer_id: dict(row._mapping) for row in await desk.rows(tables.transfer)}
    for row in transfers.values():
        row.pop("changed_at")
        row.pop("delivered_at")  # as the recovery took the ack in, not as the exchange first did
    for one in messages.values():
        one.pop("acked_at")
    positions = {row.topic: (row.next_offset, row.anchor_sha256) for row in await desk.rows(tables.source_position)}
    return {"messages": messages, "transfers": transfers, "positions": positions}


async def test_ids_receipts_transfers_and_positions_are_as_they_were(desk: Desk, restorable: Restorable) -> None:
    case = new_case()
    early = message(case)
    await _send(desk, early)
    restorable.back_up()
    late, accepted, other = message(new_case()), message(case, Event.ACCEPT), message(new_case(), priority="stat")
    await _send(desk, late, accepted, other)
    await _acknowledge(desk, early)
    await _acknowledge(desk, late)
    before, receipts = await _state(desk), [one.value for one in desk.received(SENDER, RecordType.RECEIPT)]
    await restorable.restore()
    outcome = await restorable.recover()
    assert outcome.needed
    assert outcome.facts["messages"] == 3
    assert await _state(desk) == before
    stored = {row.receipt.encode() for row in await desk.rows(tables.message, sender=SENDER)}
    assert stored == set(receipts)


async def test_nothing_is_delivered_again_and_every_inbox_learns_of_the_generation_first(
    desk: Desk, restorable: Restorable
) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()), message(new_case()))
    lengths = restorable.inbox_lengths()
    await restorable.restore()
    outcome = await restorable.recover()
    assert outcome.generation == 2
    await desk.follow()
    await desk.work()
    for facility, length in lengths.items():
        (new,) = desk.received(facility)[length:]
        assert (new.record_type, new.stamp.generation, new.stamp.delivery_seq) == (RecordType.NOTICE, 2, length + 1)
        notice = desk.notices(facility)[-1]
        assert (notice.notice, notice.generation) == (NoticeKind.GENERATION_RAISED, 2)
    async with desk.database.read() as connection:
        assert await counters.value_of(connection, counters.GENERATION) == 2


async def test_what_waited_for_a_number_when_the_backup_was_made_is_not_numbered_twice(
    desk: Desk, restorable: Restorable
) -> None:
    made = message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    while await desk.pipeline.turn():
        pass
    restorable.back_up()  # decided, and neither receipt nor envelope has its number
    await desk.carry()
    await restorable.restore()
    await restorable.recover()
    await desk.follow()
    await desk.work()
    assert len(desk.envelopes(DESTINATION)) == 1
    assert desk.verdicts(SENDER) == [ACCEPTED]


async def test_a_repeat_after_the_recovery_gets_the_receipt_of_before(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    made = message(new_case())
    await _send(desk, made)
    await _acknowledge(desk, made)
    await restorable.restore()
    await restorable.recover()
    await desk.follow()
    await _send(desk, made)
    first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_known_content_under_new_ids_is_still_a_duplicate(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    made = message(new_case())
    await _send(desk, made)
    await restorable.restore()
    await restorable.recover()
    await desk.follow()
    await _send(desk, renamed(made, message_id=True, bundle_id=True))
    assert desk.verdicts(SENDER)[-1] == (Verdict.REFUSED, ReasonCode.DUPLICATE_OF)


async def test_a_refusal_stays_what_it_was(desk: Desk, restorable: Restorable) -> None:
    case = new_case()
    await _send(desk, message(case))
    await _send(desk, message(case, Event.CANCEL))
    restorable.back_up()
    late = message(case, Event.ACCEPT)
    await _send(desk, late)
    before = await _state(desk)
    refused = desk.receipts(DESTINATION)[-1]
    assert refused.verdict is Verdict.REFUSED
    await restorable.restore()
    await restorable.recover()
    assert await _state(desk) == before
    await desk.follow()
    await _send(desk, late)
    assert desk.receipts(DESTINATION)[-1] == refused


async def test_accepted_and_in_nobodys_inbox_it_is_delivered_from_the_submit_topic(
    desk: Desk, restorable: Restorable
) -> None:
    restorable.back_up()
    made = message(new_case())
    desk.inbox.fails_after[DESTINATION] = 0
    await _send(desk, made)
    await restorable.restore()
    del desk.inbox.fails_after[DESTINATION]
    outcome = await restorable.recover()
    assert outcome.facts["queued_from_submit_topics"] == 1
    assert outcome.facts["resend"] == []
    desk.relay._pauses.clear()
    await desk.follow()
    await desk.work()
    (envelope,) = desk.envelopes(DESTINATION)
    assert (envelope.stamp.message_id, envelope.stamp.generation) == (made.message_id, 1)
    assert len(desk.receipts(SENDER)) == 1


async def test_a_delivery_whose_receipt_never_left_gets_one_and_is_not_judged_anew(
    desk: Desk, restorable: Restorable
) -> None:
    restorable.back_up()
    made = message(new_case())
    desk.inbox.fails_after[SENDER] = 0
    await _send(desk, made)
    await restorable.restore()
    del desk.inbox.fails_after[SENDER]
    outcome = await restorable.recover()
    assert outcome.facts["receipts_given_anew"] == 1
    desk.relay._pauses.clear()
    await desk.follow()
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED]
    (receipt,) = desk.receipts(SENDER)
    assert (receipt.source.topic, receipt.source.offset, receipt.event_seq) == (f"xfer.submit.{SENDER}", 0, 1)
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_what_only_its_sender_still_has_is_asked_for(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    made = message(new_case())
    desk.inbox.fails_after[DESTINATION] = 0
    await _send(desk, made)
    await restorable.restore()
    del desk.inbox.fails_after[DESTINATION]
    desk.log.replace(SENDER, [])
    outcome = await restorable.recover()
    assert outcome.facts["resend"] == [{"facility": SENDER, "message_id": made.message_id, "why": "undelivered"}]
    desk.relay._pauses.clear()
    await desk.follow()
    await desk.work()
    notices = [one for one in desk.notices(SENDER) if one.notice is NoticeKind.RESEND_REQUEST]
    assert [one.message_id for one in notices] == [made.message_id]
    await _send(desk, made)
    (envelope,) = desk.envelopes(DESTINATION)
    assert envelope.stamp.message_id == made.message_id
    first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value
    await _acknowledge(desk, made)
    (row,) = await desk.rows(tables.message)
    assert row.ack == AckVerdict.DELIVERED


async def test_a_number_whose_record_is_gone_becomes_a_void_when_it_is_missed(
    desk: Desk, restorable: Restorable
) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()), message(new_case()))
    await restorable.restore()
    restorable.topics.lost.add((restorable.topic(DESTINATION), 0))
    outcome = await restorable.recover()
    assert outcome.facts["voids"] == 1
    desk.introduce(DESTINATION)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 0, missing=(1,)), RecordType.INBOX_STATUS)
    await desk.follow()
    await desk.work()
    (void,) = desk.received(DESTINATION, RecordType.VOID)
    assert void.stamp.delivery_seq == 1


async def test_recovering_twice_changes_nothing(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    assert (await restorable.recover()).done
    before = await _state(desk)
    again = await restorable.recover()
    assert (again.needed, again.generation) == (False, 2)
    assert await _state(desk) == before


@pytest.mark.parametrize("step", list(Step))
async def test_ended_anywhere_before_its_commit_nothing_has_happened(
    desk: Desk, restorable: Restorable, step: Step
) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    before = await _state(desk)
    await restorable.restore()
    old = await _state(desk)

    def die(at: Step, done: int, total: int) -> None:
        if at is step:
            raise KilledError

    recovery = restorable.recovery(desk.database)
    recovery.tell = die
    with pytest.raises(KilledError):
        await recovery.run()
    assert await _state(desk) == old
    assert (await restorable.recover()).generation == 2
    assert await _state(desk) == before


async def test_a_dry_run_says_the_same_and_changes_nothing(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    before = restorable.file.read_bytes()
    dry = await restorable.recover(dry_run=True)
    assert restorable.file.read_bytes() == before
    done = await restorable.recover()
    assert dry.facts["messages"] == done.facts["messages"] == 1
    assert (dry.done, done.done) == (False, True)


async def test_a_database_as_new_as_its_log_needs_nothing(desk: Desk, restorable: Restorable) -> None:
    await _send(desk, message(new_case()))
    outcome = await restorable.recover()
    assert (outcome.needed, outcome.done, outcome.generation) == (False, False, 1)


async def test_every_rebuilt_answer_and_inbox_is_in_the_audit_log(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    (lost,) = [
        row.leaf_hash for row in await desk.rows(tables.audit_entry) if Action.MESSAGE_ACCEPTED.encode() in row.entry
    ]
    receipt = desk.received(SENDER, RecordType.RECEIPT)[0].value
    assert Receipt.decode(payload_of(receipt)).audit_leaf == lost
    await restorable.restore()
    await restorable.recover()
    entries = [row.entry.decode() for row in await desk.rows(tables.audit_entry)]
    (rebuilt,) = [one for one in entries if Action.MESSAGE_REBUILT in one]
    assert lost in rebuilt
    assert digest(receipt) in rebuilt
    assert sum(Action.INBOX_REBUILT in one for one in entries) == 3
    assert sum(Action.GENERATION_RAISED in one for one in entries) == 1


async def test_no_size_of_the_audit_tree_gets_a_second_root(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    published = restorable.folder / "data" / "checkpoint"
    published.write_text("as it was published")
    outcome = await restorable.recover(published=100)
    assert outcome.facts["audit_entries_lost_at_least"] > 0
    assert len(await desk.rows(tables.audit_entry)) == 101
    assert not published.exists()
    assert (restorable.folder / "data" / "checkpoint.generation-1").read_text() == "as it was published"


async def test_killed_between_its_commit_and_the_checkpoint_it_only_removes_that(
    desk: Desk, restorable: Restorable
) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    published = restorable.folder / "data" / "checkpoint"
    published.write_text("as it was published")
    await restorable.recover(published=100)
    published.write_text("as it was published")
    again = await restorable.recover(published=100)
    assert (again.needed, again.generation) == (False, 2)
    assert not published.exists()


async def test_a_forged_record_in_an_inbox_proves_nothing(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    forged = desk.inbox.inboxes[DESTINATION][0]
    desk.inbox.inboxes[SENDER].append(forged)  # a stamp for another inbox
    await restorable.restore()
    outcome = await restorable.recover()
    assert [one["reason"] for one in outcome.facts["unproven"]] == [ReasonCode.STAMP_NOT_FOR_ME]
    assert outcome.facts["messages"] == 1


async def test_a_facility_admitted_after_the_backup_takes_part_again(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    async with desk.database.write() as connection:
        for table in (tables.facility, tables.inbox_counter):
            column = table.c.facility_id if table is tables.facility else table.c.destination
            await connection.execute(table.delete().where(column == DESTINATION))
        await connection.execute(
            tables.source_position.delete().where(tables.source_position.c.topic == f"xfer.submit.{DESTINATION}")
        )
    outcome = await restorable.recover()
    assert outcome.facts["facilities_admitted_again"] == [DESTINATION]
    (row,) = await desk.rows(tables.facility, facility_id=DESTINATION)
    assert row.status == "active"
    (counter,) = await desk.rows(tables.inbox_counter, destination=DESTINATION)
    assert counter.next_seq == 3


async def test_on_both_databases_a_backup_from_before_the_first_message_is_enough(
    any_desk: Desk, tmp_path: Path
) -> None:
    desk, restorable = any_desk, Restorable.around(any_desk, tmp_path / "exchange")
    (restorable.folder / "data").mkdir(exist_ok=True)
    case = new_case()
    await _send(desk, message(case), message(new_case(), priority="stat"))
    await _send(desk, message(case, Event.ACCEPT))
    before, lengths = await _state(desk), restorable.inbox_lengths()
    await restorable.forget_everything()
    outcome = await restorable.recover()
    assert (outcome.facts["messages"], outcome.facts["resend"]) == (3, [])
    assert await _state(desk) == before
    await desk.follow()
    await desk.work()
    announced = {facility: lengths.get(facility, 0) + 1 for facility in (SENDER, DESTINATION, STRANGER)}
    assert restorable.inbox_lengths() == announced


async def test_progress_is_told_for_each_step(desk: Desk, restorable: Restorable) -> None:
    restorable.back_up()
    await _send(desk, message(new_case()))
    await restorable.restore()
    await restorable.recover()
    steps = list(dict.fromkeys(step for step, _, _ in restorable.told))
    assert [one.value for one in steps] == ["inboxes", "submits", "writing"]
