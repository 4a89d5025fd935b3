"""From evidence to rows: pure, but for the signatures of what is new. Nothing that somebody holds is made again.

The order: who was answered (ids, receipts), how far each transfer came (events in the order of their numbers), what was
acknowledged, which numbers were given out, and then what has to be said: the raised generation to everybody, and to
senders what only they still have.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from broker.audit.actions import Action
from broker.recording.answers import POLICY_VERSION
from broker.recording.context import Context
from broker.recording.delivery import apply_ack
from broker.recording.rows import Row, outbox_row
from broker.recording.stamping import envelope_facts, facts_of, sign_stamp
from broker.recovery.evidence import FINAL, Answer, Content, Evidence, Key, Numbered
from broker.sharding import lane_of
from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.deciding import times_after
from broker.stages.known import StoredMessage, Transfer
from schemas.codes.lists import Tag
from schemas.events import CARRIES_THE_CASE, Event, Party
from schemas.lifecycle import ACTORS, TransferState
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import Void
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Receipt, Source, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from schemas.urgency import Kind, Priority, more_urgent


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that the database holds without a number: it may have been given one since."""

    id: int
    destination: str
    record_type: str
    record_sha256: str
    message_id: str | None
    sender: str | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """An inbox as the database has it: the next number, and up to where all are published."""

    next_seq: int
    published_through: int


