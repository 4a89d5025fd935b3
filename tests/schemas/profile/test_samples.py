"""Bundles that a connector makes of real-looking exports pass the gate, and FHIR's own reader."""

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from connectors.mapping.encode import encode_bundle
from schemas import strict_json
from schemas.events import Event
from schemas.message import read_facts
from schemas.profile.completeness import said_to_be_unknown
from schemas.profile.gate import judge
from schemas.profile.json_schema import validator_for
from tests.connectors.mapping_world import bundle_of, names
from tests.schemas.bundles import reparsed


def read(name: str, **more: Any) -> tuple[dict[str, Any], bytes]:
    payload = encode_bundle(bundle_of(name, **more))
    bundle = strict_json.loads(payload)
    assert isinstance(bundle, dict)
    return bundle, payload


@pytest.mark.parametrize("name", names())
def test_every_sample_passes(name: str) -> None:
    bundle, payload = read(name)
    judgement = judge(bundle, read_facts(bundle))
    assert judgement.refusals == ()
    Bundle.model_validate_json(payload)


@pytest.mark.parametrize("name", names())
def test_everything_is_said_if_only_to_be_unknown(name: str) -> None:
    """XML13 has no contact person and, without table 2, no dosage; these are only wanted."""
    bundle, _ = read(name)
    judgement = judge(bundle, read_facts(bundle))
    assert judgement.missing == ()
    wanted = {found.where.rpartition("].")[2] for found in judgement.wanted}
    assert wanted <= {"Patient.contact", "MedicationStatement.dosage"}


@pytest.mark.parametrize("name", names())
def test_the_complete_edition_says_the_same_at_once(name: str) -> None:
    bundle, _ = read(name)
    assert validator_for(Event.SUBMIT, complete=True).is_valid(bundle)


def test_a_slip_alone_says_what_it_does_not_know() -> None:
    """An export with XML13 only must pass; vital signs are reasons, not values, and people are told so."""
    bundle, _ = read(names()[0])
    assert sum("Observation" in path for path in said_to_be_unknown(bundle)) >= 6


def test_numbers_survive_the_way_through_bytes() -> None:
    bundle, _ = read(names()[1])
    assert reparsed(bundle) == bundle
