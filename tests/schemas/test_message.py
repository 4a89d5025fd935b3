"""The facts of a message: read from any shape of Bundle, or refused with a place; nothing else ever happens."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.message import MessageFacts, read_facts
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Kind, Priority
from tests.schemas.bundles import (
    BY_DESTINATION,
    DESTINATION,
    SENDER,
    bundle_for,
    case_bundle,
    identifier,
    resource,
    uuid,
)
from tests.schemas.profile.sites import sites

Json = dict[str, Any]


def refusal(bundle: object) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as raised:
        read_facts(bundle)
    return raised.value.reason, raised.value.where


def test_the_facts_of_a_submit() -> None:
    bundle = case_bundle(priority="stat", kind="emergency", tags=["incomplete"])
    assert read_facts(bundle) == MessageFacts(
        message_id=resource(bundle, "MessageHeader")["id"],
        bundle_id=bundle["id"],
        case_id=uuid(0xCA),
        transfer_id=uuid(0x7A),
        event=Event.SUBMIT,
        sender=SENDER,
        recipient=DESTINATION,
        priority=Priority.STAT,
        kind=Kind.EMERGENCY,
        incarnation=uuid(0x1C),
        counter=7,
        response_to=None,
        tags=frozenset({"incomplete"}),
    )


@pytest.mark.parametrize("event", sorted(SUPPORTED - CARRIES_THE_CASE))
def test_the_facts_of_an_answer(event: Event) -> None:
    facts = read_facts(bundle_for(event))
    assert facts.event is event
    assert facts.response_to == uuid(0x5E)
    assert (facts.sender, facts.recipient) == (
        (DESTINATION, SENDER) if event in BY_DESTINATION else (SENDER, DESTINATION)
    )


@pytest.mark.parametrize(
    ("priority", "tags", "lenient"),
    [
        ("stat", [], True),
        ("urgent", [], False),
        ("routine", [], False),
        ("urgent", ["unclassified"], True),
        ("urgent", ["incomplete", "held-back"], False),
        ("stat", ["unclassified"], True),
    ],
)
def test_stat_and_unclassified_are_judged_leniently(priority: str, tags: list[str], lenient: bool) -> None:
    facts = read_facts(case_bundle(priority=priority, tags=tags))
    assert facts.lenient is lenient
    assert facts.unclassified is ("unclassified" in tags)


def test_a_tag_of_another_system_is_no_tag() -> None:
    bundle = case_bundle()
    bundle["meta"]["tag"] = [{"system": "urn:other", "code": "unclassified"}]
    assert read_facts(bundle).tags == frozenset()


def test_an_answer_may_leave_its_kind_out() -> None:
    bundle = bundle_for(Event.ACCEPT)
    resource(bundle, "Task")["extension"] = resource(bundle, "Task")["extension"][1:]
    assert read_facts(bundle).kind is None


SPOILT: dict[str, tuple[Callable[[Json], object], ReasonCode, str]] = {
    "no Bundle": (lambda b: b.update(resourceType="List"), ReasonCode.PROFILE_VIOLATED, "Bundle.entry"),
    "no entries": (lambda b: b.update(entry=[]), ReasonCode.PROFILE_VIOLATED, "Bundle.entry"),
    "another first": (lambda b: b["entry"].pop(0), ReasonCode.BUNDLE_RULE_BROKEN, "Bundle.entry[0]"),
    "no focus": (
        lambda b: resource(b, "MessageHeader").pop("focus"),
        ReasonCode.BUNDLE_RULE_BROKEN,
        "MessageHeader.focus",
    ),
    "two foci": (
        lambda b: resource(b, "MessageHeader").update(focus=resource(b, "MessageHeader")["focus"] * 2),
        ReasonCode.BUNDLE_RULE_BROKEN,
        "MessageHeader.focus",
    ),
    "a focus that is no Task": (
        lambda b: resource(b, "MessageHeader").update(focus=[resource(b, "MessageHeader")["sender"]]),
        ReasonCode.BUNDLE_RULE_BROKEN,
        "MessageHeader.focus",
    ),
    "an event nobody knows": (
        lambda b: resource(b, "MessageHeader")["eventCoding"].update(code="transfer-banana"),
        ReasonCode.EVENT_UNKNOWN,
        "MessageHeader.eventCoding",
    ),
    "an event of another system": (
        lambda b: resource(b, "MessageHeader")["eventCoding"].update(system="urn:other"),
        ReasonCode.EVENT_UNKNOWN,
        "MessageHeader.eventCoding",
    ),
    "asap": (
        lambda b: resource(b, "Task").update(priority="asap"),
        ReasonCode.PRIORITY_NOT_ALLOWED,
        "Task.priority",
    ),
    "no kind": (
        lambda b: resource(b, "Task")["extension"].pop(0),
        ReasonCode.PROFILE_VIOLATED,
        "Task.extension(kind)",
    ),
    "a kind nobody knows": (
        lambda b: resource(b, "Task")["extension"][0].update(valueCode="banana"),
        ReasonCode.PROFILE_VIOLATED,
        "Task.extension(kind)",
    ),
    "no origin": (
        lambda b: resource(b, "MessageHeader")["extension"].pop(0),
        ReasonCode.PROFILE_VIOLATED,
        "MessageHeader.extension(origin)",
    ),
    "two origins": (
        lambda b: resource(b, "MessageHeader")["extension"].append(resource(b, "MessageHeader")["extension"][0]),
        ReasonCode.PROFILE_VIOLATED,
        "MessageHeader.extension(origin)",
    ),
    "a counter of zero": (
        lambda b: resource(b, "MessageHeader")["extension"][0]["extension"][1].update(valuePositiveInt=0),
        ReasonCode.PROFILE_VIOLATED,
        "MessageHeader.extension(origin)",
    ),
    "a counter that is true": (
        lambda b: resource(b, "MessageHeader")["extension"][0]["extension"][1].update(valuePositiveInt=True),
        ReasonCode.PROFILE_VIOLATED,
        "MessageHeader.extension(origin)",
    ),
    "a message id in capitals": (
        lambda b: resource(b, "MessageHeader").update(id=uuid(10).upper().replace("0", "A")),
        ReasonCode.ID_MALFORMED,
        "MessageHeader.id",
    ),
    "no Bundle id": (lambda b: b.pop("id"), ReasonCode.ID_MALFORMED, "Bundle.id"),
    "no case": (lambda b: resource(b, "Task").pop("groupIdentifier"), ReasonCode.ID_MALFORMED, "Task.groupIdentifier"),
    "two transfers": (
        lambda b: resource(b, "Task")["identifier"].append(identifier(systems.TRANSFER_ID, uuid(1))),
        ReasonCode.ID_MALFORMED,
        "Task.identifier",
    ),
    "no destination": (
        lambda b: resource(b, "MessageHeader").pop("destination"),
        ReasonCode.BUNDLE_RULE_BROKEN,
        "MessageHeader.destination",
    ),
    "two destinations": (
        lambda b: resource(b, "MessageHeader").update(destination=resource(b, "MessageHeader")["destination"] * 2),
        ReasonCode.BUNDLE_RULE_BROKEN,
        "MessageHeader.destination",
    ),
    "a destination without code": (
        lambda b: resource(b, "Organization", 1).pop("identifier"),
        ReasonCode.ID_MALFORMED,
        "MessageHeader.destination",
    ),
    "a sender with two codes": (
        lambda b: resource(b, "Organization")["identifier"].append(identifier(systems.FACILITY, "01929")),
        ReasonCode.ID_MALFORMED,
        "MessageHeader.sender",
    ),
    "a sender with an odd code": (
        lambda b: resource(b, "Organization")["identifier"][0].update(value="24z01"),
        ReasonCode.ID_MALFORMED,
        "MessageHeader.sender",
    ),
    "a response to nothing": (
        lambda b: resource(b, "MessageHeader").update(response={"code": "ok"}),
        ReasonCode.ID_MALFORMED,
        "MessageHeader.response.identifier",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_refused_with_reason_and_place(name: str) -> None:
    spoil, reason, where = SPOILT[name]
    bundle = case_bundle()
    spoil(bundle)
    assert refusal(bundle) == (reason, where)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(SHAPES)
def test_any_value_is_refused(value: object) -> None:
    assert refusal(value)[0] in ReasonCode


@given(st.integers(0, 10**6), SHAPES, st.sampled_from(sorted(SUPPORTED)))
def test_any_value_in_any_place_gives_facts_or_a_refusal(place: int, value: Any, event: Event) -> None:
    """No other exception: what reads the facts reads what nobody has judged."""
    bundle = deepcopy(bundle_for(event))
    found = sites(bundle, event)
    found[place % len(found)].put(value)
    try:
        facts = read_facts(bundle)
    except Refused:
        return
    assert facts.event in Event
    assert facts.counter > 0


def test_the_facts_hold_nothing_of_the_patient() -> None:
    assert "HOÀNG" not in repr(read_facts(case_bundle()))
