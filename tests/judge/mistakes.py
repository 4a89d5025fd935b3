"""Mistakes that a product could make, each as one change of an honest run's books."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.judge.honest import (
    DESTINATION,
    OTHER,
    SENDER,
    Message,
    Placed,
    Scene,
    Story,
    exchange_signer,
    facility_signer,
    iso,
    sha256,
)
from tests.judge.states import State
from tests.judge.tokens import claims_of

Change = Callable[[Story], str]  # changes the books; returns what the counter-example must name


@dataclass(frozen=True)
class Mistake:
    """``red`` is exactly what the judge must find. ``late``: the change comes after the books were closed."""

    name: str
    red: frozenset[str]
    change: Change
    late: bool


MISTAKES: Final[list[Mistake]] = []


def mistake(*red: str, late: bool = False) -> Callable[[Change], Change]:
    """Lists a change; its name is the function's."""

    def listed(change: Change) -> Change:
        MISTAKES.append(Mistake(change.__name__.replace("_", " "), frozenset(red), change, late))
        return change

    return listed


# --- small tools -------------------------------------------------------------------------------------------------


def inbox(scene: Scene, code: str) -> list[Placed]:
    """The inbox of a facility."""
    return scene.topics[f"xfer.inbox.{code}"]


def envelopes_of(scene: Scene, message: Message) -> list[Placed]:
    """Where a message lies at its destination."""
    found = [one for one in inbox(scene, message.recipient) if one.stamp and one.record_type == "envelope"]
    return [one for one in found if one.stamp and one.stamp["message_id"] == message.message_id]


def receipts_of(scene: Scene, message: Message) -> list[Placed]:
    """Its receipts in the sender's inbox."""
    found = [one for one in inbox(scene, message.sender) if one.stamp and one.record_type == "receipt"]
    return [one for one in found if one.stamp and one.stamp.get("message_id") == message.message_id]


def row(scene: Scene, table: str, **wanted: Any) -> dict[str, Any]:
    """The first row with these values."""
    return next(one for one in scene.tables[table] if all(one.get(key) == value for key, value in wanted.items()))


def taken(scene: Scene, message: Message) -> list[dict[str, Any]]:
    """The lines of the HIS about a message."""
    return [line for line in scene.receivers[message.recipient] if line["key"] == message.message_id]


def stamp_of(placed: Placed) -> dict[str, Any]:
    """The claims of its stamp."""
    assert placed.stamp is not None
    return placed.stamp


def replace_value(scene: Scene, code: str, placed: Placed, value: bytes) -> None:
    """Other bytes under the same number, with stamp and row that fit them."""
    number = stamp_of(placed)["delivery_seq"]
    row(scene, "outbox", destination=code, delivery_seq=number)["record_sha256"] = sha256(value)
    stamp_of(placed)["record_sha256"] = sha256(value)
    placed.value = value


def unpublish(scene: Scene, code: str, placed: Placed) -> None:
    """Takes a record out of an inbox and closes the gap; its row waits for ever."""
    number = stamp_of(placed)["delivery_seq"]
    inbox(scene, code).remove(placed)
    waiting = row(scene, "outbox", destination=code, delivery_seq=number)
    waiting["delivery_seq"] = None
    for other in inbox(scene, code):
        if stamp_of(other)["delivery_seq"] > number:
            stamp_of(other)["delivery_seq"] -= 1
    for one in scene.tables["outbox"]:
        if one["destination"] == code and (one["delivery_seq"] or 0) > number:
            one["delivery_seq"] -= 1
    scene.numbers[code] -= 1


def change_lines(scene: Scene, name: str, change: Callable[[list[str]], list[str]]) -> None:
    """Changes a file of the folder when it is written."""

    def at_last(folder: Path) -> None:
        path = folder / name
        path.write_text("".join(change(path.read_text("utf-8").splitlines(keepends=True))), "utf-8")

    scene.last_hand.append(at_last)


def signed_again(token: bytes, **changes: Any) -> bytes:
    """A receipt with other claims, truly signed."""
    return exchange_signer().sign("lienvien-receipt+jws", claims_of(token) | changes)


# --- I1: conservation --------------------------------------------------------------------------------------------


