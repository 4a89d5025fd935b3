"""What a judged record of the inbox changes, inside one transaction: message, number, answer owed, hand-over, view.

Everything that reading a record causes is written together with the read position; what must happen afterwards in
memory (a new directory, a wake-up) is collected in ``Effects`` and done after the commit.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from certs.directory import VerifiedEntry, verify_entry
from certs.trust import TrustMaterial
from connectors import card
from connectors.alarm_words import AlarmCode
from connectors.case_folder import folder_name, names_of, raised
from connectors.directory_book import DirectoryBook
from connectors.numbers import GenerationSays, NumberMemory, Place
from connectors.progress import Progress
from connectors.receive import (
    LIES_HERE,
    Examined,
    InboxRecord,
    Memory,
    Message,
    Repeat,
    Token,
    Unproven,
    Unreadable,
)
from connectors.store import acks, alarms, directory_rows, handovers, inbox_rows, meta, numbers, transfers
from connectors.tokens_taken import TokenEffects, TokenTaker
from schemas.events import CARRIES_THE_CASE, Event, Party
from schemas.lifecycle import ACTORS
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict, Head, Void
from schemas.tokens.directory import CountersignedEntry, Register
from schemas.tokens.notice import Notice
from schemas.tokens.receipt import Receipt
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from schemas.urgency import Priority, more_urgent

STAGE_OF_EVENT = {
    Event.RECEIVED: "opened_at",
    Event.ACCEPT: "decided_at",
    Event.DECLINE: "decided_at",
    Event.REDIRECT: "decided_at",
    Event.CANCEL: "cancelled_at",
    Event.DEPARTED: "departed_at",
    Event.ARRIVED: "arrived_at",
}


@dataclass
class Effects(TokenEffects):
    """What follows once the transaction is durable."""

    messages: int = 0
    directory_changed: bool = False
    heads: list[tuple[int, Head]] = field(default_factory=list)  # (offset, head)
    urgent_ack: bool = False


@dataclass(frozen=True)
class Taker:
    """Takes in judged records. ``facility`` is ours.

    ``from_before``: the records were in the inbox before this database existed; another one may have had them.
    """

    facility: str
    book: DirectoryBook
    trust: TrustMaterial
    now: datetime
    from_before: bool = False

    def take(self, c: sqlite3.Connection, record: InboxRecord, outcome: Examined, effects: Effects) -> None:
        """Write down everything that a judged record causes."""
        if isinstance(outcome, Unproven):
            self._set_aside(c, record, Refused(outcome.reason, outcome.where), None)
            alarms.raise_alarm(c, outcome.reason.value, record.topic, self.now)
        elif isinstance(outcome, Unreadable):
            self._unreadable(c, record, outcome, effects)
        elif isinstance(outcome, Repeat):
            self._number(c, outcome.stamp, outcome.place, outcome.generation)
            self._repeat(c, record, outcome, effects)
        elif isinstance(outcome, Message):
            self._number(c, outcome.stamp, outcome.place, outcome.generation)
            self._message(c, outcome, effects)
        else:
            self._number(c, outcome.stamp, outcome.place, outcome.generation)
            self._token(c, record, outcome, effects)

    # --- numbers ----------------------------------------------------------------------------------------------------

    def _number(self, c: sqlite3.Connection, stamp: Stamp, place: Place | None, says: GenerationSays) -> None:
        if stamp.delivery_seq is not None and place is not None:
            if place is Place.CONFLICT and stamp.record_type is not RecordType.VOID:
                alarms.raise_alarm(c, ReasonCode.NUMBER_REUSED.value, str(stamp.delivery_seq), self.now)
            numbers.note(c, stamp.delivery_seq, stamp.record_sha256, self.now)
        if says is not GenerationSays.SAME:
            lower = says is GenerationSays.LOWER
            code = AlarmCode.GENERATION_LOWER if lower else AlarmCode.GENERATION_UNANNOUNCED
            alarms.raise_alarm(c, code.value, str(stamp.generation), self.now)

    # --- what cannot be taken -----------------------------------------------------------------------------------------

    def _unreadable(self, c: sqlite3.Connection, record: InboxRecord, outcome: Unreadable, effects: Effects) -> None:
        stamp = outcome.stamp
        self._set_aside(c, record, Refused(outcome.reason, outcome.where), stamp, park=outcome.park)
        alarms.raise_alarm(c, outcome.reason.value, stamp.sender or record.topic, self.now)
        if outcome.reason is ReasonCode.STAMP_NOT_FOR_ME or stamp.delivery_seq is None:
            return
        is_envelope = stamp.record_type is RecordType.ENVELOPE
        as_stamped = outcome.reason not in (ReasonCode.RECORD_DIGEST_DIFFERS, ReasonCode.RECORD_TYPE_UNKNOWN)
        if is_envelope or as_stamped:  # a damaged token stays missing, and the exchange sends it again
            numbers.note(c, stamp.delivery_seq, stamp.record_sha256, self.now)
        if is_envelope and not outcome.park:
            self._owe(c, stamp, AckVerdict.UNREADABLE, outcome.reason, effects)

    def _set_aside(
        self,
        c: sqlite3.Connection,
        record: InboxRecord,
        refused: Refused,
        stamp: Stamp | None,
        *,
        park: bool = False,
    ) -> None:
        row = inbox_rows.QuarantineRow(
            topic=record.topic,
            offset=record.offset,
            record_sha256=hashlib.sha256(record.value).hexdigest(),
            reason=refused.reason.value,
            field=refused.where,
            proven=stamp is not None,
            record_type=stamp.record_type.value if stamp else None,
            sender=stamp.sender if stamp else None,
            message_id=stamp.message_id if stamp else None,
            delivery_seq=stamp.delivery_seq if stamp else None,
        )
        value, stamp_token = (record.value, _stamp_header(record)) if park else (None, None)
        inbox_rows.quarantine(c, row, self.now, value, stamp_token)

    def _repeat(self, c: sqlite3.Connection, record: InboxRecord, outcome: Repeat, effects: Effects) -> None:
        stamp = outcome.stamp
        if outcome.differs:
            self._set_aside(c, record, Refused(ReasonCode.MESSAGE_ID_REUSED, "message_id"), stamp)
            alarms.raise_alarm(c, ReasonCode.MESSAGE_ID_REUSED.value, stamp.sender or record.topic, self.now)
        if stamp.record_type is RecordType.ENVELOPE:
            effects.acks |= acks.send_again(c, str(stamp.sender), str(stamp.message_id))

    def _owe(
        self,
        c: sqlite3.Connection,
        stamp: Stamp,
        verdict: AckVerdict,
        reason: ReasonCode | None,
        effects: Effects,
    ) -> None:
        urgent = stamp.priority is Priority.STAT
        what = Acknowledged(
            message_id=str(stamp.message_id),
            payload_sha256=str(stamp.payload_sha256),
            delivery_seq=stamp.delivery_seq or 0,
            verdict=verdict,
            reason=reason,
            at=iso(self.now),
        )
        acks.owe(c, str(stamp.sender), what, urgent=urgent)
        effects.acks = True
        effects.urgent_ack |= urgent

    # --- messages -----------------------------------------------------------------------------------------------------

    def _message(self, c: sqlite3.Connection, message: Message, effects: Effects) -> None:
        facts, stamp = message.facts, message.stamp
        code = card.case_code_of(message.bundle, facts.case_id)
        inbox_id = inbox_rows.add_message(c, _inbox_row(message, code), self.now)
        party = self._transfer(c, message, code)
        folder = self._case_folder(c, message, party, code)
        ordinal = inbox_rows.ordinal_in_case(c, facts.case_id)
        handovers.add(c, handovers.NewHandover(inbox_id, folder, ordinal, self.from_before), self.now)
        self._owe(c, stamp, AckVerdict.DELIVERED, None, effects)
        if stamp.state is not None and stamp.event_seq is not None:
            told = Progress(stamp.event_seq, stamp.state)
            transfers.advance(c, party, facts.transfer_id, told, self.now)
        effects.messages += 1

    def _transfer(self, c: sqlite3.Connection, message: Message, code: str) -> str:
        """The transfer that a message is about, opened where it is new; returns its referring facility."""
        facts = message.facts
        parties = {facts.sender, self.facility}
        known = [row for row in transfers.find(c, facts.transfer_id) if {row.sender, row.destination} == parties]
        referring = known[0].sender if known else _referring(facts.event, facts.sender, self.facility)
        if facts.event in CARRIES_THE_CASE or not known:
            transfers.open_transfer(c, self._new_transfer(message, code, referring), self.now)
        at = str(message.stamp.accepted_at)
        if facts.event in CARRIES_THE_CASE:
            transfers.set_time(c, referring, facts.transfer_id, "received_at", at)
            transfers.set_time(c, referring, facts.transfer_id, "delivered_at", iso(self.now))
        elif facts.event in STAGE_OF_EVENT:
            transfers.set_time(c, referring, facts.transfer_id, STAGE_OF_EVENT[facts.event], at)
        transfers.add_event(c, _event(message, referring, at))
        return referring

    def _new_transfer(self, message: Message, code: str, referring: str) -> transfers.NewTransfer:
        facts = message.facts
        patient = card.patient_card(message.bundle) if facts.event in CARRIES_THE_CASE else {}
        return transfers.NewTransfer(
            sender=referring,
            transfer_id=facts.transfer_id,
            destination=facts.recipient if referring == facts.sender else facts.sender,
            case_id=facts.case_id,
            case_code=code,
            slip_number=card.slip_number_of(message.bundle),
            priority=facts.priority.value,
            kind=facts.kind.value if facts.kind else None,
            tags=" ".join(sorted(facts.tags)),
            patient=json.dumps(patient, ensure_ascii=False),
            submit_message_id=facts.message_id if facts.event is Event.SUBMIT else None,
        )

    def _case_folder(self, c: sqlite3.Connection, message: Message, referring: str, code: str) -> str:
        """The name of the case's hand-over folder: its rest chosen at the first message, its urgency never lowered."""
        facts = message.facts
        known = transfers.case_folder(c, referring, facts.case_id)
        if known is None:
            others = (code, f"{code}-{facts.case_id[:8]}", f"{code}-{facts.transfer_id}")
            free = (rest for rest in others if not transfers.has_case_folder(c, names_of(rest)))
            known = folder_name(facts.priority, next(free, f"{code}-{facts.message_id}"))
        urgency = transfers.urgency_of_case(c, referring, facts.case_id)
        folder = raised(known, more_urgent(facts.priority, urgency))
        transfers.set_case_folder(c, referring, facts.case_id, folder)
        return folder

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _token(self, c: sqlite3.Connection, record: InboxRecord, token: Token, effects: Effects) -> None:
        payload, stamp = token.payload, token.stamp
        if isinstance(payload, Head):
            self._head(c, record, payload, effects)
            return
        entry = self._proven_entry(c, record, stamp, payload) if isinstance(payload, CountersignedEntry) else None
        if isinstance(entry, Refused) and entry.reason in LIES_HERE:
            return  # kept to be judged again, so it is not known yet
        inbox_rows.add_token(
            c,
            stamp.record_sha256,
            record_type=stamp.record_type.value,
            delivery_seq=stamp.delivery_seq or 0,
            token=token.raw,
            stamp=token.stamp_token,
            now=self.now,
        )
        taker = TokenTaker(self.facility, self.now, effects)
        if isinstance(payload, Receipt):
            taker.take_receipt(c, payload, token.raw)
        elif isinstance(payload, Ack):
            taker.take_ack(c, payload, token.raw)
        elif isinstance(payload, Notice):
            taker.take_notice(c, payload)
        elif isinstance(payload, Void):
            numbers.note_void(c, payload.delivery_seq, self.now)
        elif isinstance(payload, Register):
            self._register(c, payload, effects)
        elif isinstance(entry, VerifiedEntry):
            self._entry(c, token, entry, effects)

    def _head(self, c: sqlite3.Connection, record: InboxRecord, head: Head, effects: Effects) -> None:
        numbers.expect_up_to(c, head.last, self.now)
        meta.put_fact(c, meta.HEAD, str(max(head.last, int(meta.fact(c, meta.HEAD) or 0))))
        effects.heads.append((record.offset, head))

    def _register(self, c: sqlite3.Connection, page: Register, effects: Effects) -> None:
        directory_rows.store_register_page(
            c, version=page.version, page=page.page, pages=page.pages, payload=page.encode(), now=self.now
        )
        effects.directory_changed = True

    def _proven_entry(
        self, c: sqlite3.Connection, record: InboxRecord, stamp: Stamp, carried: CountersignedEntry
    ) -> VerifiedEntry | Refused:
        """The entry; one that cannot be used is set aside, with its bytes where the cause lies here."""
        try:
            return verify_entry(
                carried.entry.encode(), self.trust, now=self.now, known=self.book.remembered, owner=None
            )
        except Refused as refused:
            self._set_aside(c, record, refused, stamp, park=refused.reason in LIES_HERE)
            alarms.raise_alarm(c, refused.reason.value, record.topic, self.now)
            return refused

    def _entry(self, c: sqlite3.Connection, token: Token, entry: VerifiedEntry, effects: Effects) -> None:
        directory_rows.store_peer(
            c,
            entry.entry.facility,
            version=entry.entry.version,
            entry=entry.token.encode(),
            countersigned=token.raw,
            now=self.now,
        )
        effects.directory_changed = True


