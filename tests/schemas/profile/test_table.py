"""The table itself: closed, consistent, and of a form that the generator understands."""

from collections.abc import Iterator

import pytest

from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.profile.datatypes import DATATYPES
from schemas.profile.json_schema import build
from schemas.profile.primitives import PRIMITIVES
from schemas.profile.rows import MANY, Coded, Fixed, Need, OneOf, Row, choices, companions, row, ways_to_say
from schemas.profile.table import ROWS, Held, Node, resources, tree

EVENTS = sorted(SUPPORTED)
ALL = (*DATATYPES, *ROWS)
REFERENCE_KINDS = ("Reference", "Logical", "Named")


def kinds(one: Row) -> list[str]:
    return one.type.split("|")


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.path)
def test_each_datatype_exists(one: Row) -> None:
    known = {*PRIMITIVES, *(other.path.split(".")[0] for other in DATATYPES), "Element", "Extension"}
    for kind in kinds(one):
        assert kind in known or kind.partition("(")[0] in REFERENCE_KINDS


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.path)
def test_need_and_cardinality_agree(one: Row) -> None:
    """What is needed occurs at least once; what is not needed may be left out."""
    needed = one.need in (Need.MUST, Need.SAID, Need.R, Need.W)
    assert (one.low >= 1) is needed
    assert one.low <= one.high <= MANY
    assert one.many or one.high == 1


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.path)
def test_bindings_fit_their_datatypes(one: Row) -> None:
    if isinstance(one.binding, Coded):
        assert one.type in ("Coding", "CodeableConcept")
    elif one.binding is not None:
        assert all(kind in PRIMITIVES for kind in kinds(one))
    if isinstance(one.binding, OneOf):
        assert len(set(one.binding.codes)) == len(one.binding.codes) > 0


def test_references_name_resources_that_the_event_holds() -> None:
    for event in EVENTS:
        for node in _nodes(event):
            for kind in kinds(node):
                name, _, targets = kind.rstrip(")").partition("(")
                if name == "Reference":
                    assert set(targets.split(",")) <= set(resources(event)), f"{event} {node.path}"


def _nodes(event: Event) -> Iterator[Row]:
    def below(node: Node) -> Iterator[Row]:
        for child in node.children.values():
            assert child.row is not None
            yield child.row
            yield from below(child)

    for name in ("Bundle", *resources(event)):
        yield from below(tree(event)[name])


@pytest.mark.parametrize("event", EVENTS)
def test_every_object_of_the_schema_is_closed(event: Event) -> None:
    """Wherever members are listed as an element's own, no others may stand."""
    for complete in (False, True):
        schema = build(event, complete=complete)
        for name, definition in schema["$defs"].items():
            if name not in PRIMITIVES:
                assert definition["type"] == "object", name
        for part in _parts(schema):
            if part.get("type") == "object":
                assert part["additionalProperties"] is False


def _parts(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts(item)


@pytest.mark.parametrize("event", EVENTS)
def test_the_schema_holds_no_look_around(event: Event) -> None:
    """Patterns run in linear time: the compiler for them knows neither look-around nor back references."""
    for part in _parts(build(event, complete=True)):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            assert not any(mark in pattern for mark in ("(?=", "(?!", "(?<", "\\1"))


@pytest.mark.parametrize("event", sorted(set(Event) - SUPPORTED))
def test_unsupported_events_have_no_profile(event: Event) -> None:
    with pytest.raises(KeyError):
        tree(event)
    with pytest.raises(KeyError):
        resources(event)
    with pytest.raises(KeyError):
        build(event)


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_is_bound_to_its_own_name(event: Event) -> None:
    nodes = tree(event)
    bound = {
        nodes["Bundle"].children["meta"].children["profile"].row,
        nodes["MessageHeader"].children["eventCoding"].children["code"].row,
        nodes["MessageHeader"].children["definition"].row,
    }
    for one in bound:
        assert one is not None
        assert isinstance(one.binding, Fixed)
        assert event.value in one.binding.value


@pytest.mark.parametrize("event", sorted(SUPPORTED - CARRIES_THE_CASE))
def test_answers_hold_no_clinical_content(event: Event) -> None:
    clinical = {"Patient", "Condition", "Observation", "DocumentReference", "ServiceRequest", "Encounter"}
    assert not clinical & set(resources(event))


def test_essential_resources_occur_once() -> None:
    for event in EVENTS:
        for kind, held in resources(event).items():
            assert isinstance(held, Held)
            if held.need is Need.MUST:
                assert (held.low, held.high) == (1, 1), kind


@pytest.mark.parametrize("card", ["1", "1..", "..1", "[0..1", "0..1]", "a..b", "-1..1", "1..1..1", ""])
def test_a_malformed_cardinality_is_an_error(card: str) -> None:
    with pytest.raises(ValueError, match="cardinality"):
        row("X.y", card, "string")


def test_choices_spell_members_as_fhir_does() -> None:
    one = row("Observation.value[x]", "1..1", "Quantity|longString|dateTime|moment", Need.R)
    assert choices(one) == ["valueQuantity", "valueString", "valueDateTime", "valueDateTime"]
    assert choices(row("A.b", "0..1", "string")) == ["b"]


def test_companions_stand_only_where_a_primitive_may_be_unknown() -> None:
    assert companions(row("A.b", "1..1", "string", Need.R)) == ["_b"]
    assert companions(row("A.b", "1..1", "string", Need.SAID)) == ["_b"]
    assert companions(row("A.b", "1..1", "string", Need.MUST)) == []
    assert companions(row("A.b", "1..1", "Period", Need.R)) == []
    assert companions(row("A.b[x]", "1..1", "dateTime|Period", Need.R)) == ["_bDateTime"]
    assert companions(row("A.b[x]", "1..1", "dateTime|Period", Need.SAID)) == []
    assert companions(row("A.b[x]", "1..1", "string", Need.R, instead=("c",))) == []


def test_ways_to_say_an_element() -> None:
    one = row("A.b[x]", "1..1", "string|Quantity", Need.R, instead=("dataAbsentReason",))
    assert ways_to_say(one) == ["bString", "bQuantity", "dataAbsentReason"]
    assert ways_to_say(row("A.b", "1..1", "code", Need.R)) == ["b", "_b"]