@mistake("I1")
def delivery_lost(story: Story) -> str:
    scene, message = story.scene, story.foreign
    unpublish(scene, DESTINATION, envelopes_of(scene, message)[0])
    scene.receivers[DESTINATION] = [line for line in scene.receivers[DESTINATION] if line["key"] != message.message_id]
    return f"lost: message {message.message_id}"


@mistake("I1")
def intent_never_answered_and_not_unknown(story: Story) -> str:
    story.scene.intend(SENDER, "24Z01/2026/99", DESTINATION)
    return "slip 24Z01/2026/99"


@mistake("I1")
def intent_still_pending(story: Story) -> str:
    message = story.scene.new(SENDER, DESTINATION, "24Z01/2026/98")
    message.state = "sent"
    return f"message {message.message_id}: sent: still pending"


@mistake("I1")
def accepted_without_a_receipt(story: Story) -> str:
    story.third.receipt = None
    return f"message {story.third.message_id}: accepted, but its receipt says None"


@mistake("I1")
def never_handed_over(story: Story) -> str:
    scene = story.scene
    scene.receivers[DESTINATION] = [
        line for line in scene.receivers[DESTINATION] if line["key"] != story.first.message_id
    ]
    return story.first.message_id


@mistake("I1")
def handed_over_and_a_dead_letter(story: Story) -> str:
    scene, message = story.scene, story.third
    said = {"exchange": "urn:lienvien:exchange:thu-nghiem", "recipient": SENDER, "notice": "undeliverable"}
    said |= {"at": scene.tick(), "notice_id": scene.uuid(), "message_id": message.message_id}
    scene.deliver(SENDER, "notice", exchange_signer().sign("lienvien-notice+jws", said), message_id=message.message_id)
    return f"message {message.message_id}"


@mistake("I1", late=True)
def submitted_and_never_read(story: Story) -> str:
    topic, offset = story.scene.submit_record(SENDER, "envelope", b"{}")
    return f"{topic}@{offset}: never read"


@mistake("I1")
def delivered_by_hearsay(story: Story) -> str:
    """The sender's connector shows a delivery that nobody acknowledged."""
    message = story.scene.messages
    crossed = next(one for one in message.values() if one.state == "refused")
    crossed.delivered_at = iso(story.scene.now)
    return f"message {crossed.message_id}: refused, delivered"


# --- I2: one effect ----------------------------------------------------------------------------------------------


@mistake("I2")
def delivery_doubled(story: Story) -> str:
    """The same bytes under a second number, although nobody submitted them again."""
    scene, message = story.scene, story.first
    state = stamp_of(envelopes_of(scene, message)[0])["state"]
    scene.forward(message, 1, state, duplicate=True)
    return f"message {message.message_id} of {SENDER} doubled"


@mistake("I2")
def repair_not_marked(story: Story) -> str:
    stamp_of(envelopes_of(story.scene, story.second)[1])["possible_duplicate"] = None
    return f"message {story.second.message_id} of {SENDER} doubled"


@mistake("I2")
def slip_became_two_transfers(story: Story) -> str:
    scene = story.scene
    again = scene.new(SENDER, DESTINATION, story.third.slip)
    scene.senders[SENDER].pop()
    scene.submit(again)
    scene.senders[SENDER][-1]["repeats"] = None
    scene.ack(again)
    line = scene.hand_over(again)
    line["slip"] = None
    return f"slip {story.third.slip} of {SENDER} became 2"


@mistake("I2")
def bundle_acts_twice(story: Story) -> str:
    scene = story.scene
    second = stamp_of(envelopes_of(scene, story.foreign)[0])
    other = scene.new(OTHER, DESTINATION, "20Z01/2026/2")
    other.bundle_id = second["bundle_id"]
    scene.submit(other)
    scene.hand_over(other)
    scene.ack(other)
    return f"bundle {other.bundle_id} of {OTHER} acts twice"


# --- I3: nothing invented, nothing altered -----------------------------------------------------------------------


@mistake("I3")
def payload_altered(story: Story) -> str:
    """The connector hands over other bytes than were stamped."""
    taken(story.scene, story.first)[0]["sha256"] = sha256(b"altered")
    return story.first.message_id


