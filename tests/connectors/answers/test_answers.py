"""Answers: accepted by the gate and by FHIR, named people, coded reasons, and no word of the patient."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from connectors.answers import ANSWERS, NAMED, AnswerIds, Details, NamedPerson, TransferRef, author_of, build_answer
from connectors.mapping.encode import encode_bundle
from connectors.mapping.view import View
from schemas import strict_json
from schemas.codes import systems
from schemas.codes.lists import CancelReason, DeclineReason
from schemas.events import Event, Party
from schemas.lifecycle import Decision, Delivery, Journey, TransferState
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import counting, facilities

NOW = datetime(2026, 11, 22, 9, 5, 38, tzinfo=UTC)
DOCTOR = NamedPerson("BS. Trần Thị Trực", "000801/ZZ-GPHN", "0900000801")
DETAILS = {
    Event.ACCEPT: Details(ward="Cấp cứu A9", until=NOW + timedelta(hours=6), contact="0900000802"),
    Event.DECLINE: Details(reason=DeclineReason.NO_BED, text="Hết giường hồi sức"),
    Event.CANCEL: Details(reason=CancelReason.CONDITION_CHANGED),
    Event.DEPARTED: Details(at=NOW - timedelta(minutes=3), note="Dự kiến đến 11:30"),
    Event.ARRIVED: Details(at=NOW - timedelta(minutes=1)),
}


def about(**changes: Any) -> TransferRef:
    known = facilities()
    new_id = counting(900)
    ref = TransferRef(
        case_id=new_id(),
        transfer_id=new_id(),
        case_code="24Z01-2211-017-R",
        submit_message_id=new_id(),
        sender=known["24Z01"],
        destination=known["01929"],
        priority=Priority.STAT,
        kind=Kind.EMERGENCY,
        authored_on=NOW - timedelta(hours=1),
    )
    return replace(ref, **changes)


def ids() -> AnswerIds:
    new_id = counting()
    return AnswerIds(new_id(), new_id(), new_id(), 3, new_id)


def answer(
    event: Event, ref: TransferRef | None = None, by: NamedPerson | None = DOCTOR, **changes: Any
) -> dict[str, Any]:
    details = replace(DETAILS.get(event, Details()), **changes)
    built = build_answer(event, ref or about(), by, details, ids(), now=NOW, software_version="0.1.0")
    read: dict[str, Any] = strict_json.loads(encode_bundle(built))
    return read


@pytest.mark.parametrize("event", ANSWERS)
@pytest.mark.parametrize("priority", list(Priority))
def test_the_gate_and_fhir_accept_each_answer(event: Event, priority: Priority) -> None:
    bundle = answer(event, about(priority=priority))
    judged = judge(bundle, read_facts(bundle))
    assert (judged.refusals, judged.missing) == ((), ())
    Bundle.model_validate_json(encode_bundle(bundle))


@pytest.mark.parametrize("event", ANSWERS)
def test_facts_and_direction(event: Event) -> None:
    ref = about()
    facts = read_facts(answer(event, ref))
    ends = ("24Z01", "01929") if author_of(event) is Party.SENDER else ("01929", "24Z01")
    assert (facts.sender, facts.recipient) == ends
    assert (facts.case_id, facts.transfer_id, facts.response_to) == (
        ref.case_id,
        ref.transfer_id,
        ref.submit_message_id,
    )
    assert (facts.event, facts.priority, facts.kind) == (event, Priority.STAT, Kind.EMERGENCY)


def test_who_speaks() -> None:
    assert {event for event in ANSWERS if author_of(event) is Party.SENDER} == {Event.CANCEL, Event.DEPARTED}


@pytest.mark.parametrize("event", sorted(NAMED))
@pytest.mark.parametrize("by", [None, NamedPerson(""), NamedPerson("   ")])
def test_a_page_load_is_nobody(event: Event, by: NamedPerson | None) -> None:
    with pytest.raises(ValueError, match="named person"):
        answer(event, by=by)


@pytest.mark.parametrize("event", sorted(set(ANSWERS) - NAMED))
def test_other_events_need_no_name(event: Event) -> None:
    bundle = answer(event, by=None)
    assert judge(bundle, read_facts(bundle)).refusals == ()


@pytest.mark.parametrize(
    ("event", "reason", "text"),
    [
        (Event.DECLINE, None, "đầy"),
        (Event.DECLINE, CancelReason.PATIENT_REFUSED, "x"),
        (Event.CANCEL, DeclineReason.NO_BED, "x"),
        (Event.DECLINE, DeclineReason.OTHER, None),
        (Event.CANCEL, CancelReason.OTHER, "  "),
    ],
)
def test_a_reason_is_coded_and_other_is_said(event: Event, reason: Any, text: str | None) -> None:
    with pytest.raises(ValueError, match="reason"):
        answer(event, reason=reason, text=text)


@pytest.mark.parametrize("reason", list(DeclineReason))
def test_every_decline_reason_travels(reason: DeclineReason) -> None:
    task = View(answer(Event.DECLINE, reason=reason, text="vì sao")).task
    assert task["statusReason"]["coding"][0]["code"] == reason.value
    assert task["statusReason"]["coding"][0]["system"] == systems.DECLINE_REASON
    assert task["statusReason"]["text"] == "vì sao"


@pytest.mark.parametrize("reason", list(CancelReason))
def test_every_cancel_reason_travels(reason: CancelReason) -> None:
    bundle = answer(Event.CANCEL, reason=reason, text="vì sao")
    assert judge(bundle, read_facts(bundle)).refusals == ()


def test_an_acceptance_says_where_until_when_and_whom_to_phone() -> None:
    task = View(answer(Event.ACCEPT)).task
    told = {item["url"]: item.get("valueString") for item in task["extension"]}
    assert told[systems.EXT_WARD] == "Cấp cứu A9"
    assert told[systems.EXT_CONTACT] == "0900000802"
    assert task["restriction"]["period"]["end"] == "2026-11-22T22:05:38+07:00"
    assert task["status"] == "accepted"


def test_a_named_person_stands_in_header_and_provenance() -> None:
    view = View(answer(Event.ACCEPT))
    role = view.behind(view.header["author"])
    assert role["practitioner"]["display"] == DOCTOR.name
    assert role["practitioner"]["identifier"]["value"] == DOCTOR.licence
    assert view.behind(view.first("Provenance")["agent"][0]["who"]) is role


@pytest.mark.parametrize(
    ("event", "before", "status", "business"),
    [
        (Event.RECEIVED, TransferState(), "received", "under-review"),
        (Event.ACCEPT, TransferState(delivery=Delivery.OPENED), "accepted", "accepted"),
        (Event.DECLINE, TransferState(delivery=Delivery.OPENED), "rejected", "declined"),
        (Event.CANCEL, TransferState(decision=Decision.ACCEPTED), "cancelled", "cancelled"),
        (Event.DEPARTED, TransferState(decision=Decision.ACCEPTED), "accepted", "departed"),
        (Event.ARRIVED, TransferState(decision=Decision.DECLINED, journey=Journey.DEPARTED), "in-progress", "arrived"),
        (
            Event.ACCEPT,
            TransferState(decision=Decision.CANCELLED),
            "cancelled",
            "cancelled",
        ),  # crossed: not ours to judge
    ],
)
def test_status_is_what_the_author_knows(event: Event, before: TransferState, status: str, business: str) -> None:
    task = View(answer(event, about(state=before))).task
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == (status, business)


@pytest.mark.parametrize(("event", "side"), [(Event.DEPARTED, "start"), (Event.ARRIVED, "end")])
def test_times_of_the_journey(event: Event, side: str) -> None:
    said = View(answer(event)).task["executionPeriod"]
    assert list(said) == [side]
    assert View(answer(event, at=None)).task["executionPeriod"][side] == "2026-11-22T16:05:38+07:00"


def test_an_answer_holds_no_patient_and_no_request() -> None:
    for event in ANSWERS:
        kinds = {entry["resource"]["resourceType"] for entry in answer(event)["entry"]}
        assert kinds <= {"MessageHeader", "Organization", "PractitionerRole", "Task", "Provenance"}


def test_a_later_authored_time_is_not_believed() -> None:
    task = View(answer(Event.ACCEPT, about(authored_on=NOW + timedelta(hours=2)))).task
    assert task["authoredOn"] == task["lastModified"]


@pytest.mark.parametrize("event", [Event.SUBMIT, Event.UPDATE, Event.REDIRECT])
def test_other_events_are_no_answers(event: Event) -> None:
    with pytest.raises(ValueError, match="answer"):
        answer(event)
