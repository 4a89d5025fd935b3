"""Every record of the topics, its stamp and its token verified: what the other modules judge from."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography import x509

from tests.judge.reading import INBOX, Record, Run
from tests.judge.tokens import (
    Claims,
    Keys,
    NotSignedError,
    check_issued,
    claims_of,
    directory_keys,
    load_certificate,
    merged,
    open_token,
)
from tests.judge.verdict import Verdict

_STAMP: Final = "lienvien-stamp+jws"
_RECEIPT: Final = "lienvien-receipt+jws"
_ACK: Final = "lienvien-ack+jws"
_STATUS: Final = "lienvien-inbox-status+jws"
# The exchange's other tokens: nothing but their signature is judged here.
_OTHERS: Final = {"notice": "lienvien-notice+jws", "void": "lienvien-void+jws", "head": "lienvien-head+jws"}
FINAL: Final = frozenset({"accepted", "refused"})
_VERDICTS: Final = FINAL | {"transient", "held"}


@dataclass(frozen=True)
class Stamped:
    """An inbox record and the claims of its proven stamp."""

    record: Record
    stamp: Claims

    @property
    def number(self) -> int | None:
        """Its ``delivery_seq``; None for a head."""
        return self.stamp.get("delivery_seq")

    @property
    def message(self) -> tuple[str, str]:
        """(sender, message id) of a delivered message."""
        return str(self.stamp.get("sender")), str(self.stamp.get("message_id"))

    @property
    def where(self) -> str:
        """topic@offset."""
        return self.record.where


@dataclass(frozen=True)
class Receipt:
    """A proven receipt in its sender's inbox."""

    item: Stamped
    says: Claims

    @property
    def message(self) -> tuple[str, str]:
        """(sender, message id) of what it answers."""
        return self.item.record.facility, str(self.says.get("message_id"))

    @property
    def verdict(self) -> str:
        """accepted, refused, transient or held."""
        return str(self.says.get("verdict"))

    @property
    def reason(self) -> str | None:
        """Why not."""
        return self.says.get("reason")

    @property
    def token(self) -> bytes:
        """Its bytes."""
        return self.item.record.value

    @property
    def is_reuse(self) -> bool:
        """The answer to other content under a known id: it never takes the place of that id's own answer."""
        return self.reason == "message-id-reused"


@dataclass(frozen=True)
class Acked:
    """One message in a proven ack."""

    record: Record
    facility: str
    recipient: str
    says: Claims


@dataclass(frozen=True)
class Status:
    """A proven inbox-status in its facility's submit topic."""

    record: Record
    says: Claims


@dataclass
class Opened:
    """All that was proven."""

    stamped: list[Stamped] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    acks: dict[tuple[str, str], list[Acked]] = field(default_factory=lambda: defaultdict(list))  # sender, message id
    statuses: list[Status] = field(default_factory=list)
    notices: list[tuple[Stamped, Claims]] = field(default_factory=list)
    keys: dict[str, Keys] = field(default_factory=dict)  # facility → its signing keys
    exchange: Keys = field(default_factory=Keys)

    def of_type(self, record_type: str) -> Iterator[Stamped]:
        """The inbox records of one type."""
        return (item for item in self.stamped if item.record.record_type == record_type)

    @property
    def accepted(self) -> dict[tuple[str, str], Receipt]:
        """(sender, message id) → the first receipt that says accepted."""
        found: dict[tuple[str, str], Receipt] = {}
        for receipt in self.receipts:
            if receipt.verdict == "accepted":
                found.setdefault(receipt.message, receipt)
        return found

    def deliveries(self) -> dict[tuple[str, str], list[Stamped]]:
        """(sender, message id) → its envelopes in the inboxes, in the order of the topics."""
        found: dict[tuple[str, str], list[Stamped]] = defaultdict(list)
        for item in self.of_type("envelope"):
            found[item.message].append(item)
        return found


def open_all(run: Run, verdict: Verdict) -> Opened:
    """Proves stamps, receipts, acks; speaks under ``stamps`` and ``receipts``."""
    opened = Opened()
    try:
        authority, exchange = load_certificate(run.ca), load_certificate(run.exchange)
        check_issued(exchange, authority)
    except NotSignedError as error:
        for name in ("stamps", "receipts"):
            verdict[name].cannot_tell(f"ca.pem, exchange.pem: {error}")
        return opened
    opened.exchange.add(exchange)
    _learn_keys(run, authority, opened)
    for record in run.inboxes():
        _open_record(run, record, opened, verdict)
    for record in run.submitted():
        if record.record_type == "inbox-status":
            _open_status(run, record, opened)
    _check_sources(run, opened, verdict)
    return opened


