"""The rules no schema can say: each broken on purpose, in a routine message and in a stat one."""

import base64
import hashlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE, SUPPORTED, Event
from schemas.ids import case_code
from schemas.message import read_facts
from schemas.profile.gate import Judgement, judge
from schemas.profile.rules.illness import VITAL_SIGNS
from schemas.reasons import ReasonCode, Refused
from tests.schemas.bundles import (
    BY_DESTINATION,
    attachment,
    bundle_for,
    case_bundle,
    coding,
    concept,
    identifier,
    quantity,
    resource,
    uuid,
)

Json = dict[str, Any]
Spoil = Callable[[Json], object]

NOBODY = {"reference": f"urn:uuid:{uuid(0xDEAD)}"}
ELSEWHERE = "urn:lienvien:facility:99Z99"


def verdict(bundle: Json) -> Judgement:
    return judge(bundle, read_facts(bundle))


def both(spoil: Spoil, event: Event = Event.SUBMIT) -> tuple[Judgement, Judgement]:
    """The verdicts on the same fault, routine and stat."""
    made = []
    for priority in ("routine", "stat"):
        bundle = bundle_for(event, priority=priority)
        spoil(bundle)
        made.append(verdict(bundle))
    return made[0], made[1]


def where(judgement: Judgement) -> list[str]:
    return [found.where for found in (*judgement.refusals, *judgement.missing)]


def of(bundle: Json, kind: str, which: int = 0) -> Json:
    return resource(bundle, kind, which)


def ref(bundle: Json, kind: str, which: int = 0) -> Json:
    return {"reference": f"urn:uuid:{resource(bundle, kind, which)['id']}"}


ALWAYS: dict[str, tuple[Spoil, str]] = {
    "the header is not first": (
        lambda b: b["entry"].append(b["entry"].pop(0)),
        "Bundle.entry[0]",
    ),
    "identifier is not the id": (
        lambda b: b["identifier"].update(value=f"urn:uuid:{uuid(1, 1)}"),
        "Bundle.identifier.value",
    ),
    "two entries under one address": (lambda b: b["entry"].append(b["entry"][-1]), "Bundle.entry.fullUrl"),
    "an address that is not the id": (
        lambda b: of(b, "Flag").update(id=uuid(0xAB)),
        "Bundle.entry.fullUrl",
    ),
    "a subject that is nobody": (lambda b: of(b, "Flag").update(subject=NOBODY), "Flag.subject"),
    "a subject that is no patient": (
        lambda b: of(b, "Encounter").update(subject=ref(b, "Organization")),
        "Encounter.subject",
    ),
    "a beneficiary that is nobody": (lambda b: of(b, "Coverage").update(beneficiary=NOBODY), "Coverage.beneficiary"),
    "a Task for nobody": (lambda b: of(b, "Task").update({"for": NOBODY}), "Task.for"),
    "a Task for a relative": (lambda b: of(b, "Task").update({"for": ref(b, "RelatedPerson")}), "Task.for"),
    "a Task about nothing": (lambda b: of(b, "Task").update(focus=NOBODY), "Task.focus"),
    "a request for nobody": (lambda b: of(b, "ServiceRequest").update(subject=NOBODY), "ServiceRequest.subject"),
    "a source that is not the sender": (
        lambda b: of(b, "MessageHeader")["source"].update(endpoint=ELSEWHERE),
        "MessageHeader.source.endpoint",
    ),
    "an endpoint that is not the receiver": (
        lambda b: of(b, "MessageHeader")["destination"][0].update(endpoint=ELSEWHERE),
        "MessageHeader.destination.endpoint",
    ),
    "a whole number written as a fraction": (
        lambda b: of(b, "DocumentReference")["content"][0]["attachment"].update(size=Decimal("12.0")),
        "DocumentReference.content.attachment.size",
    ),
    "a number that vanishes in a double": (
        lambda b: of(b, "MedicationAdministration")["dosage"]["dose"].update(value=Decimal("1E-400")),
        "MedicationAdministration.dosage.dose.value",
    ),
    "a number with more digits than a measurement": (
        lambda b: of(b, "MedicationAdministration")["dosage"]["dose"].update(value=Decimal("0." + "1" * 30)),
        "MedicationAdministration.dosage.dose.value",
    ),
}


@pytest.mark.parametrize("name", ALWAYS)
def test_refused_for_everyone(name: str) -> None:
    spoil, expected = ALWAYS[name]
    for priority in ("routine", "stat"):
        bundle = bundle_for(Event.SUBMIT, priority=priority)
        facts = read_facts(bundle)
        spoil(bundle)
        judgement = judge(bundle, facts)
        assert [found.where for found in judgement.refusals] == [expected]
        assert judgement.refusals[0].reason is ReasonCode.BUNDLE_RULE_BROKEN


