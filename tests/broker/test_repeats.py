"""Identity: the same message again, an id for other content, known content under new ids. On both databases."""

import pytest

from broker.store import tables
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, digest
from tests.broker.messages import Case, Message, ack, message, new_case, renamed, sealed
from tests.schemas.bundles import DESTINATION, SENDER

ACCEPTED = (Verdict.ACCEPTED, None)


async def test_a_repeat_gets_the_stored_receipt_byte_for_byte(any_desk: Desk) -> None:
    desk, envelope = any_desk, sealed(any_desk.pki, message(new_case()))
    desk.submit(SENDER, envelope)
    await desk.work()
    desk.submit(SENDER, envelope)
    await desk.work()
    first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value
    assert (first.stamp.delivery_seq, second.stamp.delivery_seq) == (1, 2)
    assert len(await desk.rows(tables.message)) == 1
    (transfer,) = await desk.rows(tables.transfer)
    assert transfer.event_seq == 1


async def test_a_repeat_in_the_same_turn_is_a_repeat(any_desk: Desk) -> None:
    desk, envelope = any_desk, sealed(any_desk.pki, message(new_case()))
    desk.submit(SENDER, envelope)
    desk.submit(SENDER, envelope)
    await desk.work()
    first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_a_resealed_repeat_repairs_a_delivery_without_ack_under_a_new_number(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    again = _resealed(desk, made)
    desk.submit(SENDER, again)
    await desk.work()
    first, second = desk.envelopes(DESTINATION)
    assert (first.stamp.delivery_seq, second.stamp.delivery_seq) == (1, 2)
    assert second.value == again
    assert second.stamp.record_sha256 == digest(again)
    assert second.stamp.possible_duplicate is True
    assert second.stamp.event_seq == first.stamp.event_seq
    one, other = desk.received(SENDER, RecordType.RECEIPT)
    assert one.value == other.value


async def test_a_repeat_before_any_number_replaces_the_bytes_in_place(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.pipeline.turn()
    again = _resealed(desk, made)
    desk.submit(SENDER, again)
    await desk.work()
    (envelope,) = desk.envelopes(DESTINATION)
    assert envelope.value == again
    assert envelope.stamp.record_sha256 == digest(again)


async def test_an_acknowledged_delivery_is_not_sent_again(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    await _acknowledge(desk, made, AckVerdict.DELIVERED)
    desk.submit(SENDER, _resealed(desk, made))
    await desk.work()
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_an_unreadable_delivery_is_sent_again(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    await _acknowledge(desk, made, AckVerdict.UNREADABLE)
    desk.submit(SENDER, _resealed(desk, made))
    await desk.work()
    assert len(desk.envelopes(DESTINATION)) == 2


async def test_an_id_for_other_content_is_refused_and_keeps_its_first_answer(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    made = message(case)
    desk.submit(SENDER, sealed(desk.pki, made))
    other = message(new_case(), text="Khac han")
    reused = Message(
        other.payload.replace(other.message_id.encode(), made.message_id.encode()),
        made.message_id,
        other.bundle_id,
        SENDER,
        DESTINATION,
        other.case,
    )
    desk.submit(SENDER, sealed(desk.pki, reused))
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, (Verdict.REFUSED, ReasonCode.MESSAGE_ID_REUSED), ACCEPTED]
    (alarm,) = await desk.rows(tables.alarm)
    assert (alarm.alarm, alarm.facility, alarm.message_id) == ("message-id-reused", SENDER, made.message_id)
    assert len(await desk.rows(tables.transfer)) == 1


async def test_the_same_content_in_a_new_bundle_under_the_same_id_gets_the_stored_answer(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    desk.submit(SENDER, sealed(desk.pki, renamed(made, bundle_id=True)))
    await desk.work()
    first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_a_new_message_id_in_the_same_bundle_id_is_a_duplicate(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    desk.submit(SENDER, sealed(desk.pki, renamed(made, message_id=True)))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, (Verdict.REFUSED, ReasonCode.DUPLICATE_OF)]
    assert desk.receipts(SENDER)[1].duplicate_of == made.message_id


async def test_a_bundle_id_for_other_content_is_refused_under_the_new_message_id(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    other = message(new_case(), text="Khac han")
    reused = Message(
        other.payload.replace(other.bundle_id.encode(), made.bundle_id.encode()),
        other.message_id,
        made.bundle_id,
        SENDER,
        DESTINATION,
        other.case,
    )
    desk.submit(SENDER, sealed(desk.pki, made))
    for _ in range(2):
        desk.submit(SENDER, sealed(desk.pki, reused))
        await desk.work()
    refused = (Verdict.REFUSED, ReasonCode.BUNDLE_ID_REUSED)
    assert desk.verdicts(SENDER) == [ACCEPTED, refused, refused]
    _, first, second = desk.received(SENDER, RecordType.RECEIPT)
    assert first.value == second.value


async def test_the_same_slip_under_new_ids_is_a_duplicate_of_the_one_that_stands(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    again = renamed(made, message_id=True, bundle_id=True)
    desk.submit(SENDER, sealed(desk.pki, made))
    desk.submit(SENDER, sealed(desk.pki, again))
    await desk.work()
    assert desk.verdicts(SENDER)[1] == (Verdict.REFUSED, ReasonCode.DUPLICATE_OF)
    assert desk.receipts(SENDER)[1].duplicate_of == made.message_id
    assert len(desk.envelopes(DESTINATION)) == 1


async def test_after_a_cancel_the_same_slip_may_be_sent_under_new_ids(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    made = message(case)
    desk.submit(SENDER, sealed(desk.pki, made))
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.CANCEL)))
    await desk.work()
    desk.submit(SENDER, sealed(desk.pki, _in_a_fresh_case(_renamed(made), case)))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED, ACCEPTED]


def _renamed(made: Message) -> Message:
    return renamed(made, message_id=True, bundle_id=True)


def _in_a_fresh_case(made: Message, case: Case) -> Message:
    """The same content in another case and transfer."""
    fresh = new_case()
    moved = made.payload.replace(case.transfer_id.encode(), fresh.transfer_id.encode())
    moved = moved.replace(case.case_id.encode(), fresh.case_id.encode())
    return Message(moved, made.message_id, made.bundle_id, SENDER, DESTINATION, fresh)


@pytest.mark.parametrize("first_sorts_last", [False, True])
async def test_of_equal_contents_accepted_in_one_turn_the_last_one_stands(
    any_desk: Desk, first_sorts_last: bool
) -> None:
    """They share their time of decision: by it alone, the one that was cancelled could hide the one that stands."""
    desk, case = any_desk, new_case()
    original = message(case)
    first, second = (_renamed(original), original) if first_sorts_last else (original, _renamed(original))
    assert (first.message_id > second.message_id) is first_sorts_last
    second = _in_a_fresh_case(second, case)
    for one in (first, message(case, Event.CANCEL), second):
        desk.submit(SENDER, sealed(desk.pki, one))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED] * 3
    desk.submit(SENDER, sealed(desk.pki, _in_a_fresh_case(_renamed(_renamed(original)), case)))
    await desk.work()
    assert desk.verdicts(SENDER)[-1] == (Verdict.REFUSED, ReasonCode.DUPLICATE_OF)
    assert desk.receipts(SENDER)[-1].duplicate_of == second.message_id


async def test_the_same_ids_of_another_facility_are_another_message(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    made = message(case)
    copied = Message(
        made.payload.replace(SENDER.encode(), STRANGER.encode()).replace(
            case.code.replace(SENDER, STRANGER).encode(), type(case)(STRANGER, DESTINATION, case.space).code.encode()
        ),
        made.message_id,
        made.bundle_id,
        STRANGER,
        DESTINATION,
        case,
    )
    desk.submit(STRANGER, sealed(desk.pki, copied))
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED]
    assert desk.verdicts(STRANGER) == [ACCEPTED]
    assert len(await desk.rows(tables.transfer, transfer_id=case.transfer_id)) == 2


async def test_a_correction_taken_back_and_made_again_is_no_duplicate(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    for text in ("Dang B", "Dang A", "Dang B"):
        desk.submit(SENDER, sealed(desk.pki, message(case, Event.UPDATE, text=text)))
        await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED] * 4
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.UPDATE, text="Dang B")))
    await desk.work()
    assert desk.verdicts(SENDER)[-1] == (Verdict.REFUSED, ReasonCode.DUPLICATE_OF)


