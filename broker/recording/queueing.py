"""An accepted message on its way to the other party: its row in the outbox, and what the ledger then knows."""

from broker.recording.context import Context
from broker.recording.rows import outbox_row
from broker.recording.stamping import envelope_facts
from broker.stages.checking import CheckedMessage
from broker.stages.known import Delivery, Transfer
from schemas.topics import RecordType
from schemas.urgency import more_urgent


def queue_envelope(context: Context, message: CheckedMessage, transfer: Transfer, accepted_at: str) -> int:
    """Queue the envelope, byte for byte, for the other party of a transfer; the rank of its urgency.

    ``accepted_at`` goes into the stamp: it may lie before now when the message comes again.
    """
    facts, pointer = message.facts, message.submission.pointer
    rank = more_urgent(transfer.priority, facts.priority).rank
    stamp_facts = envelope_facts(context.signer.urn, message, transfer, accepted_at)
    context.writes.new_outbox.append(
        outbox_row(
            transfer.other(facts.sender),
            RecordType.ENVELOPE,
            rank,
            stamp_facts,
            context.at,
            record_sha256=pointer.record_sha256,
            size=pointer.size,
            pointer=pointer,
            ids={"case_id": facts.case_id, "message_id": facts.message_id, "sender": facts.sender},
        )
    )
    context.ledger.deliveries[facts.sender, facts.message_id] = Delivery(None, False, stamp_facts, rank)
    return rank