def recall(c: sqlite3.Connection, stamp: Stamp) -> Memory:
    """What is known before a record with this stamp is judged."""
    is_envelope = stamp.record_type is RecordType.ENVELOPE
    known = inbox_rows.payload_known(c, str(stamp.sender), str(stamp.message_id)) if is_envelope else None
    number = numbers.memory(c, stamp.delivery_seq) if stamp.delivery_seq is not None else NumberMemory(0, None)
    token_known = not is_envelope and inbox_rows.token_known(c, stamp.record_sha256)
    return Memory(known, token_known, number, meta.generation(c))


def _referring(event: Event, sender: str, me: str) -> str:
    """Who refers: of an event that only destinations send, it is us."""
    return sender if Party.SENDER in ACTORS[event] else me


def _stamp_header(record: InboxRecord) -> bytes:
    return next(value for name, value in record.headers if name == "stamp")


def _inbox_row(message: Message, code: str) -> inbox_rows.NewInboxMessage:
    facts, stamp = message.facts, message.stamp
    return inbox_rows.NewInboxMessage(
        sender=facts.sender,
        message_id=facts.message_id,
        bundle_id=facts.bundle_id,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        case_code=code,
        event=facts.event.value,
        priority=facts.priority.value,
        kind=facts.kind.value if facts.kind else None,
        tags=" ".join(sorted(facts.tags)),
        event_seq=stamp.event_seq,
        delivery_seq=stamp.delivery_seq or 0,
        payload_sha256=str(stamp.payload_sha256),
        record_sha256=stamp.record_sha256,
        accepted_at=str(stamp.accepted_at),
        flags=" ".join(sorted(message.flags | ({"possible-duplicate"} if stamp.possible_duplicate else set()))),
        jws=message.jws,
        stamp=message.stamp_token,
    )


def _event(message: Message, referring: str, at: str) -> transfers.TransferEvent:
    facts = message.facts
    return transfers.TransferEvent(
        sender=referring,
        transfer_id=facts.transfer_id,
        message_id=facts.message_id,
        event=facts.event.value,
        by_facility=facts.sender,
        event_seq=message.stamp.event_seq,
        at=at,
        details=json.dumps(card.answer_card(message.bundle), ensure_ascii=False),
        refused=None,
    )
