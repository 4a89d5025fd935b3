"""After a message was sent: delivered, unreadable, lost, or answered in another order than it happened."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from certs.seal import sign_token
from certs.unseal import open_envelope
from connectors.alarm_words import AlarmCode
from connectors.outbox import Sender
from connectors.parcel import signed_payload
from connectors.sealing import Sealer
from connectors.store import outbox_rows, transfers
from connectors.store.outbox_rows import OutState
from schemas.lifecycle import Delivery
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.tokens.notice import NoticeKind
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import URN, ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.outbox_steps import acknowledge, drain, enter, open_codes, row_of, sent_ids
from tests.connectors.site_world import World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BAC_GIANG)
    made.introduce(BACH_MAI)
    await read_all(made)
    yield made
    await made.close()


async def test_delivered_is_the_other_hospitals_word(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    acknowledge(world, row, AckVerdict.DELIVERED)
    await read_all(world)
    assert (await row_of(world, row.seq)).delivered_at is not None
    transfer = await world.database.read(lambda c: transfers.transfer(c, BAC_GIANG, row.transfer_id))
    assert transfer is not None
    assert transfer.progress.state.delivery is Delivery.DELIVERED


async def test_unreadable_is_sealed_anew_with_the_same_signed_bytes(world: World) -> None:
    row = await enter(world)
    sender = await drain(world)
    await read_all(world)
    receipt = (await row_of(world, row.seq)).event_seq
    acknowledge(world, row, AckVerdict.UNREADABLE, ReasonCode.ENVELOPE_NOT_FOR_US)
    await read_all(world)
    await sender._seal_waiting()
    assert not await sender.send_next(), "a destination that can read nothing is not flooded"
    world.clock.pass_(5)
    await drain(world, sender)
    first, second = world.submit.of(RecordType.ENVELOPE)
    keys = world.exchange.pki.exchange.decryption_keys
    assert first != second
    assert open_envelope(first, keys) == open_envelope(second, keys)
    await read_all(world)
    repaired = await row_of(world, row.seq)
    assert (repaired.state, repaired.event_seq, repaired.reseals) == (OutState.ACCEPTED, receipt, 1)


async def test_the_destinations_word_may_come_before_the_exchanges_answer(world: World) -> None:
    row = await enter(world)
    await drain(world)
    receipt = world.exchange.inboxes[BAC_GIANG].pop()  # the receipt is late
    acknowledge(world, row, AckVerdict.UNREADABLE, ReasonCode.ENVELOPE_NOT_FOR_US)
    await read_all(world)
    world.exchange.inboxes[BAC_GIANG].append(receipt)
    await read_all(world)
    found = await row_of(world, row.seq)
    assert (found.state, found.answer) == (OutState.WAITING_KEY, "accepted")  # still to be sealed anew


async def test_an_answer_quicker_than_our_own_note_is_not_undone(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    await world.database.write(lambda c: outbox_rows.seal_anew(c, row.seq))
    await world.database.write(lambda c: outbox_rows.mark_sent(c, row.seq, world.clock.now()))
    assert (await row_of(world, row.seq)).state == OutState.WAITING_KEY


async def test_a_signature_too_old_is_made_anew_over_the_same_bytes(world: World) -> None:
    row = await enter(world)
    first = await world.database.read(lambda c: outbox_rows.signed_bytes(c, row.seq))
    world.exchange.verdict, world.exchange.reason = Verdict.TRANSIENT, ReasonCode.IAT_TOO_OLD
    sender = await drain(world)
    await read_all(world)
    assert (await row_of(world, row.seq)).state == OutState.WAITING_KEY
    world.exchange.verdict, world.exchange.reason = Verdict.ACCEPTED, None
    sender._keys_looked_at = None
    await sender._seal_waiting()
    sender._due.clear()
    await drain(world, sender)
    await read_all(world)
    settled = await row_of(world, row.seq)
    second = await world.database.read(lambda c: outbox_rows.signed_bytes(c, row.seq))
    assert first is not None
    assert second is not None
    assert (settled.state, settled.payload_sha256) == (OutState.ACCEPTED, row.payload_sha256)
    assert signed_payload(first) == signed_payload(second)
    assert first != second


async def test_a_message_that_cannot_be_signed_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    poison = await enter(world, state=OutState.WAITING_KEY, priority=Priority.STAT)
    good = await enter(world, state=OutState.WAITING_KEY)
    real = Sealer.sign

    def sign(self: Sealer, payload: bytes, priority: Priority, now: Any) -> bytes:
        if priority is Priority.STAT:
            raise RecursionError
        return real(self, payload, priority, now)

    monkeypatch.setattr(Sealer, "sign", sign)
    sender = Sender(world.site, world.submit)
    await sender._seal_waiting()
    await drain(world, sender)
    assert sent_ids(world) == [good.message_id]
    stuck = await row_of(world, poison.seq)
    assert (stuck.state, stuck.wait_reason) == (OutState.WAITING_KEY, ReasonCode.PROCESSING_FAILED)


async def test_delivered_is_never_taken_back(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    acknowledge(world, row, AckVerdict.DELIVERED)
    acknowledge(world, row, AckVerdict.UNREADABLE, ReasonCode.SIGNATURE_INVALID)
    await read_all(world)
    found = await row_of(world, row.seq)
    assert (found.ack_verdict, found.state) == ("delivered", OutState.ACCEPTED)


async def test_a_resend_request_sends_the_stored_bytes_and_keeps_the_receipt(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    world.exchange.notice(BAC_GIANG, NoticeKind.RESEND_REQUEST, message_id=row.message_id)
    await read_all(world)
    await drain(world)
    first, second = world.submit.of(RecordType.ENVELOPE)
    assert first == second
    assert (await row_of(world, row.seq)).state == OutState.ACCEPTED


async def test_sealed_copies_are_kept_30_days_past_delivered_and_can_be_made_again(world: World) -> None:
    row = await enter(world)
    sender = await drain(world)
    await read_all(world)
    acknowledge(world, row, AckVerdict.DELIVERED)
    await read_all(world)
    for days, expected in ((29, 0), (2, 1)):
        world.clock.pass_(days * 86_400)
        assert await world.database.write(lambda c: outbox_rows.forget_sealed(c, world.clock.now())) == expected
    world.exchange.now = world.clock.now()
    world.submit.answered = False  # the double does not know that a known id may be older than 30 days
    world.exchange.notice(BAC_GIANG, NoticeKind.RESEND_REQUEST, message_id=row.message_id)
    await read_all(world)
    await sender._seal_waiting()
    sender._due.clear()
    await drain(world, sender)
    assert len(world.submit.sent) == 2


async def test_an_ack_by_another_hospital_proves_nothing(world: World) -> None:
    row = await enter(world)
    await drain(world)
    await read_all(world)
    world.introduce("01Z99")
    item = Acknowledged(
        message_id=row.message_id,
        payload_sha256=row.payload_sha256,
        delivery_seq=1,
        verdict=AckVerdict.DELIVERED,
        at=iso(world.exchange.now),
    )
    ack = Ack(exchange=URN, facility="01Z99", recipient=BAC_GIANG, at=iso(world.exchange.now), acknowledged=(item,))
    token = sign_token(ack.encode(), Ack.TYP, world.exchange.pki.facility("01Z99").signing.token_key).encode()
    world.exchange.deliver(BAC_GIANG, RecordType.ACK, token, sender="01Z99")
    await read_all(world)
    assert (await row_of(world, row.seq)).delivered_at is None
    assert AlarmCode.ACK_UNKNOWN in await open_codes(world)


async def test_what_found_no_destination_goes_again_when_a_person_says_so(world: World) -> None:
    world.exchange.verdict, world.exchange.reason = Verdict.TRANSIENT, ReasonCode.DESTINATION_NOT_CONNECTED
    row = await enter(world)
    sender = await drain(world)
    await read_all(world)
    told = await row_of(world, row.seq)
    assert (told.state, told.answer, told.reason) == (OutState.REFUSED, "transient", "destination-not-connected")
    assert not await sender.send_next(), "nothing is repeated behind the desk's back"
    world.exchange.verdict, world.exchange.reason = Verdict.ACCEPTED, None
    assert await world.database.write(lambda c: outbox_rows.send_again(c, row.seq))
    await drain(world)
    await read_all(world)
    assert (await row_of(world, row.seq)).state == OutState.ACCEPTED
    first, second = world.submit.of(RecordType.ENVELOPE)
    assert first == second
