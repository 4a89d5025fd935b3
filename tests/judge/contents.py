"""I3: nothing invented, nothing altered on the way from one HIS to the other."""

from tests.judge.doubles import SUBMIT_EVENT
from tests.judge.opened import Opened, Stamped
from tests.judge.reading import Believed, Record, Run
from tests.judge.verdict import Invariant, Verdict


def judge_contents(run: Run, opened: Opened, verdict: Verdict) -> None:
    """Each envelope is its sender's, byte for byte, for whom it was meant; each HIS got what its inbox holds."""
    law = verdict["I3"]
    believed = {(one.facility, one.message_id): one for one in run.believed}
    submitted = {(record.facility, record.sha256): record for record in run.submitted()}
    intents = {(one.facility, one.slip): one for one in run.intents}
    for item in opened.of_type("envelope"):
        _carried(item, submitted, law)
        _meant(item, opened, believed.get(item.message), law)
        own = believed.get(item.message)
        if own is not None and own.slip is not None and item.stamp.get("event") == SUBMIT_EVENT:
            intent = intents.get((own.facility, own.slip))
            text = f"{item.where}: message {item.message[1]} of {item.message[0]}, slip {own.slip}"
            if law.see(intent is not None, f"{text}: nobody intended it", item.record.place, own.place) and intent:
                right = intent.destination == item.record.facility
                text = f"{text}: meant for {intent.destination}, stamped for {item.record.facility}"
                law.see(right, text, item.record.place, intent.place)
    _taken(run, opened, law)


def _carried(item: Stamped, submitted: dict[tuple[str, str], Record], law: Invariant) -> None:
    known = (item.message[0], item.record.sha256) in submitted
    text = f"{item.where}: message {item.message[1]}: these bytes {item.message[0]} never submitted"
    law.see(known, text, item.record.place)


def _meant(item: Stamped, opened: Opened, own: Believed | None, law: Invariant) -> None:
    """The digest that its sender wrote down, that the receipt names and that the stamp names are one."""
    digest, place = item.stamp.get("payload_sha256"), item.record.place
    text = f"{item.where}: message {item.message[1]} of {item.message[0]}"
    if law.see(own is not None, f"{text}: its sender knows of no such message", place) and own is not None:
        law.see(own.payload_sha256 == digest, f"{text}: another payload than its sender's", place, own.place)
    receipt = opened.accepted.get(item.message)
    if law.see(receipt is not None, f"{text}: delivered, but never accepted", place) and receipt is not None:
        same = receipt.says.get("payload_sha256") == digest
        law.see(same, f"{text}: another payload than its receipt's", place, receipt.item.record.place)


def _taken(run: Run, opened: Opened, law: Invariant) -> None:
    held = {(item.record.facility, item.message[1]): item for item in opened.of_type("envelope")}
    for one in run.handed_over:
        item = held.get((one.facility, one.key))
        text = f"{one.facility}: handed over under {one.key}"
        if law.see(item is not None, f"{text}: no such message in its inbox", one.place) and item is not None:
            same = item.stamp.get("payload_sha256") == one.sha256
            law.see(same, f"{text}: other bytes than were stamped at {item.where}", one.place, item.record.place)
            same = one.event is None or one.event == item.stamp.get("event")
            law.see(same, f"{text}: another event than was stamped at {item.where}", one.place, item.record.place)