@mistake("I3")
def envelope_altered_on_the_way(story: Story) -> str:
    scene, placed = story.scene, envelopes_of(story.scene, story.first)[0]
    replace_value(scene, DESTINATION, placed, placed.value.replace(b"protected", b"Protected"))
    return f"message {story.first.message_id}: these bytes"


@mistake("I3")
def destination_swapped(story: Story) -> str:
    """Meant for one hospital, delivered to another, which takes it."""
    for line in story.scene.senders[SENDER]:
        if line["slip"] == story.third.slip:
            line["destination"] = OTHER
    return f"message {story.third.message_id}"


@mistake("I3")
def handed_over_from_nowhere(story: Story) -> str:
    message = replace(story.third, message_id=story.scene.uuid(), payload=b"{}", slip="24Z01/2026/97")
    story.scene.hand_over(message)
    return message.message_id


# --- I4: one answer ----------------------------------------------------------------------------------------------


@mistake("I4")
def receipt_changed_between_two_copies(story: Story) -> str:
    """The repeat's answer is made anew instead of replayed."""
    scene, message = story.scene, story.second
    copy = receipts_of(scene, message)[1]
    replace_value(scene, SENDER, copy, signed_again(copy.value))
    return f"message {message.message_id} of {SENDER}: two receipts that differ"


@mistake("I4")
def receipt_kept_is_another(story: Story) -> str:
    assert story.third.receipt is not None
    story.third.receipt = signed_again(story.third.receipt)
    return f"message {story.third.message_id}"


@mistake("I4")
def repeat_not_answered(story: Story) -> str:
    scene, message = story.scene, story.third
    scene.tick()
    topic, offset = scene.submit_record(SENDER, "envelope", message.envelope)
    facts = {"sender": SENDER, "message_id": message.message_id, "topic": topic, "offset": offset}
    scene.note("message-repeated", record_sha256=sha256(message.envelope), **facts)
    return message.message_id


@mistake("I4", "I14", "I6")
def success_and_refusal_both_issued(story: Story) -> str:
    """First refused, then accepted under the same id: the row keeps the second answer only."""
    scene, message = story.scene, story.third
    said = claims_of(receipts_of(scene, message)[0].value)
    refused = {name: value for name, value in said.items() if name not in ("event_seq", "state")}
    token = exchange_signer().sign(
        "lienvien-receipt+jws", refused | {"verdict": "refused", "reason": "event-not-allowed"}
    )
    scene.send_receipt(message, token)
    row(scene, "message", message_id=message.message_id)["receipt"] = "lost"
    return f"message {message.message_id} of {SENDER}: success and refusal both issued"


@mistake("I4")
def copy_of_refused_content_accepted(story: Story) -> str:
    scene = story.scene
    refused = next(one for one in scene.messages.values() if one.state == "refused")
    copy = scene.about(story.first, "transfer-update")
    copy.payload = refused.payload
    scene.submit(copy)
    scene.hand_over(copy)
    scene.ack(copy)
    return f"message {copy.message_id} of {SENDER}: a copy of refused content got success"


@mistake("I4", "I14")
def duplicate_of_nothing(story: Story) -> str:
    scene = story.scene
    refused = next(one for one in scene.messages.values() if one.state == "refused")
    target, placed = scene.uuid(), receipts_of(scene, refused)[0]
    token = signed_again(placed.value, duplicate_of=target)
    replace_value(scene, SENDER, placed, token)
    refused.receipt = token
    row(scene, "message", message_id=refused.message_id)["receipt"] = token.decode()
    return f"is called duplicate of {target}"


# --- receipts and stamps -----------------------------------------------------------------------------------------


@mistake("receipts", "I14")
def receipt_for_nothing(story: Story) -> str:
    """A signed answer that names a record which is not there."""
    scene, message = story.scene, story.third
    said = claims_of(receipts_of(scene, message)[0].value)
    token = signed_again(receipts_of(scene, message)[0].value, source=said["source"] | {"offset": 999})
    replace_value(scene, SENDER, receipts_of(scene, message)[0], token)
    message.receipt = token
    row(scene, "message", message_id=message.message_id)["receipt"] = token.decode()
    return f"message {message.message_id} names xfer.submit.{SENDER}@999: no such record"


