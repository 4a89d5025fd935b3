"""Slips that nobody has acknowledged for half the time that an inbox keeps them: their senders are told."""

import os
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.rows import transfer_row
from broker.recording.signer import Signer
from broker.recording.writes import Writes
from broker.stages.known import Transfer
from broker.store import tables
from broker.store.engine import Database
from broker.store.looking_up import transfer_of
from broker.store.writing import write
from schemas.events import Party, TransportStep
from schemas.lifecycle import Delivery, apply
from schemas.limits import INBOX_RETENTION
from schemas.times import iso
from schemas.tokens.notice import Notice, NoticeKind
from schemas.topics import RecordType

AFTER: Final = INBOX_RETENTION / 2
LOOK_BACK: Final = timedelta(days=365)  # older ones were told long ago
BATCH: Final = 200


async def tell_senders(database: Database, signer: Signer, now: datetime) -> int:
    """Mark such slips as undeliverable and tell their senders, once; returns how many.

    Raises PassingError, CommitUnknownError.
    """
    async with database.write() as connection:
        context = Context(Ledger(), Writes(), signer, now, os.urandom)
        transfer, outbox = tables.transfer.c, tables.outbox.c
        carried = (
            select(outbox.id)
            .where(
                outbox.message_id == transfer.slip_message_id,
                outbox.record_type == RecordType.ENVELOPE,
                outbox.destination == transfer.destination,
                outbox.stamped_at < iso(now - AFTER),
            )
            .exists()
        )
        statement = (
            select(tables.transfer)
            .where(
                transfer.submitted_at.between(iso(now - LOOK_BACK), iso(now - AFTER)),
                transfer.delivery.in_((Delivery.SUBMITTED, Delivery.UNREADABLE)),
                carried,
            )
            .order_by(transfer.transfer_id, transfer.sender)
            .limit(BATCH)
            .with_for_update()
        )
        found = [transfer_of(row) for row in (await connection.execute(statement)).all()]
        for one in found:
            _tell(context, one)
        await write(connection, context.writes)
    return len(found)


def _tell(context: Context, transfer: Transfer) -> None:
    state = apply(transfer.state, TransportStep.UNDELIVERABLE, Party.EXCHANGE, transfer.kind)
    row = transfer_row(transfer, context.at)
    context.writes.changed_transfers.append({**row, "delivery": state.delivery})
    notice = Notice(
        exchange=context.signer.urn,
        recipient=transfer.sender,
        notice=NoticeKind.UNDELIVERABLE,
        at=context.at,
        notice_id=context.new_id(),
        message_id=transfer.slip_message_id,
        case_id=transfer.case_id,
        transfer_id=transfer.transfer_id,
        state=state,
    )
    ids = {"message_id": transfer.slip_message_id, "case_id": transfer.case_id, "transfer_id": transfer.transfer_id}
    context.send_token(
        RecordType.NOTICE, transfer.sender, context.signer.sign(notice), rank=transfer.priority.rank, ids=ids
    )
    facts = {"sender": transfer.sender, "destination": transfer.destination, "delivery": state.delivery, **ids}
    context.audit(Action.DELIVERY_UNDELIVERABLE, facts, transfer.sender, transfer.destination)
