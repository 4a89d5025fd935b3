"""Stamps, numbers and receipts: what lies in the topics adds up, nothing lost and nothing doubled."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lienvien.prove.evidence import DumpedRecord, Evidence
from lienvien.prove.report import Claim
from lienvien.prove.signed import Keyring
from schemas.limits import STAMP_MAX_BYTES
from schemas.reasons import Refused
from schemas.tokens.receipt import Receipt, Verdict
from schemas.tokens.stamp import Stamp
from schemas.topics import INBOX_PREFIX, SUBMIT_PREFIX, RecordType, facility_of_topic


@dataclass(frozen=True)
class Stamped:
    """An inbox record with its verified stamp."""

    record: DumpedRecord
    stamp: Stamp


def _position(record: DumpedRecord) -> str:
    return f"{record.topic}@{record.offset}"


def stamped_records(evidence: Evidence, exchange: Keyring, claim: Claim) -> list[Stamped]:
    """Every inbox record whose one stamp is the exchange's, for this inbox, over these very bytes."""
    found = []
    for record in _records(evidence, INBOX_PREFIX):
        stamp = _stamp(record, exchange, evidence.exchange)
        claim.see(stamp is not None, _position(record))
        if stamp is not None:
            found.append(Stamped(record, stamp))
    return found


def _records(evidence: Evidence, prefix: str) -> Iterator[DumpedRecord]:
    for topic, records in evidence.topics.items():
        if topic.startswith(prefix):
            yield from records


def _stamp(record: DumpedRecord, exchange: Keyring, name: str) -> Stamp | None:
    if len(record.stamps) != 1:
        return None
    try:
        stamp = exchange.read(record.stamps[0], Stamp, Stamp.TYP, max_bytes=STAMP_MAX_BYTES)
    except Refused:
        return None
    is_ours = stamp.recipient == facility_of_topic(record.topic) and stamp.exchange.endswith(f":{name}")
    return (
        stamp if is_ours and stamp.record_sha256 == record.sha256 and stamp.record_type == record.record_type else None
    )


def check_numbers(stamped: list[Stamped], claim: Claim) -> None:
    """In each inbox the numbers run 1, 2, 3 … without a gap; a number that comes twice carries the same bytes."""
    by_inbox: dict[str, dict[int, str]] = defaultdict(dict)
    for item in stamped:
        number = item.stamp.delivery_seq
        if number is not None:
            known = by_inbox[item.record.topic].setdefault(number, item.record.sha256)
            claim.see(known == item.record.sha256, _position(item.record))
    for topic, numbers in by_inbox.items():
        claim.see(set(numbers) == set(range(1, len(numbers) + 1)), f"{topic}: a number is missing")


def read_receipts(stamped: list[Stamped], exchange: Keyring, claim: Claim) -> list[tuple[Stamped, Receipt]]:
    """Every receipt, its signature verified."""
    found = []
    for item in stamped:
        if item.stamp.record_type is RecordType.RECEIPT:
            try:
                receipt = exchange.read(item.record.value, Receipt, Receipt.TYP)
            except Refused:
                claim.see(False, _position(item.record))
                continue
            claim.see(receipt.recipient == item.stamp.recipient, _position(item.record))
            found.append((item, receipt))
    return found


def check_sources(evidence: Evidence, receipts: list[tuple[Stamped, Receipt]], claim: Claim) -> None:
    """Each receipt names a record that lies where it says, with the digest it says."""
    for item, receipt in receipts:
        records = {record.offset: record for record in evidence.topics.get(receipt.source.topic, ())}
        record = records.get(receipt.source.offset)
        claim.see(record is not None and record.sha256 == receipt.record_sha256, _position(item.record))


def check_repeats(receipts: list[tuple[Stamped, Receipt]], claim: Claim) -> None:
    """A message that was answered twice got the same answer, byte for byte (answers that were not final apart)."""
    final: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for item, receipt in receipts:
        if receipt.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            final[receipt.recipient, receipt.message_id].add(item.record.value)
            numbers[receipt.recipient, receipt.message_id].add(item.stamp.delivery_seq or 0)
    for key, seen in numbers.items():
        if len(seen) > 1:
            claim.see(len(final[key]) == 1, f"{key[0]}: one message, {len(final[key])} answers")


def check_deliveries(stamped: list[Stamped], receipts: list[tuple[Stamped, Receipt]], lost: Claim) -> None:
    """Whatever was accepted stands in an inbox, with the payload that the receipt names: nothing lost."""
    digests: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    for item in envelopes(stamped):
        digests[message_of(item)].add(item.stamp.payload_sha256)
    for key, digest in accepted(receipts).items():
        lost.see(digests.get(key) == {digest}, f"{key[0]}: an accepted message is in no inbox")


def check_doubles(
    evidence: Evidence, stamped: list[Stamped], receipts: list[tuple[Stamped, Receipt]], claim: Claim
) -> None:
    """One message, one delivery. A second number is a repair only when its sender submitted those bytes once more.

    (A message that is repeated before its destination has acknowledged it goes out again under a new number.)
    """
    submitted = Counter(
        (facility_of_topic(record.topic), record.sha256) for record in _records(evidence, SUBMIT_PREFIX)
    )
    known = accepted(receipts)
    numbers: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for item in envelopes(stamped):
        numbers[message_of(item)][item.stamp.delivery_seq or 0] = item.record.sha256
    for key, under in numbers.items():
        used = Counter((key[0], sha256) for sha256 in under.values())
        backed = all(count <= submitted[place] for place, count in used.items())
        claim.see(backed and key in known, f"{key[0]}: a message stands under {len(under)} numbers")


def accepted(receipts: list[tuple[Stamped, Receipt]]) -> dict[tuple[str, str], str]:
    """(sender, message id) of every accepted message, with the digest of its payload."""
    return {
        (receipt.recipient, receipt.message_id): receipt.payload_sha256
        for _, receipt in receipts
        if receipt.verdict is Verdict.ACCEPTED
    }


def envelopes(stamped: list[Stamped]) -> Iterator[Stamped]:
    """The messages among the inbox records."""
    return (item for item in stamped if item.stamp.record_type is RecordType.ENVELOPE)


def message_of(item: Stamped) -> tuple[str, str]:
    """(sender, message id) of a delivered message."""
    return item.stamp.sender or "", item.stamp.message_id or ""