def _times(member: str, kind: str, value: str) -> Spoil:
    return lambda b: of(b, kind).update({member: value})


LATE = "2026-11-22T10:25:01+07:00"  # five minutes and a second after the Bundle was made
VERY_LATE = "2026-11-23T10:20:01+07:00"

OTHERWISE: dict[str, tuple[Spoil, str]] = {
    "a dangling encounter": (lambda b: of(b, "Condition").update(encounter=NOBODY), "Condition.encounter"),
    "a report of something else": (
        lambda b: of(b, "DiagnosticReport").update(result=[ref(b, "Flag")]),
        "DiagnosticReport.result",
    ),
    "an author that is no role": (lambda b: of(b, "MessageHeader").update(author=NOBODY), "MessageHeader.author"),
    "a Task owned by the sender": (
        lambda b: [
            of(b, "Task").update(owner=ref(b, "Organization", 0)),
            of(b, "ServiceRequest").update(performer=[ref(b, "Organization", 0)]),
        ],
        "Task.owner",
    ),
    "a Task asked by the receiver": (
        lambda b: of(b, "Task").update(requester=ref(b, "Organization", 1)),
        "Task.requester",
    ),
    "a request to another hospital": (
        lambda b: of(b, "ServiceRequest").update(performer=[ref(b, "Organization", 0)]),
        "ServiceRequest.performer",
    ),
    "two priorities": (lambda b: of(b, "ServiceRequest").update(priority="urgent"), "ServiceRequest.priority"),
    "a case code with a wrong check character": (
        lambda b: of(b, "Task")["identifier"][1].update(value="24Z01-2211-017-0"),
        "Task.identifier",
    ),
    "two case codes": (
        lambda b: of(b, "Task")["identifier"].append(dict(of(b, "Task")["identifier"][1])),
        "Task.identifier",
    ),
    "emergency as a basis without one": (
        lambda b: of(b, "MessageHeader")["extension"][1]["extension"][0].update(valueCode="emergency"),
        "MessageHeader.extension(legal-basis)",
    ),
    "a provenance of the Task alone": (
        lambda b: of(b, "Provenance").update(target=[ref(b, "Task")]),
        "Provenance.target",
    ),
    "no transmitter": (lambda b: of(b, "Provenance")["agent"].pop(), "Provenance.agent(transmitter)"),
    "no author": (lambda b: of(b, "Provenance")["agent"].pop(0), "Provenance.agent(author)"),
    "a patient known by nothing": (
        lambda b: of(b, "Patient").update(identifier=[identifier("urn:lienvien:identifier:other", "1")]),
        "Patient.identifier",
    ),
    "a doctor without licence": (
        lambda b: [of(b, kind).pop("identifier") for kind in ("Practitioner", "PractitionerRole")],
        "PractitionerRole.identifier",
    ),
    "a doctor without phone": (
        lambda b: [of(b, kind).pop("telecom") for kind in ("Practitioner", "PractitionerRole")],
        "PractitionerRole.telecom",
    ),
    "a main diagnosis without code or text": (
        lambda b: of(b, "Condition").update(code={"coding": [coding("urn:lienvien:codesystem:other", "x")]}),
        "Condition.code",
    ),
    "a temperature in no unit of UCUM": (
        lambda b: of(b, "Observation", 3)["valueQuantity"].update(system="urn:other"),
        "Observation.valueQuantity",
    ),
    "a blood pressure without unit": (
        lambda b: of(b, "Observation", 4)["component"][0].update(valueQuantity={"value": 150}),
        "Observation.valueQuantity",
    ),
    "a result from the future": (_times("effectiveDateTime", "DiagnosticReport", LATE), "effectiveDateTime"),
    "a result from another day": (_times("effectiveDateTime", "DiagnosticReport", "2026-11-24"), "effectiveDateTime"),
    "a result from next year": (_times("effectiveDateTime", "DiagnosticReport", "2027"), "effectiveDateTime"),
    "a note from the future": (
        lambda b: of(b, "Task")["note"][0].update(time=LATE),
        "Task.note.time",
    ),
    "a transfer of the day after tomorrow": (
        lambda b: of(b, "ServiceRequest").update(authoredOn=VERY_LATE),
        "ServiceRequest.authoredOn",
    ),
    "a stay that ends before it begins": (
        lambda b: of(b, "Encounter")["period"].update(start="2026-11-22T10:15:01+07:00"),
        "Encounter.period",
    ),
    "a birth in the future": (_times("birthDate", "Patient", "2026-11-24"), "Patient.birthDate"),
    "another size": (
        lambda b: of(b, "DocumentReference")["content"][0]["attachment"].update(size=1),
        "DocumentReference.content.attachment.size",
    ),
    "another digest": (
        lambda b: of(b, "DocumentReference")["content"][0]["attachment"]["extension"][0].update(valueString="0" * 64),
        "DocumentReference.content.attachment.extension(sha-256)",
    ),
    "five hospitals": (
        lambda b: b["entry"].extend(
            {
                "fullUrl": f"urn:uuid:{uuid(0xF0 + n)}",
                "resource": {**of(b, "Organization"), "id": uuid(0xF0 + n)},
            }
            for n in range(3)
        ),
        "Organization",
    ),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_refused_or_named(name: str) -> None:
    spoil, expected = OTHERWISE[name]
    routine, stat = both(spoil)
    assert expected in where(routine)[0]
    assert len(routine.refusals) == 1
    assert routine.missing == ()
    if name != "two priorities":  # the stat sample says stat in both places, the spoilt one urgent
        assert stat.missing == routine.refusals
    assert stat.accepted


@pytest.mark.parametrize("code", ["8867-4", "85354-9", "9279-1", "59408-5", "8310-5", "9269-2"])
def test_each_vital_sign_is_spoken_of(code: str) -> None:
    def spoil(bundle: Json) -> None:
        for entry in bundle["entry"]:
            codings = entry["resource"].get("code", {})
            if isinstance(codings, dict) and {"system": systems.LOINC, "code": code} in codings.get("coding", []):
                codings["coding"][0]["code"] = "29463-7"

    routine, stat = both(spoil)
    assert [found.where.split()[0] for found in routine.refusals] == [f"Observation({code}"]
    assert stat.missing == routine.refusals


def test_missing_vital_signs_are_named_in_the_order_of_the_table() -> None:
    """A set's order differs from process to process: two workers would answer one message differently."""
    bundle = case_bundle()
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Observation"]
    named = [place for place in where(verdict(bundle)) if place.startswith("Observation(")]
    assert [place.removeprefix("Observation(").split()[0] for place in named] == list(VITAL_SIGNS)


def test_alertness_may_stand_for_the_coma_scale() -> None:
    bundle = case_bundle()
    of(bundle, "Observation", 5)["code"] = concept(systems.LOINC, "67775-7")
    assert verdict(bundle) == Judgement()


def test_a_laboratory_value_is_no_vital_sign() -> None:
    bundle = case_bundle()
    of(bundle, "Observation")["category"] = [concept(systems.OBSERVATION_CATEGORY, "laboratory")]
    assert where(verdict(bundle)) == ["Observation(8867-4 heart rate)"]


FINE: dict[str, Spoil] = {
    "no encounter on a condition": lambda b: of(b, "Condition").pop("encounter"),
    "a result just now": _times("effectiveDateTime", "DiagnosticReport", "2026-11-22T10:25:00+07:00"),
    "the same in another zone": _times("effectiveDateTime", "DiagnosticReport", "2026-11-22T03:24:59Z"),
    "a result of tomorrow, which has begun elsewhere": _times("effectiveDateTime", "DiagnosticReport", "2026-11-23"),
    "a result of this month": _times("effectiveDateTime", "DiagnosticReport", "2026-11"),
    "an expected transfer": _times("authoredOn", "ServiceRequest", "2026-11-23T10:20:00+07:00"),
    "a card valid for years": lambda b: of(b, "Coverage")["period"].update(end="2031-12-31"),
    "a stay of one day": lambda b: of(b, "Encounter").update(period={"start": "2026-11-22", "end": "2026-11-22"}),
    "a stay known by the month": lambda b: of(b, "Encounter").update(period={"start": "2026-11", "end": "2026-11-03"}),
    "a licence in one place only": lambda b: of(b, "PractitionerRole").pop("identifier"),
    "a diagnosis by code only": lambda b: of(b, "Condition")["code"].pop("text"),
    "a diagnosis by text only": lambda b: of(b, "Condition")["code"].pop("coding"),
    "an attachment without content": lambda b: of(b, "DocumentReference")["content"][0]["attachment"].pop("data"),
    "no case code": lambda b: of(b, "Task")["identifier"].pop(),
    "one provenance each": lambda b: b["entry"].append(
        {"fullUrl": f"urn:uuid:{uuid(0xF9)}", "resource": {**of(b, "Provenance"), "id": uuid(0xF9)}}
    ),
    "numbers as people write them": lambda b: of(b, "Observation", 3).update(valueQuantity=quantity("36.80", "Cel")),
}


@pytest.mark.parametrize("name", FINE)
def test_accepted(name: str) -> None:
    bundle = case_bundle(priority="routine")
    FINE[name](bundle)
    assert verdict(bundle) == Judgement()


@pytest.mark.parametrize("priority", ["stat", "routine"])
def test_unclassified_is_a_tag_of_urgent(priority: str) -> None:
    """No evidence of urgency means urgent; with the tag the message is judged leniently, so it is only named."""
    judgement = verdict(case_bundle(priority=priority, tags=["unclassified"]))
    assert judgement.accepted
    assert [(found.reason, found.where) for found in judgement.missing] == [
        (ReasonCode.PRIORITY_NOT_ALLOWED, "Task.priority")
    ]


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", bytes(range(256)) * 40])
def test_attachments_of_any_length(content: bytes) -> None:
    bundle = case_bundle()
    of(bundle, "DocumentReference")["content"] = (
        [{"attachment": attachment(content)}]
        if content
        else [{"attachment": {name: value for name, value in attachment(b"").items() if name != "data"}}]
    )
    assert verdict(bundle) == Judgement()


def test_leftover_bits_of_base64_are_a_second_spelling() -> None:
    bundle = case_bundle()
    spelt = {**attachment(b"a"), "data": "YR=="}
    assert base64.b64decode("YR==") == b"a"
    assert spelt["extension"][0]["valueString"] == hashlib.sha256(b"a").hexdigest()
    of(bundle, "DocumentReference")["content"] = [{"attachment": spelt}]
    assert where(verdict(bundle)) == ["DocumentReference.content.attachment.data"]


@pytest.mark.parametrize("event", sorted(SUPPORTED - CARRIES_THE_CASE))
@pytest.mark.parametrize(("name", "value"), [("focus", uuid(0x99)), ("for", uuid(0x98))])
def test_an_answer_names_its_own_transfer(event: Event, name: str, value: str) -> None:
    routine, stat = both(lambda b: of(b, "Task")[name]["identifier"].update(value=value), event)
    assert where(routine) == [f"Task.{name}"]
    assert stat.missing == routine.refusals


@pytest.mark.parametrize("event", sorted(SUPPORTED - CARRIES_THE_CASE))
def test_the_roles_stay_when_an_answer_goes_back(event: Event) -> None:
    """The hospital asked owns the Task, whoever speaks."""
    bundle = bundle_for(event)
    facts = read_facts(bundle)
    task = of(bundle, "Task")
    assert (facts.sender == "01Z99") is (event in BY_DESTINATION)
    assert verdict(bundle).accepted
    task["owner"], task["requester"] = task["requester"], task["owner"]
    assert where(verdict(bundle)) == ["Task.requester", "Task.owner"]


@pytest.mark.parametrize("event", [Event.RECEIVED, Event.ACCEPT, Event.DECLINE])
def test_a_named_person_says_these(event: Event) -> None:
    bundle = bundle_for(event)
    bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "PractitionerRole"]
    del of(bundle, "MessageHeader")["author"]
    of(bundle, "Provenance")["agent"][0]["who"] = ref(bundle, "Practitioner")
    assert set(where(verdict(bundle))) == {"PractitionerRole", "MessageHeader.author"}


