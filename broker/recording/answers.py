"""Receipts and notices: what the exchange answers, signed once."""

from typing import Final

from broker.recording.signer import Signer
from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.deciding import Decision
from broker.stages.known import Transfer
from schemas.message import MessageFacts
from schemas.times import iso
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Receipt, Source

POLICY_VERSION: Final = "2026-11-2"  # of the rules in stages/: raised whenever a verdict could change

_WHERE_MAX_CHARS: Final = 200


def receipt(
    signer: Signer, message: CheckedMessage | FaultyMessage, decision: Decision, accepted_at: str, leaf_hash: str
) -> str:
    """The signed answer to one message.

    Raises:
        ValueError: no message id could be read, so there is nothing that an answer could name.
    """
    facts, submission = message.facts, message.submission
    message_id = facts.message_id if facts else message.message_id if isinstance(message, FaultyMessage) else None
    if message_id is None:
        raise ValueError("an answer needs a message id")
    pointer = submission.pointer
    return signer.sign(
        Receipt(
            exchange=signer.urn,
            recipient=submission.facility,
            verdict=decision.verdict,
            reason=decision.reason,
            where=decision.where[:_WHERE_MAX_CHARS] or None,
            message_id=message_id,
            bundle_id=facts.bundle_id if facts else None,
            case_id=facts.case_id if facts else None,
            transfer_id=facts.transfer_id if facts else None,
            event=facts.event if facts else None,
            record_sha256=pointer.record_sha256,
            payload_sha256=message.payload_sha256,
            source=Source(topic=pointer.topic, partition=pointer.partition, offset=pointer.offset),
            appended_at=iso(submission.record.appended_at),
            accepted_at=accepted_at,
            event_seq=decision.event_seq,
            winning_event_seq=decision.winning_event_seq,
            duplicate_of=decision.duplicate_of,
            state=decision.transfer.state if decision.transfer else None,
            policy_version=POLICY_VERSION,
            audit_leaf=leaf_hash,
        )
    )


def conflict_notice(
    signer: Signer, facts: MessageFacts, decision: Decision, transfer: Transfer, *, notice_id: str, at: str
) -> str:
    """To the other party: an event came too late or crossed theirs, and theirs stands."""
    return signer.sign(
        Notice(
            exchange=signer.urn,
            recipient=transfer.other(facts.sender),
            notice=NoticeKind.CROSSED,
            at=at,
            notice_id=notice_id,
            reason=decision.reason,
            message_id=facts.message_id,
            case_id=facts.case_id,
            transfer_id=facts.transfer_id,
            event=facts.event,
            winning_event_seq=decision.winning_event_seq,
            state=transfer.state,
        )
    )