def _learn_keys(run: Run, authority: x509.Certificate, opened: Opened) -> None:
    """Each facility's signing keys, from its own directory entries; one that does not prove itself teaches nothing."""
    found: dict[str, list[Keys]] = defaultdict(list)
    for record in run.submitted():
        if record.record_type == "directory":
            try:
                facility, keys = directory_keys(record.value, authority)
            except NotSignedError:
                continue
            if facility == record.facility:
                found[facility].append(keys)
    opened.keys.update({facility: merged(keys) for facility, keys in found.items()})


def _open_record(run: Run, record: Record, opened: Opened, verdict: Verdict) -> None:
    law = verdict["stamps"]
    stamps = record.header("stamp")
    if not law.see(
        len(stamps) == 1 and bool(record.record_type), f"{record.where}: not exactly one stamp", record.place
    ):
        return
    try:
        stamp = open_token(stamps[0], _STAMP, opened.exchange)
    except NotSignedError as error:
        law.see(False, f"{record.where}: stamp: {error}", record.place)
        return
    wrong = next((name for name, value in _expected(run, record).items() if stamp.get(name) != value), None)
    if wrong is None and (type(stamp.get("delivery_seq")) is int) == (record.record_type == "head"):
        wrong = "delivery_seq"
    number = stamp.get("delivery_seq")
    law.see(wrong is None, f"{record.where}: stamp of number {number} is not of this record: {wrong}", record.place)
    item = Stamped(record, stamp)
    opened.stamped.append(item)
    _open_value(run, item, opened, verdict)


def _expected(run: Run, record: Record) -> dict[str, Any]:
    return {
        "exchange": run.name,
        "recipient": record.topic.removeprefix(INBOX),
        "record_type": record.record_type,
        "record_sha256": record.sha256,
    }


def _open_value(run: Run, item: Stamped, opened: Opened, verdict: Verdict) -> None:
    kind, record = item.record.record_type, item.record
    try:
        if kind == "receipt":
            says = open_token(record.value, _RECEIPT, opened.exchange)
            if verdict["receipts"].see(_is_for(run, record, says), f"{record.where}: receipt of another", record.place):
                opened.receipts.append(Receipt(item, says))
        elif kind == "ack":
            _open_ack(run, record, opened)
        elif kind in _OTHERS:
            says = open_token(record.value, _OTHERS[kind], opened.exchange)
            if kind == "notice":
                opened.notices.append((item, says))
    except NotSignedError as error:
        law = verdict["receipts" if kind == "receipt" else "stamps"]
        law.see(False, f"{record.where}: {kind}: {error}", record.place)


def _is_for(run: Run, record: Record, says: Claims) -> bool:
    return (
        says.get("exchange") == run.name
        and says.get("recipient") == record.facility
        and says.get("verdict") in _VERDICTS
        and isinstance(says.get("message_id"), str)
    )


def _open_ack(run: Run, record: Record, opened: Opened) -> None:
    facility = str(claims_of(record.value).get("facility"))
    says = _of_facility(record, facility, _ACK, opened)
    if says.get("exchange") != run.name or says.get("recipient") != record.facility:
        raise NotSignedError("the ack is another's")
    for one in says.get("acknowledged", ()):
        opened.acks[record.facility, str(one.get("message_id"))].append(Acked(record, facility, record.facility, one))


def _open_status(run: Run, record: Record, opened: Opened) -> None:
    try:
        says = _of_facility(record, record.facility, _STATUS, opened)
    except NotSignedError:
        return  # it proves nothing, and nothing leans on it
    if says.get("exchange") == run.name and says.get("facility") == record.facility:
        opened.statuses.append(Status(record, says))


def _of_facility(record: Record, facility: str, typ: str, opened: Opened) -> Claims:
    """A facility's token: by a key of its directory entries. Raises NotSignedError."""
    keys = opened.keys.get(facility)
    if keys is None:
        raise NotSignedError(f"no directory entry of {facility} to prove it by")
    return open_token(record.value, typ, keys, also=("x5c",))


def _check_sources(run: Run, opened: Opened, verdict: Verdict) -> None:
    """Each receipt names a record that lies where it says, with the digest it says, in its recipient's own topic."""
    places: dict[tuple[object, object], Record] = {(one.topic, one.offset): one for one in run.submitted()}
    for receipt in opened.receipts:
        source = receipt.says.get("source") or {}
        record = places.get((source.get("topic"), source.get("offset")))
        text = f"{receipt.item.where}: receipt of message {receipt.message[1]} names"
        place = receipt.item.record.place
        if record is None:
            verdict["receipts"].see(
                False, f"{text} {source.get('topic')}@{source.get('offset')}: no such record", place
            )
            continue
        same = record.facility == receipt.message[0] and record.sha256 == receipt.says.get("record_sha256")
        verdict["receipts"].see(same, f"{text} {record.where}, which holds other bytes", place, record.place)
        stamp = receipt.item.stamp
        same = all(
            stamp.get(name, receipt.says.get(name)) == receipt.says.get(name) for name in ("message_id", "case_id")
        )
        verdict["receipts"].see(same, f"{receipt.item.where}: the stamp names another message than the receipt", place)