@pytest.mark.parametrize("event", [Event.CANCEL, Event.DEPARTED, Event.ARRIVED])
def test_these_may_come_without_a_name(event: Event) -> None:
    bundle = bundle_for(event)
    bundle["entry"] = [e for e in bundle["entry"] if e["resource"]["resourceType"] != "PractitionerRole"]
    del of(bundle, "MessageHeader")["author"]
    of(bundle, "Provenance")["agent"][0]["who"] = ref(bundle, "Practitioner")
    assert verdict(bundle) == Judgement()


def test_facts_refuse_what_the_rules_need_not_see() -> None:
    """Sender, receiver and Task are found by reference before anything is judged."""
    bundle = case_bundle()
    of(bundle, "MessageHeader")["focus"] = [NOBODY]
    with pytest.raises(Refused) as raised:
        read_facts(bundle)
    assert raised.value.where == "MessageHeader.focus"


@pytest.mark.parametrize("event", sorted(SUPPORTED))
def test_a_case_code_names_the_hospital_that_refers(event: Event) -> None:
    """What people say must mean one case; another's code is another's word, so urgency does not excuse it."""
    foreign = case_code("99Z99", date(2026, 11, 22), 17)

    def spoil(bundle: Json) -> None:
        codes = [one for one in of(bundle, "Task")["identifier"] if one["system"] != systems.CASE_CODE]
        of(bundle, "Task")["identifier"] = [*codes, identifier(systems.CASE_CODE, foreign)]

    for judged in both(spoil, event):
        assert [(one.reason, one.where) for one in judged.refusals] == [
            (ReasonCode.BUNDLE_RULE_BROKEN, "Task.identifier")
        ]
