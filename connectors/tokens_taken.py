"""What receipts, acks and notices change here, inside the transaction that took them in."""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connectors.alarm_words import AlarmCode
from connectors.parcel import signed_payload
from connectors.progress import Progress
from connectors.store import acks, alarms, meta, outbox_rows, transfers
from connectors.store.outbox_rows import OutRow
from schemas.events import Event
from schemas.reasons import NEEDS_THE_SENDER, ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Receipt, Verdict

_STAGE_OF_OWN_EVENT: Final = {
    Event.SUBMIT: "received_at",
    Event.UPDATE: "received_at",
    Event.RECEIVED: "opened_at",
    Event.ACCEPT: "decided_at",
    Event.DECLINE: "decided_at",
    Event.CANCEL: "cancelled_at",
    Event.DEPARTED: "departed_at",
    Event.ARRIVED: "arrived_at",
}
_CASE_EVENTS: Final = (Event.SUBMIT, Event.UPDATE)


@dataclass
class TokenEffects:
    """What follows once the transaction is durable."""

    acks: bool = False
    settled: bool = False  # something in the outbox moved
    refused: list[int] = field(default_factory=list)  # places in the outbox that were refused for good


@dataclass(frozen=True)
class TokenTaker:
    """Takes in verified tokens. ``facility`` is ours."""

    facility: str
    now: datetime
    effects: TokenEffects

    def take_receipt(self, c: sqlite3.Connection, receipt: Receipt, token: bytes) -> None:
        """The exchange's answer to a message of ours: stored in its row, and told to the view of its transfer."""
        row = outbox_rows.row_of_message(c, receipt.message_id)
        if row is None:
            alarms.raise_alarm(c, AlarmCode.RECEIPT_UNKNOWN.value, receipt.message_id, self.now)
            return
        if receipt.payload_sha256 != row.payload_sha256 or not outbox_rows.is_own_record(
            c, receipt.record_sha256, row.message_id
        ):
            alarms.raise_alarm(c, AlarmCode.RECEIPT_DIFFERS.value, receipt.message_id, self.now)
            return
        if row.answer in ("accepted", "refused"):
            if row.answer != receipt.verdict.value:
                alarms.raise_alarm(c, AlarmCode.RECEIPT_CONTRADICTS.value, receipt.message_id, self.now)
            return
        outbox_rows.apply_receipt(c, row.seq, receipt, token)
        self.effects.settled = True
        if receipt.reason is ReasonCode.IAT_TOO_OLD and receipt.verdict is Verdict.TRANSIENT:
            outbox_rows.sign_anew(c, row.seq, signed_payload(outbox_rows.signed_bytes(c, row.seq) or b""))
        sender = self._referring(c, row)
        if receipt.verdict is Verdict.REFUSED or receipt.reason in NEEDS_THE_SENDER:
            transfers.settle_event(c, row.message_id, None, str(receipt.reason or "refused"))
            self.effects.refused.append(row.seq)
        if receipt.verdict is Verdict.ACCEPTED:
            transfers.settle_event(c, row.message_id, receipt.event_seq, None)
            stage = _STAGE_OF_OWN_EVENT.get(Event(row.event))
            if stage:
                transfers.set_time(c, sender, row.transfer_id, stage, receipt.accepted_at)
        if receipt.state is not None and receipt.event_seq is not None:
            transfers.advance(c, sender, row.transfer_id, Progress(receipt.event_seq, receipt.state), self.now)

    def take_ack(self, c: sqlite3.Connection, ack: Ack, token: bytes) -> None:
        """The destination's word on messages of ours."""
        for said in ack.acknowledged:
            row = outbox_rows.row_of_message(c, said.message_id)
            if row is None or row.recipient != ack.facility or row.payload_sha256 != said.payload_sha256:
                alarms.raise_alarm(c, AlarmCode.ACK_UNKNOWN.value, ack.facility, self.now)
                continue
            self._acknowledged(c, row, said, token)

    def _acknowledged(self, c: sqlite3.Connection, row: OutRow, said: Acknowledged, token: bytes) -> None:
        outbox_rows.apply_ack(c, row.seq, said, token)
        if said.verdict is AckVerdict.UNREADABLE:
            if row.ack_verdict != AckVerdict.DELIVERED.value:
                outbox_rows.seal_anew(c, row.seq)
                alarms.raise_alarm(c, AlarmCode.DESTINATION_CANNOT_READ.value, row.recipient, self.now)
                self.effects.settled = True
            return
        alarms.clear_alarm(c, AlarmCode.DESTINATION_CANNOT_READ.value, row.recipient, self.now)
        sender = self._referring(c, row)
        if sender == self.facility and Event(row.event) in _CASE_EVENTS:
            transfers.set_time(c, sender, row.transfer_id, "delivered_at", said.at)
            known = transfers.transfer(c, sender, row.transfer_id)
            if known is not None:
                transfers.advance(c, sender, row.transfer_id, known.progress, self.now)

    def take_notice(self, c: sqlite3.Connection, notice: Notice) -> None:
        """What the exchange has to say beside receipts."""
        if notice.notice is NoticeKind.RESEND_REQUEST and notice.message_id:
            self._resend(c, notice.message_id)
        elif notice.notice is NoticeKind.GENERATION_RAISED and notice.generation:
            if notice.generation > meta.generation(c):
                meta.put_fact(c, meta.GENERATION, str(notice.generation))
                acks.send_all_again(c, self.now)
                self.effects.acks = True
            alarms.clear_alarm(c, AlarmCode.GENERATION_UNANNOUNCED.value, str(notice.generation), self.now)
        elif notice.notice is NoticeKind.UNDELIVERABLE:
            alarms.raise_alarm(c, AlarmCode.UNDELIVERABLE.value, notice.transfer_id or "", self.now)
        elif notice.notice is NoticeKind.DEADLINE_MISSED:
            alarms.raise_alarm(c, AlarmCode.DEADLINE.value, notice.transfer_id or "", self.now)
        if notice.transfer_id:
            self._told(c, notice)

    def _told(self, c: sqlite3.Connection, notice: Notice) -> None:
        """A notice about a transfer: its state, and a conflict that both sides show."""
        for row in transfers.find(c, str(notice.transfer_id)):
            if notice.state is not None:
                seq = notice.winning_event_seq or row.event_seq
                transfers.advance(c, row.sender, row.transfer_id, Progress(seq, notice.state), self.now)
            if notice.notice is NoticeKind.CROSSED:
                conflict = {
                    "event": notice.event.value if notice.event else None,
                    "reason": notice.reason.value if notice.reason else None,
                    "winning_event_seq": notice.winning_event_seq,
                    "at": iso(self.now),
                }
                transfers.set_conflict(c, row.sender, row.transfer_id, conflict)

    def _resend(self, c: sqlite3.Connection, message_id: str) -> None:
        """The exchange lost the bytes: ours go out again; of one that came in, the stored ack does."""
        row = outbox_rows.row_of_message(c, message_id)
        if row is not None:
            if not outbox_rows.send_again(c, row.seq):
                outbox_rows.seal_anew(c, row.seq)
            self.effects.settled = True
            return
        found = c.execute("SELECT sender FROM inbox WHERE message_id = ?", (message_id,)).fetchone()
        if found is not None:
            self.effects.acks |= acks.send_again(c, found[0], message_id)
        else:
            self.effects.acks |= acks.send_unreadable_again(c, message_id)

    def _referring(self, c: sqlite3.Connection, row: OutRow) -> str:
        """The self.facility that refers in the transfer of a message of ours."""
        known = [
            found.sender
            for found in transfers.find(c, row.transfer_id)
            if self.facility in (found.sender, found.destination)
        ]
        return known[0] if known else self.facility
