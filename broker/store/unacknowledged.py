"""Proofs of delivery that were set aside while their facility was suspended: it is asked for them when it is back."""

from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.context import Context
from broker.store import tables
from schemas.limits import INBOX_RETENTION
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from schemas.urgency import Priority

_REACH: Final[timedelta] = INBOX_RETENTION  # what left its inbox long ago cannot be acknowledged any more


async def ask_for_acks(connection: AsyncConnection, context: Context, facility: str, since: str) -> int:
    """Ask a facility for its stored acks of what nobody is known to hold; returns how many. Nothing, when no ack of it
    was set aside ``since`` it was suspended. Which messages a set-aside token named is not kept, so all that are open
    are asked for: an ack that is not there is not sent, and one that came twice changes nothing.
    """
    aside, message = tables.quarantine.c, tables.message.c
    lost = select(aside.topic).where(
        aside.facility == facility,
        aside.reason == ReasonCode.FACILITY_SUSPENDED,
        aside.record_type == RecordType.ACK,
        aside.found_at >= since,
    )
    if (await connection.execute(lost.limit(1))).first() is None:
        return 0
    unproven = select(message.message_id, message.sender, message.case_id, message.priority).where(
        message.destination == facility,
        message.verdict == Verdict.ACCEPTED,
        or_(message.ack.is_(None), message.ack != AckVerdict.DELIVERED),
        message.decided_at >= iso(context.now - _REACH),
    )
    rows = (await connection.execute(unproven.order_by(message.decided_at))).all()
    for row in rows:
        notice = Notice(
            exchange=context.signer.urn,
            recipient=facility,
            notice=NoticeKind.RESEND_REQUEST,
            at=context.at,
            notice_id=context.new_id(),
            message_id=row.message_id,
            case_id=row.case_id,
        )
        ids = {"message_id": row.message_id, "case_id": row.case_id, "sender": row.sender}
        rank = (Priority(row.priority) if row.priority else Priority.URGENT).rank
        context.send_token(RecordType.NOTICE, facility, context.signer.sign(notice), rank=rank, ids=ids)
    return len(rows)
