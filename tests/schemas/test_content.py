"""The content digest: RFC 8785 in fact, blind to what a re-issue changes and to nothing else."""

import json
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas import strict_json
from schemas.content import canonical, content_form, content_sha256
from schemas.events import SUPPORTED, Event
from tests.samples import shared_samples
from tests.schemas.bundles import LEFT, bundle_for, case_bundle, identifier, reparsed, resource, to_json, uuid

ASCII_NAMES = st.text(st.characters(max_codepoint=127), max_size=6)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ASCII_NAMES, inner, max_size=4),
    max_leaves=25,
)


def _as_read(value: Any) -> Any:
    """As strict_json gives it: numbers with a fraction, and large ones, as Decimal."""
    if isinstance(value, dict):
        return {name: _as_read(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 10**15 and not isinstance(value, bool)):
        return Decimal(repr(value))
    return value


@given(VALUES)
def test_canonical_form_is_rfc_8785(value: Any) -> None:
    assert canonical(_as_read(value)) == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_written_as_ecmascript_does(number: float) -> None:
    assert canonical(Decimal(repr(number))) == rfc8785.dumps(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**11), max_value=10**11))
def test_precision_is_no_content(number: Decimal) -> None:
    """36.80 and 36.8 are the same content, though not the same bytes."""
    assert canonical(number) == rfc8785.dumps(float(number))
    assert canonical(Decimal(f"{number}0")) == canonical(number)


@pytest.mark.parametrize("text", ["1E400", "-1E400"])
def test_a_number_no_double_holds_is_told_apart(text: str) -> None:
    assert canonical(Decimal(text)) not in (canonical(0), canonical(text), canonical(Decimal(f"{text}0")))


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values"])
def test_vectors_of_the_rfc(name: str) -> None:
    folder = shared_samples() / "vectors" / "rfc8785"
    value = strict_json.loads((folder / "input" / f"{name}.json").read_bytes())
    expected = (folder / "output" / f"{name}.json").read_bytes()
    assert canonical(value) == expected
    assert canonical(value).hex() == (folder / "outhex" / f"{name}.txt").read_text().replace(" ", "").replace("\n", "")


def test_the_one_vector_outside_what_is_claimed() -> None:
    """Names that mix an emoji with the last part of the first plane sort otherwise; FHIR's names are ASCII."""
    folder = shared_samples() / "vectors" / "rfc8785"
    value = strict_json.loads((folder / "input" / "weird.json").read_bytes())
    expected = (folder / "output" / "weird.json").read_bytes()
    assert json.loads(canonical(value)) == json.loads(expected)
    plain = {name: item for name, item in value.items() if ord(name[0]) < 0xE000}
    assert canonical(plain) == rfc8785.dumps(plain)


