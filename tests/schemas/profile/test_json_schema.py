"""The generated schema on small things: choices, reasons beside values, extensions, and the two editions."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.codes import systems
from schemas.events import SUPPORTED, Event
from schemas.profile.json_schema import build, resource_validator, validator_for
from tests.schemas.bundles import LEFT, absent, bundle_for, case_bundle, concept, quantity, resource

Json = dict[str, Any]


def shape(kind: str, change: Callable[[Json], object], which: int = 0) -> bool:
    bundle = case_bundle()
    one = resource(bundle, kind, which)
    change(one)
    return resource_validator(Event.SUBMIT, kind).is_valid(one)


def complete(kind: str, change: Callable[[Json], object], which: int = 0) -> bool:
    bundle = case_bundle()
    change(resource(bundle, kind, which))
    return validator_for(Event.SUBMIT, complete=True).is_valid(bundle)


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_both_editions_compile_and_accept_the_sample(event: Event) -> None:
    assert validator_for(event).is_valid(bundle_for(event))
    assert validator_for(event, complete=True).is_valid(bundle_for(event))
    assert validator_for(event) is validator_for(event)


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_editions_differ_in_what_must_be_there_only(event: Event) -> None:
    plain, full = build(event), build(event, complete=True)
    assert plain["$defs"].keys() == full["$defs"].keys()
    for name, definition in plain["$defs"].items():
        assert definition.get("properties", {}).keys() == full["$defs"][name].get("properties", {}).keys()
        assert set(definition.get("required", [])) <= set(full["$defs"][name].get("required", []))


def test_one_choice_at_most() -> None:
    both = {"valueQuantity": quantity("1", "mm"), "valueString": "x"}
    assert not shape("Observation", lambda o: o.update(both))
    assert not shape("Procedure", lambda p: p.update(performedString="hôm qua"))
    assert not shape("MedicationStatement", lambda m: m.update(effectivePeriod={"start": "2026"}))


def test_a_choice_of_another_datatype_is_none() -> None:
    assert not shape("Observation", lambda o: o.update(valueBoolean=True))
    assert not shape("Observation", lambda o: o.update(value="x"))


def test_a_value_and_the_reason_for_its_absence_exclude_each_other() -> None:
    reason = concept(systems.DATA_ABSENT, "unknown")
    assert not shape("Observation", lambda o: o.update(dataAbsentReason=reason))
    assert shape("Observation", lambda o: (o.pop("valueQuantity"), o.update(dataAbsentReason=reason)))
    assert not shape("Patient", lambda p: p.update(_gender=absent()))
    assert shape("Patient", lambda p: (p.pop("gender"), p.update(_gender=absent())))


@pytest.mark.parametrize("reason", ["unknown", "unsupported", "asked-declined", "masked"])
def test_reasons_are_from_the_list(reason: str) -> None:
    assert shape("Patient", lambda p: (p.pop("gender"), p.update(_gender=absent(reason))))
    assert not shape("Patient", lambda p: (p.pop("gender"), p.update(_gender=absent(f"{reason}x"))))


def test_the_birth_time_stands_beside_the_date_and_a_reason_in_its_place() -> None:
    assert shape("Patient", lambda p: None)
    assert not shape("Patient", lambda p: p.pop("birthDate"))  # a time of birth without the day
    assert not shape("Patient", lambda p: p.update(_birthDate=absent()))  # a day, and the word that it is unknown
    assert shape("Patient", lambda p: (p.pop("birthDate"), p.update(_birthDate=absent())))
    assert shape("Patient", lambda p: p.pop("_birthDate"))


def test_what_fhir_requires_below_cannot_be_replaced_by_a_reason() -> None:
    """A reader of R4 looks for ``entity.what`` and finds an entity without it unreadable."""
    assert not shape("ServiceRequest", lambda s: s.update(meta=absent()))
    assert shape("Encounter", lambda e: e.update(hospitalization=absent()))
    assert shape("MedicationAdministration", lambda m: (m.pop("effectiveDateTime"), m.update(effectivePeriod=absent())))
    assert not shape(
        "MedicationAdministration", lambda m: (m.pop("effectiveDateTime"), m.update(_effectiveDateTime=absent()))
    )


def test_must_takes_no_reason() -> None:
    assert not shape("Task", lambda t: (t.pop("status"), t.update(_status=absent())))
    assert not shape("Observation", lambda o: o.update(code=absent()))
    assert not shape("Condition", lambda c: c.update(subject=absent()))


def test_a_reason_replaces_a_whole_list_and_does_not_hide_in_one() -> None:
    assert shape("Patient", lambda p: p.update(name=[absent()]))
    assert not shape("Patient", lambda p: p.update(name=[*p["name"], absent()]))
    assert not shape("Patient", lambda p: p.update(name=[absent(), absent()]))


def test_a_coded_concept_may_say_that_it_is_unknown() -> None:
    unknown = concept(systems.DATA_ABSENT, "unknown")
    assert shape("Condition", lambda c: c.update(clinicalStatus=unknown))
    assert not shape("Condition", lambda c: c.update(clinicalStatus=concept("urn:other", "active")))
    assert not shape("Condition", lambda c: c.update(clinicalStatus={"text": "đang điều trị"}))
    assert not shape(
        "Condition", lambda c: c.update(verificationStatus=concept(systems.CONDITION_VERIFICATION, "entered-in-error"))
    )


def test_a_coded_concept_may_hold_other_codings_too() -> None:
    more = {"coding": [{"system": "urn:other", "code": "x"}, {"system": systems.CONDITION_CLINICAL, "code": "active"}]}
    assert shape("Condition", lambda c: c.update(clinicalStatus=more))


def test_an_extension_stands_once_and_is_one_of_ours() -> None:
    kind = {"url": systems.EXT_KIND, "valueCode": "inpatient"}
    assert not shape("Task", lambda t: t["extension"].append(kind))
    assert not shape("Task", lambda t: t["extension"].append({"url": "urn:other", "valueString": "x"}))
    assert not shape("Task", lambda t: t["extension"][0].update(valueString="x"))
    assert not shape("Task", lambda t: t["extension"][0].update(extension=[kind]))
    assert not shape("Task", lambda t: t["extension"].pop(0))
    assert not shape("Task", lambda t: t.update(extension=[]))


@pytest.mark.parametrize(
    ("url", "value", "fine"),
    [
        ("PHUONGTIEN_VC", {"valueString": "Xe"}, True),
        ("DU_PHONG", {"valueBase64Binary": "QUJD"}, True),
        ("dialect", {"valueCode": "4750"}, True),
        ("empty", {"valueString": "A B"}, True),
        ("banana", {"valueString": "x"}, False),
        ("lower_case", {"valueString": "x"}, False),
        ("DU_PHONG", {}, False),
        ("DU_PHONG", {"valueString": "x", "valueCode": "x"}, False),
        ("DU_PHONG", {"valueInteger": 1}, False),
        ("DU_PHONG", {"extension": []}, False),
    ],
)
def test_fields_of_the_insurance_table(url: str, value: Json, fine: bool) -> None:
    field = {"url": url, **value}
    assert shape("ServiceRequest", lambda s: s["extension"][0]["extension"].append(field)) is fine


def test_references_are_of_three_kinds() -> None:
    logical = {"type": "Practitioner", "identifier": {"system": systems.LICENCE, "value": "1"}}
    assert shape("Observation", lambda o: o.update(performer=[logical]), 6)
    assert shape("Observation", lambda o: o.update(performer=[{"display": "Khoa xét nghiệm"}]), 6)
    assert not shape("Observation", lambda o: o.update(performer=[{**logical, "type": "Patient"}]), 6)
    assert not shape("Condition", lambda c: c.update(subject={"display": "ông A"}))
    assert not shape("Condition", lambda c: c.update(subject={"reference": "Patient/1"}))
    assert not shape("Condition", lambda c: c.update(subject={"reference": "http://example.org/Patient/1"}))
    assert not shape("Condition", lambda c: c["subject"].update(type="Group"))
    assert not shape("Condition", lambda c: c["subject"].update(identifier=logical["identifier"]))


def test_the_complete_edition_asks_for_need_r() -> None:
    assert shape("Patient", lambda p: p.pop("gender"))
    assert not complete("Patient", lambda p: p.pop("gender"))
    assert complete("Patient", lambda p: (p.pop("gender"), p.update(_gender=absent())))
    assert shape("Task", lambda t: t["restriction"].pop("period") and t.pop("restriction"))
    assert not complete("Task", lambda t: t.pop("restriction"))
    assert not complete("DocumentReference", lambda d: d["content"][0]["attachment"].pop("extension"))


def test_the_complete_edition_asks_for_plain_text() -> None:
    assert shape("Condition", lambda c: c["code"].update(text="<b>đau</b>"))
    assert not complete("Condition", lambda c: c["code"].update(text="<b>đau</b>"))
    assert complete("Condition", lambda c: c["code"].update(text="huyết áp <90, Na >130"))


def test_nothing_but_the_profiles_own_meta() -> None:
    assert not shape("Patient", lambda p: p.update(meta={"lastUpdated": LEFT}))
    assert not shape("ServiceRequest", lambda s: s["meta"].update(versionId="1"))


def test_a_bundle_of_another_event_or_version_is_refused() -> None:
    for profile in ("urn:lienvien:profile:transfer-update|1.0", "urn:lienvien:profile:transfer-submit|2.0"):
        bundle = case_bundle()
        bundle["meta"]["profile"] = [profile]
        assert not validator_for(Event.SUBMIT).is_valid(bundle)


@pytest.mark.parametrize("name", ["signature", "link", "total", "implicitRules", "language", "contained", "text"])
def test_elements_of_a_bundle_that_have_no_place_here(name: str) -> None:
    bundle = case_bundle()
    bundle[name] = "x"
    assert not validator_for(Event.SUBMIT).is_valid(bundle)


@pytest.mark.parametrize("name", ["request", "response", "search", "link", "id", "modifierExtension"])
def test_elements_of_an_entry_that_have_no_place_here(name: str) -> None:
    bundle = case_bundle()
    bundle["entry"][1][name] = {}
    assert not validator_for(Event.SUBMIT).is_valid(bundle)