@mistake("receipts", "I14")
def receipt_names_other_bytes(story: Story) -> str:
    scene, message = story.scene, story.third
    token = signed_again(receipts_of(scene, message)[0].value, record_sha256=sha256(b"other"))
    replace_value(scene, SENDER, receipts_of(scene, message)[0], token)
    message.receipt = token
    row(scene, "message", message_id=message.message_id)["receipt"] = token.decode()
    return f"message {message.message_id} names xfer.submit.{SENDER}@{message.place[1]}, which holds other bytes"


@mistake("receipts", "I4", "I6", "I14")
def receipt_signed_by_a_facility(story: Story) -> str:
    """One answer to a refused message is forged; nothing else then answers it."""
    scene = story.scene
    refused = next(one for one in scene.messages.values() if one.state == "refused")
    placed = receipts_of(scene, refused)[0]
    token = facility_signer(OTHER).sign("lienvien-receipt+jws", claims_of(placed.value))
    replace_value(scene, SENDER, placed, token)
    refused.receipt = token
    row(scene, "message", message_id=refused.message_id)["receipt"] = token.decode()
    return "receipt: the token is signed by a foreign key"


def last_directory(scene: Scene) -> Placed:
    """A record whose loss to the judge hurts no other invariant but those of numbers."""
    return [one for one in inbox(scene, DESTINATION) if one.record_type == "directory"][-1]


@mistake("stamps", "I6", "I7")
def stamp_of_a_foreign_key(story: Story) -> str:
    """What nobody stamped holds no number either."""
    last_directory(story.scene).by = facility_signer(DESTINATION)
    return f"xfer.inbox.{DESTINATION}@2: stamp: the token is signed by a foreign key"


@mistake("stamps", "I6", "I7")
def stamp_missing(story: Story) -> str:
    last_directory(story.scene).by = None
    return f"xfer.inbox.{DESTINATION}@2: not exactly one stamp"


@mistake("stamps")
def stamp_over_other_bytes(story: Story) -> str:
    stamp_of(last_directory(story.scene))["record_sha256"] = sha256(b"other")
    return "is not of this record: record_sha256"


@mistake("stamps")
def stamp_for_another_inbox(story: Story) -> str:
    stamp_of(last_directory(story.scene))["recipient"] = OTHER
    return "is not of this record: recipient"


# --- I5: hand-over -----------------------------------------------------------------------------------------------


@mistake("I5")
def hand_over_repeated_without_the_mark(story: Story) -> str:
    taken(story.scene, story.second)[1]["possible_duplicate"] = False
    return f"{DESTINATION}: {story.second.message_id}: repeated without the mark"


@mistake("I5", "I3")
def hand_over_repeated_with_another_key(story: Story) -> str:
    """A key of its own for each attempt: the HIS cannot know; no stamp knows that key either."""
    lines = taken(story.scene, story.third)
    lines[1]["key"] = story.scene.uuid()
    lines[1]["event"] = None
    lines[1]["possible_duplicate"] = False
    return f"{DESTINATION}: the same bytes under {story.third.message_id}"


@mistake("I5")
def hand_over_repeated_without_a_fault(story: Story) -> str:
    repeated_in_peace(story)
    return f"{DESTINATION}: {story.departed.message_id}: repeated after it was taken"


def repeated_in_peace(story: Story) -> None:
    """One message twice, marked, while nothing was done to anybody."""
    story.scene.hand_over(story.departed, marked=True)
    lines = taken(story.scene, story.departed)
    lines[0]["at"], lines[1]["at"] = "2026-11-22T08:00:30.000Z", "2026-11-22T08:00:40.000Z"


def unanswered(story: Story, key: str) -> None:
    """The receiver's own note of a hand-over that had no answer."""
    at = "2026-11-22T08:00:37.000Z"
    story.scene.faults.append({"at": at, "kind": "his-unanswered", "target": DESTINATION, "until": None, "note": key})


@mistake("I5")
def hand_over_repeated_because_another_had_no_answer(story: Story) -> str:
    """The receiver noted that a hand-over had no answer, but it was another one."""
    repeated_in_peace(story)
    unanswered(story, story.first.message_id)
    return f"{DESTINATION}: {story.departed.message_id}: repeated after it was taken"