def _slow_form(bundle: dict[str, Any]) -> bytes:
    """The definition, word for word, without any of the shortcuts."""
    places = {entry["fullUrl"]: f"#{place}" for place, entry in reversed(list(enumerate(bundle["entry"])))}

    def walk(value: Any, kind: str) -> Any:
        if isinstance(value, list):
            kept = [item for item in value if not (isinstance(item, dict) and str(item.get("url")).endswith(":origin"))]
            return [walk(item, kind) for item in kept]
        if isinstance(value, Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        if not isinstance(value, dict):
            return value
        kind = value.get("resourceType", kind)
        dropped = {"Bundle": ["id", "identifier", "timestamp"], "Task": ["identifier", "groupIdentifier"]}
        dropped["Provenance"] = ["recorded"]
        made = {}
        for name, item in value.items():
            if "resourceType" in value and name in dropped.get(kind, []):
                continue
            if kind == "Provenance" and name == "what":
                continue
            made[name] = places.get(item, item) if name in ("fullUrl", "reference") else walk(item, kind)
        return made

    made = walk(bundle, "")
    for place, entry in enumerate(made["entry"]):
        entry["resource"]["id"] = f"#{place}"
        if '"code": "rendition"' in json.dumps(entry["resource"].get("type")):
            del entry["resource"]["content"]
    return rfc8785.dumps(made)


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_the_form_is_what_is_defined(event: Event) -> None:
    bundle = bundle_for(event)
    assert content_form(bundle) == _slow_form(bundle)


def test_the_bundle_is_not_changed() -> None:
    bundle = case_bundle()
    before = deepcopy(bundle)
    content_sha256(bundle)
    assert bundle == before


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_the_same_content_under_new_ids(event: Event) -> None:
    """Every id replaced, as a database restored from an old backup would do."""
    text = to_json(bundle_for(event)).decode()
    digest = content_sha256(bundle_for(event))
    other = reparsed(strict_json.loads(text.replace("4000-8000-000000000000", "4000-8000-00000000beef").encode()))
    other["timestamp"] = "2026-11-23T10:20:00+07:00"
    resource(other, "Provenance")["recorded"] = "2026-11-23T10:20:00+07:00"
    resource(other, "MessageHeader")["extension"][0]["extension"][1]["valuePositiveInt"] = 99
    if event in (Event.SUBMIT, Event.UPDATE):
        assert content_sha256(other) == digest
    else:  # an answer names message, transfer and case, which are no ids of its own
        assert content_sha256(other) != digest


CHANGES = {
    "a value": lambda b: resource(b, "Observation")["valueQuantity"].update(value=Decimal("93")),
    "a text": lambda b: resource(b, "Condition")["code"].update(text="khác"),
    "an element more": lambda b: resource(b, "Condition").update(recordedDate="2026"),
    "an element less": lambda b: resource(b, "Condition").pop("severity"),
    "a time": lambda b: resource(b, "Observation").update(effectiveDateTime=LEFT.replace("15", "14")),
    "another reference": lambda b: resource(b, "ServiceRequest").update(
        supportingInfo=resource(b, "ServiceRequest")["supportingInfo"][:1]
    ),
    "an entry less": lambda b: b["entry"].pop(),
    "entries in another order": lambda b: b["entry"].append(b["entry"].pop(20)),
    "the priority": lambda b: resource(b, "Task").update(priority="stat"),
    "a tag": lambda b: b["meta"].update(tag=[{"system": "x", "code": "incomplete"}]),
    "the slip number": lambda b: resource(b, "ServiceRequest")["identifier"][0].update(value="x"),
    "the legal basis": lambda b: resource(b, "MessageHeader")["extension"].pop(1),
    "a null": lambda b: resource(b, "Flag").update(period=None),
    "false for a number": lambda b: resource(b, "Observation")["valueQuantity"].update(value=False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_content_has_another_digest(name: str) -> None:
    bundle = case_bundle()
    CHANGES[name](bundle)
    assert content_sha256(bundle) != content_sha256(case_bundle())


REISSUES = {
    "Bundle.id": lambda b: b.update(id=uuid(1, 9)),
    "Bundle.identifier": lambda b: b.update(identifier=identifier("x", "y")),
    "Bundle.timestamp": lambda b: b.update(timestamp="2027"),
    "Task.identifier": lambda b: resource(b, "Task").update(identifier=[]),
    "Task.groupIdentifier": lambda b: resource(b, "Task").pop("groupIdentifier"),
    "incarnation": lambda b: resource(b, "MessageHeader")["extension"][0].update(extension=[]),
    "Provenance.recorded": lambda b: resource(b, "Provenance").pop("recorded"),
    "entity.what": lambda b: resource(b, "Provenance")["entity"][0].update(what={"display": "x"}),
    "members in another order": lambda b: [b.update({name: b.pop(name)}) for name in list(b)[:3]],
    "a trailing zero": lambda b: resource(b, "Observation")["valueQuantity"].update(value=Decimal("92.00")),
}


@pytest.mark.parametrize("name", REISSUES)
def test_a_reissue_has_the_same_digest(name: str) -> None:
    bundle = case_bundle(Event.UPDATE)
    REISSUES[name](bundle)
    assert content_sha256(bundle) == content_sha256(case_bundle(Event.UPDATE))


def test_a_reference_is_replaced_only_where_it_is_one() -> None:
    """A text that reads like a reference stays a text."""
    bundle = case_bundle()
    trap = '"reference":"' + bundle["entry"][3]["fullUrl"] + '"'
    resource(bundle, "Condition")["code"]["text"] = trap
    assert json.loads(content_form(bundle))["entry"][9]["resource"]["code"]["text"] == trap


@given(VALUES)
def test_any_shape_has_a_digest(value: Any) -> None:
    """It is asked before the profile has judged."""
    for bundle in (
        {"entry": _as_read(value)},
        {"entry": [_as_read(value)]},
        {"entry": [{"resource": _as_read(value)}]},
    ):
        assert len(content_sha256(bundle)) == 64


def test_vectors_lie_where_they_are_looked_for() -> None:
    assert (Path(shared_samples()) / "vectors" / "rfc8785" / "input").is_dir()


def _with_document(kind: str, data: str) -> dict[str, Any]:
    document = {
        "resourceType": "DocumentReference",
        "id": "x",
        "type": {"coding": [{"system": "urn:lienvien:codesystem:document", "code": kind}]},
        "content": [{"attachment": {"data": data}}],
    }
    return {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1", "resource": document}]}


def test_a_rendition_that_prints_another_case_code_is_the_same_content() -> None:
    assert content_sha256(_with_document("rendition", "QQ==")) == content_sha256(_with_document("rendition", "Qg=="))


def test_a_signed_form_counts_byte_for_byte() -> None:
    one, other = _with_document("signed-form", "QQ=="), _with_document("signed-form", "Qg==")
    assert content_sha256(one) != content_sha256(other)
