"""What a message tells about its transfer, whoever sent it and whatever came first."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from certs.seal import sign_token
from connectors import card
from connectors.alarm_words import AlarmCode
from connectors.inbox import Inbox
from connectors.store import handovers, inbox_rows, numbers, transfers
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, TransferState
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.topics import RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import CASE_CODE, make_bundle, new_id
from tests.connectors.exchange_double import URN, ExchangeDouble
from tests.connectors.inbox_looks import count, open_codes, send
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    yield made
    await made.close()


async def test_states_follow_the_exchanges_order_not_the_order_of_arrival(world: World) -> None:
    transfer_id, case_id = new_id(), new_id()
    send(world, transfer_id=transfer_id, case_id=case_id)
    cancelled = TransferState(Delivery.DELIVERED, Decision.CANCELLED)
    world.exchange.states[transfer_id] = cancelled
    send(world, event=Event.CANCEL, transfer_id=transfer_id, case_id=case_id)
    inbox = world.exchange.inboxes[BACH_MAI]
    inbox.reverse()
    await read_all(world)
    row = await world.database.read(lambda c: transfers.transfer(c, BAC_GIANG, transfer_id))
    assert row is not None
    assert row.progress.state == cancelled
    assert row.progress.event_seq == 2
    assert row.cancelled_at is not None
    assert [
        event.event_seq for event in await world.database.read(lambda c: transfers.events(c, BAC_GIANG, transfer_id))
    ] == [1, 2]


async def test_a_case_that_becomes_more_urgent_keeps_its_folder_under_a_name_that_says_so(world: World) -> None:
    case_id, transfer_id = new_id(), new_id()
    send(world, case_id=case_id, transfer_id=transfer_id, priority=Priority.ROUTINE)
    send(world, case_id=case_id, transfer_id=transfer_id, priority=Priority.STAT, event=Event.UPDATE)
    await read_all(world)
    waiting = await world.database.read(handovers.waiting)
    assert [(item.case_folder, item.ordinal) for item in waiting] == [
        (f"routine-{CASE_CODE}", 1),
        (f"stat-{CASE_CODE}", 2),
    ]


async def test_another_case_with_the_same_code_gets_a_folder_of_its_own(world: World) -> None:
    send(world)
    send(world)
    await read_all(world)
    folders = {item.case_folder for item in await world.database.read(handovers.waiting)}
    assert len(folders) == 2


async def test_a_directory_entry_is_taken_and_never_goes_back(world: World) -> None:
    world.introduce(BAC_GIANG, version=5)
    await read_all(world)
    assert world.site.book.reader_of(BAC_GIANG, world.clock.now()) is not None
    world.introduce(BAC_GIANG, version=4)
    await read_all(world)
    assert world.site.book.entries[BAC_GIANG].entry.version == 5
    assert ReasonCode.DIRECTORY_ROLLED_BACK in await open_codes(world)


async def test_an_ack_before_its_signers_entry_is_kept_and_not_lost(world: World) -> None:
    item = Acknowledged(
        message_id=new_id(),
        payload_sha256="a" * 64,
        delivery_seq=1,
        verdict=AckVerdict.DELIVERED,
        at=iso(world.exchange.now),
    )
    ack = Ack(exchange=URN, facility=BAC_GIANG, recipient=BACH_MAI, at=iso(world.exchange.now), acknowledged=(item,))
    token = sign_token(ack.encode(), Ack.TYP, world.exchange.pki.facility(BAC_GIANG).signing.token_key).encode()
    world.exchange.deliver(BACH_MAI, RecordType.ACK, token, sender=BAC_GIANG)
    await read_all(world)
    assert len(await world.database.read(inbox_rows.parked)) == 1
    world.introduce(BAC_GIANG)
    await read_all(world)
    assert await world.database.read(inbox_rows.parked) == []
    assert AlarmCode.ACK_UNKNOWN in await open_codes(world)  # judged: it is about a message we never sent


async def test_a_record_that_breaks_us_stops_no_other_and_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(world, patient="breaks")
    send(world)
    real = card.patient_card

    def breaking(bundle: Any) -> card.Card:
        found = real(bundle)
        if found["name"] == "breaks":
            raise RecursionError
        return found

    monkeypatch.setattr(card, "patient_card", breaking)
    await read_all(world)
    assert await count(world, "inbox") == 1
    (row,) = await world.database.read(inbox_rows.quarantined)
    assert (row.reason, row.proven, row.delivery_seq) == (ReasonCode.PROCESSING_FAILED, True, 1)
    assert (await world.database.read(lambda c: numbers.held(c, world.clock.now()))).complete_to == 2
    inbox = Inbox(world.site, world.inbox)
    await inbox.judge_parked_again()
    assert await count(world, "inbox") == 1
    monkeypatch.undo()  # a newer program
    await inbox.judge_parked_again()
    assert await count(world, "inbox") == 2
    assert await world.database.read(inbox_rows.quarantined) == []


async def test_an_answer_from_a_hospital_that_is_no_party_moves_nothing(world: World) -> None:
    transfer_id, case_id = new_id(), new_id()
    send(world, transfer_id=transfer_id, case_id=case_id)
    cancelled = TransferState(Delivery.DELIVERED, Decision.CANCELLED)
    world.exchange.states[transfer_id] = cancelled
    foreign = make_bundle("01Z99", BACH_MAI, event=Event.CANCEL, transfer_id=transfer_id, case_id=case_id)
    world.exchange.envelope("01Z99", BACH_MAI, foreign)
    await read_all(world)
    row = await world.database.read(lambda c: transfers.transfer(c, BAC_GIANG, transfer_id))
    assert row is not None
    assert row.cancelled_at is None
    assert row.progress.state.decision is Decision.OPEN
