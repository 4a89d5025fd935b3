"""I2: one effect, and I4: one answer, whatever is repeated."""

from collections import Counter, defaultdict
from typing import Final

from tests.judge.opened import FINAL, Opened, Receipt, Stamped
from tests.judge.reading import Believed, Run
from tests.judge.verdict import Invariant, Verdict

SUBMIT_EVENT: Final = "transfer-submit"
# After these the same slip may be sent anew; before, it is the one that stands.
_NO_LONGER_STANDS: Final = frozenset({"cancelled", "expired", "declined", "redirect-suggested"})


def judge_effects(run: Run, opened: Opened, verdict: Verdict) -> None:
    """A bundle, a message, a slip: each acts once."""
    law = verdict["I2"]
    _bundles(opened, law)
    _numbers(run, opened, law)
    _slips(run, opened, law)
    _his(run, law)


def _bundles(opened: Opened, law: Invariant) -> None:
    """(sender, bundle id) names one message."""
    known: dict[tuple[str, str], Stamped] = {}
    for item in opened.of_type("envelope"):
        key = (item.message[0], str(item.stamp.get("bundle_id")))
        first = known.setdefault(key, item)
        text = f"bundle {key[1]} of {key[0]} acts twice: {first.where} and {item.where}"
        law.see(first.message == item.message, text, first.record.place, item.record.place)


def _numbers(run: Run, opened: Opened, law: Invariant) -> None:
    """A message stands under a second number only as a marked repair, when its sender submitted those bytes again."""
    submitted = Counter((record.facility, record.sha256) for record in run.submitted())
    for message, items in opened.deliveries().items():
        by_number: dict[int, Stamped] = {}
        for item in items:
            by_number.setdefault(item.number or 0, item)
        used = Counter((message[0], item.record.sha256) for item in by_number.values())
        for number in sorted(by_number)[1:]:
            item = by_number[number]
            place = (message[0], item.record.sha256)
            text = f"message {message[1]} of {message[0]} doubled: number {number} at {item.where}"
            law.see(used[place] <= submitted[place], f"{text}, submitted {submitted[place]} times", item.record.place)
            law.see(item.stamp.get("possible_duplicate") is True, f"{text}, not marked", item.record.place)


def _slips(run: Run, opened: Opened, law: Invariant) -> None:
    """One slip of a HIS is one transfer, unless the earlier one no longer stands."""
    state = {(row["sender"], row["transfer_id"]): row["decision"] for row in run.rows("transfer")}
    accepted = opened.accepted
    found: dict[tuple[str, str], dict[str, Believed]] = defaultdict(dict)
    for one in run.believed:
        receipt = accepted.get((one.facility, one.message_id))
        if receipt is not None and receipt.says.get("event") == SUBMIT_EVENT and one.slip is not None:
            found[one.facility, one.slip][one.message_id] = one
    for (facility, slip), messages in found.items():
        standing = [one for one in messages.values() if state.get((facility, one.transfer_id)) not in _NO_LONGER_STANDS]
        places = [one.place for one in standing]
        law.see(len(standing) <= 1, f"slip {slip} of {facility} became {len(standing)} transfers", *places)


def _his(run: Run, law: Invariant) -> None:
    """A HIS never takes two different messages that submit one slip."""
    known: dict[tuple[str, str], tuple[str, str]] = {}
    again = {one.slip for one in run.intents if one.repeats}
    for one in run.handed_over:
        if one.taken and one.event == SUBMIT_EVENT and one.slip is not None and one.slip not in again:
            key, place = known.setdefault((one.facility, one.slip), (one.key, one.place))
            law.see(key == one.key, f"slip {one.slip} doubled at {one.facility}: {key} and {one.key}", place, one.place)


def judge_answers(run: Run, opened: Opened, verdict: Verdict) -> None:
    """Byte-identical answers; never both yes and no; every repeat is answered."""
    law = verdict["I4"]
    given: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in opened.receipts:
        given[receipt.message].append(receipt)
    for message, receipts in given.items():
        _one_answer(message, [one for one in receipts if not one.is_reuse], law)
    _believed_copies(run, given, law)
    _failed_copies(opened, law)
    _every_repeat(run, given, law)


def _one_answer(message: tuple[str, str], receipts: list[Receipt], law: Invariant) -> None:
    final = [one for one in receipts if one.verdict in FINAL]
    text = f"message {message[1]} of {message[0]}"
    for one in final[1:]:
        where = f"{final[0].item.where} and {one.item.where}"
        places = (final[0].item.record.place, one.item.record.place)
        law.see(one.verdict == final[0].verdict, f"{text}: success and refusal both issued, {where}", *places)
        law.see(one.token == final[0].token, f"{text}: two receipts that differ, {where}", *places)
    law.see(bool(receipts), f"{text}: no answer of its own")


def _believed_copies(run: Run, given: dict[tuple[str, str], list[Receipt]], law: Invariant) -> None:
    """The receipt that a connector holds is one that lies in its inbox, byte for byte."""
    for one in run.believed:
        if one.receipt is not None:
            tokens = {receipt.token for receipt in given.get((one.facility, one.message_id), ())}
            text = f"message {one.message_id} of {one.facility}: the receipt kept is not the one in the inbox"
            law.see(one.receipt in tokens, text, one.place)


def _failed_copies(opened: Opened, law: Invariant) -> None:
    """A duplicate points to a message that has its answer; what was refused once is not accepted as a copy."""
    accepted = opened.accepted
    answered = {receipt.message for receipt in opened.receipts if receipt.verdict in FINAL and not receipt.is_reuse}
    refused: dict[tuple[str, str], Receipt] = {}
    for receipt in opened.receipts:
        target = receipt.says.get("duplicate_of")
        text = f"{receipt.item.where}: message {receipt.message[1]} of {receipt.message[0]}"
        place = receipt.item.record.place
        if target is not None:
            law.see(
                (receipt.message[0], target) in answered,
                f"{text} is called duplicate of {target}, which was never answered",
                place,
            )
        if receipt.verdict == "refused" and not receipt.is_reuse:
            refused.setdefault((receipt.message[0], str(receipt.says.get("payload_sha256"))), receipt)
    for message, receipt in accepted.items():
        earlier = refused.get((message[0], str(receipt.says.get("payload_sha256"))))
        text = f"message {message[1]} of {message[0]}: a copy of refused content got success"
        law.see(earlier is None, text, receipt.item.record.place, earlier.item.record.place if earlier else "")


def _every_repeat(run: Run, given: dict[tuple[str, str], list[Receipt]], law: Invariant) -> None:
    """The log says how often a message was answered; so many numbers its receipts have."""
    promised: Counter[tuple[str, str]] = Counter()
    for leaf in run.leaves:
        if str(leaf.says.get("action", "")).startswith("message-") and "message_id" in leaf.says:
            promised[str(leaf.says.get("sender")), str(leaf.says["message_id"])] += 1
    for message, count in promised.items():
        numbers = {one.item.number for one in given.get(message, ())}
        law.see(
            len(numbers) >= count, f"message {message[1]} of {message[0]}: {count} answers, {len(numbers)} in its inbox"
        )
