"""The gate's rule: what is refused for everyone, what stat and unclassified survive, what is only named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.message import read_facts
from schemas.profile import gate
from schemas.profile.completeness import said_to_be_unknown
from schemas.profile.gate import Finding, Judgement, judge
from schemas.profile.primitives import PRIMITIVES
from schemas.profile.rows import Need
from schemas.profile.table import resources, tree
from schemas.reasons import REASONS, Disposition, ReasonCode
from tests.schemas.bundles import MADE, absent, bundle_for, case_bundle, concept, resource

MISSING = ReasonCode.ELEMENT_MISSING


def verdict(bundle: dict[str, Any], **more: Any) -> Judgement:
    return judge(bundle, read_facts(bundle), **more)


def lenient_cases(spoil: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """The same fault in a stat message and in an unclassified one."""
    made = [case_bundle(priority="stat", kind="emergency"), case_bundle(tags=["unclassified"])]
    for bundle in made:
        spoil(bundle)
    return made


@pytest.mark.parametrize("event", sorted(SUPPORTED))
@pytest.mark.parametrize("priority", ["stat", "urgent", "routine"])
def test_a_careful_message_passes(event: Event, priority: str) -> None:
    assert verdict(bundle_for(event, priority=priority)) == Judgement()


def test_a_stat_update_passes() -> None:
    assert verdict(case_bundle(Event.UPDATE, priority="stat")) == Judgement()


def _r_elements(event: Event) -> list[tuple[str, str]]:
    """(resource type, element) for each R element of a resource itself that the sample gives once."""
    return [
        (kind, name)
        for kind in resources(event)
        for name, node in tree(event)[kind].children.items()
        if node.row is not None and node.row.need is Need.R and not name.startswith("extension:")
    ]


def _remove(bundle: dict[str, Any], kind: str, name: str) -> None:
    target = resource(bundle, kind)
    stem = name.removesuffix("[x]")
    for member in list(target):
        if member.removeprefix("_") == stem or (name.endswith("[x]") and member.startswith(stem)):
            del target[member]


@pytest.mark.parametrize(("kind", "name"), _r_elements(Event.SUBMIT))
def test_an_element_of_need_r_is_refused_or_named(kind: str, name: str) -> None:
    def spoil(bundle: dict[str, Any]) -> None:
        _remove(bundle, kind, name)

    strict = case_bundle()
    spoil(strict)
    judgement = verdict(strict)
    named = name.removesuffix("[x]")
    assert any(kind in found.where and named in found.where for found in judgement.refusals)
    for bundle in lenient_cases(spoil):
        judgement = verdict(bundle)
        assert judgement.refusals == ()
        assert any(kind in found.where and named in found.where for found in judgement.missing)


@pytest.mark.parametrize(("kind", "name"), _r_elements(Event.SUBMIT))
def test_a_reason_satisfies_need_r(kind: str, name: str) -> None:
    """A routine message passes with every R element said to be unknown, wherever FHIR has a place for the reason."""
    bundle = case_bundle(priority="routine")
    row = tree(Event.SUBMIT)[kind].children[name].row
    assert row is not None
    if name == "value[x]":
        _remove(bundle, kind, name)
        resource(bundle, kind)["dataAbsentReason"] = concept(systems.DATA_ABSENT, "unknown")
    elif name == "performed[x]":
        _remove(bundle, kind, name)
        resource(bundle, kind)["_performedString"] = absent()
    elif row.type in PRIMITIVES:
        _remove(bundle, kind, name)
        resource(bundle, kind)[f"_{name}"] = absent()
    else:
        resource(bundle, kind)[name] = [absent()] if row.many else absent()
    vitals = {Finding(MISSING, "Observation(8867-4 heart rate)")}  # no category, no vital sign
    assert set(verdict(bundle).refusals) == (vitals if name == "category" and kind == "Observation" else set())


@pytest.mark.parametrize("kind", sorted(k for k, held in resources(Event.SUBMIT).items() if held.need is Need.R))
def test_a_missing_resource_is_refused_or_named(kind: str) -> None:
    def spoil(bundle: dict[str, Any]) -> None:
        bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != kind]

    if kind == "Organization":
        return  # without them the facts cannot be read: nobody knows the destination
    strict = case_bundle()
    spoil(strict)
    assert Finding(MISSING, kind) in verdict(strict).refusals
    for bundle in lenient_cases(spoil):
        judgement = verdict(bundle)
        assert judgement.refusals == ()
        assert Finding(MISSING, kind) in judgement.missing


@pytest.mark.parametrize("kind", ["Patient", "ServiceRequest"])
def test_without_patient_or_request_nobody_passes(kind: str) -> None:
    for bundle in [case_bundle(), case_bundle(priority="stat")]:
        bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != kind]
        assert Finding(MISSING, kind) in verdict(bundle).refusals


@pytest.mark.parametrize("kind", ["Patient", "Task", "ServiceRequest", "MessageHeader"])
def test_two_of_what_must_be_one_stop_everybody(kind: str) -> None:
    bundle = case_bundle(priority="stat")
    other = {**resource(bundle, kind), "id": "00000000-0000-4000-8000-0000000000aa"}
    bundle["entry"].append({"fullUrl": "urn:uuid:00000000-0000-4000-8000-0000000000aa", "resource": other})
    assert [found.reason for found in verdict(bundle).refusals] == [ReasonCode.BUNDLE_RULE_BROKEN]


def test_what_is_only_wanted_is_named_and_never_refused() -> None:
    bundle = case_bundle(priority="routine")
    del resource(bundle, "Patient")["address"]
    del resource(bundle, "Patient")["contact"]
    del resource(bundle, "MedicationStatement")["dosage"]
    wheres = {"Patient.address", "Patient.contact", "MedicationStatement.dosage"}
    judgement = verdict(bundle)
    assert judgement.accepted
    assert judgement.missing == ()
    assert {found.where for found in judgement.wanted} == wheres


def test_what_is_only_wanted_does_not_make_a_message_incomplete() -> None:
    """Otherwise every slip of an insurance export would carry the mark, and nobody would look at it any more."""
    bundle = case_bundle(priority="stat")
    del resource(bundle, "Patient")["contact"]
    assert verdict(bundle) == Judgement((), (), (Finding(MISSING, "Patient.contact"),))


def test_no_information_on_medicines_wants_no_dosage() -> None:
    bundle = case_bundle()
    statement = resource(bundle, "MedicationStatement")
    del statement["dosage"]
    statement["medicationCodeableConcept"] = concept(systems.ABSENT_UNKNOWN, "no-medication-info")
    assert verdict(bundle) == Judgement()


def test_the_legal_basis_has_its_own_reason() -> None:
    def spoil(bundle: dict[str, Any]) -> None:
        del resource(bundle, "MessageHeader")["extension"][1]

    strict = case_bundle()
    spoil(strict)
    finding = Finding(ReasonCode.LEGAL_BASIS_MISSING, "MessageHeader.extension(legal-basis)")
    assert verdict(strict).refusals == (finding,)
    for bundle in lenient_cases(spoil):
        assert verdict(bundle) == Judgement((), (finding,))


def test_markup_is_refused_or_named() -> None:
    def spoil(bundle: dict[str, Any]) -> None:
        resource(bundle, "Condition")["code"]["text"] = "đau <b>ngực</b>"

    strict = case_bundle()
    spoil(strict)
    assert [found.reason for found in verdict(strict).refusals] == [ReasonCode.MARKUP_IN_TEXT]
    for bundle in lenient_cases(spoil):
        assert verdict(bundle).accepted


@pytest.mark.parametrize("text", ["<script>x</script>", "<img src=x onerror=y>", "a\x01b"])
def test_what_a_page_would_run_stops_everybody(text: str) -> None:
    bundle = case_bundle(priority="stat")
    resource(bundle, "Condition")["code"]["text"] = text
    assert verdict(bundle).refusals == (Finding(ReasonCode.PROFILE_VIOLATED, "Bundle.entry[9].Condition.code.text"),)


@pytest.mark.parametrize("event", sorted(SUPPORTED - CARRIES_THE_CASE))
def test_answers_of_stat_transfers_are_judged_leniently_too(event: Event) -> None:
    for priority, refused in (("stat", False), ("routine", True)):
        bundle = bundle_for(event, priority=priority)
        del resource(bundle, "Task")["businessStatus"]
        judgement = verdict(bundle)
        assert bool(judgement.refusals) is refused
        assert (*judgement.refusals, *judgement.missing) == (Finding(MISSING, "Task.businessStatus"),)


@pytest.mark.parametrize("event", sorted(set(Event) - SUPPORTED))
def test_an_event_without_profile_is_refused_as_unknown(event: Event) -> None:
    facts = replace(read_facts(case_bundle()), event=event)
    refusals = judge(case_bundle(), facts).refusals
    assert refusals == (Finding(ReasonCode.EVENT_UNKNOWN, "MessageHeader.eventCoding"),)


def test_a_bundle_of_another_event_does_not_pass() -> None:
    """Facts and content come from the same bytes; if they did not, the shape would tell."""
    facts = replace(read_facts(case_bundle()), event=Event.UPDATE)
    assert not judge(case_bundle(), facts).accepted


@pytest.mark.parametrize(("minutes", "fine"), [(-4, True), (0, True), (60, True), (-6, False), (-60, False)])
def test_the_bundle_was_made_before_it_was_signed(minutes: int, fine: bool) -> None:
    signed_at = datetime.fromisoformat(MADE).astimezone(UTC) + timedelta(minutes=minutes)
    judgement = verdict(case_bundle(), signed_at=signed_at)
    assert judgement.accepted is fine
    assert verdict(case_bundle(priority="stat"), signed_at=signed_at).accepted


def test_nesting_beyond_measure_is_refused() -> None:
    bundle = case_bundle()
    facts = read_facts(bundle)
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    bundle["meta"]["tag"] = deep
    assert judge(bundle, facts).refusals


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: resource(b, "Patient").update(identifier=[{}] * 150_000),
        lambda b: resource(b, "Patient").update(extension=[{"url": "a"}] * 40_000),
        lambda b: resource(b, "Patient").update({f"x{n}": 1 for n in range(40_000)}),
        lambda b: b["meta"].update(tag=[{}] * 100_000),
        lambda b: b.update(entry=b["entry"] + [b["entry"][-1]] * 20_000),
        lambda b: [entry["resource"].update(component=[{"x": [1]}] * 100) for entry in b["entry"]],
    ],
)
def test_a_bundle_broken_beyond_measure_costs_little(spoil: Callable[[dict[str, Any]], object]) -> None:
    """Naming every fault of such a Bundle would take minutes and gigabytes."""
    bundle = case_bundle()
    facts = read_facts(bundle)
    spoil(bundle)
    assert 1 <= len(judge(bundle, facts).refusals) <= gate.FINDINGS_MAX


def test_reasons_instead_of_values_are_listed() -> None:
    bundle = case_bundle()
    del resource(bundle, "Patient")["gender"]
    resource(bundle, "Patient")["_gender"] = absent()
    resource(bundle, "Encounter")["hospitalization"] = absent("unsupported")
    found = set(said_to_be_unknown(bundle))
    assert {"Patient.gender", "Encounter.hospitalization"} < found
    assert any(path.endswith("Observation.dataAbsentReason") for path in found)
    assert not any("name" in path for path in found)


def test_every_finding_has_an_agreed_sentence() -> None:
    for code in (MISSING, ReasonCode.MARKUP_IN_TEXT, ReasonCode.PROFILE_VIOLATED, ReasonCode.BUNDLE_RULE_BROKEN):
        assert REASONS[code].disposition is Disposition.REJECT
