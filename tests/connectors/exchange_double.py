"""An exchange for tests: opens what is submitted, numbers and stamps what it delivers, answers with receipts.

It shares the wire (schemas, certs) with the product and nothing of the broker. Faults are switched on by attributes.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from certs.keys import certificate_kid
from certs.seal import seal, sign_message, sign_token
from certs.unseal import open_envelope
from certs.verify_message import verify_message
from connectors.receive import InboxRecord
from schemas import strict_json
from schemas.ids import exchange_urn
from schemas.lifecycle import TransferState
from schemas.message import MessageFacts, read_facts
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Head, Void
from schemas.tokens.directory import KnownFacility, Register
from schemas.tokens.model import TokenModel
from schemas.tokens.notice import Notice, NoticeKind
from schemas.tokens.receipt import Receipt, Source, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic, submit_topic
from tests.certs.pki import EXCHANGE, TestPki
from tests.connectors.bundles import as_bytes, new_id

URN = exchange_urn(EXCHANGE)


class ExchangeDouble:
    """Inboxes by facility, as lists of records in offset order."""

    def __init__(self, pki: TestPki, now: datetime | None = None) -> None:
        self.pki = pki
        self.now = now or pki.now
        self.generation = 1
        self.numbers: dict[str, int] = defaultdict(int)
        self.inboxes: dict[str, list[InboxRecord]] = defaultdict(list)
        self.event_seq: dict[str, int] = defaultdict(int)
        self.states: dict[str, TransferState] = {}
        self.receipts: dict[str, bytes] = {}
        self.verdict: Verdict = Verdict.ACCEPTED
        self.reason: ReasonCode | None = None
        self.silent = False
        self.trust = pki.trust()

    # --- making records -------------------------------------------------------------------------------------------

    def envelope(self, sender: str, recipient: str, bundle: dict[str, Any] | bytes, **changes: Any) -> InboxRecord:
        """A message of ``sender`` as it lies in the recipient's inbox; ``changes`` go into the stamp."""
        payload = bundle if isinstance(bundle, bytes) else as_bytes(bundle)
        return self.put(recipient, *self.sealed_message(sender, recipient, payload), **changes)

    def sealed_message(self, sender: str, recipient: str, payload: bytes) -> tuple[bytes, bytes]:
        """(record value, payload) as the sender's connector makes it."""
        iat = int(self.now.timestamp())
        jws = sign_message(payload, self.pki.facility(sender).signing, iat=iat)
        certificates = [self.pki.exchange.encryption.certificate, self.pki.facility(recipient).encryption.certificate]
        return seal(jws, certificates), payload

    def put(self, recipient: str, value: bytes, payload: bytes, **changes: Any) -> InboxRecord:
        """Stamp an envelope and put it into an inbox."""
        facts = read_facts(strict_json.loads(payload))
        return self.deliver(recipient, RecordType.ENVELOPE, value, **self.case_members(facts, payload), **changes)

    def case_members(self, facts: MessageFacts, payload: bytes) -> dict[str, Any]:
        self.event_seq[facts.transfer_id] += 1
        return {
            "message_id": facts.message_id,
            "bundle_id": facts.bundle_id,
            "case_id": facts.case_id,
            "transfer_id": facts.transfer_id,
            "event": facts.event,
            "sender": facts.sender,
            "priority": facts.priority,
            "kind": facts.kind,
            "event_seq": self.event_seq[facts.transfer_id],
            "state": self.states.setdefault(facts.transfer_id, TransferState()),
            "payload_sha256": hashlib.sha256(payload).hexdigest(),
        }

    def deliver(self, recipient: str, record_type: RecordType, value: bytes, /, **members: Any) -> InboxRecord:
        """Number, stamp and append one record."""
        if record_type is not RecordType.HEAD and "delivery_seq" not in members:
            self.numbers[recipient] += 1
            members["delivery_seq"] = self.numbers[recipient]
        stamp = {
            "exchange": URN,
            "recipient": recipient,
            "record_type": record_type,
            "record_sha256": hashlib.sha256(value).hexdigest(),
            "generation": self.generation,
            "accepted_at": iso(self.now),
            **members,
        }
        record = self.record(recipient, value, self.token(Stamp(**stamp)), record_type.value)
        self.inboxes[recipient].append(record)
        return record

    def record(self, recipient: str, value: bytes, stamp: bytes, kind: str) -> InboxRecord:
        headers = ((HEADER_RECORD_TYPE, kind.encode()), (HEADER_STAMP, stamp))
        return InboxRecord(inbox_topic(recipient), len(self.inboxes[recipient]), value, headers)

    def token(self, payload: TokenModel) -> bytes:
        typ: str = payload.TYP  # type: ignore[attr-defined]
        return sign_token(payload.encode(), typ, self.pki.exchange.signing.token_key).encode()

    def head(self, recipient: str) -> InboxRecord:
        last = self.numbers[recipient]
        head = Head(exchange=URN, recipient=recipient, generation=self.generation, last=last, at=iso(self.now))
        return self.deliver(recipient, RecordType.HEAD, self.token(head))

    def void(self, recipient: str, number: int) -> InboxRecord:
        void = Void(
            exchange=URN, recipient=recipient, generation=self.generation, delivery_seq=number, at=iso(self.now)
        )
        return self.deliver(recipient, RecordType.VOID, self.token(void), delivery_seq=number)

    def notice(self, recipient: str, kind: NoticeKind, **members: Any) -> InboxRecord:
        notice = Notice(exchange=URN, recipient=recipient, notice=kind, at=iso(self.now), notice_id=new_id(), **members)
        return self.deliver(recipient, RecordType.NOTICE, self.token(notice))

    def register(self, recipient: str, facilities: Iterable[str], *, unconnected: Iterable[str] = ()) -> InboxRecord:
        """The list of who exists."""
        unconnected = list(unconnected)
        rows = tuple(
            KnownFacility(
                code=code,
                name=f"Bệnh viện {code}",
                valid_from="2019-01-01",
                phone="024 3869 3731",
                connected=code not in unconnected,
                role="central",
            )
            for code in (*facilities, *unconnected)
        )
        page = Register(exchange=URN, version=1, page=1, pages=1, at=iso(self.now), facilities=rows)
        return self.deliver(recipient, RecordType.DIRECTORY, self.token(page))

    # --- answering what was submitted -----------------------------------------------------------------------------

    def take(self, sender: str, value: bytes) -> bytes | None:
        """One envelope from a submit topic: receipt to the sender, envelope to the destination; repeats from store."""
        jws = open_envelope(value, self.pki.exchange.decryption_keys)
        verified = verify_message(jws, self.trust, now=self.now, owner=sender)
        facts = read_facts(strict_json.loads(verified.payload))
        if self.silent:
            return None
        if facts.message_id in self.receipts:
            self.deliver(sender, RecordType.RECEIPT, self.receipts[facts.message_id], message_id=facts.message_id)
            return self.receipts[facts.message_id]
        members = self.case_members(facts, verified.payload)
        token = self.token(self._receipt(sender, value, facts, members))
        if self.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            self.receipts[facts.message_id] = token
        self.deliver(sender, RecordType.RECEIPT, token, message_id=facts.message_id)
        if self.verdict is Verdict.ACCEPTED:
            self.deliver(facts.recipient, RecordType.ENVELOPE, value, **members)
        return token

    def _receipt(self, sender: str, value: bytes, facts: MessageFacts, members: dict[str, Any]) -> Receipt:
        accepted = self.verdict is Verdict.ACCEPTED
        return Receipt(
            exchange=URN,
            recipient=sender,
            verdict=self.verdict,
            reason=self.reason,
            message_id=facts.message_id,
            bundle_id=facts.bundle_id,
            case_id=facts.case_id,
            transfer_id=facts.transfer_id,
            event=facts.event,
            record_sha256=hashlib.sha256(value).hexdigest(),
            payload_sha256=members["payload_sha256"],
            source=Source(topic=submit_topic(sender), partition=0, offset=0),
            appended_at=iso(self.now),
            accepted_at=iso(self.now),
            event_seq=members["event_seq"] if accepted else None,
            state=members["state"] if accepted else None,
            policy_version="test-1",
            audit_leaf="0" * 64,
        )

    def later(self, **period: float) -> None:
        self.now += timedelta(**period)

    def kid_of(self, facility: str) -> str:
        return certificate_kid(self.pki.facility(facility).encryption.certificate)
