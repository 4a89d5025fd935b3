"""Reading the inbox: position and effects in one transaction, whatever dies when."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from certs.unseal import verify_token
from connectors.alarm_words import AlarmCode
from connectors.store import acks, handovers, inbox_rows, meta, numbers, transfers
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.notice import NoticeKind
from schemas.topics import RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import CASE_CODE, as_bytes, make_bundle, new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_looks import count, open_codes, send
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    yield made
    await made.close()


async def test_a_message_is_stored_acknowledged_and_queued_for_hand_over(world: World) -> None:
    send(world, priority=Priority.STAT)
    await read_all(world)
    (owed,) = await world.database.read(lambda c: acks.owed(c, urgent_only=True))
    assert owed.recipient == BAC_GIANG
    assert [item.verdict for item in owed.acknowledged] == [AckVerdict.DELIVERED]
    (handover,) = await world.database.read(handovers.waiting)
    assert handover.case_folder == f"stat-{CASE_CODE}"
    assert handover.ordinal == 1
    (row,) = await world.database.read(transfers.recent)
    assert (row.sender, row.destination) == (BAC_GIANG, BACH_MAI)
    assert "NGUYỄN VĂN AN" in row.patient
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (held.complete_to, held.highest, held.missing) == (1, 1, ())


async def test_the_same_message_again_changes_nothing_but_its_ack_goes_again(world: World) -> None:
    send(world)
    await read_all(world)
    (group,) = await world.database.read(lambda c: acks.owed(c, urgent_only=False))
    await world.database.write(lambda c: acks.store_signed(c, group, b"token", world.clock.now()))
    await world.database.write(lambda c: acks.mark_sent(c, 1, world.clock.now()))
    first = world.exchange.inboxes[BACH_MAI][0]
    world.exchange.inboxes[BACH_MAI].append(first)  # the very same record, same number
    await read_all(world)
    assert await count(world, "inbox") == 1
    assert await count(world, "handover") == 1
    assert [ack.token for ack in await world.database.read(acks.unsent)] == [b"token"]
    assert await open_codes(world) == set()


async def test_a_known_message_under_a_new_number_closes_that_number(world: World) -> None:
    bundle = send(world)
    world.exchange.envelope(BAC_GIANG, BACH_MAI, bundle)  # sealed anew, other bytes, number 2
    await read_all(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert held.complete_to == 2
    assert await count(world, "inbox") == 1


async def test_a_known_id_with_other_content_alarms_and_changes_nothing(world: World) -> None:
    message_id = new_id()
    send(world, message_id=message_id, patient="NGUYỄN VĂN AN")
    send(world, message_id=message_id, patient="TRẦN VĂN BA")
    await read_all(world)
    assert await count(world, "inbox") == 1
    assert ReasonCode.MESSAGE_ID_REUSED in await open_codes(world)


async def test_records_of_any_kind_never_stop_the_reading(world: World) -> None:
    inbox = world.exchange.inboxes[BACH_MAI]
    record = world.exchange.record(BACH_MAI, b"\x00junk", b"not a stamp", "envelope")
    inbox.append(record)
    world.exchange.deliver(BACH_MAI, RecordType.RECEIPT, b"\xff" * 100, message_id=new_id())
    send(world)
    await read_all(world)
    assert await count(world, "inbox") == 1
    rows = await world.database.read(inbox_rows.quarantined)
    assert {(row.offset, row.proven) for row in rows} == {(0, False), (1, True)}
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert held.complete_to == 2


async def test_an_unreadable_message_is_answered_and_its_id_stays_free(world: World) -> None:
    payload_bundle = make_bundle(BAC_GIANG, BACH_MAI)
    value, payload = world.exchange.sealed_message(BAC_GIANG, "01Z99", as_bytes(payload_bundle))
    good, good_payload = world.exchange.sealed_message(BAC_GIANG, BACH_MAI, as_bytes(payload_bundle))
    world.exchange.put(BACH_MAI, value, good_payload)  # sealed for somebody else
    world.exchange.put(BACH_MAI, good, good_payload)  # the sender sealed anew
    await read_all(world)
    assert payload
    owed = [
        (item.verdict, item.reason, item.delivery_seq)
        for group in await world.database.read(lambda c: acks.owed(c, urgent_only=False))
        for item in group.acknowledged
    ]
    assert (AckVerdict.UNREADABLE, ReasonCode.ENVELOPE_NOT_FOR_US, 1) in owed
    assert (AckVerdict.DELIVERED, None, 2) in owed
    assert await count(world, "inbox") == 1


async def test_an_unreadable_message_is_answered_again_when_the_exchange_asks(world: World) -> None:
    """The first answer was set aside, because this facility was suspended: the sender does not know yet."""
    value, payload = world.exchange.sealed_message(BAC_GIANG, "01Z99", as_bytes(make_bundle(BAC_GIANG, BACH_MAI)))
    world.exchange.put(BACH_MAI, value, payload)
    await read_all(world)
    (group,) = await world.database.read(lambda c: acks.owed(c, urgent_only=False))
    await world.database.write(lambda c: acks.store_signed(c, group, b"token", world.clock.now()))
    await world.database.write(lambda c: acks.mark_sent(c, 1, world.clock.now()))
    asked_for = group.acknowledged[0].message_id
    world.exchange.notice(BACH_MAI, NoticeKind.RESEND_REQUEST, message_id=asked_for)
    await read_all(world)
    assert [one.token for one in await world.database.read(acks.unsent)] == [b"token"]


async def test_a_record_changed_on_the_way_is_told_to_its_sender(world: World) -> None:
    send(world)
    inbox = world.exchange.inboxes[BACH_MAI]
    good = inbox[0]
    from dataclasses import replace

    inbox[0] = replace(good, value=good.value[:-1] + b" ")
    await read_all(world)
    (group,) = await world.database.read(lambda c: acks.owed(c, urgent_only=False))
    assert group.acknowledged[0].reason is ReasonCode.RECORD_DIGEST_DIFFERS


async def test_a_damaged_token_stays_missing_so_that_it_comes_again(world: World) -> None:
    from dataclasses import replace

    world.exchange.notice(BACH_MAI, NoticeKind.EXPIRED)
    inbox = world.exchange.inboxes[BACH_MAI]
    good = inbox[0]
    inbox[0] = replace(good, value=good.value + b"x")
    send(world)
    await read_all(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (held.complete_to, held.missing) == (0, (1,))
    inbox.append(good)
    await read_all(world)
    assert (await world.database.read(lambda c: numbers.held(c, world.clock.now()))).complete_to == 2


async def test_a_gap_is_remembered_and_filled(world: World) -> None:
    send(world)
    late = world.exchange.inboxes[BACH_MAI].pop()
    for _ in range(3):
        send(world)
    await read_all(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (held.complete_to, held.highest, held.missing) == (0, 4, (1,))
    assert await count(world, "inbox") == 3
    world.exchange.inboxes[BACH_MAI].append(late)
    await read_all(world)
    assert (await world.database.read(lambda c: numbers.held(c, world.clock.now()))).complete_to == 4


async def test_numbers_that_a_head_names_count_as_missing_after_a_minute(world: World) -> None:
    send(world)
    send(world)
    world.exchange.inboxes[BACH_MAI].pop()
    world.exchange.head(BACH_MAI)
    await read_all(world)
    early = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert early.missing == ()
    world.clock.pass_(61)
    late = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (late.complete_to, late.missing) == (1, (2,))


async def test_a_void_fills_its_number(world: World) -> None:
    send(world)
    world.exchange.inboxes[BACH_MAI].pop()
    send(world)
    world.exchange.void(BACH_MAI, 1)
    await read_all(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (held.complete_to, held.missing) == (2, ())
    assert await open_codes(world) == set()


async def test_a_void_for_a_number_that_is_here_is_dropped_without_alarm(world: World) -> None:
    send(world)
    world.exchange.void(BACH_MAI, 1)
    await read_all(world)
    assert await count(world, "inbox") == 1
    assert await open_codes(world) == set()


async def test_a_number_with_other_content_alarms_and_is_judged_by_its_id(world: World) -> None:
    send(world)
    world.exchange.numbers[BACH_MAI] = 0
    send(world)
    await read_all(world)
    assert await count(world, "inbox") == 2
    assert ReasonCode.NUMBER_REUSED in await open_codes(world)


async def test_a_raised_generation_is_announced_and_all_acks_go_again(world: World) -> None:
    send(world)
    await read_all(world)
    (group,) = await world.database.read(lambda c: acks.owed(c, urgent_only=False))
    await world.database.write(lambda c: acks.store_signed(c, group, b"token", world.clock.now()))
    await world.database.write(lambda c: acks.mark_sent(c, 1, world.clock.now()))
    world.exchange.generation = 2
    world.exchange.notice(BACH_MAI, NoticeKind.GENERATION_RAISED, generation=2)
    await read_all(world)
    assert world.site.generation == 2
    assert len(await world.database.read(acks.unsent)) == 1
    send(world)
    await read_all(world)
    assert await open_codes(world) == set()


async def test_a_lower_generation_alarms(world: World) -> None:
    await world.database.write(lambda c: meta.put_fact(c, meta.GENERATION, "3"))
    send(world)
    await read_all(world)
    assert AlarmCode.GENERATION_LOWER in await open_codes(world)
    assert await count(world, "inbox") == 1


async def test_a_stamp_that_breaks_its_reader_stops_no_other_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world)
    send(world)
    bad = dict(world.exchange.inboxes[BACH_MAI][0].headers)["stamp"]

    def fragile(token: Any, **told: Any) -> bytes:
        if token == bad:
            raise RecursionError
        return verify_token(token, **told)

    monkeypatch.setattr("connectors.receive.verify_token", fragile)
    await read_all(world)
    assert await count(world, "inbox") == 1
    (row,) = await world.database.read(inbox_rows.quarantined)
    assert (row.reason, row.proven) == (ReasonCode.PROCESSING_FAILED, False)
