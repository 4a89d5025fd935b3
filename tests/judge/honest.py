"""A small honest run, made with keys of its own: two senders, one destination, a few transfers and what befalls them.

``Scene`` is a tiny exchange that keeps its books the way the run folder shows them. Nothing is signed or hashed before
``write``, so that a test changes one thing in the books and the rest stays consistent, as a mistake of the product
would leave it.
"""

import base64
import hashlib
import json
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwcrypto import jwk, jws

from tests.judge.merkle import leaf_hash, roots
from tests.judge.states import START, State, step

EXCHANGE: Final = "thu-nghiem"
URN: Final = f"urn:lienvien:exchange:{EXCHANGE}"
SENDER, OTHER, DESTINATION = "24Z01", "20Z01", "01929"
CODES: Final = (SENDER, OTHER, DESTINATION)
LOG: Final = f"lienvien/{EXCHANGE}/audit"
BEGAN: Final = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
Json = dict[str, Any]


def iso(at: datetime) -> str:
    """A time as tokens and ledgers write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Signer:
    """A key and the certificate over it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def kid(self) -> str:
        """``x5t#S256``."""
        return _b64url(hashlib.sha256(self.der).digest())

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, typ: str, claims: Json) -> bytes:
        """A compact JWS."""
        token = jws.JWS(json.dumps(claims, separators=(",", ":")))
        header = {"alg": "ES256", "typ": typ, "kid": self.kid}
        token.add_signature(jwk.JWK.from_pyca(self.key), alg="ES256", protected=json.dumps(header))
        return str(token.serialize(compact=True)).encode()


@lru_cache
def authority() -> Signer:
    """The authority of all scenes of this process."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, _certificate("authority", key, None, "authority"))


@lru_cache
def signer(name: str, urn: str) -> Signer:
    """A certified key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Signer(key, _certificate(name, key, authority(), urn))


def _certificate(name: str, key: ec.EllipticCurvePrivateKey, issuer: Signer | None, urn: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGAN - timedelta(days=1))
        .not_valid_after(BEGAN + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:lienvien:{urn}")]), False)
    )
    return built.sign(issuer.key if issuer else key, hashes.SHA256())


def facility_signer(code: str) -> Signer:
    """A facility's signing key."""
    return signer(code, f"facility:{code}")


def exchange_signer() -> Signer:
    """The exchange's."""
    return signer("exchange", f"exchange:{EXCHANGE}")


@dataclass
class Placed:
    """A record to be: of a submit topic when ``stamp`` is None, else of an inbox."""

    record_type: str
    value: bytes
    stamp: Json | None = None
    by: Signer | None = None  # who signs the stamp
    header_type: str | None = None  # what the header says, where it differs


@dataclass
class Message:
    """A message as its sender keeps it."""

    sender: str
    recipient: str
    slip: str
    event: str
    priority: str
    case_id: str
    transfer_id: str
    case_code: str
    message_id: str
    bundle_id: str
    payload: bytes
    envelope: bytes
    place: tuple[str, int] = ("", -1)
    receipt: bytes | None = None
    state: str = "sent"
    delivered_at: str | None = None

    @property
    def payload_sha256(self) -> str:
        """Digest of the signed bytes."""
        return sha256(self.payload)


