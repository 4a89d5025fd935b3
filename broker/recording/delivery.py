"""What destinations say: acks, which move the delivery track and go on to the sender unopened, and inbox-status."""

from dataclasses import replace

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.rows import outbox_row
from broker.recording.stamping import facts_of
from broker.stages.known import StoredMessage, Transfer
from broker.stages.tokens import CheckedAck, CheckedStatus
from schemas.events import CARRIES_THE_CASE, Party, TransportStep
from schemas.lifecycle import apply
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.topics import RecordType
from schemas.urgency import Priority

_STEPS = {AckVerdict.DELIVERED: TransportStep.DELIVERED, AckVerdict.UNREADABLE: TransportStep.UNREADABLE}


def record_ack(context: Context, checked: CheckedAck) -> None:
    """Apply what fits what was delivered, and carry the token to the sender. One that fits nothing is set aside."""
    ack, pointer = checked.ack, checked.submission.pointer
    if context.is_cut_off(ack.facility):
        context.set_token_aside(checked.submission, ReasonCode.FACILITY_SUSPENDED)
        return
    fitting = apply_ack(context, ack)
    if not fitting:
        context.set_token_aside(checked.submission, ReasonCode.NOT_A_PARTY)
        return
    rank = min((stored.priority or Priority.URGENT).rank for stored in fitting)
    facts = facts_of(
        RecordType.ACK,
        context.signer.urn,
        ack.recipient,
        pointer.record_sha256,
        accepted_at=context.at,
        sender=ack.facility,
    )
    context.writes.new_outbox.append(
        outbox_row(
            ack.recipient,
            RecordType.ACK,
            rank,
            facts,
            context.at,
            record_sha256=pointer.record_sha256,
            size=pointer.size,
            pointer=pointer,
            ids={"sender": ack.facility},
        )
    )
    context.audit(
        Action.ACK_ACCEPTED,
        {
            "facility": ack.facility,
            "recipient": ack.recipient,
            "count": len(fitting),
            "record_sha256": pointer.record_sha256,
            "topic": pointer.topic,
            "offset": pointer.offset,
        },
        ack.facility,
        ack.recipient,
    )


def apply_ack(context: Context, ack: Ack) -> list[StoredMessage]:
    """Apply what fits what was delivered; returns the messages that it fits."""
    fitting = [(one, stored) for one in ack.acknowledged if (stored := _delivered(context, ack, one)) is not None]
    for one, stored in fitting:
        _apply(context, one, stored)
    return [stored for _, stored in fitting]


def _delivered(context: Context, ack: Ack, one: Acknowledged) -> StoredMessage | None:
    """The message that was delivered to the signer with these bytes, if there was one."""
    stored = context.ledger.messages.get((ack.recipient, one.message_id))
    fits = stored is not None and stored.destination == ack.facility and stored.payload_sha256 == one.payload_sha256
    return stored if fits else None


def _apply(context: Context, one: Acknowledged, stored: StoredMessage) -> None:
    if stored.ack is AckVerdict.DELIVERED:
        return  # proof of delivery stands, whatever is said later
    key = (stored.sender, stored.message_id)
    context.ledger.messages[key] = replace(stored, ack=one.verdict)
    context.writes.acked.append(
        {
            "message_id": stored.message_id,
            "sender": stored.sender,
            "ack": one.verdict,
            "ack_reason": one.reason,
            "acked_at": context.at,
        }
    )
    transfer = context.ledger.transfers.get((stored.sender, stored.transfer_id or ""))
    if transfer is not None and stored.event in CARRIES_THE_CASE:
        _move(context, transfer, _STEPS[one.verdict])


def _move(context: Context, transfer: Transfer, step: TransportStep) -> None:
    try:
        state = apply(transfer.state, step, Party.DESTINATION, transfer.kind)
    except Refused:
        return  # an update that nobody could read does not undo the slip that was
    times = transfer.times
    if step is TransportStep.DELIVERED and "delivered_at" not in times:
        times = {**times, "delivered_at": context.at}
    key = (transfer.sender, transfer.transfer_id)
    context.ledger.transfers[key] = replace(transfer, state=state, times=times)
    context.ledger.changed_transfers.add(key)


def record_status(context: Context, checked: CheckedStatus) -> None:
    """Close what the destination holds, and have missing numbers sent again: same number, same bytes."""
    status, pointer = checked.status, checked.submission.pointer
    if context.is_cut_off(status.facility):
        context.set_token_aside(checked.submission, ReasonCode.FACILITY_SUSPENDED)
        return
    context.writes.statuses.append(
        {
            "destination": status.facility,
            "generation": status.generation,
            "complete_to": status.complete_to,
            "highest": status.highest,
            "missing_count": len(status.missing),
            "incarnation": status.incarnation,
            "said_at": status.at,
            "received_at": context.at,
        }
    )
    context.writes.resend.extend(
        {"destination": status.facility, "delivery_seq": number, "resend": True}
        for number in sorted(set(status.missing))
    )
    if status.back:
        context.writes.heads.add(status.facility)
    context.audit(
        Action.INBOX_STATUS_ACCEPTED,
        {
            "facility": status.facility,
            "complete_to": status.complete_to,
            "missing_count": len(status.missing),
            "generation": status.generation,
            "incarnation": status.incarnation,
            "record_sha256": pointer.record_sha256,
        },
        status.facility,
    )
