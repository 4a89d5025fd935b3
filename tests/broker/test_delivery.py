"""Acks and inbox-status: what destinations say moves the delivery track, and goes on unopened. On both databases."""

import asyncio
import os

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

import broker.store.turns as turns_module
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.writes import Writes
from broker.stages.known import Standing
from broker.store import tables
from broker.store.facilities import set_standing
from broker.store.unacknowledged import ask_for_acks
from broker.store.writing import write
from schemas.events import Event
from schemas.lifecycle import Delivery
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.notice import NoticeKind
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, digest
from tests.broker.messages import Case, Message, ack, message, new_case, sealed, status
from tests.schemas.bundles import BY_DESTINATION, DESTINATION, SENDER


async def _delivered(desk: Desk, case: Case, event: Event = Event.SUBMIT, priority: str = "urgent") -> Message:
    made = message(case, event, priority=priority)
    desk.submit(DESTINATION if event in BY_DESTINATION else SENDER, sealed(desk.pki, made))
    await desk.work()
    return made


async def _acknowledge(desk: Desk, made: Message, verdict: AckVerdict = AckVerdict.DELIVERED, **more: str) -> bytes:
    signer = more.get("signer", made.destination)
    desk.introduce(signer)
    token = ack(
        desk.pki, made, payload_sha256=more.get("payload_sha256", digest(made.payload)), verdict=verdict, signer=signer
    )
    desk.submit(signer, token, RecordType.ACK)
    await desk.work()
    return token


async def test_an_ack_is_the_proof_of_delivery_and_reaches_the_sender_unopened(any_desk: Desk) -> None:
    desk = any_desk
    made = await _delivered(desk, new_case())
    token = await _acknowledge(desk, made)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.DELIVERED
    assert transfer.delivered_at is not None
    (stored,) = await desk.rows(tables.message)
    assert stored.ack == "delivered"
    (carried,) = desk.received(SENDER, RecordType.ACK)
    assert carried.value == token
    assert (carried.stamp.sender, carried.stamp.record_sha256) == (DESTINATION, digest(token))


async def test_an_unreadable_slip_is_shown_and_a_later_delivery_heals_it(any_desk: Desk) -> None:
    desk = any_desk
    made = await _delivered(desk, new_case())
    await _acknowledge(desk, made, AckVerdict.UNREADABLE)
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.delivery, transfer.delivered_at) == (Delivery.UNREADABLE, None)
    await _acknowledge(desk, made)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.DELIVERED


async def test_a_proof_of_delivery_is_never_taken_back(any_desk: Desk) -> None:
    desk = any_desk
    made = await _delivered(desk, new_case())
    await _acknowledge(desk, made)
    await _acknowledge(desk, made, AckVerdict.UNREADABLE)
    (stored,) = await desk.rows(tables.message)
    assert stored.ack == "delivered"
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.DELIVERED
    assert len(desk.received(SENDER, RecordType.ACK)) == 2


async def test_the_ack_of_an_answer_moves_no_slip(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    await _delivered(desk, case)
    answer = await _delivered(desk, case, Event.ACCEPT)
    await _acknowledge(desk, answer)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.SUBMITTED
    (stored,) = await desk.rows(tables.message, message_id=answer.message_id)
    assert stored.ack == "delivered"


@pytest.mark.parametrize("wrong", ["signer", "digest", "unknown"])
async def test_an_ack_that_fits_nothing_changes_nothing_and_is_not_carried(any_desk: Desk, wrong: str) -> None:
    desk = any_desk
    made = await _delivered(desk, new_case())
    if wrong == "signer":
        await _acknowledge(desk, made, signer=STRANGER)
    elif wrong == "digest":
        await _acknowledge(desk, made, payload_sha256="0" * 64)
    else:
        await _acknowledge(desk, message(new_case()))
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.SUBMITTED
    assert desk.received(SENDER, RecordType.ACK) == []
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.NOT_A_PARTY


async def test_an_ack_before_its_signer_is_known_is_counted_as_junk(desk: Desk) -> None:
    made = await _delivered(desk, new_case())
    desk.submit(DESTINATION, ack(desk.pki, made, payload_sha256=digest(made.payload)), RecordType.ACK)
    await desk.work()
    (row,) = await desk.rows(tables.junk_counter)
    assert row.reason == ReasonCode.KEY_UNKNOWN


async def test_the_ack_of_a_stat_slip_goes_before_routine(desk: Desk) -> None:
    routine = await _delivered(desk, new_case(), priority="routine")
    stat = await _delivered(desk, new_case(), priority="stat")
    desk.introduce(DESTINATION)
    for made in (routine, stat):
        desk.submit(DESTINATION, ack(desk.pki, made, payload_sha256=digest(made.payload)), RecordType.ACK)
    await desk.work()
    written = [record.value for record in desk.log.topics[f"xfer.submit.{DESTINATION}"]]
    assert [one.value for one in desk.received(SENDER, RecordType.ACK)] == written[::-1]


async def test_an_old_revocation_list_loses_no_proof_of_delivery(desk: Desk) -> None:
    made = await _delivered(desk, new_case())
    desk.clock.pass_by(5 * 86_400)
    await _acknowledge(desk, made)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.DELIVERED
    assert await desk.rows(tables.quarantine) == []


async def test_a_suspended_facility_acknowledges_nothing(desk: Desk) -> None:
    made = await _delivered(desk, new_case())
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    await _acknowledge(desk, made)
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.delivery == Delivery.SUBMITTED
    (row,) = await desk.rows(tables.quarantine)
    assert row.reason == ReasonCode.FACILITY_SUSPENDED


async def test_the_status_of_a_suspended_facility_closes_nothing(desk: Desk) -> None:
    await _delivered(desk, new_case())
    desk.introduce(DESTINATION)
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 1, back=True), RecordType.INBOX_STATUS)
    await desk.work()
    assert await desk.rows(tables.inbox_status) == []
    assert desk.heads == set()
    (row,) = await desk.rows(tables.quarantine)
    assert (row.reason, row.record_type) == (ReasonCode.FACILITY_SUSPENDED, RecordType.INBOX_STATUS)


