"""The way of one message: in, decided, receipted, delivered. On both databases."""

from broker.store import tables
from certs.base64url import decode
from certs.unseal import open_envelope, verify_token
from schemas.events import Event
from schemas.tokens.receipt import Receipt, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from tests.broker.desk import Desk, digest
from tests.broker.messages import message, new_case, sealed
from tests.schemas.bundles import DESTINATION, SENDER


async def test_a_message_gives_one_receipt_and_one_delivery(any_desk: Desk) -> None:
    desk, made = any_desk, message(new_case())
    record = desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    (receipt,) = desk.receipts(SENDER)
    assert (receipt.verdict, receipt.message_id, receipt.event_seq) == (Verdict.ACCEPTED, made.message_id, 1)
    assert (receipt.source.topic, receipt.source.offset) == (record.topic, record.offset)
    assert receipt.payload_sha256 == digest(made.payload)
    (envelope,) = desk.envelopes(DESTINATION)
    assert envelope.value == record.value
    assert envelope.stamp.delivery_seq == 1
    assert envelope.stamp.record_sha256 == digest(record.value)
    assert (envelope.stamp.sender, envelope.stamp.event) == (SENDER, Event.SUBMIT)


async def test_what_is_said_is_signed_by_the_exchange(desk: Desk) -> None:
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    keys = {desk.pki.exchange.signing.kid: desk.pki.exchange.signing.private_key.public_key()}
    (receipt,) = desk.received(SENDER, RecordType.RECEIPT)
    assert Receipt.decode(verify_token(receipt.value, typ=Receipt.TYP, keys=keys)).verdict is Verdict.ACCEPTED
    assert Stamp.decode(verify_token(receipt.signed_stamp, typ=Stamp.TYP, keys=keys)).recipient == SENDER


async def test_the_destination_can_open_what_it_gets(desk: Desk) -> None:
    made = message(new_case())
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    (envelope,) = desk.envelopes(DESTINATION)
    jws = open_envelope(envelope.value, desk.pki.facility(DESTINATION).decryption_keys)
    assert decode(jws.split(b".")[1]) == made.payload


async def test_everything_of_one_decision_is_in_the_database(any_desk: Desk) -> None:
    desk, case = any_desk, new_case()
    made = message(case)
    desk.submit(SENDER, sealed(desk.pki, made))
    await desk.work()
    (stored,) = await desk.rows(tables.message)
    assert (stored.message_id, stored.verdict, stored.destination) == (made.message_id, "accepted", DESTINATION)
    (transfer,) = await desk.rows(tables.transfer)
    assert (transfer.transfer_id, transfer.sender, transfer.event_seq) == (case.transfer_id, SENDER, 1)
    (entry,) = await desk.rows(tables.audit_entry)
    assert Receipt.decode(decode(stored.receipt.split(".")[1].encode())).audit_leaf == entry.leaf_hash
    (position,) = await desk.rows(tables.source_position, topic=f"xfer.submit.{SENDER}")
    assert (position.next_offset, position.anchor_offset) == (1, 0)
