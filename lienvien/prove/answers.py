"""Every submitted envelope is accounted for: answered, or set aside, or counted as junk that nobody signed for.

A stranger has no key and cannot tell a message from noise. The audit log says what became of each position; what it
says is then looked for in the topics.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from broker.audit.actions import Action
from lienvien.prove.evidence import DumpedRecord, Evidence
from lienvien.prove.inboxes import Stamped
from lienvien.prove.report import Claim
from schemas.tokens.receipt import Receipt
from schemas.topics import SUBMIT_PREFIX, RecordType, facility_of_topic

Entry: TypeAlias = Mapping[str, str | int]
Place: TypeAlias = tuple[str, int]  # topic, offset

_ANSWERED: Final = frozenset(
    {
        Action.MESSAGE_ACCEPTED,
        Action.MESSAGE_REFUSED,
        Action.MESSAGE_TRANSIENT,
        Action.MESSAGE_HELD,
        Action.MESSAGE_REPEATED,
    }
)


def check_answers(
    evidence: Evidence, entries: Iterable[Entry], receipts: list[tuple[Stamped, Receipt]], claim: Claim
) -> None:
    """Each envelope has its entry in the log, and each entry that promises an answer has one in the sender's inbox."""
    decided, junk = _of_log(entries)
    given = _answers(receipts)
    for topic, records in evidence.topics.items():
        if topic.startswith(SUBMIT_PREFIX):
            envelopes = [record for record in records if record.record_type == RecordType.ENVELOPE]
            unnamed = sum(1 for record in envelopes if (topic, record.offset) not in decided)
            claim.see(unnamed <= junk[topic], f"{topic}: {unnamed} envelopes without a word, {junk[topic]} junk")
            _check_promises(facility_of_topic(topic), envelopes, decided, given, claim)


def _check_promises(
    facility: str,
    envelopes: Iterable[DumpedRecord],
    decided: Mapping[Place, Entry],
    given: Mapping[tuple[str, str], int],
    claim: Claim,
) -> None:
    promised: Counter[str] = Counter()
    for record in envelopes:
        entry = decided.get((record.topic, record.offset))
        if entry is not None:
            claim.see(entry["record_sha256"] == record.sha256, f"{record.topic}@{record.offset}: other bytes")
            if entry["action"] in _ANSWERED and "message_id" in entry:
                promised[str(entry["message_id"])] += 1
    for message_id, count in promised.items():
        answers = given.get((facility, message_id), 0)
        claim.see(answers >= count, f"{facility}: {count} envelopes of one message, {answers} answers")


def _of_log(entries: Iterable[Entry]) -> tuple[dict[Place, Entry], Counter[str]]:
    """The entry of each position, and how much junk each topic brought."""
    decided: dict[Place, Entry] = {}
    junk: Counter[str] = Counter()
    for entry in entries:
        action = entry["action"]
        if action == Action.JUNK_COUNTED:
            junk[str(entry["topic"])] += int(entry["count"])
        elif action in _ANSWERED or action == Action.RECORD_QUARANTINED:
            decided[str(entry["topic"]), int(entry["offset"])] = entry
    return decided, junk


def _answers(receipts: list[tuple[Stamped, Receipt]]) -> dict[tuple[str, str], int]:
    """How many numbers the answers to each message have. The same number twice is one answer."""
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for item, receipt in receipts:
        numbers[receipt.recipient, receipt.message_id].add(item.stamp.delivery_seq or 0)
    return {key: len(seen) for key, seen in numbers.items()}
