"""Every row of the profile's table, mutated: what the gate says, what FHIR says, and whether the two editions agree."""

import pickle
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.message import read_facts
from schemas.profile.completeness import gaps
from schemas.profile.gate import judge
from schemas.profile.json_schema import validator_for
from schemas.profile.rows import Row
from schemas.profile.table import Node, resources, tree
from schemas.reasons import Refused
from tests.schemas.bundles import bundle_for, to_json
from tests.schemas.profile import mutations
from tests.schemas.profile.sites import Json, Site, sites

EVENTS = sorted(SUPPORTED, key=lambda event: (event is not Event.SUBMIT, event))


@cache
def _original(event: Event, priority: str) -> Json:
    return bundle_for(event, priority=priority)


@cache
def _chosen(event: Event) -> dict[Row, int]:
    """Row → position of one of its sites: a datatype stands in dozens of places, which share one definition."""
    found: dict[Row, int] = {}
    for position, site in enumerate(sites(_original(event, "urgent"), event)):
        found.setdefault(site.row, position)
    return found


def _paths(event: Event) -> set[str]:
    return {row.path for row in _chosen(event)}


@cache
def _frozen(event: Event, priority: str, position: int) -> tuple[bytes, Site]:
    """A Bundle and the object around one site, pickled together: copies keep the one inside the other."""
    bundle = _original(event, priority)
    site = sites(bundle, event)[position]
    return pickle.dumps((bundle, site.holder)), site


def _mutated(event: Event, priority: str, position: int, mutate: mutations.Mutation) -> Json:
    frozen, site = _frozen(event, priority, position)
    bundle, holder = pickle.loads(frozen)
    mutate(replace(site, holder=holder))
    assert isinstance(bundle, dict)
    return bundle


def _accepts(bundle: Json) -> bool:
    """What the exchange does: read the facts, then judge."""
    try:
        judgement = judge(bundle, read_facts(bundle))
    except Refused:
        return False
    for finding in (*judgement.refusals, *judgement.missing):
        assert re.fullmatch(r"[A-Za-z0-9_.\[\]() -]+", finding.where)
        assert "unknownElement" not in finding.where  # somebody typed that name: it is content
    return judgement.accepted


def _fhir_accepts(bundle: Json, original: Json) -> bool:
    """FHIR's reader judges entries one by one, so only those that differ from an accepted original are shown to it."""
    changed = [entry for entry in bundle["entry"] if entry not in original["entry"]] or bundle["entry"][:1]
    Bundle.model_validate_json(to_json({**bundle, "entry": changed}))  # raises otherwise: the test shows where
    return True


def _editions_agree(bundle: Json, event: Event) -> bool:
    """A Bundle is complete exactly when it has the shape and no gaps."""
    shape = validator_for(event).is_valid(bundle)
    complete = validator_for(event, complete=True).is_valid(bundle)
    return complete == (shape and not list(gaps(bundle, event)))


@dataclass
class Tally:
    """Per row: how many mutations the gate accepted and refused."""

    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def count(self, path: str, accepted: bool) -> None:
        (self.accepted if accepted else self.refused)[path] += 1

    def lines(self) -> Iterator[str]:
        for path in sorted({*self.accepted, *self.refused}):
            yield f"{path:<72} {self.accepted[path]:>4} accepted {self.refused[path]:>5} refused"


def _rows_of(event: Event, roots: set[str]) -> set[str]:
    def below(node: Node) -> Iterator[str]:
        for child in node.children.values():
            assert child.row is not None
            yield child.row.path
            yield from below(child)

    return {path for root in roots for path in below(tree(event)[root])}


@pytest.mark.parametrize("event", EVENTS)
def test_fhir_accepts_the_samples_whole(event: Event) -> None:
    bundle = _original(event, "urgent")
    assert _accepts(bundle)
    Bundle.model_validate_json(to_json(bundle))


@pytest.mark.parametrize("event", EVENTS)
def test_each_row_stands_in_the_sample(event: Event) -> None:
    """Otherwise the mutations below would pass a row by in silence. Answers use few of the datatypes."""
    roots = set(tree(event)) if event in CARRIES_THE_CASE else {"Bundle", *resources(event)}
    assert _rows_of(event, roots) - _paths(event) == set()


@pytest.mark.timeout(300)
def test_mutations_of_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    tally, done = Tally(), set[Row]()
    for event in EVENTS:
        for row, position in _chosen(event).items():
            if row not in done:
                done.add(row)  # another event that has the same row would say the same
                _mutate_one(event, row.path, position, tally)
    with capsys.disabled():
        print("\nprofile rows, mutated one element at a time:")
        print("\n".join(tally.lines()))
    rows = {path for event in EVENTS for path in _paths(event)}
    assert {path for path in rows if not tally.accepted[path]} == set()
    assert {path for path in rows if not tally.refused[path]} == set()


def _mutate_one(event: Event, path: str, position: int, tally: Tally) -> None:
    site = sites(deepcopy(_original(event, "urgent")), event)[position]
    kinds: tuple[tuple[Callable[[Site], Iterator[mutations.Mutation]], tuple[str, ...]], ...] = (
        (mutations.fine, ("urgent",)),
        (mutations.either, ("urgent", "stat")),
        (mutations.bad, ("stat",)),  # what is refused even then is always refused
    )
    for kind, priorities in kinds:
        for number, mutate in enumerate(kind(site)):
            for priority in priorities:
                bundle = _mutated(event, priority, position, mutate)
                accepted = _accepts(bundle)
                where = f"{event} {path} {kind.__name__}[{number}] {priority}"
                tally.count(path, accepted)
                assert not (accepted and kind is mutations.bad), where
                assert _editions_agree(bundle, event), where
                assert not accepted or _fhir_accepts(bundle, _original(event, priority)), where


@st.composite
def _two_faults(draw: st.DrawFn) -> tuple[Event, str, list[tuple[int, int, int]]]:
    event = draw(st.sampled_from(EVENTS))
    total = len(sites(_original(event, "urgent"), event))
    step = st.tuples(st.integers(0, total - 1), st.integers(0, 2), st.integers(0, 30))
    return event, draw(st.sampled_from(["stat", "urgent", "routine"])), draw(st.lists(step, min_size=1, max_size=3))


@settings(max_examples=300, deadline=None)
@given(_two_faults())
def test_several_mutations_at_once(case: tuple[Event, str, list[tuple[int, int, int]]]) -> None:
    event, priority, steps = case
    bundle: Any = deepcopy(_original(event, priority))
    for position, kind, number in steps:
        found = sites(bundle, event)
        site = found[position % len(found)]
        choices = list((mutations.fine, mutations.either, mutations.bad)[kind](site))
        choices[number % len(choices)](site)
        if not validator_for(event).is_valid(bundle):
            break  # a Bundle without its shape has no sites to look for
    assert _editions_agree(bundle, event)
    if _accepts(bundle):
        assert _fhir_accepts(bundle, _original(event, priority))