@mistake("I5")
def hand_over_marked_for_no_reason(story: Story) -> str:
    line = taken(story.scene, story.first)[0]
    line["possible_duplicate"] = True
    line["at"] = "2026-11-22T08:00:00.500Z"
    story.scene.faults = [{**fault, "at": later(fault["at"])} for fault in story.scene.faults]
    return f"{DESTINATION}: {story.first.message_id}: marked as a repeat"


def later(at: str) -> str:
    """Four seconds later, still before the run ends."""
    return iso(datetime.fromisoformat(at) + timedelta(seconds=4))


# --- I6: all or nothing ------------------------------------------------------------------------------------------


@mistake("I6")
def database_row_without_record(story: Story) -> str:
    """The message row names a place that holds something else."""
    row(story.scene, "message", message_id=story.third.message_id)["offset"] += 50
    return f"row of message {story.third.message_id} of {SENDER}: xfer.submit.{SENDER}@"


@mistake("I6")
def record_without_database_row(story: Story) -> str:
    rows = story.scene.tables["message"]
    rows.remove(row(story.scene, "message", message_id=story.departed.message_id))
    return story.departed.message_id


@mistake("I6")
def transfer_row_missing(story: Story) -> str:
    rows = story.scene.tables["transfer"]
    rows.remove(row(story.scene, "transfer", transfer_id=story.first.transfer_id))
    return f"transfer {story.first.transfer_id}"


@mistake("I6")
def outbox_row_missing(story: Story) -> str:
    rows = story.scene.tables["outbox"]
    rows.remove(row(story.scene, "outbox", message_id=story.third.message_id, record_type="envelope"))
    return "has no row in the outbox"


@mistake("I6")
def published_but_not_in_the_inbox(story: Story) -> str:
    """Marked as published with bytes that never came."""
    row(story.scene, "outbox", record_type="directory", destination=OTHER)["record_sha256"] = sha256(b"never")
    return f"of {OTHER} is not in its inbox as it was published"


@mistake("I6")
def position_moved_past_a_record(story: Story) -> str:
    topic, offset = story.scene.submit_record(OTHER, "envelope", b"{}")
    return f"{topic}@{offset}: the position moved past it"


# --- I7: order ---------------------------------------------------------------------------------------------------


@mistake("I7", "I6", late=True)
def gap_in_delivery_seq(story: Story) -> str:
    """The last number of an inbox is given out one too high; its row says otherwise."""
    placed = inbox(story.scene, OTHER)[-1]
    number = stamp_of(placed)["delivery_seq"]
    stamp_of(placed)["delivery_seq"] = number + 1
    return f"xfer.inbox.{OTHER}: number {number} is missing"


@mistake("I7", "I6", late=True)
def repeated_delivery_seq_with_other_content(story: Story) -> str:
    placed = inbox(story.scene, OTHER)[-1]
    number = stamp_of(placed)["delivery_seq"]
    stamp_of(placed)["delivery_seq"] = number - 1
    return f"number {number - 1} at xfer.inbox.{OTHER}@{number - 1} repeats"


@mistake("I7")
def order_of_a_case_turned(story: Story) -> str:
    """Both events of the sender reach the other side, the later first."""
    scene = story.scene
    one, two = (envelopes_of(scene, message)[0] for message in (story.first, story.departed))
    swap(scene, DESTINATION, one, two)
    return f"case {story.first.case_id}: event 1"


@mistake("I7")
def order_of_a_pair_turned(story: Story) -> str:
    scene = story.scene
    one, two = (envelopes_of(scene, message)[0] for message in (story.first, story.third))
    swap(scene, DESTINATION, one, two)
    return f"{SENDER} to {DESTINATION}, urgent"


@mistake("I7")
def published_out_of_number(story: Story) -> str:
    """A higher number lies before a lower one in the log, and nobody had asked for it."""
    records = inbox(story.scene, DESTINATION)
    records[0], records[1] = records[1], records[0]
    return f"xfer.inbox.{DESTINATION}: number 1 at xfer.inbox.{DESTINATION}@1 comes after 2"


