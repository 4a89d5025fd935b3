"""Sending: urgent first, order of a case kept, repeated until a receipt is held, nothing lost at any crash."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.alarm_words import AlarmCode
from connectors.store import transfers
from connectors.store.outbox_rows import OutState
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import as_bytes, make_bundle, new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.outbox_steps import drain, enter, open_codes, row_of, sent_ids
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BAC_GIANG)
    made.introduce(BACH_MAI)
    await read_all(made)
    yield made
    await made.close()


async def test_a_message_is_sent_and_its_receipt_settles_it(world: World) -> None:
    row = await enter(world)
    await drain(world)
    assert (await row_of(world, row.seq)).state == OutState.SENT
    await read_all(world)
    settled = await row_of(world, row.seq)
    assert (settled.state, settled.answer, settled.event_seq) == (OutState.ACCEPTED, "accepted", 1)
    transfer = await world.database.read(lambda c: transfers.transfer(c, BAC_GIANG, row.transfer_id))
    assert transfer is not None
    assert transfer.received_at is not None
    assert transfer.delivered_at is None
    await drain(world)
    assert len(world.submit.sent) == 1


async def test_urgent_overtakes_and_a_case_keeps_its_order(world: World) -> None:
    routine = [await enter(world, priority=Priority.ROUTINE) for _ in range(3)]
    case_id, transfer_id = new_id(), new_id()
    slip = await enter(world, priority=Priority.ROUTINE, case_id=case_id, transfer_id=transfer_id)
    cancel = await enter(world, priority=Priority.STAT, event=Event.CANCEL, case_id=case_id, transfer_id=transfer_id)
    await drain(world)
    assert sent_ids(world) == [row.message_id for row in (slip, *routine)]
    await read_all(world)
    await drain(world)
    assert sent_ids(world)[-1] == cancel.message_id


async def test_a_message_without_receipt_is_repeated_with_the_same_bytes(world: World) -> None:
    world.exchange.silent = True
    await enter(world, priority=Priority.STAT)
    sender = await drain(world)
    await drain(world, sender)
    assert len(world.submit.sent) == 1
    world.clock.pass_(11)
    world.exchange.silent = False
    await drain(world, sender)
    first, second = world.submit.of(RecordType.ENVELOPE)
    assert first == second
    await read_all(world)
    world.clock.pass_(10_000)
    await drain(world, sender)
    assert len(world.submit.sent) == 2


async def test_an_unanswered_message_is_sent_again_after_a_restart(world: World) -> None:
    world.exchange.silent = True
    await enter(world)
    await drain(world)
    await world.restart()
    world.exchange.silent = False
    sender = await drain(world)
    assert len(world.submit.sent) == 1
    world.clock.pass_(30)
    await drain(world, sender)
    assert len(world.submit.sent) == 2


async def test_the_wall_clock_going_back_delays_nothing(world: World) -> None:
    world.exchange.silent = True
    await enter(world)
    sender = await drain(world)
    world.clock.wall = world.clock.wall.replace(year=world.clock.wall.year - 1)
    world.clock.ticks += 30
    await drain(world, sender)
    assert len(world.submit.sent) == 2


@pytest.mark.parametrize(
    ("verdict", "reason", "state"),
    [
        (Verdict.REFUSED, ReasonCode.PROFILE_VIOLATED, OutState.REFUSED),
        (Verdict.HELD, ReasonCode.CRL_STALE, OutState.HELD),
        (Verdict.TRANSIENT, ReasonCode.OVER_QUOTA, OutState.SENT),
    ],
)
async def test_an_answer_that_is_no_receipt(
    world: World, verdict: Verdict, reason: ReasonCode, state: OutState
) -> None:
    world.exchange.verdict, world.exchange.reason = verdict, reason
    row = await enter(world)
    sender = await drain(world)
    await read_all(world)
    answered = await row_of(world, row.seq)
    assert (answered.state, answered.reason) == (state, reason)
    world.exchange.verdict, world.exchange.reason = Verdict.ACCEPTED, None
    world.clock.pass_(3600)
    await drain(world, sender)
    await read_all(world)
    final = OutState.REFUSED if verdict is Verdict.REFUSED else OutState.ACCEPTED
    assert (await row_of(world, row.seq)).state == final


async def test_a_later_message_waits_while_the_earlier_one_is_put_off(world: World) -> None:
    case_id = new_id()
    world.exchange.verdict, world.exchange.reason = Verdict.TRANSIENT, ReasonCode.OVER_QUOTA
    await enter(world, case_id=case_id)
    await enter(world, case_id=case_id, event=Event.DEPARTED)
    await drain(world)
    await read_all(world)
    await drain(world)
    assert len(world.submit.sent) == 1


async def test_a_receipt_for_other_content_changes_nothing(world: World) -> None:
    row = await enter(world)
    world.submit.answered = False
    await drain(world)
    foreign = make_bundle(BAC_GIANG, BACH_MAI, message_id=row.message_id)
    value, _ = world.exchange.sealed_message(BAC_GIANG, BACH_MAI, as_bytes(foreign))
    world.exchange.take(BAC_GIANG, value)
    await read_all(world)
    assert (await row_of(world, row.seq)).state == OutState.SENT
    assert AlarmCode.RECEIPT_DIFFERS in await open_codes(world)


async def test_a_receipt_for_an_unknown_message_alarms(world: World) -> None:
    value, _ = world.exchange.sealed_message(BAC_GIANG, BACH_MAI, as_bytes(make_bundle(BAC_GIANG, BACH_MAI)))
    world.exchange.take(BAC_GIANG, value)
    await read_all(world)
    assert AlarmCode.RECEIPT_UNKNOWN in await open_codes(world)


async def test_success_and_refusal_are_never_both_believed(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    world.exchange.receipts.clear()
    world.exchange.verdict, world.exchange.reason = Verdict.REFUSED, ReasonCode.PROFILE_VIOLATED
    world.exchange.take(BAC_GIANG, world.submit.of(RecordType.ENVELOPE)[0])
    await read_all(world)
    assert (await row_of(world, row.seq)).state == OutState.ACCEPTED
    assert AlarmCode.RECEIPT_CONTRADICTS in await open_codes(world)
