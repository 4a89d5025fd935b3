"""I14: the audit log: root recomputed, checkpoints signed and of one history, one leaf for each act."""

import base64
import binascii
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.judge.merkle import leaf_hash, roots
from tests.judge.opened import Opened
from tests.judge.reading import Leaf, Record, Run
from tests.judge.verdict import Invariant, Verdict

_DASH: Final = "— "
_ED25519: Final = b"\x01"
# Each of these leaves is the answer to a message, and a receipt names it.
ANSWERS: Final = {
    "message-accepted": "accepted",
    "message-refused": "refused",
    "message-transient": "transient",
    "message-held": "held",
}
# Each of these leaves is about one record of a submit topic; those without a place are found by their digest.
_ABOUT_RECORDS: Final = {
    "ack-accepted": "ack",
    "inbox-status-accepted": "inbox-status",
    "directory-accepted": "directory",
    "message-repeated": "envelope",
    "record-quarantined": None,
    "token-refused": None,
}
_EXACTLY_ONE: Final = frozenset({"ack", "inbox-status"})  # records that leave one leaf each, whatever is in them


def judge_audit(run: Run, opened: Opened, verdict: Verdict) -> None:
    """The exported entries against the signed notes, and against what was done."""
    law = verdict["I14"]
    if not run.leaves or run.log_size < 1:
        law.cannot_tell("audit/entries.jsonl: no leaf")
        return
    _leaves(run, law)
    _checkpoints(run, law)
    _answers(run, opened, law)
    _records(run, law)
    _database(run, law)


def _leaves(run: Run, law: Invariant) -> None:
    """Numbered 0, 1, 2 …, as many as the header says, each the hash of its entry."""
    places = ("audit/entries.jsonl:1",)
    law.see(len(run.leaves) == run.log_size, f"{run.log_size} leaves announced, {len(run.leaves)} there", *places)
    for number, leaf in enumerate(run.leaves):
        law.see(leaf.index == number, f"leaf {leaf.index} stands at place {number}", leaf.place)
        if leaf.entry is None or leaf.salt is None:
            law.cannot_tell(f"leaf {leaf.index} is not opened [{leaf.place}]")
        else:
            law.see(
                leaf_hash(leaf.entry, leaf.salt).hex() == leaf.leaf, f"leaf {leaf.index} is not its entry's", leaf.place
            )


def _checkpoints(run: Run, law: Invariant) -> None:
    """Each note is signed by the log and says the root of the leaves before it: one history, never two."""
    try:
        name, key = _log_key(run.log_key)
    except ValueError:
        law.cannot_tell("audit/log-key.txt: not a key")
        return
    heads: list[tuple[int, bytes, int]] = []
    for number, note in enumerate(_notes(run.notes), 1):
        try:
            heads.append((*_head(note, name, key), number))
        except ValueError as error:
            law.see(False, f"checkpoint {number}: {error}", "audit/checkpoints.txt")
    if not heads:
        law.cannot_tell("audit/checkpoints.txt: no checkpoint")
        return
    known = roots([_unhex(leaf.leaf) for leaf in run.leaves], {size for size, _, _ in heads})
    largest = 0
    for size, root, number in heads:
        law.see(
            known.get(size) == root,
            f"checkpoint {number}: the root of {size} leaves is another",
            "audit/checkpoints.txt",
        )
        law.see(size >= largest, f"checkpoint {number}: {size} leaves after {largest}", "audit/checkpoints.txt")
        largest = max(largest, size)
    law.see(
        largest == run.log_size,
        f"the newest checkpoint covers {largest} of {run.log_size} leaves",
        "audit/checkpoints.txt",
    )


def _log_key(line: str) -> tuple[str, Ed25519PublicKey]:
    name, _, rest = line.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = base64.b64decode(encoded, validate=True)
    if raw[:1] != _ED25519 or hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != key_id:
        raise ValueError("not a key")
    return name, Ed25519PublicKey.from_public_bytes(raw[1:])


def _notes(data: bytes) -> Iterator[str]:
    lines: list[str] = []
    for line in data.decode("utf-8", "replace").splitlines(keepends=True):
        if lines and lines[-1].startswith(_DASH) and not line.startswith(_DASH):
            yield "".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield "".join(lines)


