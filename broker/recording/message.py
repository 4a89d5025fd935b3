"""A message of a proven sender: decided, and everything that follows from the decision written down."""

from broker.audit.actions import Action
from broker.recording.answering import Message, answer, keep, message_id_of
from broker.recording.answers import conflict_notice
from broker.recording.context import Context
from broker.recording.holding import hold, release
from broker.recording.queueing import queue_envelope
from broker.recording.repeating import repeat
from broker.sharding import lane_of
from broker.stages.checking import CheckedMessage
from broker.stages.deciding import Decision, decide
from broker.stages.known import Transfer
from schemas.events import Event
from schemas.reasons import ReasonCode
from schemas.tokens.notice import NoticeKind
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType


def record_message(context: Context, message: Message) -> Decision:
    """Decide on one message and write down what follows."""
    known = context.ledger.known_for(message)
    decision = decide(known, message, context.now)
    if decision.earlier is not None:
        repeat(context, message, decision.earlier, repairs=decision.repairs)
    elif decision.verdict is Verdict.HELD and isinstance(message, CheckedMessage):
        hold(context, message, decision, known.waiting)
    else:
        _settle(context, message, decision)
        if known.waiting is not None:
            release(context, known.waiting)
    if decision.alarm is not None:
        _alarm(context, message, decision.alarm)
    return decision


def _settle(context: Context, message: Message, decision: Decision) -> None:
    token = answer(context, message, decision)
    if token is None:  # proven, but nothing that an answer could name: kept as evidence by its place
        submission, reason = message.submission, decision.reason or ReasonCode.PROCESSING_FAILED
        context.set_aside(submission.pointer, RecordType.ENVELOPE, reason, decision.where, submission.facility)
        return
    if decision.keeps_id:
        keep(context, message, decision, token)
    if isinstance(message, CheckedMessage):
        if decision.transfer is not None:
            _move(context, decision.transfer)
            _deliver(context, message, decision.transfer)
        if decision.tell is not None:
            _tell(context, message, decision, decision.tell)


def _move(context: Context, transfer: Transfer) -> None:
    key = (transfer.sender, transfer.transfer_id)
    if transfer.event_seq == 1:
        context.ledger.new_transfers.add(key)
    context.ledger.transfers[key] = transfer
    context.ledger.changed_transfers.add(key)


def _deliver(context: Context, message: CheckedMessage, transfer: Transfer) -> None:
    """Queue the envelope, byte for byte, for the other party; what waits there of its case rises with it."""
    facts, destination = message.facts, transfer.other(message.facts.sender)
    rank = queue_envelope(context, message, transfer, context.at)
    if facts.event is not Event.SUBMIT:
        context.writes.raised.append(
            {"lane": lane_of(destination), "destination": destination, "case_id": facts.case_id, "priority_rank": rank}
        )


def _tell(context: Context, message: CheckedMessage, decision: Decision, party: str) -> None:
    """Both parties show a conflict: its maker by the refusal, the other by this notice."""
    facts = message.facts
    transfers = context.ledger.transfers
    own = transfers.get((facts.sender, facts.transfer_id))
    part = own if own is not None and own.destination == party else transfers[party, facts.transfer_id]
    notice_id = context.new_id()
    token = conflict_notice(context.signer, facts, decision, part, notice_id=notice_id, at=context.at)
    ids = {
        "message_id": facts.message_id,
        "case_id": facts.case_id,
        "transfer_id": facts.transfer_id,
        "event": facts.event,
        "sender": facts.sender,
    }
    context.send_token(RecordType.NOTICE, party, token, rank=facts.priority.rank, ids=ids)
    context.audit(
        Action.NOTICE_GIVEN,
        {
            "notice": NoticeKind.CROSSED,
            "notice_id": notice_id,
            "recipient": party,
            "reason": decision.reason,
            "winning_event_seq": decision.winning_event_seq,
            **ids,
        },
        facts.sender,
        party,
    )


def _alarm(context: Context, message: Message, alarm: ReasonCode) -> None:
    submission = message.submission
    context.alarm(alarm, submission.facility, submission.pointer, message_id_of(message))
    context.audit(
        Action.SECURITY_ALARM,
        {
            "sender": submission.facility,
            "message_id": message_id_of(message),
            "reason": alarm,
            "topic": submission.pointer.topic,
            "offset": submission.pointer.offset,
            "record_sha256": submission.pointer.record_sha256,
        },
        submission.facility,
    )
