"""The answer to a message: its audit entry, its receipt, and the row that keeps the answer for ever."""

from typing import Final

from broker.audit.actions import Action
from broker.recording.answers import receipt
from broker.recording.context import Context
from broker.recording.rows import Row
from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.deciding import Decision
from broker.stages.known import StoredMessage
from schemas.times import iso
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from schemas.urgency import Priority

Message = CheckedMessage | FaultyMessage

_ACTIONS: Final = {
    Verdict.ACCEPTED: Action.MESSAGE_ACCEPTED,
    Verdict.REFUSED: Action.MESSAGE_REFUSED,
    Verdict.TRANSIENT: Action.MESSAGE_TRANSIENT,
    Verdict.HELD: Action.MESSAGE_HELD,
}


def message_id_of(message: Message) -> str | None:
    """The id that an answer can name, where one could be read."""
    if message.facts is not None:
        return message.facts.message_id
    return message.message_id if isinstance(message, FaultyMessage) else None


def answer(context: Context, message: Message, decision: Decision) -> str | None:
    """Audit the decision, sign the receipt and queue it for the sender; None where there is no id to answer under."""
    leaf = _audit(context, message, decision)
    if message_id_of(message) is None:
        return None
    token = receipt(context.signer, message, decision, context.at, leaf)
    send_receipt(context, message, token)
    return token


def send_receipt(context: Context, message: Message, token: str) -> None:
    """Queue a receipt, new or stored, for the message's sender."""
    facts, sender = message.facts, message.submission.facility
    rank = facts.priority.rank if facts else Priority.URGENT.rank
    ids = {"message_id": message_id_of(message), "case_id": facts.case_id if facts else None, "sender": sender}
    context.send_token(RecordType.RECEIPT, sender, token, rank=rank, ids=ids)


def keep(context: Context, message: Message, decision: Decision, token: str) -> None:
    """Store the answer under the message's id, and let the rest of the turn know it."""
    row = _row(context, message, decision, token)
    context.writes.new_messages.append(row)
    facts, sender, ledger = message.facts, message.submission.facility, context.ledger
    stored = StoredMessage(
        sender=sender,
        message_id=row["message_id"],
        payload_sha256=message.payload_sha256,
        content_sha256=message.content_sha256,
        verdict=decision.verdict,
        receipt=token,
        destination=decision.deliver_to,
        event=facts.event if facts else None,
        transfer_id=facts.transfer_id if facts else None,
        case_id=facts.case_id if facts else None,
        priority=facts.priority if facts else None,
        event_seq=decision.event_seq,
        record_sha256=message.submission.pointer.record_sha256,
        ack=None,
    )
    ledger.messages[sender, stored.message_id] = stored
    if row["bundle_id"] is not None:
        ledger.bundles[sender, row["bundle_id"]] = stored
    if row["duplicate_key"] is not None:
        ledger.contents[row["duplicate_key"]] = stored
    if row["origin"] is not None:
        ledger.origins.setdefault((sender, row["origin"]), stored.message_id)


def _row(context: Context, message: Message, decision: Decision, token: str) -> Row:
    facts, submission = message.facts, message.submission
    pointer = submission.pointer
    checked = message if isinstance(message, CheckedMessage) else None
    return {
        "message_id": message_id_of(message),
        "sender": submission.facility,
        "bundle_id": facts.bundle_id if facts and decision.keeps_bundle_id else None,
        "destination": decision.deliver_to,
        "event": facts.event if facts else None,
        "priority": facts.priority if facts else None,
        "case_id": facts.case_id if facts else None,
        "transfer_id": facts.transfer_id if facts else None,
        "origin": checked.origin if checked else None,
        "payload_sha256": message.payload_sha256,
        "content_sha256": message.content_sha256,
        "duplicate_key": checked.duplicate_key if checked and decision.verdict is Verdict.ACCEPTED else None,
        "topic": pointer.topic,
        "offset": pointer.offset,
        "record_sha256": pointer.record_sha256,
        "size": pointer.size,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "event_seq": decision.event_seq,
        "duplicate_of": decision.duplicate_of,
        "receipt": token,
        "appended_at": iso(submission.record.appended_at),
        "decided_at": context.at,
    }


def _audit(context: Context, message: Message, decision: Decision) -> str:
    facts, submission = message.facts, message.submission
    pointer = submission.pointer
    entry: dict[str, str | int | None] = {
        "sender": submission.facility,
        "message_id": message_id_of(message),
        "verdict": decision.verdict,
        "reason": decision.reason,
        "record_sha256": pointer.record_sha256,
        "payload_sha256": message.payload_sha256,
        "topic": pointer.topic,
        "partition": pointer.partition,
        "offset": pointer.offset,
        "event_seq": decision.event_seq,
        "winning_event_seq": decision.winning_event_seq,
        "duplicate_of": decision.duplicate_of,
        "flags": " ".join(sorted(message.flags)) or None,
    }
    if facts is not None:
        entry |= {
            "destination": facts.recipient,
            "bundle_id": facts.bundle_id,
            "case_id": facts.case_id,
            "transfer_id": facts.transfer_id,
            "event": facts.event,
            "priority": facts.priority,
        }
    if decision.transfer is not None:
        state = decision.transfer.state
        entry |= {
            "delivery": state.delivery,
            "decision": state.decision,
            "journey": state.journey,
            "loop": state.loop,
        }
    parties = (submission.facility, facts.recipient if facts else None)
    return context.audit(_ACTIONS[decision.verdict], entry, *parties)