async def test_a_final_refusal_is_repeated_byte_for_byte_and_never_becomes_a_success(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    desk.submit(SENDER, sealed(desk.pki, message(case)))
    desk.submit(SENDER, sealed(desk.pki, message(case, Event.CANCEL)))
    await desk.work()
    late = message(case, Event.ACCEPT)
    for _ in range(2):
        desk.submit(DESTINATION, sealed(desk.pki, late))
        await desk.work()
    first, second = desk.received(DESTINATION, RecordType.RECEIPT)
    assert first.value == second.value
    assert desk.verdicts(DESTINATION) == [(Verdict.REFUSED, ReasonCode.CROSSED)] * 2


def _resealed(desk: Desk, made: Message) -> bytes:
    """The same signed bytes in a new envelope."""
    from certs.seal import seal
    from certs.unseal import open_envelope

    stored = desk.log.topics[f"xfer.submit.{made.sender}"][0].value
    jws = open_envelope(stored, desk.pki.exchange.decryption_keys)
    readers = [desk.pki.exchange.encryption.certificate, desk.pki.facility(made.destination).encryption.certificate]
    return seal(jws, readers)


async def _acknowledge(desk: Desk, made: Message, verdict: AckVerdict) -> None:
    desk.introduce(DESTINATION)
    token = ack(desk.pki, made, payload_sha256=digest(made.payload), verdict=verdict)
    desk.submit(DESTINATION, token, RecordType.ACK)
    await desk.work()
