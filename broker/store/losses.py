"""Bytes that are gone for good: the sender is asked to send again, and a void takes the place of a number."""

import hashlib
import os
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.stamping import facts_of, sign_stamp
from broker.recording.writes import Writes
from broker.stages.submission import Pointer
from broker.store import tables
from broker.store.engine import Database
from broker.store.heldback import ASK_AGAIN_AFTER, held_asked, held_at_place
from broker.store.lanes import check_lanes
from broker.store.numbering import Outgoing
from broker.store.writing import write
from schemas.times import iso
from schemas.tokens.delivery import Void
from schemas.tokens.notice import Notice, NoticeKind
from schemas.topics import RecordType
from schemas.urgency import Priority
from transport.clock import Clock

HELD_BYTES_LOST: Final = "held-bytes-lost"


class LossTable:
    """Losses on one database, written by one worker."""

    def __init__(self, database: Database, signer: Signer, clock: Clock, generation: int) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._generation = generation

    async def lost(self, record: Outgoing, epochs: Mapping[int, int]) -> None:
        """Replace the record under its number. Raises PassingError, PositionLostError, CommitUnknownError."""
        async with self._database.write() as connection:
            await check_lanes(connection, epochs)
            context = Context(Ledger(), Writes(), self._signer, self._clock.now(), os.urandom)
            outbox = tables.outbox
            found = await connection.execute(
                select(outbox.c.message_id, outbox.c.sender, outbox.c.case_id).where(outbox.c.id == record.outbox_id)
            )
            message_id, sender, case_id = found.one()
            void = self._void(record, context.at)
            digest = hashlib.sha256(void.encode("ascii")).hexdigest()
            facts = facts_of(RecordType.VOID, self._signer.urn, record.destination, digest, accepted_at=context.at)
            stamp = sign_stamp(facts, record.delivery_seq, self._generation, self._signer)
            await connection.execute(
                update(outbox)
                .where(outbox.c.id == record.outbox_id)
                .values(
                    record_type=RecordType.VOID,
                    token=void,
                    topic=None,
                    offset=None,
                    record_sha256=digest,
                    size=len(void),
                    stamp=stamp,
                )
            )
            if message_id is not None and sender is not None and sender != record.destination:
                self._ask(context, message_id, sender, case_id)
            facts_of_loss = {
                "recipient": record.destination,
                "delivery_seq": record.delivery_seq,
                "message_id": message_id,
                "record_sha256": record.record_sha256,
            }
            context.audit(Action.DELIVERY_VOIDED, facts_of_loss, record.destination, sender)
            context.alarm("bytes-lost", record.destination, None, message_id)
            await write(connection, context.writes)

    async def held_lost(self, pointers: Collection[Pointer], epochs: Mapping[int, int]) -> int:
        """The bytes of waiting messages are gone: their senders are asked to send again, once a day at most.

        They stay held until they come again. Returns how many were asked for. Raises as ``lost``.
        """
        count = 0
        async with self._database.write() as connection:
            await check_lanes(connection, epochs)
            context = Context(Ledger(), Writes(), self._signer, self._clock.now(), os.urandom)
            for pointer in pointers:
                here = held_at_place(pointer)
                for row in (await connection.execute(select(tables.held).where(here, ~held_asked(context.at)))).all():
                    self._ask(context, row.message_id, row.sender, row.case_id)
                    facts = {
                        "notice": NoticeKind.RESEND_REQUEST,
                        "recipient": row.sender,
                        "message_id": row.message_id,
                        "case_id": row.case_id,
                    }
                    context.audit(Action.NOTICE_GIVEN, facts, row.sender)
                    if not await _alarmed(connection, HELD_BYTES_LOST, row.message_id):
                        context.alarm(HELD_BYTES_LOST, row.sender, pointer, row.message_id)
                    count += 1
                again = iso(context.now + ASK_AGAIN_AFTER)
                await connection.execute(update(tables.held).where(here).values(try_at=again))
            await write(connection, context.writes)
        return count

    def _void(self, record: Outgoing, at: str) -> str:
        return self._signer.sign(
            Void(
                exchange=self._signer.urn,
                recipient=record.destination,
                generation=self._generation,
                delivery_seq=record.delivery_seq,
                at=at,
            )
        )

    def _ask(self, context: Context, message_id: str, sender: str, case_id: str | None) -> None:
        notice = Notice(
            exchange=self._signer.urn,
            recipient=sender,
            notice=NoticeKind.RESEND_REQUEST,
            at=context.at,
            notice_id=context.new_id(),
            message_id=message_id,
            case_id=case_id,
        )
        ids = {"message_id": message_id, "case_id": case_id, "sender": sender}
        context.send_token(RecordType.NOTICE, sender, self._signer.sign(notice), rank=Priority.STAT.rank, ids=ids)


async def _alarmed(connection: AsyncConnection, alarm: str, message_id: str) -> bool:
    columns = tables.alarm.c
    same = select(columns.id).where(columns.alarm == alarm, columns.message_id == message_id)
    return (await connection.execute(same.limit(1))).first() is not None