def swap(scene: Scene, code: str, one: Placed, two: Placed) -> None:
    """Two records change places, numbers and rows."""
    records, rows = inbox(scene, code), scene.tables["outbox"]
    first, second = stamp_of(one)["delivery_seq"], stamp_of(two)["delivery_seq"]
    own = [row(scene, "outbox", destination=code, delivery_seq=number) for number in (first, second)]
    here, there = records.index(one), records.index(two)
    records[here], records[there] = two, one
    stamp_of(one)["delivery_seq"], stamp_of(two)["delivery_seq"] = second, first
    own[0]["delivery_seq"], own[1]["delivery_seq"] = second, first
    assert len(rows) > 1


# --- I8: states --------------------------------------------------------------------------------------------------


def restate(story: Story, message: Message, **tracks: str) -> None:
    """An event's resulting state is changed wherever it is told: in the stamp and in the receipt."""
    scene, placed = story.scene, envelopes_of(story.scene, message)[0]
    state = stamp_of(placed)["state"] | tracks
    stamp_of(placed)["state"] = state
    token = signed_again(receipts_of(scene, message)[0].value, state=state)
    replace_value(scene, message.sender, receipts_of(scene, message)[0], token)
    message.receipt = token
    row(scene, "message", message_id=message.message_id)["receipt"] = token.decode()


@mistake("I8")
def forbidden_state_step(story: Story) -> str:
    """A cancel takes hold although the transfer was declined."""
    scene = story.scene
    late = scene.about(story.second, "transfer-cancel")
    scene.tick()
    late.place = scene.submit_record(late.sender, "envelope", late.envelope)
    transfer = scene.transfers[late.transfer_id]
    scene.accept(late, State(transfer["delivery"], "cancelled", transfer["journey"], transfer["loop"]))
    scene.hand_over(late)
    scene.ack(late)
    return f"transfer {late.transfer_id}: event 3, transfer-cancel, message {late.message_id}"


@mistake("I8")
def accepted_without_deciding(story: Story) -> str:
    restate(story, story.accept, decision="under-review")
    return f"message {story.accept.message_id}"


@mistake("I8")
def journey_moved_backward(story: Story) -> str:
    story.scene.transfers[story.first.transfer_id]["journey"] = "not-departed"
    return f"transfer {story.first.transfer_id} stands at"


@mistake("I8")
def care_refused(story: Story) -> str:
    scene = story.scene
    departed = scene.about(story.second, "transfer-departed")
    scene.tick()
    departed.place = scene.submit_record(departed.sender, "envelope", departed.envelope)
    scene.answer(departed, "refused", "late", winning=2)
    return f"message {departed.message_id} of {SENDER}, transfer-departed: care was refused"


@mistake("I8")
def answered_by_the_wrong_party(story: Story) -> str:
    """The sender accepts its own transfer."""
    scene = story.scene
    own = scene.about(story.third, "transfer-departed")
    own.event = "transfer-accept"
    scene.submit(own)
    scene.hand_over(own)
    scene.ack(own)
    return f"message {own.message_id} at"


@mistake("I8")
def receipt_and_stamp_tell_different_states(story: Story) -> str:
    scene, message = story.scene, story.departed
    placed = receipts_of(scene, message)[0]
    state = claims_of(placed.value)["state"] | {"decision": "open"}
    token = signed_again(placed.value, state=state)
    replace_value(scene, SENDER, placed, token)
    message.receipt = token
    row(scene, "message", message_id=message.message_id)["receipt"] = token.decode()
    return f"message {message.message_id}: its receipt"


# --- I14: audit --------------------------------------------------------------------------------------------------


def leaf_of(scene: Scene, **wanted: Any) -> int:
    """The first entry with these facts."""
    said = [json.loads(entry) for _, entry in scene.audit]
    return next(i for i, one in enumerate(said) if all(one.get(name) == value for name, value in wanted.items()))


@mistake("I6", "I14")
def audit_leaf_missing(story: Story) -> str:
    """The action left no entry at all: not in the database, not in the log; the roots fit what is there."""
    index = leaf_of(story.scene, message_id=story.third.message_id)
    del story.scene.audit[index]
    return f"receipt of message {story.third.message_id} of {SENDER}"


@mistake("I6", "I14")
def audit_leaf_of_a_status_missing(story: Story) -> str:
    del story.scene.audit[leaf_of(story.scene, action="inbox-status-accepted", facility=OTHER)]
    return f"xfer.submit.{OTHER}@"


