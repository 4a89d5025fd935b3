"""I8: the four tracks of a transfer, typed in by hand from the contract (section 6), and every step checked in them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tests.judge.opened import Opened, Stamped
from tests.judge.reading import Row, Run
from tests.judge.verdict import Invariant, Verdict


class State(NamedTuple):
    """One state on each track."""

    delivery: str
    decision: str
    journey: str
    loop: str


START: Final = State("submitted", "open", "not-departed", "none")
_UNDECIDED: Final = ("open", "under-review", "awaiting-information")

# decision: what the destination decides, what the sender takes back
_DECISION: Final[Mapping[str, Mapping[str, str]]] = {
    "transfer-accept": {"open": "accepted", "under-review": "accepted", "awaiting-information": "accepted"},
    "transfer-decline": {"open": "declined", "under-review": "declined", "awaiting-information": "declined"},
    "transfer-redirect": {
        "open": "redirect-suggested",
        "under-review": "redirect-suggested",
        "awaiting-information": "redirect-suggested",
    },
    "transfer-info-request": {
        "open": "awaiting-information",
        "under-review": "awaiting-information",
        "awaiting-information": "awaiting-information",
    },
    "transfer-cancel": {
        "open": "cancelled",
        "under-review": "cancelled",
        "awaiting-information": "cancelled",
        "accepted": "cancelled",
        "withdrawn": "cancelled",
    },
    "transfer-accept-withdraw": {"accepted": "withdrawn"},
    "transfer-update": {
        "open": "open",
        "under-review": "under-review",
        "awaiting-information": "under-review",
        "accepted": "accepted",
        "declined": "declined",
        "redirect-suggested": "redirect-suggested",
        "withdrawn": "withdrawn",
    },
}
_CHANGES_NOTHING: Final = frozenset({"transfer-phone-note"})
# journey: never backward, and nothing on it is ever refused for the decision
_JOURNEY: Final[Mapping[str, Mapping[str, str]]] = {
    "transfer-departed": {
        "not-departed": "departed",
        "departed": "departed",
        "arrived": "arrived",
        "not-arrived": "not-arrived",
        "died": "died",
    },
    "transfer-arrived": {
        "not-departed": "arrived",
        "departed": "arrived",
        "arrived": "arrived",
        "not-arrived": "arrived",
        "died": "died",
    },
    "transfer-not-arrived": {"not-departed": "not-arrived", "departed": "not-arrived"},
    "transfer-died": {"not-departed": "died", "departed": "died", "not-arrived": "died"},
}
_DELIVERY: Final[Mapping[str, Mapping[str, str]]] = {
    "transfer-received": {"submitted": "opened", "delivered": "opened", "opened": "opened"},
}
_LOOP: Final[Mapping[str, Mapping[str, str]]] = {
    "transfer-interim": {"owed": "interim", "interim": "interim"},
    "transfer-completed": {"none": "completed", "owed": "completed", "interim": "completed"},
    "transfer-closed": {"completed": "closed"},
}
# What moves without a message: acks and the passing of time.
_ACKS: Final[Mapping[str, frozenset[str]]] = {
    "submitted": frozenset({"submitted", "delivered", "unreadable", "undeliverable"}),
    "unreadable": frozenset({"unreadable", "delivered", "undeliverable"}),
    "undeliverable": frozenset({"undeliverable", "delivered"}),
    "delivered": frozenset({"delivered"}),
    "opened": frozenset({"opened"}),
}
_READABLE: Final = frozenset({"submitted", "delivered", "opened"})
_NEEDS_READABLE: Final = frozenset({"transfer-accept", "transfer-decline", "transfer-redirect"})
_THERE: Final = frozenset({"arrived", "died"})
_OWES_A_SUMMARY: Final = frozenset({"emergency", "inpatient"})
_BY_SENDER: Final = frozenset(
    {
        "transfer-submit",
        "transfer-update",
        "transfer-cancel",
        "transfer-departed",
        "transfer-closed",
        "transfer-announce",
    }
)
_BY_BOTH: Final = frozenset({"transfer-phone-note", "transfer-died"})
_CARE: Final = frozenset({"transfer-departed", "transfer-arrived"})  # software never refuses care
_OF_STATE: Final = frozenset({"event-not-allowed", "late", "crossed"})


def step(state: State, event: str, kind: str | None) -> State | None:
    """The state after an event; None when the tables do not allow it."""
    if event in _JOURNEY:
        journey = _JOURNEY[event].get(state.journey)
        if journey is None:
            return None
        owed = event == "transfer-arrived" and state.loop == "none" and kind in _OWES_A_SUMMARY
        return state._replace(journey=journey, loop="owed" if owed else state.loop)
    if event in _CHANGES_NOTHING:
        return state
    if event in _DECISION:
        decision = _DECISION[event].get(state.decision)
        unread = event in _NEEDS_READABLE and state.delivery not in _READABLE
        there = event == "transfer-cancel" and state.journey in _THERE
        return None if decision is None or unread or there else state._replace(decision=decision)
    if event in _DELIVERY:
        delivery = _DELIVERY[event].get(state.delivery)
        return None if delivery is None else state._replace(delivery=delivery)
    loop = _LOOP.get(event, {}).get(state.loop)
    return None if loop is None else state._replace(loop=loop)


def between(state: State) -> Iterator[State]:
    """The states that a transfer may be in before its next event: acks came, or its validity ended."""
    for delivery in _ACKS.get(state.delivery, ()):
        for decision in (state.decision, "expired") if state.decision in _UNDECIDED else (state.decision,):
            yield state._replace(delivery=delivery, decision=decision)


def judge_states(run: Run, opened: Opened, verdict: Verdict) -> None:
    """Every transfer from its submit to its row in the database."""
    law = verdict["I8"]
    events: dict[tuple[str, frozenset[str]], dict[int, Stamped]] = defaultdict(dict)
    for item in opened.of_type("envelope"):
        stamp = item.stamp
        key = (str(stamp.get("transfer_id")), frozenset({item.message[0], item.record.facility}))
        number = stamp.get("event_seq")
        if law.see(isinstance(number, int), f"{item.where}: an event without its place", item.record.place):
            first = events[key].setdefault(int(number or 0), item)
            text = f"transfer {key[0]}: event {number} is two messages, {first.where} and {item.where}"
            law.see(first.message == item.message, text, first.record.place, item.record.place)
    rows = {(row["transfer_id"], frozenset({row["sender"], row["destination"]})): row for row in run.rows("transfer")}
    for key, by_number in events.items():
        _walk(key[0], by_number, rows.get(key), law)
    _refusals(opened, events, law)


def _walk(transfer_id: str, events: dict[int, Stamped], row: Row | None, law: Invariant) -> None:
    """Its events in their order, each from a state that the one before it left."""
    state, owner, last = START, "", ""
    for number in range(1, max(events) + 1):
        item = events.get(number)
        text = f"transfer {transfer_id}: event {number}"
        if item is None:
            law.see(False, f"{text} is in no inbox, event {max(events)} is", events[max(events)].record.place)
            return
        stamp, event = item.stamp, str(item.stamp.get("event"))
        after, text = _state(stamp.get("state")), f"{text}, {event}, message {item.message[1]} at {item.where}"
        if number == 1:
            owner = item.message[0]
            right = event == "transfer-submit" and after == START
            law.see(right, f"{text}: not how a transfer begins", item.record.place)
        else:
            allowed = {step(before, event, stamp.get("kind")) for before in between(state)} - {None}
            words = f"{' '.join(state)} to {' '.join(after) if after else 'nothing'}"
            law.see(after in allowed, f"{text}: no table leads from {words}", item.record.place, last)
        mine = item.message[0] == owner
        by_right = event in _BY_BOTH or mine == (event in _BY_SENDER)
        law.see(by_right, f"{text}: not for {item.message[0]} to say", item.record.place)
        state, last = after or state, item.record.place
    if row is not None and row["event_seq"] == max(events):
        stands = State(row["delivery"], row["decision"], row["journey"], row["loop"])
        words = f"{' '.join(stands)}, its last event left {' '.join(state)}"
        law.see(stands in set(between(state)), f"transfer {transfer_id} stands at {words}", row.place, last)


def _state(members: object) -> State | None:
    if not isinstance(members, dict) or set(members) != set(State._fields):
        return None
    return State(**members)


def _refusals(
    opened: Opened, events: Mapping[tuple[str, frozenset[str]], Mapping[int, Stamped]], law: Invariant
) -> None:
    """A refused event has no place in the order, names what won, and is never one of care."""
    by_transfer: dict[str, set[int]] = defaultdict(set)
    for (transfer_id, _), numbers in events.items():
        by_transfer[transfer_id].update(numbers)
    for receipt in opened.receipts:
        says, place = receipt.says, receipt.item.record.place
        text = f"{receipt.item.where}: message {receipt.message[1]} of {receipt.message[0]}, {says.get('event')}"
        if receipt.verdict == "accepted":
            known = says.get("event_seq") is not None and _state(says.get("state")) is not None
            law.see(known, f"{text}: accepted without a place or a state", place)
            continue
        law.see(says.get("event_seq") is None, f"{text}: {receipt.reason}, yet it has a place in the order", place)
        refused = receipt.verdict == "refused" and receipt.reason in _OF_STATE
        law.see(not refused or says.get("event") not in _CARE, f"{text}: care was refused", place)
        if receipt.reason in ("late", "crossed"):
            known = says.get("winning_event_seq") in by_transfer[str(says.get("transfer_id"))]
            law.see(known, f"{text}: {receipt.reason}, but event {says.get('winning_event_seq')} is nowhere", place)
    _agreeing(opened, law)


def _agreeing(opened: Opened, law: Invariant) -> None:
    """Both parties are told the same: the sender by its receipt, the other side by the stamp."""
    accepted = opened.accepted
    for item in opened.of_type("envelope"):
        receipt = accepted.get(item.message)
        if receipt is not None:
            same = all(receipt.says.get(name) == item.stamp.get(name) for name in ("event", "event_seq", "state"))
            text = (
                f"message {item.message[1]}: its receipt at {receipt.item.where} and its stamp at {item.where} differ"
            )
            law.see(same, text, receipt.item.record.place, item.record.place)
