"""A message that waits: its place is kept, its id stays free, and it is judged anew when the cause may be gone.

One that comes again waits at its new place, since the old one may be lost, and keeps its turn among those of its case.
"""

from datetime import timedelta
from typing import Final

from broker.recording.answering import answer, send_receipt
from broker.recording.context import Context
from broker.sharding import lane_of
from broker.stages.checking import CheckedMessage
from broker.stages.deciding import Decision
from broker.stages.known import HeldMessage
from broker.stages.parties import owner_of
from schemas.reasons import ReasonCode
from schemas.times import iso, parse_iso

_NEXT: Final = timedelta(milliseconds=1)  # the shortest time between two that the text of a time can tell apart


def hold(context: Context, message: CheckedMessage, decision: Decision, waiting: HeldMessage | None) -> None:
    """Write the message down as waiting, and tell its sender once."""
    reason, pointer = decision.reason or ReasonCode.CASE_HELD, message.submission.pointer
    if waiting is not None and (waiting.reason, waiting.payload_sha256) == (reason, message.payload_sha256):
        if (waiting.offset, waiting.record_sha256) == (pointer.offset, pointer.record_sha256):
            return  # another look at the same record
        token: str | None = waiting.receipt  # its sender asks again
        send_receipt(context, message, waiting.receipt)
    else:
        token = answer(context, message, decision)
    assert token is not None, "a checked message has an id"
    facts = message.facts
    held = HeldMessage(
        facts.sender,
        facts.message_id,
        facts.case_id,
        message.payload_sha256,
        reason,
        token,
        pointer.offset,
        pointer.record_sha256,
        waiting.held_at if waiting else _after_the_others(context, facts.sender, facts.case_id),
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
            "held_at": held.held_at,
            "try_at": context.at,
        }
    )
    key = {"message_id": held.message_id, "sender": held.sender}
    context.writes.released[:] = [row for row in context.writes.released if row != key]  # the later word stands
    context.ledger.held[held.sender, held.case_id] = [*_others(context, held), held]


def release(context: Context, held: HeldMessage) -> None:
    """The message waits no more: it has its answer."""
    context.writes.released.append({"message_id": held.message_id, "sender": held.sender})
    context.ledger.held[held.sender, held.case_id] = _others(context, held)


def _after_the_others(context: Context, sender: str, case_id: str) -> str:
    """Now; but later than any that waits of the case, also in the same turn: their order is told by this alone."""
    waiting = [parse_iso(one.held_at) + _NEXT for one in context.ledger.held.get((sender, case_id), [])]
    return iso(max(context.now, *waiting)) if waiting else context.at


def _others(context: Context, held: HeldMessage) -> list[HeldMessage]:
    waiting = context.ledger.held.get((held.sender, held.case_id), [])
    return [one for one in waiting if one.message_id != held.message_id]