@mistake("I14")
def audit_leaf_invented(story: Story) -> str:
    story.scene.note("ack-accepted", facility=OTHER, topic=f"xfer.submit.{OTHER}", offset=77, record_sha256="0" * 64)
    return "ack-accepted of record 0000000000000000: no such record"


@mistake("I14", "I4")
def audit_leaf_of_an_answer_invented(story: Story) -> str:
    """A decision that nobody was told."""
    message_id = story.scene.uuid()
    facts = {"topic": f"xfer.submit.{OTHER}", "offset": 1, "verdict": "accepted", "record_sha256": "0" * 64}
    story.scene.note("message-accepted", sender=OTHER, message_id=message_id, **facts)
    return f"message-accepted of message {message_id}: receipts of 0 messages name it"


@mistake("I14", late=True)
def audit_root_wrong(story: Story) -> str:
    size = story.scene.checkpoints[1]
    story.scene.false_roots[size] = b"\x01" * 32
    return f"checkpoint 2: the root of {size} leaves is another"


@mistake("I14", late=True)
def audit_entry_altered(story: Story) -> str:
    """One word of an entry, with the leaf hash left as it was."""

    def altered(lines: list[str]) -> list[str]:
        return [
            line.replace("directory-accepted", "facility-suspended") if '"index": 0,' in line else line
            for line in lines
        ]

    change_lines(story.scene, "audit/entries.jsonl", altered)
    return "leaf 0 is not its entry's"


@mistake("I14", late=True)
def two_histories(story: Story) -> str:
    """A checkpoint of a smaller tree after a larger one."""
    story.scene.checkpoints.append(3)
    return "checkpoint 4: 3 leaves after"


@mistake("I14", late=True)
def checkpoint_of_another_key(story: Story) -> str:
    change_lines(story.scene, "audit/checkpoints.txt", lambda lines: [*lines[:1], "2\n", *lines[2:]])
    return "checkpoint 1: not signed by the log's key"


@mistake("I14", late=True)
def entry_never_numbered(story: Story) -> str:
    story.scene.tables["audit_entry"].append({"leaf_hash": "0" * 64, "at": iso(story.scene.now), "log_index": None})
    return "is in no checkpoint after quiescence"


# --- the run and the folder --------------------------------------------------------------------------------------


@mistake("run", late=True)
def fault_below_its_minimum(story: Story) -> str:
    story.scene.facts["minimums"]["faults"]["kill-worker"] = 2
    return "fault kill-worker: 1 times, at least 2"


@mistake("run", late=True)
def failpoint_never_hit(story: Story) -> str:
    del story.scene.facts["failpoints"]["exchange.after-commit"]
    return "failpoint exchange.after-commit: 0 times"


@mistake("run", late=True)
def situation_never_seen(story: Story) -> str:
    story.scene.facts["situations"]["crossed"] = 0
    return "situation crossed: 0 times"


@mistake("run", late=True)
def nothing_was_promised(story: Story) -> str:
    story.scene.facts["minimums"]["faults"] = {}
    return "faults: nothing is promised"


@mistake("run", late=True)
def fault_outside_the_run(story: Story) -> str:
    story.scene.facts["started_at"] = story.scene.facts["faults_ended_at"]
    return "outside the run"


@mistake("inputs", "I1", "I3", late=True)
def empty_ledger(story: Story) -> str:
    """The sending HIS wrote nothing down: what was delivered, nobody intended."""
    story.scene.senders.clear()
    return "sender/: empty"


@mistake("inputs", "I6", "I14", late=True)
def truncated_dump(story: Story) -> str:
    """The dump of a topic stops before its last record, which is an inbox-status."""
    change_lines(story.scene, f"topics/xfer.submit.{OTHER}.jsonl", lambda lines: lines[:-1])
    return f"xfer.submit.{OTHER}: the dump ends at"


@mistake("inputs", late=True)
def ledger_cut_in_a_line(story: Story) -> str:
    change_lines(story.scene, "faults.jsonl", lambda lines: [*lines, lines[-1][:9]])
    return "faults.jsonl:4: the last line was cut short"
