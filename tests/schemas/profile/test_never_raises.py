"""The gate answers for any Bundle whatever: much taken away, much replaced by reasons, anything put anywhere."""

from copy import deepcopy
from typing import Any

from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes import systems
from schemas.events import SUPPORTED, Event
from schemas.message import read_facts
from schemas.profile.gate import FINDINGS_MAX, judge
from schemas.profile.json_schema import validator_for
from schemas.reasons import Refused
from tests.schemas.bundles import absent, bundle_for, concept, to_json
from tests.schemas.profile.sites import Json, Site, sites

EVENTS = sorted(SUPPORTED)
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _take_away(bundle: Json, event: Event, position: int, how: int) -> None:
    """Removes an element or puts a reason in its place, unless that spoils the shape."""
    found = sites(bundle, event)
    site: Site = found[position % len(found)]
    before = deepcopy(site.holder)
    if how == 0:
        site.remove()
    elif site.row.many:
        site.put([absent()])
    else:
        site.put(absent() if how == 1 else concept(systems.DATA_ABSENT, "unknown"))
    if not validator_for(event).is_valid(bundle):
        site.holder.clear()
        site.holder.update(before)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(EVENTS),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 2)), max_size=60),
    st.sampled_from(["stat", "routine"]),
)
def test_a_readable_bundle_with_much_missing(event: Event, steps: list[tuple[int, int]], priority: str) -> None:
    bundle = deepcopy(bundle_for(event, priority=priority))
    for position, how in steps:
        _take_away(bundle, event, position, how)
    facts = read_facts(bundle)  # what makes a message readable is never taken away by the shape alone
    judgement = judge(bundle, facts)
    assert len(judgement.refusals) <= FINDINGS_MAX
    if judgement.accepted:
        Bundle.model_validate_json(to_json(bundle))
    if priority == "routine":
        assert not any(found in judgement.refusals for found in judgement.missing)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EVENTS), st.integers(0, 10**6), SHAPES)
def test_anything_in_any_place(event: Event, place: int, value: Any) -> None:
    bundle = deepcopy(bundle_for(event))
    facts = read_facts(bundle)
    found = sites(bundle, event)
    found[place % len(found)].put(value)
    judge(bundle, facts)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EVENTS), SHAPES)
def test_anything_at_all(event: Event, value: Any) -> None:
    """Facts of a good Bundle, content of any shape: the gate trusts its own eyes only."""
    facts = read_facts(bundle_for(event))
    for bundle in (
        value,
        {"resourceType": "Bundle", "entry": value},
        {"entry": [value]},
        {"entry": [{"resource": value}]},
    ):
        if isinstance(bundle, dict):
            assert judge(bundle, facts).refusals


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EVENTS), st.data())
def test_entries_shuffled_left_out_and_repeated(event: Event, data: st.DataObject) -> None:
    bundle = deepcopy(bundle_for(event, priority="stat"))
    places = st.lists(st.integers(0, len(bundle["entry"]) - 1), min_size=1, max_size=len(bundle["entry"]) + 3)
    bundle["entry"] = [bundle["entry"][place] for place in data.draw(places)]
    try:
        facts = read_facts(bundle)
    except Refused:
        return
    if judge(bundle, facts).accepted:
        urls = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(set(urls)) == len(urls)
        assert bundle["entry"][0]["resource"]["resourceType"] == "MessageHeader"
