"""A repeat: the stored answer, byte for byte; and a delivery that is not acknowledged yet gets the bytes that came.

A delivery that was lost with its row, when a database was restored and even the log had lost its bytes, is made anew.
"""

from dataclasses import replace

from broker.audit.actions import Action
from broker.recording.answering import Message, send_receipt
from broker.recording.context import Context
from broker.recording.queueing import queue_envelope
from broker.recording.rows import outbox_row
from broker.recording.stamping import repeated_facts
from broker.stages.checking import CheckedMessage
from broker.stages.deciding import first_transfer
from broker.stages.known import Delivery, StoredMessage
from certs.base64url import decode
from schemas.events import Event
from schemas.tokens.receipt import Receipt
from schemas.topics import RecordType


def repeat(context: Context, message: Message, earlier: StoredMessage, *, repairs: bool) -> None:
    """Answer from store. With ``repairs``, send the bytes that came to the destination, under a new number."""
    pointer = message.submission.pointer
    context.audit(
        Action.MESSAGE_REPEATED,
        {
            "sender": earlier.sender,
            "destination": earlier.destination,
            "message_id": earlier.message_id,
            "case_id": earlier.case_id,
            "transfer_id": earlier.transfer_id,
            "event": earlier.event,
            "verdict": earlier.verdict,
            "record_sha256": pointer.record_sha256,
            "payload_sha256": message.payload_sha256,
            "topic": pointer.topic,
            "partition": pointer.partition,
            "offset": pointer.offset,
        },
        earlier.sender,
        earlier.destination,
    )
    send_receipt(context, message, earlier.receipt)
    delivery = context.ledger.deliveries.get((earlier.sender, earlier.message_id))
    if repairs and delivery is None and isinstance(message, CheckedMessage):
        _deliver_at_last(context, message, earlier)
    elif repairs and delivery is not None and earlier.destination is not None:
        _repair(context, message, earlier, delivery, earlier.destination)


def _deliver_at_last(context: Context, message: CheckedMessage, earlier: StoredMessage) -> None:
    """Accepted, and no row carries it: it goes out as it was accepted, and the transfer that it opened is there again.

    What its row could not know without its content is completed, so that the destination's ack fits it.
    """
    facts, ledger = message.facts, context.ledger
    accepted = Receipt.decode(decode(earlier.receipt.split(".")[1].encode("ascii")))
    key, known = (earlier.sender, earlier.message_id), ledger.transfers.get((facts.sender, facts.transfer_id))
    transfer = known or ledger.transfers.get((facts.recipient, facts.transfer_id))
    if transfer is None and facts.event is Event.SUBMIT:
        transfer = first_transfer(message, accepted.accepted_at)
        ledger.transfers[facts.sender, facts.transfer_id] = transfer
        ledger.new_transfers.add((facts.sender, facts.transfer_id))
        ledger.changed_transfers.add((facts.sender, facts.transfer_id))
    if transfer is None or accepted.event_seq is None:
        return
    then = replace(transfer, event_seq=accepted.event_seq, state=accepted.state or transfer.state)
    destination = then.other(facts.sender)
    queue_envelope(context, message, then, accepted.accepted_at)
    ledger.messages[key] = replace(earlier, destination=destination, priority=facts.priority)
    context.writes.completed.append(
        {
            "message_id": facts.message_id,
            "sender": facts.sender,
            "destination": destination,
            "priority": facts.priority,
            "origin": message.origin,
            "content_sha256": message.content_sha256,
            "duplicate_key": message.duplicate_key,
        }
    )


def _repair(context: Context, message: Message, earlier: StoredMessage, delivery: Delivery, destination: str) -> None:
    key = (earlier.sender, earlier.message_id)
    if delivery.outbox_id is None and not delivery.numbered:
        return  # queued by this very turn, from bytes that are just as good
    pointer = message.submission.pointer
    facts = repeated_facts(delivery.stamp, pointer.record_sha256)
    if not delivery.numbered:
        context.writes.repointed.append(
            {
                "id": delivery.outbox_id,
                "topic": pointer.topic,
                "offset": pointer.offset,
                "record_sha256": pointer.record_sha256,
                "size": pointer.size,
                "facts": facts,
            }
        )
        return
    context.writes.new_outbox.append(
        outbox_row(
            destination,
            RecordType.ENVELOPE,
            delivery.priority_rank,
            facts,
            context.at,
            record_sha256=pointer.record_sha256,
            size=pointer.size,
            pointer=pointer,
            ids={"case_id": earlier.case_id, "message_id": earlier.message_id, "sender": earlier.sender},
        )
    )
    context.ledger.deliveries[key] = replace(delivery, outbox_id=None, numbered=False, stamp=facts)