async def test_after_a_suspension_the_acks_that_were_set_aside_are_asked_for_again(any_desk: Desk) -> None:
    desk = any_desk
    made, known = await _delivered(desk, new_case()), await _delivered(desk, new_case())
    await _acknowledge(desk, known)
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    assert await _ask(desk) == 0, "nothing was set aside"
    await _acknowledge(desk, made)
    await desk.stand(DESTINATION, Standing.ACTIVE)
    assert await _ask(desk) == 1
    await desk.carry()
    (notice,) = desk.notices(DESTINATION)
    assert (notice.notice, notice.message_id) == (NoticeKind.RESEND_REQUEST, made.message_id)
    await _acknowledge(desk, made)
    assert {row.delivery for row in await desk.rows(tables.transfer)} == {Delivery.DELIVERED}


async def test_an_ack_that_is_being_set_aside_when_its_facility_returns_is_asked_for_too(any_desk: Desk) -> None:
    """A worker has read "suspended", and has not committed yet."""
    desk = any_desk
    made = await _delivered(desk, new_case())
    desk.introduce(DESTINATION)
    token = ack(desk.pki, made, payload_sha256=digest(made.payload), signer=DESTINATION)
    await desk.stand(DESTINATION, Standing.SUSPENDED)
    desk.submit(DESTINATION, token, RecordType.ACK)
    has_read, may_write = asyncio.Event(), asyncio.Event()

    async def slow_write(connection: AsyncConnection, writes: Writes) -> None:
        has_read.set()
        await may_write.wait()
        await write(connection, writes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns_module, "write", slow_write)
        turn = asyncio.create_task(desk.pipeline.turn())
        await has_read.wait()
        resume = asyncio.create_task(_resume(desk))
        await asyncio.wait([resume], timeout=0.2)
        may_write.set()
        await turn
    assert await resume == 1


async def _resume(desk: Desk) -> int:
    async with desk.database.write() as connection:
        await set_standing(connection, DESTINATION, Standing.ACTIVE, None)
        context = Context(Ledger(), Writes(), desk.pipeline.signer, desk.clock.now(), os.urandom)
        return await ask_for_acks(connection, context, DESTINATION, "2026-01-01T00:00:00.000Z")


async def _ask(desk: Desk) -> int:
    async with desk.database.write() as connection:
        context = Context(Ledger(), Writes(), desk.pipeline.signer, desk.clock.now(), os.urandom)
        count = await ask_for_acks(connection, context, DESTINATION, "2026-01-01T00:00:00.000Z")
        await write(connection, context.writes)
    return count


async def test_inbox_status_says_what_is_closed_and_asks_for_a_head(any_desk: Desk) -> None:
    desk = any_desk
    await _delivered(desk, new_case())
    desk.introduce(DESTINATION)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 0), RecordType.INBOX_STATUS)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 1, back=True), RecordType.INBOX_STATUS)
    await desk.work()
    (row,) = await desk.rows(tables.inbox_status)
    assert (row.destination, row.complete_to, row.missing_count) == (DESTINATION, 1, 0)
    assert desk.heads == {DESTINATION}