@dataclass(frozen=True)
class Restored:
    """What the restored database knows, beside the ledger of the context."""

    generation: int
    inboxes: Mapping[str, Inbox]  # of every facility
    waiting: Sequence[Waiting]
    positions: Mapping[str, int]  # submit topic → next offset
    held: Collection[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class Resend:
    """Something that only its sender can bring back. ``why``: undelivered, held, unanswered."""

    facility: str
    message_id: str | None
    why: str


@dataclass
class Rebuilt:
    """What is written beside the context's ``writes``, and what people are told."""

    generation: int
    numbered: list[Row] = field(default_factory=list)  # new rows of the outbox that have their numbers
    given: list[Row] = field(default_factory=list)  # rows that were waiting, with the numbers they got since
    inboxes: list[Row] = field(default_factory=list)
    positions: list[Row] = field(default_factory=list)
    register: list[Row] = field(default_factory=list)
    register_version: int = 0
    facilities: list[str] = field(default_factory=list)  # that the database did not know
    resend: list[Resend] = field(default_factory=list)
    messages: int = 0
    receipts_given_anew: int = 0
    transfers: int = 0
    acks: int = 0
    numbers: int = 0
    voids: int = 0
    redelivered: int = 0  # accepted, in nobody's inbox, and found in the submit topic


@dataclass(frozen=True, slots=True)
class _Event:
    """One accepted event of a transfer."""

    key: Key
    transfer_id: str
    event_seq: int
    event: Event
    sender: str
    recipient: str | None
    case_id: str | None
    state: TransferState
    at: str
    priority: Priority | None
    kind: Kind | None
    content: CheckedMessage | None
    tags: frozenset[str]


def rebuild(context: Context, evidence: Evidence, restored: Restored, *, actor: str) -> Rebuilt:
    """Fill ``context.writes`` and return the rest. The ledger holds what the database knows of the ids in evidence."""
    rebuilt = Rebuilt(max(restored.generation, evidence.generation) + 1)
    context.audit(Action.GENERATION_RAISED, {"actor": actor, "generation": rebuilt.generation})
    work = _Work(context, evidence, restored, rebuilt)
    work.directory()
    events = work.messages()
    work.transfers(events)
    work.acks()
    work.undelivered()
    work.asked_again()
    work.numbers()
    work.positions()
    rebuilt.transfers = len(context.ledger.changed_transfers)
    return rebuilt


@dataclass
class _Work:
    context: Context
    evidence: Evidence
    restored: Restored
    rebuilt: Rebuilt
    answered: list[tuple[Answer, CheckedMessage | None]] = field(default_factory=list)  # accepted, in no inbox

    # --- directory ----------------------------------------------------------------------------------------------------

    def directory(self) -> None:
        """Entries newer than the stored ones, the newest register that came whole, and facilities admitted since."""
        context, evidence = self.context, self.evidence
        for (facility, version), (digest, token) in sorted(evidence.entries.items()):
            stored = context.ledger.entries.get(facility)
            if stored is None or version > stored[0]:
                context.ledger.entries[facility] = (version, digest)
                context.writes.entries.append(
                    {
                        "facility": facility,
                        "version": version,
                        "entry_sha256": digest,
                        "countersigned": token,
                        "received_at": context.at,
                    }
                )
        for version, pages in sorted(evidence.registers.items(), reverse=True):
            self.rebuilt.register_version = max(version, self.rebuilt.register_version)
            if not self.rebuilt.register and len(pages) == next(iter(pages.values())).pages:
                listed = [row for page in pages.values() for row in page.facilities]
                self.rebuilt.register = [row.model_dump(exclude={"connected"}) for row in listed]
        touched = {*evidence.tops, *evidence.numbered}
        self.rebuilt.facilities = sorted(touched - self.restored.inboxes.keys())

    # --- messages -----------------------------------------------------------------------------------------------------

    def messages(self) -> list[_Event]:
        """Ids and answers; returns the accepted events, in the order in which they were decided."""
        evidence, ledger = self.evidence, self.context.ledger
        keys = {key for key in (*evidence.answers, *evidence.deliveries) if key not in ledger.messages}
        found = [(self._final(key), key) for key in sorted(keys)]
        events = []
        for answer, key in sorted(((a, k) for a, k in found if a is not None), key=lambda one: _when(one[0])):
            events += self._message(key, answer)
        return events

    def _final(self, key: Key) -> Answer | None:
        """The first final answer, which stands; a delivery that was never answered gets its answer now."""
        finals = [
            one
            for one in self.evidence.answers.get(key, ())
            if one.receipt.verdict in FINAL and one.receipt.reason is not ReasonCode.MESSAGE_ID_REUSED
        ]
        if finals:
            return min(finals, key=_when)
        delivery = self.evidence.deliveries.get(key)
        return None if delivery is None else self._answer_now(delivery)

    def _answer_now(self, delivery: Numbered) -> Answer:
        """Its receipt was signed and never reached an inbox: nobody has seen it, so another one takes its place."""
        context, stamp = self.context, delivery.stamp
        place = self.evidence.places.get(delivery.pointer.record_sha256, delivery.pointer)
        ids = {name: getattr(stamp, name) for name in ("message_id", "case_id", "sender")}
        facts = {
            **ids,
            "destination": stamp.recipient,
            "transfer_id": stamp.transfer_id,
            "event": stamp.event,
            "verdict": Verdict.ACCEPTED,
            "event_seq": stamp.event_seq,
            "record_sha256": delivery.pointer.record_sha256,
            "payload_sha256": stamp.payload_sha256,
            "topic": place.topic,
            "offset": place.offset,
        }
        leaf = context.audit(Action.MESSAGE_ACCEPTED, facts, stamp.sender, stamp.recipient)
        receipt = Receipt(
            exchange=context.signer.urn,
            recipient=str(stamp.sender),
            verdict=Verdict.ACCEPTED,
            message_id=str(stamp.message_id),
            bundle_id=stamp.bundle_id,
            case_id=stamp.case_id,
            transfer_id=stamp.transfer_id,
            event=stamp.event,
            record_sha256=delivery.pointer.record_sha256,
            payload_sha256=str(stamp.payload_sha256),
            source=Source(topic=place.topic, partition=place.partition, offset=place.offset),
            appended_at=delivery.appended_at,
            accepted_at=str(stamp.accepted_at),
            event_seq=stamp.event_seq,
            state=stamp.state,
            policy_version=POLICY_VERSION,
            audit_leaf=leaf,
        )
        token = context.signer.sign(receipt)
        rank = (stamp.priority or Priority.URGENT).rank
        context.send_token(RecordType.RECEIPT, str(stamp.sender), token, rank=rank, ids=ids)
        self.rebuilt.receipts_given_anew += 1
        return Answer(receipt, token)

    def _message(self, key: Key, answer: Answer) -> list[_Event]:
        """One message with its final answer, as it was when it was decided."""
        context, receipt = self.context, answer.receipt
        delivery, content = self.evidence.deliveries.get(key), self.evidence.contents.get(key)
        accepted = receipt.verdict is Verdict.ACCEPTED
        if content is not None and content.payload_sha256 != receipt.payload_sha256:
            content = None
        if not accepted and isinstance(content, FaultyMessage) and content.content_sha256 is None:
            return []  # refused before it could be read: such an answer never kept an id
        checked = content if isinstance(content, CheckedMessage) else None
        row = self._row(key, receipt, delivery, content)
        row |= {"receipt": answer.token}
        context.writes.new_messages.append(row)
        stored = StoredMessage(
            sender=key[0],
            message_id=key[1],
            payload_sha256=receipt.payload_sha256,
            content_sha256=row["content_sha256"],
            verdict=receipt.verdict,
            receipt=answer.token,
            destination=row["destination"],
            event=receipt.event,
            transfer_id=receipt.transfer_id,
            case_id=receipt.case_id,
            priority=row["priority"],
            event_seq=receipt.event_seq,
            record_sha256=receipt.record_sha256,
            ack=None,
        )
        context.ledger.messages[key] = stored
        if row["bundle_id"] is not None:
            context.ledger.bundles[key[0], row["bundle_id"]] = stored
        self._tell_audit(key, answer, stored)
        self.rebuilt.messages += 1
        if key in self.restored.held:
            context.writes.released.append({"message_id": key[1], "sender": key[0]})
        if not accepted or receipt.event_seq is None or receipt.state is None or receipt.event is None:
            return []
        if delivery is None:
            self.answered.append((answer, checked))
        return [_event(key, receipt, row, delivery.stamp if delivery else None, checked)]

    def _row(self, key: Key, receipt: Receipt, delivery: Numbered | None, content: Content | None) -> Row:
        stamp = delivery.stamp if delivery else None
        facts = content.facts if content else None
        checked = content if isinstance(content, CheckedMessage) else None
        accepted = receipt.verdict is Verdict.ACCEPTED
        taken = (key[0], receipt.bundle_id) in self.context.ledger.bundles
        place = self.evidence.places.get(receipt.record_sha256)
        same = delivery is not None and delivery.pointer.record_sha256 == receipt.record_sha256
        size = place.size if place else delivery.pointer.size if delivery and same else 0
        priority = stamp.priority if stamp else facts.priority if facts else None
        destination = stamp.recipient if stamp else facts.recipient if facts else None
        return {
            "message_id": key[1],
            "sender": key[0],
            "bundle_id": None if taken else receipt.bundle_id,
            "destination": destination if accepted else None,
            "event": receipt.event,
            "priority": priority,
            "case_id": receipt.case_id,
            "transfer_id": receipt.transfer_id,
            "origin": checked.origin if checked else None,
            "payload_sha256": receipt.payload_sha256,
            "content_sha256": content.content_sha256 if content else None,
            "duplicate_key": checked.duplicate_key if checked and accepted else None,
            "topic": receipt.source.topic,
            "offset": receipt.source.offset,
            "record_sha256": receipt.record_sha256,
            "size": size,
            "verdict": receipt.verdict,
            "reason": receipt.reason,
            "event_seq": receipt.event_seq,
            "duplicate_of": receipt.duplicate_of,
            "appended_at": receipt.appended_at,
            "decided_at": receipt.accepted_at,
        }

    def _tell_audit(self, key: Key, answer: Answer, stored: StoredMessage) -> None:
        receipt = answer.receipt
        facts = {
            "sender": key[0],
            "destination": stored.destination,
            "message_id": key[1],
            "case_id": receipt.case_id,
            "transfer_id": receipt.transfer_id,
            "event": receipt.event,
            "verdict": receipt.verdict,
            "reason": receipt.reason,
            "event_seq": receipt.event_seq,
            "record_sha256": receipt.record_sha256,
            "payload_sha256": receipt.payload_sha256,
            "answer_sha256": hashlib.sha256(answer.token.encode("ascii")).hexdigest(),
            "previous_leaf": receipt.audit_leaf,
            "accepted_at": receipt.accepted_at,
            "generation": self.rebuilt.generation,
        }
        self.context.audit(Action.MESSAGE_REBUILT, facts, key[0], stored.destination)

    # --- transfers ----------------------------------------------------------------------------------------------------

    def transfers(self, events: Iterable[_Event]) -> None:
        """Each event in the order that both parties were told."""
        for one in sorted(events, key=lambda event: event.event_seq):
            self._apply(one)

    def _apply(self, event: _Event) -> None:
        ledger = self.context.ledger
        before = self._transfer_of(event)
        if before is None:
            if event.event is Event.SUBMIT and event.recipient is not None:
                key = (event.sender, event.transfer_id)
                ledger.transfers[key] = _opened(event)
                ledger.new_transfers.add(key)
                ledger.changed_transfers.add(key)
            return
        key = (before.sender, before.transfer_id)
        if event.event_seq <= before.event_seq:
            return
        decided = event.state.decision is not before.state.decision
        after = replace(
            before,
            state=event.state,
            event_seq=event.event_seq,
            priority=more_urgent(before.priority, event.priority or before.priority),
            decision_seq=event.event_seq if decided else before.decision_seq,
            times=times_after(before.times, event.event, event.at),
        )
        if event.event in CARRIES_THE_CASE and event.sender == before.sender:
            after = replace(
                after,
                kind=event.kind or before.kind,
                unclassified=Tag.UNCLASSIFIED in event.tags,
                incomplete=Tag.INCOMPLETE in event.tags,
                case_code=(event.content.case_code if event.content else None) or before.case_code,
                slip_message_id=event.key[1],
            )
        ledger.transfers[key] = after
        ledger.changed_transfers.add(key)

    def _transfer_of(self, event: _Event) -> Transfer | None:
        """As ``stages.parties`` finds it; without a recipient, the only one that fits."""
        transfers = self.context.ledger.transfers
        own = transfers.get((event.sender, event.transfer_id))
        if event.recipient is None:
            fitting = [one for (_, tid), one in transfers.items() if tid == event.transfer_id]
            theirs = next((one for one in fitting if one.destination == event.sender), None)
        else:
            theirs = transfers.get((event.recipient, event.transfer_id))
        return own if own is not None and (theirs is None or Party.SENDER in ACTORS[event.event]) else theirs

    # --- deliveries ---------------------------------------------------------------------------------------------------

    def acks(self) -> None:
        """The destinations' proofs of delivery, in the order in which they were handed on."""
        self.rebuilt.acks = sum(len(apply_ack(self.context, ack)) for ack in self.evidence.acks)

    def undelivered(self) -> None:
        """Accepted, and in nobody's inbox: queued from the submit topic, or asked for where that lost it, too."""
        context = self.context
        for answer, checked in self.answered:
            receipt = answer.receipt
            transfer = None if checked is None else self._part(checked)
            if checked is None or transfer is None or receipt.event_seq is None or receipt.state is None:
                self._ask(receipt.recipient, receipt.message_id, receipt.case_id, "undelivered")
                continue
            facts, pointer = checked.facts, checked.submission.pointer
            then = replace(transfer, event_seq=receipt.event_seq, state=receipt.state)
            context.writes.new_outbox.append(
                outbox_row(
                    then.other(facts.sender),
                    RecordType.ENVELOPE,
                    more_urgent(transfer.priority, facts.priority).rank,
                    envelope_facts(context.signer.urn, checked, then, receipt.accepted_at),
                    context.at,
                    record_sha256=pointer.record_sha256,
                    size=pointer.size,
                    pointer=pointer,
                    ids={"case_id": facts.case_id, "message_id": facts.message_id, "sender": facts.sender},
                )
            )
            self.rebuilt.redelivered += 1

    def _part(self, checked: CheckedMessage) -> Transfer | None:
        facts, transfers = checked.facts, self.context.ledger.transfers
        own = transfers.get((facts.sender, facts.transfer_id))
        return own if own is not None else transfers.get((facts.recipient, facts.transfer_id))

    def asked_again(self) -> None:
        """What waited, and what was passed over without any answer that left: their senders are asked."""
        ledger = self.context.ledger
        for key, answers in sorted(self.evidence.answers.items()):
            held = any(one.receipt.verdict is Verdict.HELD for one in answers)
            if held and key not in ledger.messages and key not in self.restored.held:
                self._ask(*key, answers[-1].receipt.case_id, "held")
        for scan in self.evidence.scans.values():
            for one in scan.passed:
                known = one.message_id is None or (one.sender, one.message_id) in ledger.messages
                if not known and scan.last is not None and one.offset < scan.last.offset:
                    self._ask(one.sender, str(one.message_id), None, "unanswered")

    def _ask(self, facility: str, message_id: str, case_id: str | None, why: str) -> None:
        context = self.context
        wanted = Resend(facility, message_id, why)
        if any((one.facility, one.message_id) == (facility, message_id) for one in self.rebuilt.resend):
            return
        self.rebuilt.resend.append(wanted)
        notice_id = context.new_id()
        notice = Notice(
            exchange=context.signer.urn,
            recipient=facility,
            notice=NoticeKind.RESEND_REQUEST,
            at=context.at,
            notice_id=notice_id,
            message_id=message_id,
            case_id=case_id,
        )
        ids = {"message_id": message_id, "case_id": case_id, "sender": facility}
        context.send_token(RecordType.NOTICE, facility, context.signer.sign(notice), rank=Priority.STAT.rank, ids=ids)
        facts: dict[str, str | int | None] = {
            "notice": NoticeKind.RESEND_REQUEST,
            "notice_id": notice_id,
            "recipient": facility,
            "message_id": message_id,
            "case_id": case_id,
        }
        context.audit(Action.NOTICE_GIVEN, facts, facility)

    # --- numbers ------------------------------------------------------------------------------------------------------

    def numbers(self) -> None:
        """Every inbox: what lies there gets its row, what is gone a void, and the next number announces all this."""
        waiting: dict[str, list[Waiting]] = {}
        for one in self.restored.waiting:
            waiting.setdefault(one.destination, []).append(one)
        for facility in sorted({*self.restored.inboxes, *self.rebuilt.facilities}):
            self._inbox(facility, waiting.get(facility, []))

    def _inbox(self, facility: str, waiting: list[Waiting]) -> None:
        known = self.restored.inboxes.get(facility, Inbox(1, 0))
        there = self.evidence.numbered.get(facility, {})
        top = max(known.next_seq - 1, self.evidence.tops.get(facility, 0))
        for number in range(known.next_seq, top + 1):
            found = there.get(number)
            if found is None:
                self._void(facility, number)
            else:
                self._number(found, waiting)
        published = max([known.published_through, *there])  # lower numbers went out before higher ones
        if top >= known.next_seq:
            published = top
        announced = self._announce(facility, top + 1)
        self.rebuilt.numbered.append(announced)
        self.rebuilt.inboxes.append(
            {
                "destination": facility,
                "lane": lane_of(facility),
                "next_seq": top + 2,
                "published_through": published,
            }
        )
        facts: dict[str, str | int | None] = {
            "facility": facility,
            "count": top + 1 - known.next_seq,
            "delivery_seq": top + 1,
            "generation": self.rebuilt.generation,
        }
        self.context.audit(Action.INBOX_REBUILT, facts, facility)

    def _number(self, found: Numbered, waiting: list[Waiting]) -> None:
        stamp = found.stamp
        self.rebuilt.numbers += 1
        match = _matching(found, waiting)
        lies_there = found.token is None
        given = {
            "record_sha256": found.pointer.record_sha256,
            "size": found.pointer.size,
            "topic": found.pointer.topic if lies_there else None,
            "offset": found.pointer.offset if lies_there else None,
            "token": found.token,
            "facts": None,
            "delivery_seq": found.number,
            "stamp": found.stamp_token,
            "stamped_at": found.appended_at,
        }
        if match is not None:
            waiting.remove(match)
            self.rebuilt.given.append({"id": match.id, **given})
            return
        self.rebuilt.numbered.append(
            {
                "destination": found.destination,
                "lane": lane_of(found.destination),
                "record_type": stamp.record_type,
                "priority_rank": (stamp.priority or Priority.URGENT).rank,
                "case_id": stamp.case_id,
                "message_id": stamp.message_id,
                "sender": stamp.sender,
                "queued_at": stamp.accepted_at or found.appended_at,
                **given,
            }
        )

    def _void(self, facility: str, number: int) -> None:
        """A number that was given out and whose record is gone: sent only where it is missed."""
        context = self.context
        void = Void(
            exchange=context.signer.urn,
            recipient=facility,
            generation=self.rebuilt.generation,
            delivery_seq=number,
            at=context.at,
        )
        self.rebuilt.numbered.append(self._own(RecordType.VOID, facility, number, context.signer.sign(void)))
        self.rebuilt.voids += 1
        facts: dict[str, str | int | None] = {
            "recipient": facility,
            "delivery_seq": number,
            "generation": self.rebuilt.generation,
        }
        context.audit(Action.DELIVERY_VOIDED, facts, facility)

    def _announce(self, facility: str, number: int) -> Row:
        context = self.context
        notice = Notice(
            exchange=context.signer.urn,
            recipient=facility,
            notice=NoticeKind.GENERATION_RAISED,
            at=context.at,
            notice_id=context.new_id(),
            generation=self.rebuilt.generation,
        )
        return self._own(RecordType.NOTICE, facility, number, context.signer.sign(notice))

    def _own(self, record_type: RecordType, facility: str, number: int, token: str) -> Row:
        """A token of ours that has its number and stamp at once."""
        context = self.context
        digest = hashlib.sha256(token.encode("ascii")).hexdigest()
        facts = facts_of(record_type, context.signer.urn, facility, digest, accepted_at=context.at)
        return {
            "destination": facility,
            "lane": lane_of(facility),
            "record_type": record_type,
            "priority_rank": Priority.STAT.rank,
            "case_id": None,
            "message_id": None,
            "sender": None,
            "queued_at": context.at,
            "record_sha256": digest,
            "size": len(token),
            "topic": None,
            "offset": None,
            "token": token,
            "facts": None,
            "delivery_seq": number,
            "stamp": sign_stamp(facts, number, self.rebuilt.generation, context.signer),
            "stamped_at": context.at,
        }

    # --- positions ----------------------------------------------------------------------------------------------------

    def positions(self) -> None:
        """Reading goes on after the last record that is known to have been decided; that one is the anchor."""
        for topic, scan in sorted(self.evidence.scans.items()):
            if scan.last is not None and scan.last.offset >= self.restored.positions.get(topic, 0):
                self.rebuilt.positions.append(
                    {
                        "topic": topic,
                        "next_offset": scan.last.offset + 1,
                        "anchor_offset": scan.last.offset,
                        "anchor_sha256": scan.last_sha256,
                    }
                )


def _when(answer: Answer) -> tuple[str, str, int]:
    return answer.receipt.accepted_at, answer.receipt.source.topic, answer.receipt.source.offset


def _matching(found: Numbered, waiting: Sequence[Waiting]) -> Waiting | None:
    """The waiting row that this record came from: the same bytes, or another sealing of the same message."""
    alike = [one for one in waiting if one.record_type == found.stamp.record_type]
    same = next((one for one in alike if one.record_sha256 == found.pointer.record_sha256), None)
    if same is not None or found.stamp.record_type is not RecordType.ENVELOPE:
        return same
    key = (found.stamp.sender, found.stamp.message_id)
    return next((one for one in alike if (one.sender, one.message_id) == key), None)


def _event(key: Key, receipt: Receipt, row: Row, stamp: Stamp | None, checked: CheckedMessage | None) -> _Event:
    assert receipt.event is not None
    assert receipt.event_seq is not None
    assert receipt.state is not None
    tags = checked.tags if checked else frozenset(stamp.tags or ()) if stamp else frozenset()
    unclassified = {Tag.UNCLASSIFIED.value} if checked and checked.facts.unclassified else set()
    return _Event(
        key=key,
        transfer_id=str(receipt.transfer_id),
        event_seq=receipt.event_seq,
        event=receipt.event,
        sender=key[0],
        recipient=row["destination"],
        case_id=receipt.case_id,
        state=receipt.state,
        at=receipt.accepted_at,
        priority=row["priority"],
        kind=stamp.kind if stamp else checked.facts.kind if checked else None,
        content=checked,
        tags=frozenset(tags | unclassified),
    )


def _opened(event: _Event) -> Transfer:
    times: dict[str, Any] = {"submitted_at": event.at}
    return Transfer(
        sender=event.sender,
        transfer_id=event.transfer_id,
        destination=str(event.recipient),
        case_id=str(event.case_id),
        case_code=event.content.case_code if event.content else None,
        kind=event.kind,
        priority=event.priority or Priority.URGENT,
        unclassified=Tag.UNCLASSIFIED in event.tags,
        incomplete=Tag.INCOMPLETE in event.tags,
        state=event.state,
        event_seq=event.event_seq,
        decision_seq=None,
        slip_message_id=event.key[1],
        times=times,
    )
