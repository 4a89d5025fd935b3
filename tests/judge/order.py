"""I7: numbers without gap or repeat; each case, and each urgency of a pair, in its order."""

from collections import defaultdict

from tests.judge.opened import Opened, Stamped
from tests.judge.reading import Run
from tests.judge.verdict import Invariant, Verdict


def judge_order(run: Run, opened: Opened, verdict: Verdict) -> None:
    """By the inboxes themselves."""
    law = verdict["I7"]
    first = _numbers(run, opened, law)
    _cases(first, law)
    _urgencies(opened, first, law)


def _numbers(run: Run, opened: Opened, law: Invariant) -> dict[str, dict[int, Stamped]]:
    """1, 2, 3 … in each inbox; the same number again holds the same bytes, or a void, when they were lost meanwhile.

    Returns the first record of each number.
    """
    found: dict[str, dict[int, Stamped]] = {f"xfer.inbox.{code}": {} for code in run.facilities}
    asked = {
        (f"xfer.inbox.{one.record.facility}", number)
        for one in opened.statuses
        for number in one.says.get("missing", ())
    }
    highest: dict[str, Stamped] = {}
    for item in opened.stamped:
        topic, number = item.record.topic, item.number
        if number is None:
            continue
        known = found[topic].setdefault(number, item)
        text = f"{topic}: number {number}"
        if known is not item:
            same = known.record.sha256 == item.record.sha256 or item.record.record_type == "void"
            places = (known.record.place, item.record.place)
            law.see(same, f"{text} at {item.where} repeats {known.where} with other content", *places)
            continue
        last = highest.get(topic)
        late = last is not None and number < (last.number or 0) and (topic, number) not in asked
        law.see(not late, f"{text} at {item.where} comes after {last.number if last else 0}", item.record.place)
        if last is None or number > (last.number or 0):
            highest[topic] = item
    for topic, numbers in found.items():
        expected = next((number for number in range(1, len(numbers) + 1) if number not in numbers), None)
        after = numbers.get((expected or 0) + 1) or (numbers[min(numbers)] if numbers else None)
        text = f"{topic}: number {expected} is missing" + (f" before {after.where}" if after else "")
        law.see(expected is None, text, after.record.place if after else "")
    return found


def _firsts(numbers: dict[int, Stamped]) -> list[Stamped]:
    """The first delivery of each message of one inbox, by number."""
    found: dict[tuple[str, str], Stamped] = {}
    for number in sorted(numbers):
        item = numbers[number]
        if item.record.record_type == "envelope":
            found.setdefault(item.message, item)
    return list(found.values())


def _cases(first: dict[str, dict[int, Stamped]], law: Invariant) -> None:
    """The events of a transfer come in the order that the exchange gave them."""
    for numbers in first.values():
        last: dict[tuple[str, frozenset[str]], Stamped] = {}
        for item in _firsts(numbers):
            stamp = item.stamp
            pair = frozenset({item.message[0], item.record.facility})
            before = last.setdefault((str(stamp.get("transfer_id")), pair), item)
            if before is not item:
                text = (
                    f"case {stamp.get('case_id')}: event {stamp.get('event_seq')} at {item.where}, number {item.number}"
                )
                right = (before.stamp.get("event_seq") or 0) < (stamp.get("event_seq") or 0)
                text = f"{text}, comes after event {before.stamp.get('event_seq')}, number {before.number}"
                law.see(right, text, before.record.place, item.record.place)
                if right:
                    last[str(stamp.get("transfer_id")), pair] = item


def _urgencies(opened: Opened, first: dict[str, dict[int, Stamped]], law: Invariant) -> None:
    """Of one pair and urgency, what was accepted first has the lower number.

    Left out are cases of mixed urgency, where the exchange raises what waits, and messages that were held.
    """
    mixed: dict[str, set[str]] = defaultdict(set)
    for item in opened.of_type("envelope"):
        mixed[str(item.stamp.get("case_id"))].add(str(item.stamp.get("priority")))
    held = {receipt.message for receipt in opened.receipts if receipt.verdict == "held"}
    for numbers in first.values():
        newest: dict[tuple[str, str], Stamped] = {}
        for item in _firsts(numbers):
            stamp = item.stamp
            if len(mixed[str(stamp.get("case_id"))]) > 1 or item.message in held:
                continue
            key = (item.message[0], str(stamp.get("priority")))
            before = newest.get(key)
            right = before is None or str(before.stamp.get("accepted_at")) <= str(stamp.get("accepted_at"))
            text = (
                f"{key[0]} to {item.record.facility}, {key[1]}: number {item.number} at {item.where} was accepted first"
            )
            law.see(right, text, item.record.place, before.record.place if before else "")
            if right:
                newest[key] = item
