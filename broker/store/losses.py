"""A number whose bytes are gone for good: a void takes its place, and the sender is asked to send again."""

import hashlib
import os
from collections.abc import Mapping

from sqlalchemy import select, update

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.ledger import Ledger
from broker.recording.signer import Signer
from broker.recording.stamping import facts_of, sign_stamp
from broker.recording.writes import Writes
from broker.store import tables
from broker.store.engine import Database
from broker.store.lanes import check_lanes
from broker.store.numbering import Outgoing
from broker.store.writing import write
from schemas.tokens.delivery import Void
from schemas.tokens.notice import Notice, NoticeKind
from schemas.topics import RecordType
from schemas.urgency import Priority
from transport.clock import Clock


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
                self._ask(context, record, message_id, sender, case_id)
            facts_of_loss = {
                "recipient": record.destination,
                "delivery_seq": record.delivery_seq,
                "message_id": message_id,
                "record_sha256": record.record_sha256,
            }
            context.audit(Action.DELIVERY_VOIDED, facts_of_loss, record.destination, sender)
            context.alarm("bytes-lost", record.destination, None, message_id)
            await write(connection, context.writes)

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

    def _ask(self, context: Context, record: Outgoing, message_id: str, sender: str, case_id: str | None) -> None:
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
