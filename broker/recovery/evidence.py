"""What the topics prove that a restored database does not know.

Only records that our own stamp covers count. Of an inbox, numbers up to the last one that the database knows to be
published need no look: a number is given in a transaction after the decision's own, so what they stand for is known.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeAlias

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.examining import Material, examine
from broker.stages.submission import Pointer, Record
from certs.base64url import decode
from certs.keys import PublicKey
from certs.unseal import verify_token
from schemas.ids import exchange_urn
from schemas.limits import STAMP_MAX_BYTES
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.delivery import Ack, Head
from schemas.tokens.directory import CountersignedEntry, DirectoryEntry, Register
from schemas.tokens.receipt import Receipt, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, facility_of_topic, submit_topic

Key: TypeAlias = tuple[str, str]  # sender, message id
Content: TypeAlias = CheckedMessage | FaultyMessage

FINAL: Final = frozenset({Verdict.ACCEPTED, Verdict.REFUSED})


@dataclass(frozen=True, slots=True)
class Numbered:
    """A numbered record of an inbox. ``token`` is its value where the exchange signed it, None where it lies there."""

    destination: str
    number: int
    stamp: Stamp
    stamp_token: str
    pointer: Pointer
    appended_at: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt as its sender has it."""

    receipt: Receipt
    token: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A record of a submit topic that has left no trace: its sender and, where it could be read, its message id."""

    offset: int
    sender: str
    message_id: str | None


@dataclass
class Scan:
    """A submit topic beyond the restored position. ``last`` is the last record that is known to have been decided."""

    last: Record | None = None  # without its value
    last_sha256: str = ""
    passed: list[Passed] = field(default_factory=list)


@dataclass
class Evidence:
    """Everything found, by whom it concerns."""

    numbered: dict[str, dict[int, Numbered]] = field(default_factory=dict)  # destination → number
    tops: dict[str, int] = field(default_factory=dict)  # destination → the last number given out, as its heads say too
    generation: int = 0
    records: int = 0
    unproven: list[tuple[str, int, ReasonCode]] = field(default_factory=list)  # topic, offset
    answers: dict[Key, list[Answer]] = field(default_factory=dict)
    deliveries: dict[Key, Numbered] = field(default_factory=dict)  # the newest envelope of each message
    contents: dict[Key, Content] = field(default_factory=dict)  # without their bytes
    places: dict[str, Pointer] = field(default_factory=dict)  # record digest → where it lies in its submit topic
    acks: list[Ack] = field(default_factory=list)
    entries: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)  # facility, version → digest, token
    registers: dict[int, dict[int, Register]] = field(default_factory=dict)  # version → page
    scans: dict[str, Scan] = field(default_factory=dict)  # submit topic

    def decided(self) -> frozenset[str]:
        """Digests of the submitted records that had an effect which somebody has seen."""
        receipts = {one.receipt.record_sha256 for answers in self.answers.values() for one in answers}
        carried = (RecordType.ENVELOPE, RecordType.ACK)
        forwarded = {
            one.pointer.record_sha256
            for inbox in self.numbered.values()
            for one in inbox.values()
            if one.stamp.record_type in carried
        }
        return frozenset(receipts | forwarded | {digest for digest, _ in self.entries.values()})


class InboxReader:
    """Reads records of inbox topics into ``evidence``. ``known``: up to where each is published, it says."""

    def __init__(
        self,
        evidence: Evidence,
        material: Material,
        keys: Mapping[str, PublicKey],
        known: Mapping[str, int],
        now: datetime,
    ) -> None:
        self._evidence = evidence
        self._material = material
        self._urn = exchange_urn(material.exchange)
        self._keys = keys
        self._known = known
        self._now = now

    def take_all(self, records: Iterable[Record]) -> None:
        """Take in records of one or several inboxes, in the order of each."""
        for record in records:
            self._evidence.records += 1
            try:
                self._take(record)
            except Refused as refused:
                self._evidence.unproven.append((record.topic, record.offset, refused.reason))

    def _take(self, record: Record) -> None:
        facility = facility_of_topic(record.topic)
        stamps = [value for name, value in record.headers if name == HEADER_STAMP]
        if len(stamps) != 1:
            raise Refused(ReasonCode.STAMP_MISSING, HEADER_STAMP)
        if _claimed_number(stamps[0]) in range(1, self._known.get(facility, 0) + 1):
            return  # known already; believed unseen, since nothing follows from it
        stamp = Stamp.decode(verify_token(stamps[0], typ=Stamp.TYP, keys=self._keys, max_bytes=STAMP_MAX_BYTES))
        if (stamp.recipient, stamp.exchange) != (facility, self._urn):
            raise Refused(ReasonCode.STAMP_NOT_FOR_ME, "stamp")
        digest = hashlib.sha256(record.value).hexdigest()
        if digest != stamp.record_sha256:
            raise Refused(ReasonCode.RECORD_DIGEST_DIFFERS)
        evidence = self._evidence
        evidence.generation = max(evidence.generation, stamp.generation)
        number = stamp.delivery_seq
        if number is None:
            self._top(facility, Head.decode(verify_token(record.value, typ=Head.TYP, keys=self._keys)).last)
            return
        self._top(facility, number)
        if number in evidence.numbered.setdefault(facility, {}):
            return  # sent again: the same number, the same bytes
        pointer = Pointer(record.topic, 0, record.offset, digest, len(record.value))
        lies_there = stamp.record_type in (RecordType.ENVELOPE, RecordType.ACK)
        token = None if lies_there else record.value.decode("ascii")
        one = Numbered(facility, number, stamp, stamps[0].decode("ascii"), pointer, iso(record.appended_at), token)
        evidence.numbered[facility][number] = one
        self._read(one, record)

    def _top(self, facility: str, number: int) -> None:
        self._evidence.tops[facility] = max(number, self._evidence.tops.get(facility, 0))

    def _read(self, one: Numbered, record: Record) -> None:
        evidence, kind = self._evidence, one.stamp.record_type
        if kind is RecordType.ENVELOPE:
            self._envelope(one, record)
        elif kind is RecordType.RECEIPT:
            receipt = Receipt.decode(verify_token(record.value, typ=Receipt.TYP, keys=self._keys))
            answer = Answer(receipt, one.token or "")
            answers = evidence.answers.setdefault((receipt.recipient, receipt.message_id), [])
            if answer not in answers:
                answers.append(answer)
        elif kind is RecordType.ACK:
            evidence.acks.append(Ack.decode(_payload(record.value)))  # judged when it was accepted, and stamped since
        elif kind is RecordType.DIRECTORY:
            self._directory(record.value)

    def _envelope(self, one: Numbered, record: Record) -> None:
        stamp = one.stamp
        key = (str(stamp.sender), str(stamp.message_id))
        self._evidence.deliveries[key] = one
        headers = ((HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode()),)
        submitted = replace(record, topic=submit_topic(key[0]), headers=headers)
        content = read_content(submitted, self._material, self._now)
        if content is not None and content.payload_sha256 == stamp.payload_sha256:
            self._evidence.contents[key] = content

    def _directory(self, value: bytes) -> None:
        try:
            carried = CountersignedEntry.decode(verify_token(value, typ=CountersignedEntry.TYP, keys=self._keys))
        except Refused as refused:
            if refused.reason is not ReasonCode.TOKEN_WRONG_TYPE:
                raise
            page = Register.decode(verify_token(value, typ=Register.TYP, keys=self._keys))
            self._evidence.registers.setdefault(page.version, {})[page.page] = page
            return
        token = carried.entry.encode("ascii")
        entry = DirectoryEntry.decode(_payload(token))
        digest = hashlib.sha256(token).hexdigest()
        self._evidence.entries[entry.facility, entry.version] = (digest, value.decode("ascii"))


class SubmitScan:
    """Looks into one submit topic beyond the restored position, after all inboxes were read. Nothing is judged.

    ``decided``: digests of records that had an effect; ``wanted``: digests whose content is still missing.
    """

    def __init__(
        self, evidence: Evidence, material: Material, decided: frozenset[str], wanted: frozenset[str], now: datetime
    ) -> None:
        self._evidence = evidence
        self._material = material
        self._decided = decided
        self._wanted = wanted
        self._now = now

    def take_all(self, records: Iterable[Record]) -> None:
        """Take in the next records of a topic."""
        for record in records:
            scan = self._evidence.scans.setdefault(record.topic, Scan())
            digest = hashlib.sha256(record.value).hexdigest()
            content = None
            if digest in self._wanted or digest not in self._decided:
                content = read_content(record, self._material, self._now)
            if digest in self._decided:
                scan.last, scan.last_sha256 = replace(record, value=b""), digest
                pointer = Pointer(record.topic, record.partition, record.offset, digest, len(record.value))
                self._evidence.places.setdefault(digest, pointer)
                if content is not None and (message_id := _message_id(content)) is not None:
                    self._evidence.contents.setdefault((content.submission.facility, message_id), content)
            elif content is not None:
                scan.passed.append(Passed(record.offset, content.submission.facility, _message_id(content)))


def read_content(record: Record, material: Material, now: datetime) -> Content | None:
    """What an envelope says, without its bytes; None for anything that cannot be proven today."""
    examined = examine(record, material, now)
    if not isinstance(examined, CheckedMessage | FaultyMessage):
        return None
    submission = examined.submission
    return replace(examined, submission=replace(submission, record=replace(submission.record, value=b"")))


def _message_id(content: Content) -> str | None:
    if content.facts is not None:
        return content.facts.message_id
    return content.message_id if isinstance(content, FaultyMessage) else None


def _claimed_number(stamp: bytes) -> int | None:
    try:
        return Stamp.decode(_payload(stamp)).delivery_seq
    except (ValueError, IndexError, Refused):
        return None


def _payload(token: bytes) -> bytes:
    return decode(token.split(b".")[1])
