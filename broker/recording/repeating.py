"""A repeat: the stored answer, byte for byte; and a delivery that is not acknowledged yet gets the bytes that came."""

from dataclasses import replace

from broker.audit.actions import Action
from broker.recording.answering import Message, send_receipt
from broker.recording.context import Context
from broker.recording.rows import outbox_row
from broker.recording.stamping import repeated_facts
from broker.stages.known import StoredMessage
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
    if repairs and earlier.destination is not None:
        _repair(context, message, earlier, earlier.destination)


def _repair(context: Context, message: Message, earlier: StoredMessage, destination: str) -> None:
    key = (earlier.sender, earlier.message_id)
    delivery = context.ledger.deliveries.get(key)
    if delivery is None or (delivery.outbox_id is None and not delivery.numbered):
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
