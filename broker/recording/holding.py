"""A message that waits: its place is kept, its id stays free, and it is judged anew when the cause may be gone."""

from broker.recording.answering import answer, send_receipt
from broker.recording.context import Context
from broker.sharding import lane_of
from broker.stages.checking import CheckedMessage
from broker.stages.deciding import Decision
from broker.stages.known import HeldMessage
from broker.stages.parties import owner_of
from schemas.reasons import ReasonCode
from schemas.times import iso


def hold(context: Context, message: CheckedMessage, decision: Decision, waiting: HeldMessage | None) -> None:
    """Write the message down as waiting, and tell its sender once."""
    reason, pointer = decision.reason or ReasonCode.CASE_HELD, message.submission.pointer
    if waiting is not None and (waiting.reason, waiting.payload_sha256) == (reason, message.payload_sha256):
        if waiting.offset != pointer.offset:  # not another look at the same record: its sender asks again
            send_receipt(context, message, waiting.receipt)
        return
    token = answer(context, message, decision)
    assert token is not None, "a checked message has an id"
    facts = message.facts
    held = HeldMessage(
        facts.sender, facts.message_id, facts.case_id, message.payload_sha256, reason, token, pointer.offset
    )
    context.writes.held.append(
        {
            "message_id": held.message_id,
            "sender": held.sender,
            "lane": lane_of(held.sender),
            "owner": owner_of(facts),
            "transfer_id": facts.transfer_id,
            "case_id": held.case_id,
            "event": facts.event,
            "priority": facts.priority,
            "reason": reason,
            "payload_sha256": held.payload_sha256,
            "topic": pointer.topic,
            "offset": pointer.offset,
            "record_sha256": pointer.record_sha256,
            "size": pointer.size,
            "appended_at": iso(message.submission.record.appended_at),
            "receipt": token,
            "held_at": context.at,
            "try_at": context.at,
        }
    )
    context.ledger.held[held.sender, held.case_id] = [*_others(context, held), held]


def release(context: Context, held: HeldMessage) -> None:
    """The message waits no more: it has its answer."""
    context.writes.released.append({"message_id": held.message_id, "sender": held.sender})
    context.ledger.held[held.sender, held.case_id] = _others(context, held)


def _others(context: Context, held: HeldMessage) -> list[HeldMessage]:
    waiting = context.ledger.held.get((held.sender, held.case_id), [])
    return [one for one in waiting if one.message_id != held.message_id]
