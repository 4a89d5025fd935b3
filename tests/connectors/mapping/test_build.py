"""The samples as messages: what FHIR, the exchange and a reader ask of them."""

import json
from datetime import timedelta

import pytest
from fhir.resources.R4B.bundle import Bundle

from connectors.mapping.build import build_bundle
from connectors.mapping.encode import encode_bundle
from schemas import strict_json
from schemas.content import content_sha256
from schemas.events import Event
from schemas.message import read_facts
from schemas.profile.gate import judge
from tests.connectors.mapping_world import bundle_of, context_of, counting, dossier_of, names, now_of, resources


@pytest.mark.parametrize("name", names())
def test_fhir_accepts_each_sample(name: str) -> None:
    assert Bundle.model_validate_json(encode_bundle(bundle_of(name))).type == "message"


@pytest.mark.parametrize("name", names())
def test_facts_are_those_of_the_context(name: str) -> None:
    dossier = dossier_of(name)
    context = context_of(dossier, now_of(name))
    facts = read_facts(build_bundle(dossier, context))
    assert (facts.message_id, facts.bundle_id) == (context.ids.message_id, context.ids.bundle_id)
    assert (facts.sender, facts.recipient) == (context.sender.code, context.destination.code)
    assert (facts.priority, facts.kind) == (context.proposal.priority, context.proposal.kind)
    assert facts.event is Event.SUBMIT
    assert facts.counter == 7


@pytest.mark.parametrize("name", names())
def test_every_reference_resolves_inside(name: str) -> None:
    bundle = bundle_of(name)
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    written = json.loads(encode_bundle(bundle))

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["reference"]] if isinstance(value.get("reference"), str) else []
            return own + [found for child in value.values() for found in references(child)]
        return [found for child in value for found in references(child)] if isinstance(value, list) else []

    assert references(written)
    assert set(references(written)) <= set(urls)


def test_the_same_record_under_new_ids_has_the_same_content() -> None:
    dossier = dossier_of("05")
    first = build_bundle(dossier, context_of(dossier, now_of("05")))
    later = context_of(dossier, now_of("05") + timedelta(days=2), new_id=counting(5000))
    again = build_bundle(dossier, later)
    assert encode_bundle(first) != encode_bundle(again)
    assert content_sha256(json.loads(encode_bundle(first))) == content_sha256(json.loads(encode_bundle(again)))


def test_numbers_keep_their_digits_and_decimal_commas_stay_text() -> None:
    data = encode_bundle(bundle_of("09"))
    assert b'"value":4.20,"unit":"mmol/L"' in data
    parsed = strict_json.loads(data)
    told = [item.get("valueString") for item in resources(parsed, "Observation")]
    assert "1,0" in told
    assert "> 1000" in told


def test_no_money_travels() -> None:
    data = encode_bundle(bundle_of("05")).decode()
    assert "4870000" not in data
    assert "T_TONGCHI" not in data


@pytest.mark.parametrize("name", names())
def test_the_gate_lets_each_sample_pass(name: str) -> None:
    bundle = strict_json.loads(encode_bundle(bundle_of(name)))
    assert judge(bundle, read_facts(bundle)).refusals == ()
