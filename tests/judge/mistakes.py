"""Mistakes that a product could make, each as one change of an honest run's books."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
    iso,
    sha256,
)
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
