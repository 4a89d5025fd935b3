"""I6: what one transaction writes stands together: rows, positions, outbox, audit leaf, as the topics show."""

from collections import defaultdict
from typing import Final

from tests.judge.opened import Opened
from tests.judge.reading import SUBMIT, Record, Row, Run
from tests.judge.verdict import Invariant, Verdict

_STATED: Final = frozenset({"accepted", "refused"})


def judge_database(run: Run, opened: Opened, verdict: Verdict) -> None:
    """Rows against records, both ways."""
    law = verdict["I6"]
    for table in ("message", "outbox", "source_position", "transfer"):
        if not run.rows(table):
            law.cannot_tell(f"database/{table}.jsonl: no row")
    _messages(run, opened, law)
    _receipts(run, opened, law)
    _outbox(run, opened, law)
    _transfers(run, law)
    _consumed(run, opened, law)


def _messages(run: Run, opened: Opened, law: Invariant) -> None:
    """A message row has its record, its receipt in the sender's inbox, and its audit leaf."""
    places = {(record.topic, record.offset): record for record in run.submitted()}
    given = {receipt.token for receipt in opened.receipts}
    leaves = {row["leaf_hash"] for row in run.rows("audit_entry")}
    leaf_of = {receipt.token: receipt.says.get("audit_leaf") for receipt in opened.receipts}
    for row in run.rows("message"):
        text = f"row of message {row['message_id']} of {row['sender']}"
        record = places.get((row["topic"], row["offset"]))
        same = record is not None and record.sha256 == row["record_sha256"]
        law.see(same, f"{text}: {row['topic']}@{row['offset']} does not hold its record", row.place)
        token = str(row["receipt"]).encode()
        if law.see(token in given, f"{text}: its receipt is in no inbox", row.place):
            law.see(leaf_of[token] in leaves, f"{text}: its audit entry was not written", row.place)
        law.see(row["verdict"] in _STATED, f"{text}: kept with the verdict {row['verdict']}", row.place)


def _receipts(run: Run, opened: Opened, law: Invariant) -> None:
    """An accepted message has its row. (That the row's answer is the one given: ``_messages`` and I4 together.)"""
    rows = {(row["sender"], row["message_id"]) for row in run.rows("message")}
    for receipt in opened.receipts:
        text = f"{receipt.item.where}: receipt of message {receipt.message[1]} of {receipt.message[0]}"
        if receipt.verdict == "accepted":
            law.see(receipt.message in rows, f"{text}: accepted, but no row keeps it", receipt.item.record.place)


def _outbox(run: Run, opened: Opened, law: Invariant) -> None:
    """What counts as published lies in the topic under its number; what lies there has its row."""
    through = {row["destination"]: row["published_through"] for row in run.rows("inbox_counter")}
    by_number: dict[tuple[str, int], set[str]] = defaultdict(set)
    for item in opened.stamped:
        if item.number is not None:
            by_number[item.record.facility, item.number].add(item.record.sha256)
    rows: dict[tuple[str, int], Row] = {}
    for row in run.rows("outbox"):
        number = row["delivery_seq"]
        if number is None:
            continue
        rows[row["destination"], number] = row
        if number <= through.get(row["destination"], 0):
            there = row["record_sha256"] in by_number[row["destination"], number]
            text = (
                f"outbox {row['id']}: number {number} of {row['destination']} is not in its inbox as it was published"
            )
            law.see(there, text, row.place)
    for item in opened.stamped:
        if item.number is not None:
            known = (item.record.facility, item.number) in rows
            law.see(known, f"{item.where}: number {item.number} has no row in the outbox", item.record.place)
    _owed(run, law)


def _owed(run: Run, law: Invariant) -> None:
    """An accepted message has a delivery in the outbox, written with it; and its receipt."""
    sent: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in run.rows("outbox"):
        sent[row["record_type"]].add((str(row["sender"]), str(row["message_id"])))
    voided = {(str(leaf.says.get("message_id"))) for leaf in run.leaves if leaf.says.get("action") == "delivery-voided"}
    for row in run.rows("message"):
        key, text = (row["sender"], row["message_id"]), f"row of message {row['message_id']} of {row['sender']}"
        if row["verdict"] == "accepted" and row["message_id"] not in voided:
            law.see(key in sent["envelope"], f"{text}: accepted, but nothing in the outbox delivers it", row.place)
        law.see(key in sent["receipt"], f"{text}: nothing in the outbox answers it", row.place)


def _transfers(run: Run, law: Invariant) -> None:
    """A transfer row counts exactly the accepted events of its two parties."""
    events: dict[tuple[str, frozenset[str]], list[int]] = defaultdict(list)
    for row in run.rows("message"):
        if row["verdict"] == "accepted":
            pair = frozenset({row["sender"], str(row["destination"])})
            events[str(row["transfer_id"]), pair].append(row["event_seq"])
    known = set()
    for row in run.rows("transfer"):
        key = (row["transfer_id"], frozenset({row["sender"], row["destination"]}))
        known.add(key)
        right = sorted(events[key]) == list(range(1, row["event_seq"] + 1))
        text = f"transfer {row['transfer_id']} of {row['sender']} stands at event {row['event_seq']}"
        law.see(right, f"{text}, its messages at {sorted(events[key])}", row.place)
    for transfer_id, pair in events:
        text = f"transfer {transfer_id} of {'/'.join(sorted(pair))}: messages accepted, but no row"
        law.see((transfer_id, pair) in known, text)


def _consumed(run: Run, opened: Opened, law: Invariant) -> None:
    """Every record before the position left a trace: an answer, an audit entry of its place, or a count as junk."""
    positions: dict[str, Row] = {row["topic"]: row for row in run.rows("source_position")}
    answered = {_source(one.says) for one in opened.receipts}
    told = {(leaf.says.get("topic"), leaf.says.get("offset")) for leaf in run.leaves}
    digests = {str(leaf.says.get("record_sha256")) for leaf in run.leaves}
    junk = {row["topic"]: 0 for row in run.rows("junk_counter")}
    for row in run.rows("junk_counter"):
        junk[row["topic"]] += row["records"]
    quarantined = {(row["topic"], row["offset"]) for row in run.rows("quarantine")}
    spoken = answered | told | quarantined
    for topic, records in run.topics.items():
        if not topic.startswith(SUBMIT):
            continue
        position = positions.get(topic)
        law.see(position is not None or not records, f"{topic}: no position, but records")
        if position is None:
            continue
        silent = [
            record
            for record in records
            if record.offset < position["next_offset"]
            and (topic, record.offset) not in spoken
            and record.sha256 not in digests
            and record.record_type != "directory"  # the same entry again changes nothing
        ]
        enough = len(silent) <= junk.get(topic, 0)
        law.see(
            enough, f"{_named(silent)}: the position moved past it, and nothing says what became of it", position.place
        )
        end = records[-1].offset + 1 if records else position["next_offset"]
        beyond = run.ends.get(topic, (0, end))[1]
        text = f"{topic}: the position is {position['next_offset']}, beyond the end of the topic at {beyond}"
        law.see(position["next_offset"] <= beyond or not records, text, position.place)


def _source(says: dict[str, object]) -> tuple[object, object]:
    source = says.get("source")
    return (source.get("topic"), source.get("offset")) if isinstance(source, dict) else (None, None)


def _named(silent: list[Record]) -> str:
    return silent[0].where if silent else ""