def _head(note: str, name: str, key: Ed25519PublicKey) -> tuple[int, bytes]:
    """Size and root of a note that the key has signed. Raises ValueError."""
    body, _, signatures = note.rpartition("\n\n")
    text = body + "\n"
    own = [line for line in signatures.splitlines() if line.startswith(f"{_DASH}{name} ")]
    try:
        signature = base64.b64decode(own[0].rpartition(" ")[2], validate=True)[4:]
        key.verify(signature, text.encode())
        origin, size, root = text.split("\n")[:3]
        if origin != name:
            raise ValueError("of another log")
        return int(size), base64.b64decode(root, validate=True)
    except (IndexError, InvalidSignature, binascii.Error):
        raise ValueError("not signed by the log's key") from None


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _answers(run: Run, opened: Opened, law: Invariant) -> None:
    """A receipt names one leaf that says the same; a leaf of an answer is named by one receipt."""
    by_hash: dict[str, list[Leaf]] = defaultdict(list)
    for leaf in run.leaves:
        by_hash[leaf.leaf].append(leaf)
    named: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for receipt in opened.receipts:
        digest, place = str(receipt.says.get("audit_leaf")), receipt.item.record.place
        text = f"receipt of message {receipt.message[1]} of {receipt.message[0]} at {receipt.item.where}"
        found = by_hash.get(digest, [])
        if law.see(len(found) == 1, f"{text}: its leaf is in the log {len(found)} times", place):
            wrong = _differs(found[0].says, receipt.says, receipt.message[0])
            law.see(wrong is None, f"{text}: leaf {found[0].index} says another {wrong}", place, found[0].place)
        named[digest].add(receipt.message)
    for leaf in run.leaves:
        if leaf.says.get("action") in ANSWERS and "message_id" in leaf.says:
            count = len(named.get(leaf.leaf, ()))
            text = f"leaf {leaf.index}, {leaf.says['action']} of message {leaf.says['message_id']}"
            law.see(count == 1, f"{text}: receipts of {count} messages name it", leaf.place)


def _differs(leaf: Mapping[str, Any], receipt: Mapping[str, Any], sender: str) -> str | None:
    """The first fact in which an entry and a receipt differ."""
    source = receipt.get("source") or {}
    expected = {"sender": sender, "topic": source.get("topic"), "offset": source.get("offset")}
    names = ("verdict", "reason", "message_id", "record_sha256", "payload_sha256", "event_seq", "duplicate_of")
    expected |= {name: receipt.get(name) for name in names}
    if ANSWERS.get(str(leaf.get("action"))) != receipt.get("verdict"):
        return "action"
    return next((name for name, value in expected.items() if leaf.get(name) != value), None)


def _records(run: Run, law: Invariant) -> None:
    """A leaf about a record has that record; an ack and an inbox-status that were read have one leaf each."""
    places: dict[tuple[object, object], Record] = {(one.topic, one.offset): one for one in run.submitted()}
    digests: dict[str, list[Record]] = defaultdict(list)
    for record in run.submitted():
        digests[record.sha256].append(record)
    told: Counter[str] = Counter()
    for leaf in run.leaves:
        action, digest = leaf.says.get("action"), str(leaf.says.get("record_sha256"))
        if action not in _ABOUT_RECORDS:
            continue
        told[digest] += 1
        text = f"leaf {leaf.index}, {action} of record {digest[:16]}"
        kind = _ABOUT_RECORDS[str(action)]
        if "offset" in leaf.says:
            found = places.get((leaf.says.get("topic"), leaf.says.get("offset")))
            there = found is not None and digest in ("None", found.sha256)
        else:
            there = digest in digests
            found = digests[digest][0] if there else None
        law.see(there, f"{text}: no such record", leaf.place)
        if there and found is not None and kind is not None:
            law.see(found.record_type == kind, f"{text}: the record is another kind", leaf.place, found.place)
    reread = any(leaf.says.get("action") == "source-reread" for leaf in run.leaves)
    read = {row["topic"]: row["next_offset"] for row in run.rows("source_position")}
    for digest, records in digests.items():
        old = [one for one in records if one.record_type in _EXACTLY_ONE and one.offset < read.get(one.topic, 0)]
        if old and any(row["topic"] == old[0].topic for row in run.rows("junk_counter")):
            continue  # one that nobody proved is only counted
        if old:
            text = f"{old[0].where}, {old[0].record_type}: read {len(old)} times, {told[digest]} leaves"
            right = told[digest] == len(old) or (reread and told[digest] > len(old))
            law.see(right, text, old[0].place)


def _database(run: Run, law: Invariant) -> None:
    """The exported leaves are the exchange's own rows, number by number; every committed entry is numbered by now."""
    rows = {row["log_index"]: row for row in run.rows("audit_entry")}
    if not rows:
        law.cannot_tell("database/audit_entry.jsonl: no row")
        return
    for leaf in run.leaves:
        row = rows.get(leaf.index)
        same = row is not None and row["leaf_hash"] == leaf.leaf
        law.see(
            same, f"leaf {leaf.index}: the database has another under its number", leaf.place, row.place if row else ""
        )
    for row in run.rows("audit_entry"):
        index = row["log_index"]
        covered = index is not None and index < run.log_size
        law.see(covered, f"an entry of {row['at']} is in no checkpoint after quiescence", row.place)