@dataclass
class Scene:
    """All books of a run."""

    topics: dict[str, list[Placed]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[str, Message] = field(default_factory=dict)  # by message id
    tables: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    audit: list[tuple[bytes, bytes]] = field(default_factory=list)  # salt, entry
    checkpoints: list[int] = field(default_factory=list)  # sizes
    false_roots: dict[int, bytes] = field(default_factory=dict)
    senders: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    receivers: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    faults: list[Json] = field(default_factory=list)
    transfers: dict[str, Json] = field(default_factory=dict)  # rows by transfer id
    facts: Json = field(default_factory=dict)
    log_key: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    now: datetime = BEGAN
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    last_hand: list[Callable[[Path], None]] = field(default_factory=list)  # changes of the folder when it is written

    # --- small things ---

    def tick(self, seconds: float = 0.05) -> str:
        """Time goes on; the new time."""
        self.now += timedelta(seconds=seconds)
        return iso(self.now)

    def uuid(self) -> str:
        """A random id."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def note(self, action: str, **facts: Any) -> str:
        """An audit entry; its leaf."""
        said = {"v": 1, "action": action, "at": iso(self.now)}
        said |= {name: value for name, value in facts.items() if value is not None}
        entry, salt = json.dumps(said, sort_keys=True, separators=(",", ":")).encode(), self.chance.randbytes(32)
        self.audit.append((salt, entry))
        return leaf_hash(entry, salt).hex()

    def submit_record(self, code: str, record_type: str, value: bytes) -> tuple[str, int]:
        """A facility appends to its submit topic; topic and offset."""
        topic = f"xfer.submit.{code}"
        self.topics[topic].append(Placed(record_type, value))
        return topic, len(self.topics[topic]) - 1

    def deliver(self, code: str, record_type: str, value: bytes, **facts: Any) -> Placed:
        """The exchange appends to an inbox under the next number; with its outbox row."""
        self.numbers[code] += 1
        stamp = {
            "exchange": URN,
            "recipient": code,
            "record_type": record_type,
            "record_sha256": sha256(value),
            "accepted_at": iso(self.now),
            **{name: fact for name, fact in facts.items() if fact is not None},
            "generation": 1,
            "delivery_seq": self.numbers[code],
        }
        placed = Placed(record_type, value, stamp, exchange_signer())
        self.topics[f"xfer.inbox.{code}"].append(placed)
        self.tables["outbox"].append(
            {
                "id": len(self.tables["outbox"]) + 1,
                "destination": code,
                "record_type": record_type,
                "message_id": facts.get("message_id"),
                "sender": facts.get("sender"),
                "record_sha256": sha256(value),
                "delivery_seq": self.numbers[code],
                "queued_at": iso(self.now),
            }
        )
        return placed

    # --- the parties ---

    def enter(self, code: str) -> None:
        """A facility publishes its directory entry."""
        own = facility_signer(code)
        said = {
            "facility": code,
            "version": 1,
            "at": iso(self.now),
            "name": code,
            "signing_certificates": [base64.b64encode(own.der).decode()],
            "encryption_certificates": [base64.b64encode(own.der).decode()],
        }
        value = own.sign("lienvien-directory+jws", said)
        self.submit_record(code, "directory", value)
        self.note("directory-accepted", facility=code, version=1, record_sha256=sha256(value))
        outer = {"exchange": URN, "entry": value.decode(), "at": self.tick()}
        token = exchange_signer().sign("lienvien-directory-countersigned+jws", outer)
        for other in CODES:
            self.deliver(other, "directory", token)

    def intend(self, code: str, slip: str, destination: str, repeats: str | None = None) -> None:
        """The HIS writes down that it exports a slip."""
        line = {"at": self.tick(), "do": "intend", "slip": slip, "ma_lk": slip, "destination": destination}
        self.senders[code].append(line | {"priority": "urgent", "case_key": f"key-{slip}", "repeats": repeats})

    def new(self, sender: str, recipient: str, slip: str, priority: str = "urgent") -> Message:
        """A new slip as a message, not sent yet."""
        self.intend(sender, slip, recipient)
        return self._message(sender, recipient, slip, "transfer-submit", priority, self.uuid(), self.uuid())

    def about(self, first: Message, event: str) -> Message:
        """An event of the transfer that a message opened, by the party that may say it."""
        by_sender = event in ("transfer-update", "transfer-cancel", "transfer-departed")
        pair = (first.sender, first.recipient) if by_sender else (first.recipient, first.sender)
        return self._message(*pair, first.slip, event, first.priority, first.case_id, first.transfer_id)

    def _message(
        self, sender: str, recipient: str, slip: str, event: str, priority: str, case_id: str, transfer_id: str
    ) -> Message:
        payload = json.dumps({"resourceType": "Bundle", "id": self.uuid()}).encode()
        envelope = json.dumps({"protected": "e30", "ciphertext": self.chance.randbytes(24).hex()}).encode()
        code = f"{sender}-2211-{len(self.messages):03}-K"
        ids = (self.uuid(), self.uuid())
        message = Message(sender, recipient, slip, event, priority, case_id, transfer_id, code, *ids, payload, envelope)
        self.messages[message.message_id] = message
        return message

    # --- the exchange ---

    def submit(self, message: Message) -> Placed | None:
        """The connector sends; the exchange decides, answers, and delivers what it accepts. The delivery."""
        self.tick()
        message.place = self.submit_record(message.sender, "envelope", message.envelope)
        row = self.transfers.get(message.transfer_id)
        before = START if row is None else State(row["delivery"], row["decision"], row["journey"], row["loop"])
        after = START if row is None else step(before, message.event, "emergency")
        if after is None:
            self.answer(message, "refused", "crossed", winning=row["event_seq"] if row else None)
            return None
        return self.accept(message, after)

    def accept(self, message: Message, after: State) -> Placed:
        """The decision that lets a message through."""
        if message.transfer_id not in self.transfers:
            self.transfers[message.transfer_id] = self._row(message)
        row = self.transfers[message.transfer_id]
        row["event_seq"] += 1
        row.update(zip(State._fields, after, strict=True))
        seq, state = row["event_seq"], dict(zip(State._fields, after, strict=True))
        self.answer(message, "accepted", None, seq=seq, state=state)
        return self.forward(message, seq, state)

    def forward(self, message: Message, seq: int, state: Json, duplicate: bool | None = None) -> Placed:
        """The envelope goes to the other party's inbox."""
        return self.deliver(
            message.recipient,
            "envelope",
            message.envelope,
            message_id=message.message_id,
            bundle_id=message.bundle_id,
            case_id=message.case_id,
            transfer_id=message.transfer_id,
            event=message.event,
            sender=message.sender,
            priority=message.priority,
            kind="emergency",
            event_seq=seq,
            state=dict(state),
            payload_sha256=message.payload_sha256,
            possible_duplicate=duplicate,
        )

    def _row(self, message: Message) -> Json:
        row = {
            "transfer_id": message.transfer_id,
            "sender": message.sender,
            "destination": message.recipient,
            "case_id": message.case_id,
            "event_seq": 0,
            **dict(zip(State._fields, START, strict=True)),
        }
        self.tables["transfer"].append(row)
        return row

    def answer(
        self,
        message: Message,
        verdict: str,
        reason: str | None,
        *,
        seq: int | None = None,
        winning: int | None = None,
        state: Json | None = None,
    ) -> bytes:
        """Audit entry, receipt, row."""
        topic, offset = message.place
        digests = {"record_sha256": sha256(message.envelope), "payload_sha256": message.payload_sha256}
        said = {"verdict": verdict, "reason": reason, "message_id": message.message_id, "event_seq": seq, **digests}
        leaf = self.note(f"message-{verdict}", sender=message.sender, topic=topic, offset=offset, **said)
        claims = {
            "exchange": URN,
            "recipient": message.sender,
            **said,
            "bundle_id": message.bundle_id,
            "case_id": message.case_id,
            "transfer_id": message.transfer_id,
            "event": message.event,
            "source": {"topic": topic, "partition": 0, "offset": offset},
            "appended_at": iso(self.now),
            "accepted_at": iso(self.now),
            "winning_event_seq": winning,
            "state": state,
            "policy_version": "1",
            "audit_leaf": leaf,
        }
        token = exchange_signer().sign("lienvien-receipt+jws", {k: v for k, v in claims.items() if v is not None})
        self.send_receipt(message, token)
        message.receipt, message.state = token, verdict
        self.tables["message"].append(
            {
                "message_id": message.message_id,
                "sender": message.sender,
                "destination": message.recipient if verdict == "accepted" else None,
                "transfer_id": message.transfer_id,
                "topic": topic,
                "offset": offset,
                "record_sha256": sha256(message.envelope),
                "payload_sha256": message.payload_sha256,
                "verdict": verdict,
                "event_seq": seq,
                "receipt": token.decode(),
            }
        )
        return token

    def send_receipt(self, message: Message, token: bytes) -> Placed:
        """A receipt, new or stored, to the sender."""
        ids = {"message_id": message.message_id, "case_id": message.case_id, "sender": message.sender}
        return self.deliver(message.sender, "receipt", token, **ids)

    def repeat(self, message: Message, *, repairs: bool = False) -> None:
        """The sender sends once more; the exchange answers from its store."""
        self.tick()
        topic, offset = self.submit_record(message.sender, "envelope", message.envelope)
        facts = {"sender": message.sender, "message_id": message.message_id, "topic": topic, "offset": offset}
        self.note("message-repeated", record_sha256=sha256(message.envelope), verdict=message.state, **facts)
        assert message.receipt is not None
        self.send_receipt(message, message.receipt)
        if repairs:
            row = self.transfers[message.transfer_id]
            state = {name: row[name] for name in State._fields}
            self.forward(message, row["event_seq"], state, duplicate=True)

    # --- the receiving end ---

    def hand_over(self, message: Message, *, answered: int | str = 200, marked: bool = False, key: str = "") -> Json:
        """The connector hands a message to its HIS."""
        line = {
            "at": self.tick(),
            "key": key or message.message_id,
            "possible_duplicate": marked,
            "sha256": message.payload_sha256,
            "slip": message.slip,
            "event": message.event,
            "answered": answered,
        }
        self.receivers[message.recipient].append(line)
        return line

    def ack(self, *messages: Message, verdict: str = "delivered") -> None:
        """The destination acknowledges messages of one sender."""
        first, at = messages[0], self.tick()
        listed = [
            {"message_id": one.message_id, "payload_sha256": one.payload_sha256, "delivery_seq": 1, "at": at}
            | {"verdict": verdict}
            for one in messages
        ]
        said = {"exchange": URN, "facility": first.recipient, "recipient": first.sender, "at": at}
        token = facility_signer(first.recipient).sign("lienvien-ack+jws", said | {"acknowledged": listed})
        topic, offset = self.submit_record(first.recipient, "ack", token)
        self.note("ack-accepted", facility=first.recipient, topic=topic, offset=offset, record_sha256=sha256(token))
        self.deliver(first.sender, "ack", token, sender=first.recipient)
        for one in messages:
            row = self.transfers[one.transfer_id]
            if one.event in ("transfer-submit", "transfer-update") and row["delivery"] == "submitted":
                row["delivery"] = verdict
            if verdict == "delivered":
                one.delivered_at = at

    def status(self, code: str, missing: Iterable[int] = ()) -> None:
        """The facility says what it holds."""
        held = self.numbers[code]
        said = {
            "exchange": URN,
            "facility": code,
            "generation": 1,
            "complete_to": held,
            "missing": list(missing),
            "highest": held,
            "incarnation": self.uuid(),
            "at": self.tick(),
        }
        token = facility_signer(code).sign("lienvien-inbox-status+jws", said)
        self.submit_record(code, "inbox-status", token)
        self.note("inbox-status-accepted", facility=code, complete_to=held, record_sha256=sha256(token))

    def fault(self, kind: str, target: str, seconds: float = 0.5) -> None:
        """Something is broken on purpose."""
        at = self.tick()
        self.faults.append({"at": at, "kind": kind, "target": target, "until": self.tick(seconds), "note": ""})

    def settle(self) -> None:
        """Positions, counters, numbers of leaves, checkpoints: the books at the end."""
        for code in CODES:
            topic, through = f"xfer.submit.{code}", self.numbers[code]
            self.tables["source_position"].append({"topic": topic, "next_offset": len(self.topics[topic])})
            counter = {"destination": code, "next_seq": through + 1, "published_through": through}
            self.tables["inbox_counter"].append(counter)
        for index, (salt, entry) in enumerate(self.audit):
            row = {"leaf_hash": leaf_hash(entry, salt).hex(), "at": iso(self.now), "log_index": index}
            self.tables["audit_entry"].append(row)
        self.checkpoints = [1, len(self.audit) // 2, len(self.audit)]

    def close(self, faults: Json, failpoints: Json, situations: Json) -> None:
        """run.json."""
        calm = self.tick()
        self.facts = {
            "commit": "0000000",
            "seed": 7,
            "machine": "a table in memory",
            "started_at": iso(BEGAN),
            "faults_ended_at": calm,
            "ended_at": self.tick(60),
            "exchange": EXCHANGE,
            "facilities": list(CODES),
            "minimums": {"faults": faults, "failpoints": failpoints, "situations": situations},
            "failpoints": dict(failpoints),
            "situations": dict(situations),
        }

    # --- the folder ---

    def write(self, folder: Path) -> Path:
        """Signs, hashes and writes everything."""
        for name in ("sender", "believed", "receiver", "topics", "database", "audit"):
            (folder / name).mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(self.facts), "utf-8")
        (folder / "ca.pem").write_bytes(authority().pem)
        (folder / "exchange.pem").write_bytes(exchange_signer().pem)
        _lines(folder / "faults.jsonl", self.faults)
        for code in CODES:
            _lines(folder / "sender" / f"{code}.jsonl", self.senders[code])
            _lines(folder / "receiver" / f"{code}.jsonl", self.receivers[code])
            own = [one for one in self.messages.values() if one.sender == code]
            _lines(folder / "believed" / f"{code}.jsonl", map(_believed, own))
            for topic in (f"xfer.submit.{code}", f"xfer.inbox.{code}"):
                _lines(folder / "topics" / f"{topic}.jsonl", _records(self.topics[topic]))
        tables = ("message", "transfer", "held", "outbox", "source_position", "inbox_counter")
        for table in (*tables, "quarantine", "junk_counter", "audit_entry"):
            _lines(folder / "database" / f"{table}.jsonl", self.tables[table])
        self._write_audit(folder / "audit")
        for change in self.last_hand:
            change(folder)
        return folder

    def _write_audit(self, folder: Path) -> None:
        leaves = [leaf_hash(entry, salt) for salt, entry in self.audit]
        header = {"format": "lienvien-audit-export", "version": 1, "log": LOG, "size": len(leaves), "reader": "auditor"}
        lines = [
            {"index": index, "leaf": leaves[index].hex(), "salt": salt.hex(), "entry": entry.decode()}
            for index, (salt, entry) in enumerate(self.audit)
        ]
        _lines(folder / "entries.jsonl", [header, *lines])
        public = b"\x01" + self.log_key.public_key().public_bytes_raw()
        key_id = hashlib.sha256(LOG.encode() + b"\n" + public).digest()[:4]
        (folder / "log-key.txt").write_text(f"{LOG}+{key_id.hex()}+{_b64(public)}\n", "ascii")
        known, notes = roots(leaves, self.checkpoints), ""
        for size in self.checkpoints:
            text = f"{LOG}\n{size}\n{_b64(self.false_roots.get(size, known.get(size, b'')))}\n"
            notes += f"{text}\n— {LOG} {_b64(key_id + self.log_key.sign(text.encode()))}\n"
        (folder / "checkpoints.txt").write_text(notes, "utf-8")


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _believed(one: Message) -> Json:
    return {
        "slip": one.slip,
        "case_code": one.case_code,
        "message_id": one.message_id,
        "case_id": one.case_id,
        "transfer_id": one.transfer_id,
        "state": one.state,
        "payload_sha256": one.payload_sha256,
        "receipt": None if one.receipt is None else _b64(one.receipt),
        "delivered_at": one.delivered_at,
    }


def _records(placed: list[Placed]) -> list[Json]:
    return [_record(offset, one) for offset, one in enumerate(placed)]


def _record(offset: int, one: Placed) -> Json:
    headers = [["record_type", _b64((one.header_type or one.record_type).encode())]]
    if one.stamp is not None and one.by is not None:
        headers.append(["stamp", _b64(one.by.sign("lienvien-stamp+jws", one.stamp))])
    return {"offset": offset, "timestamp": 0, "key": None, "value": _b64(one.value), "headers": headers}


def _lines(path: Path, rows: Iterable[Json]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@dataclass
class Story:
    """The messages of the honest run by name."""

    scene: Scene
    first: Message
    second: Message
    third: Message
    foreign: Message
    accept: Message
    cancel: Message
    departed: Message


def honest_story() -> Story:
    """What happens, without the last books: a test may still change something and then ``finish``."""
    scene = Scene()
    for code in CODES:
        scene.enter(code)
    first, second, third = (scene.new(SENDER, DESTINATION, f"{SENDER}/2026/{number}") for number in (1, 2, 3))
    foreign = scene.new(OTHER, DESTINATION, f"{OTHER}/2026/1")
    for message in (first, second, third, foreign):
        scene.submit(message)
    scene.repeat(second, repairs=True)
    scene.hand_over(first)
    scene.hand_over(second, answered=503)
    scene.fault("his-silent", DESTINATION)
    scene.hand_over(second, marked=True)
    scene.hand_over(foreign)
    scene.hand_over(third)
    scene.fault("kill-connector", f"connector-{DESTINATION}")
    scene.hand_over(third, marked=True)
    scene.ack(first, second, third)
    scene.ack(foreign)
    accept, cancel, departed = (scene.about(first, f"transfer-{word}") for word in ("accept", "cancel", "departed"))
    scene.submit(accept)
    scene.submit(departed)
    scene.hand_over(accept)
    scene.hand_over(departed)
    scene.ack(accept)
    scene.ack(departed)
    declined = scene.about(second, "transfer-decline")
    scene.submit(declined)
    scene.hand_over(declined)
    scene.ack(declined)
    crossed = scene.about(second, "transfer-cancel")
    scene.submit(crossed)
    scene.messages.pop(cancel.message_id)
    scene.fault("kill-worker", "exchange")
    for code in CODES:
        scene.status(code)
    return Story(scene, first, second, third, foreign, accept, crossed, departed)


def finish(story: Story) -> Scene:
    """The books are closed."""
    story.scene.settle()
    story.scene.close(
        {"his-silent": 1, "kill-connector": 1, "kill-worker": 1},
        {"exchange.after-commit": 2, "connector.mid-receipt": 1},
        {"receipt-repeated": 1, "crossed": 1},
    )
    return story.scene
