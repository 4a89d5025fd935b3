"""I1: every intent ends in a receipt or a refusal, every accepted message at a HIS or as a dead letter."""

from collections import defaultdict
from typing import Final

from tests.judge.opened import Opened, Receipt, Stamped
from tests.judge.reading import Believed, HandedOver, Run
from tests.judge.tokens import NotSignedError, claims_of
from tests.judge.verdict import Invariant, Verdict

PENDING: Final = frozenset({"ready", "sent", "held", "waiting-key"})  # unknown while it lasts; nothing may stay so
ENDED_HERE: Final = frozenset({"waiting-person", "discarded", "not-sent"})  # a person was asked, and shown why
_ANSWERED: Final = {"accepted": frozenset({"accepted"}), "refused": frozenset({"refused", "transient"})}


def judge_conservation(run: Run, opened: Opened, verdict: Verdict) -> None:
    """intents = receipts + refusals + unknown, and nothing is pending at the end."""
    law = verdict["I1"]
    if not run.intents:
        law.cannot_tell("no sender wrote down an intent")
    if not any(one.taken for one in run.handed_over):
        law.cannot_tell("no HIS was handed anything")
    _every_intent(run, law)
    _every_belief(run, opened, law)
    _every_accepted(run, opened, law)
    _everything_read(run, law)


def _every_intent(run: Run, law: Invariant) -> None:
    known: dict[tuple[str, str], list[Believed]] = defaultdict(list)
    for one in run.believed:
        if one.slip is not None:
            known[one.facility, one.slip].append(one)
    for intent in run.intents:
        found = known.get((intent.facility, intent.slip)) or known.get((intent.facility, intent.repeats or ""))
        law.see(
            bool(found),
            f"{intent.facility}: slip {intent.slip}: intended, never answered and not unknown",
            intent.place,
        )


def _every_belief(run: Run, opened: Opened, law: Invariant) -> None:
    """What a connector says of each of its messages has its proof."""
    for one in run.believed:
        text = f"{one.facility}: message {one.message_id}: {one.state}"
        if one.state in ENDED_HERE:
            law.see(one.receipt is None, f"{text}, yet it holds a receipt", one.place)
        elif one.state in PENDING:
            law.see(False, f"{text}: still pending after quiescence", one.place)
        else:
            allowed = _ANSWERED.get(one.state)
            verdict = None if one.receipt is None else _verdict_of(one.receipt)
            law.see(allowed is not None and verdict in allowed, f"{text}, but its receipt says {verdict}", one.place)
        delivered = any(
            ack.says.get("verdict") == "delivered" for ack in opened.acks.get((one.facility, one.message_id), ())
        )
        said = "delivered" if one.delivered_at else "not delivered"
        law.see(delivered == (one.delivered_at is not None), f"{text}, {said}, its inbox shows otherwise", one.place)


def _verdict_of(receipt: bytes) -> str | None:
    try:
        return claims_of(receipt).get("verdict")
    except NotSignedError:
        return None


def _every_accepted(run: Run, opened: Opened, law: Invariant) -> None:
    handed: dict[tuple[str, str], list[HandedOver]] = defaultdict(list)
    for one in run.handed_over:
        if one.taken:
            handed[one.facility, one.key].append(one)
    deliveries = opened.deliveries()
    buried = {
        (item.record.facility, str(says.get("message_id"))): item
        for item, says in opened.notices
        if says.get("notice") == "undeliverable"
    }
    for message, receipt in opened.accepted.items():
        _one_end(message, receipt, deliveries.get(message, []), opened, handed, buried.get(message), law)


def _one_end(
    message: tuple[str, str],
    receipt: Receipt,
    delivered: list[Stamped],
    opened: Opened,
    handed: dict[tuple[str, str], list[HandedOver]],
    buried: Stamped | None,
    law: Invariant,
) -> None:
    """Exactly one of: handed over and acknowledged; unreadable or undeliverable, and its sender told."""
    text = f"message {message[1]} of {message[0]}, accepted at {receipt.item.where}"
    place = receipt.item.record.place
    words = [str(ack.says.get("verdict")) for ack in opened.acks.get(message, ())]
    dead = buried is not None or ("unreadable" in words and "delivered" not in words)
    if not delivered:
        law.see(dead, f"lost: {text}, is in no inbox", place)
        return
    destination = delivered[0].record.facility
    taken = handed.get((destination, message[1]), [])
    law.see(bool(taken) != dead, f"{text}: {_count(taken)} by the HIS of {destination}, {_dead(dead)}", place)
    law.see(dead or "delivered" in words, f"{text}: no ack of {destination} in the inbox of {message[0]}", place)


def _count(taken: list[HandedOver]) -> str:
    return "taken" if taken else "never taken"


def _dead(dead: bool) -> str:
    return "and a dead letter" if dead else "and no dead letter"


def _everything_read(run: Run, law: Invariant) -> None:
    """No record of a submit topic waits, no record of the exchange waits to be published, nothing is held."""
    positions = {row["topic"]: row for row in run.rows("source_position")}
    for topic, records in run.topics.items():
        row = positions.get(topic)
        if row is not None and records:
            law.see(row["next_offset"] > records[-1].offset, f"{topic}@{row['next_offset']}: never read", row.place)
    through = {row["destination"]: row["published_through"] for row in run.rows("inbox_counter")}
    for row in run.rows("outbox"):
        number = row["delivery_seq"]
        out = number is not None and number <= through.get(row["destination"], 0)
        law.see(out, f"outbox {row['id']} for {row['destination']}: never published", row.place)
    for row in run.rows("held"):
        law.see(False, f"message {row['message_id']} of {row['sender']}: still held", row.place)
