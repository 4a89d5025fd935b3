"""Where a fault lies: the path is told, content never."""

from copy import deepcopy
from typing import Any

import pytest

from schemas.events import Event
from schemas.message import read_facts
from schemas.profile.faults import locate
from schemas.profile.gate import FINDINGS_MAX, Finding, judge
from schemas.reasons import ReasonCode
from tests.schemas.bundles import case_bundle, resource

SECRET = "NGUYEN VAN BI MAT"


def found(bundle: dict[str, Any]) -> list[Finding]:
    return list(locate(bundle, Event.SUBMIT))


def test_a_missing_element_is_named() -> None:
    bundle = case_bundle()
    del resource(bundle, "Condition", 1)["subject"]
    other = resource(bundle, "Condition", 1)
    position = next(number for number, entry in enumerate(bundle["entry"]) if entry["resource"] is other)
    assert found(bundle) == [Finding(ReasonCode.ELEMENT_MISSING, f"Bundle.entry[{position}].Condition.subject")]


def test_the_only_resource_of_a_type_needs_no_position() -> None:
    bundle = case_bundle()
    resource(bundle, "Patient")["birthDate"] = SECRET
    assert found(bundle) == [Finding(ReasonCode.PROFILE_VIOLATED, "Patient.birthDate")]


def test_indexes_are_told() -> None:
    bundle = case_bundle()
    resource(bundle, "Patient")["identifier"][1]["value"] = 7
    assert [finding.where for finding in found(bundle)] == ["Patient.identifier[1].value"]


@pytest.mark.parametrize("name", ["contained", "text", "modifierExtension", "implicitRules"])
def test_an_element_of_fhir_that_the_profile_does_not_hold_is_named(name: str) -> None:
    bundle = case_bundle()
    resource(bundle, "Patient")[name] = SECRET
    assert found(bundle) == [Finding(ReasonCode.PROFILE_VIOLATED, f"Patient.{name}")]


def test_an_unknown_name_is_content_and_not_repeated() -> None:
    bundle = case_bundle()
    resource(bundle, "Patient")[SECRET] = SECRET
    assert found(bundle) == [Finding(ReasonCode.PROFILE_VIOLATED, "Patient.(unknown element)")]


def test_a_malformed_id_has_its_own_reason() -> None:
    bundle = case_bundle()
    resource(bundle, "Coverage")["id"] = SECRET
    assert Finding(ReasonCode.ID_MALFORMED, "Coverage.id") in found(bundle)


@pytest.mark.parametrize("resource_type", ["Binary", "Bundle", SECRET, 7, None, ["Patient"]])
def test_a_resource_of_another_type(resource_type: object) -> None:
    bundle = case_bundle()
    bundle["entry"][5]["resource"]["resourceType"] = resource_type
    wheres = [finding.where for finding in found(bundle)]
    assert wheres == ["Bundle.entry[5].resource.resourceType"]


@pytest.mark.parametrize("entry", [None, [], "x", 7, {}, {"fullUrl": "x"}, {"resource": None}, {"resource": [1]}])
def test_entries_of_any_shape_are_located(entry: object) -> None:
    bundle = case_bundle()
    bundle["entry"][3] = entry
    assert all(finding.where.startswith("Bundle.entry[3]") for finding in found(bundle))
    assert found(bundle)


def test_too_many_entries() -> None:
    bundle = case_bundle()
    bundle["entry"] += [deepcopy(bundle["entry"][-1]) for _ in range(120)]
    assert "Bundle.entry" in [finding.where for finding in found(bundle)]


def test_findings_are_bounded() -> None:
    bundle = case_bundle(labs=80)
    facts = read_facts(bundle)
    for entry in bundle["entry"][1:]:
        if entry["resource"]["resourceType"] == "Observation":
            entry["resource"].update({f"unknown{n}": SECRET for n in range(50)}, status=SECRET, code=SECRET)
    judgement = judge(bundle, facts)
    assert len(judgement.refusals) == FINDINGS_MAX
    assert SECRET not in repr(judgement)


def test_nothing_of_the_content_is_ever_repeated() -> None:
    """Every text of the Bundle is replaced by a secret; none shows in what is said about it."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: item if name == "resourceType" else spoil(item) for name, item in value.items()}
        return [spoil(item) for item in value] if isinstance(value, list) else SECRET

    findings = found(spoil(case_bundle()))
    assert len(findings) > 40
    assert SECRET not in repr(findings)
