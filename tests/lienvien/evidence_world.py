"""A folder of evidence made by hand: two hospitals, one accepted message, its receipt and its delivery."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from broker.audit.actions import Action
from certs.seal import sign_token
from lienvien.prove.evidence import DumpedRecord, Evidence
from schemas.events import Event
from schemas.ids import exchange_urn
from schemas.times import iso
from schemas.tokens.receipt import Receipt, Source, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType, inbox_topic, submit_topic
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, EXCHANGE, TestPki, make_pki

PAYLOAD = "5" * 64


def digest(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    state = hashes.Hash(hashes.SHA256())
    state.update(data)
    return state.finalize().hex()


@dataclass
class EvidenceWorld:
    """Builds records as the exchange would; tests then spoil one thing."""

    pki: TestPki
    topics: dict[str, list[DumpedRecord]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, str | int]] = field(default_factory=list)

    @property
    def authority(self) -> x509.Certificate:
        """The root."""
        return self.pki.authority.certificate

    def append(self, topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...]) -> DumpedRecord:
        """One more record of a topic."""
        records = self.topics.setdefault(topic, [])
        record = DumpedRecord(topic, len(records), 1_795_000_000_000, None, headers, value)
        records.append(record)
        return record

    def submit(self, value: bytes) -> DumpedRecord:
        """An envelope of Bắc Giang; its bytes do not matter to a stranger without keys."""
        return self.append(submit_topic(BAC_GIANG), value, (("record_type", b"envelope"),))

    def judged(self, record: DumpedRecord, action: Action, message_id: str | None = None) -> None:
        """The audit log's word on one record."""
        place: dict[str, str | int] = {"topic": record.topic, "offset": record.offset, "record_sha256": record.sha256}
        self.log.append({"action": action, **place} | ({"message_id": message_id} if message_id else {}))

    def stamp(self, recipient: str, kind: RecordType, value: bytes, **members: object) -> bytes:
        """A stamp with the next number of that inbox."""
        number = self.numbers[recipient] = self.numbers.get(recipient, 0) + 1
        stamp = Stamp.model_validate(
            {
                "exchange": exchange_urn(EXCHANGE),
                "recipient": recipient,
                "record_type": kind,
                "record_sha256": digest(value),
                "generation": 1,
                "delivery_seq": number,
                "accepted_at": iso(self.pki.now),
                **members,
            }
        )
        return sign_token(stamp.encode(), Stamp.TYP, self.pki.exchange.signing.token_key).encode()

    def put(self, recipient: str, kind: RecordType, value: bytes, **members: object) -> DumpedRecord:
        """A stamped record in an inbox."""
        stamp = self.stamp(recipient, kind, value, **members)
        return self.append(inbox_topic(recipient), value, (("record_type", kind.encode()), ("stamp", stamp)))

    def receipt(self, source: DumpedRecord, message_id: str, **members: object) -> Receipt:
        """The answer to a submitted record."""
        return Receipt.model_validate(
            {
                "exchange": exchange_urn(EXCHANGE),
                "recipient": BAC_GIANG,
                "verdict": Verdict.ACCEPTED,
                "message_id": message_id,
                "record_sha256": source.sha256,
                "payload_sha256": PAYLOAD,
                "source": Source(topic=source.topic, partition=0, offset=source.offset),
                "appended_at": iso(self.pki.now),
                "accepted_at": iso(self.pki.now),
                "policy_version": "v1",
                "audit_leaf": "a" * 64,
                **members,
            }
        )

    def sign(self, receipt: Receipt) -> bytes:
        """The receipt as the sender gets it."""
        return sign_token(receipt.encode(), Receipt.TYP, self.pki.exchange.signing.token_key).encode()

    def deliver(self, value: bytes, message_id: str) -> DumpedRecord:
        """The envelope in Bạch Mai's inbox."""
        ids = {name: str(uuid4()) for name in ("bundle_id", "case_id", "transfer_id")}
        return self.put(
            BACH_MAI,
            RecordType.ENVELOPE,
            value,
            message_id=message_id,
            **ids,
            event=Event.SUBMIT,
            sender=BAC_GIANG,
            priority=Priority.STAT,
            payload_sha256=PAYLOAD,
        )

    def evidence(self, folder: Path) -> Evidence:
        """Everything as the stranger gets it."""
        return Evidence(
            folder,
            EXCHANGE,
            self.authority,
            self.pki.exchange.signing.certificate,
            {},
            {topic: tuple(records) for topic, records in self.topics.items()},
        )

    def spoil(self, topic: str, offset: int, **changes: object) -> None:
        """Replaces members of one record, as a curious operator might."""
        self.topics[topic][offset] = replace(self.topics[topic][offset], **changes)


def honest_world(folder: Path) -> tuple[EvidenceWorld, str]:
    """One message submitted, accepted, delivered; and its id."""
    world = EvidenceWorld(make_pki(folder))
    message_id = str(uuid4())
    source = world.submit(b"sealed")
    world.judged(source, Action.MESSAGE_ACCEPTED, message_id)
    world.put(BAC_GIANG, RecordType.RECEIPT, world.sign(world.receipt(source, message_id)), message_id=message_id)
    world.deliver(b"sealed", message_id)
    return world, message_id
