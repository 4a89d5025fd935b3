"""The message around the case: header, order, provenance, tags; and the small elements all of them are made of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.mapping import elements
from connectors.mapping.build import build_bundle
from connectors.mapping.context import Facility, LegalGround
from connectors.mapping.draft import Draft
from connectors.mapping.encode import encode_bundle
from connectors.mapping.order import valid_until
from connectors.mapping.parties import escorts
from connectors.mapping.patient import cards
from connectors.mapping.rebuild import rebuild_slip
from connectors.mapping.source import source_of, told_time
from connectors.mapping.urgency.proposal import Evidence, Proposal
from connectors.mapping.view import View, code_of, extension_of, identifiers_of, value_of
from schemas import strict_json
from schemas.codes import systems
from schemas.codes.lists import LegalBasis
from schemas.ids import case_code
from schemas.lifecycle import Decision, Delivery, TransferState
from schemas.message import read_facts
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import bundle_of, context_of, counting, dossier_of, names, now_of, resources

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


# --- header ---


def test_the_header_names_both_ends_and_the_software() -> None:
    header = View(bundle_of("05")).header
    assert header["source"] == {
        "name": "Bệnh viện Đa khoa tỉnh Lạng Sơn",
        "software": "lienvien",
        "version": "0.1.0",
        "endpoint": "urn:lienvien:facility:20Z01",
    }
    assert header["destination"][0]["endpoint"] == "urn:lienvien:facility:01929"
    assert header["definition"] == "urn:lienvien:message-definition:transfer-submit|1.0"
    assert header["reason"]["coding"] == [{"system": systems.MESSAGE_REASON, "code": "new"}]
    assert "response" not in header


def test_the_header_stands_first_and_points_at_the_order() -> None:
    for name in names():
        bundle = bundle_of(name)
        assert bundle["entry"][0]["resource"]["resourceType"] == "MessageHeader"
        view = View(bundle)
        assert view.behind(view.header["focus"][0]) is view.task
        assert view.behind(view.task["focus"]) is view.request
        assert view.behind(view.request["subject"]) is view.patient
        assert view.behind(view.task["for"]) is view.patient


def test_the_legal_ground_with_its_paper_and_its_person() -> None:
    ground = LegalGround(LegalBasis.CONTRACT, "HĐ 7/2026", "Bà Phụ Trách")
    header = View(bundle_of("03", legal_grounds=(ground,))).header
    told = next(item for item in header["extension"] if item["url"] == systems.EXT_LEGAL_BASIS)["extension"]
    assert told == [
        {"url": "code", "valueCode": "contract"},
        {"url": "document", "valueString": "HĐ 7/2026"},
        {"url": "setBy", "valueString": "Bà Phụ Trách"},
    ]
    bare = View(bundle_of("03", legal_grounds=(LegalGround(LegalBasis.LAW),))).header
    told = next(item for item in bare["extension"] if item["url"] == systems.EXT_LEGAL_BASIS)["extension"]
    assert told == [{"url": "code", "valueCode": "law"}]


def test_an_emergency_uses_the_emergency_ground_where_there_is_one() -> None:
    for name, basis in (("05", "emergency"), ("03", "written-request")):
        header = View(bundle_of(name)).header
        told = next(item for item in header["extension"] if item["url"] == systems.EXT_LEGAL_BASIS)["extension"]
        assert told[0]["valueCode"] == basis


# --- order ---


def test_the_order_carries_ids_kind_and_the_reason_of_its_priority() -> None:
    dossier = dossier_of("05")
    context = context_of(dossier, now_of("05"))
    task = View(build_bundle(dossier, context)).task
    assert value_of(task, systems.TRANSFER_ID) == context.ids.transfer_id
    assert value_of(task, systems.CASE_CODE) == context.ids.case_code
    assert task["groupIdentifier"] == {"system": systems.CASE_ID, "value": context.ids.case_id}
    assert extension_of(task, systems.EXT_KIND, "valueCode") == "emergency"
    reason = extension_of(task, systems.EXT_PRIORITY_REASON, "extension")
    assert {item["url"]: item["valueString"] for item in reason} == {
        "rule": "stat-stemi",
        "version": "2026-11-01",
        "text": "mã bệnh: nhồi máu cơ tim cấp / diagnosis code: acute myocardial infarction",
    }


@pytest.mark.parametrize(
    ("state", "status", "business"),
    [
        (TransferState(), "requested", "submitted"),
        (TransferState(delivery=Delivery.OPENED), "received", "under-review"),
        (TransferState(decision=Decision.ACCEPTED), "accepted", "accepted"),
    ],
)
def test_an_order_has_the_state_that_the_sender_knows(state: TransferState, status: str, business: str) -> None:
    task = View(bundle_of("05", state=state)).task
    assert (task["status"], code_of(task["businessStatus"], systems.BUSINESS_STATUS)) == (status, business)


@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_and_priority_can_be_said(kind: Kind, priority: Priority) -> None:
    proposal = Proposal(kind, priority, False, "t", (Evidence("r", "F", "vì", "as"),))
    facts = read_facts(strict_json.loads(encode_bundle(bundle_of("05", proposal=proposal))))
    assert (facts.kind, facts.priority, facts.unclassified) == (kind, priority, False)


def test_no_evidence_is_said_as_a_tag() -> None:
    proposal = Proposal(Kind.INPATIENT, Priority.URGENT, True, "t")
    bundle = bundle_of("05", proposal=proposal)
    assert {"system": systems.TAG, "code": "unclassified"} in bundle["meta"]["tag"]
    assert read_facts(strict_json.loads(encode_bundle(bundle))).unclassified


def test_a_leap_day_slip_of_one_year_ends_on_the_28th() -> None:
    dossier = dossier_of("08")
    assert dossier.slip is not None
    source = replace(source_of(dossier), slip={**dossier.slip.values, "NGAY_RA": "202402291030"})
    assert valid_until(source, Kind.ONE_YEAR) == datetime.fromisoformat("2025-02-28T10:30:00+07:00")
    assert valid_until(source, Kind.INPATIENT) == datetime.fromisoformat("2024-03-14T10:30:00+07:00")
    assert valid_until(replace(source, slip={"NGAY_RA": ""}), Kind.INPATIENT) is None


def test_a_submit_depends_on_the_clock_in_three_places_only() -> None:
    """Timestamp, Provenance.recorded; nothing else, or a rebuilt message would not be recognised."""
    dossier = dossier_of("05")
    first = encode_bundle(build_bundle(dossier, context_of(dossier, now_of("05")))).decode()
    later = encode_bundle(build_bundle(dossier, context_of(dossier, now_of("05") + timedelta(hours=1)))).decode()
    assert first.replace("2026-11-19T23:35:00+07:00", "2026-11-20T00:35:00+07:00") == later
    assert later.count("2026-11-20T00:35:00+07:00") == 2


def test_provenance_names_author_and_transmitter() -> None:
    view = View(bundle_of("05"))
    provenance = view.first("Provenance")
    roles = [code_of(agent["type"], systems.PROVENANCE_AGENT) for agent in provenance["agent"]]
    assert roles == ["author", "transmitter"]
    assert view.behind(provenance["agent"][0]["who"])["resourceType"] == "PractitionerRole"
    assert view.behind(provenance["agent"][1]["who"])["identifier"][0]["value"] == "20Z01"
    assert "entity" not in provenance


# --- parties ---


@pytest.mark.parametrize(
    ("people", "titles", "told"),
    [
        (None, "Bác sĩ", []),
        ("A", None, [("A", None)]),
        ("A; B", "x; y", [("A", "x"), ("B", "y")]),
        ("A;B", "", [("A", None), ("B", None)]),
        ("A; B", "x", [("A; B", "x")]),
        ("A;B;C;D;E", "", [("A;B;C;D;E", None)]),
    ],
)
def test_escorts_are_parted_where_both_lists_agree(people: str | None, titles: str | None, told: Any) -> None:
    assert escorts(people, titles or None) == told


def test_a_facility_that_nobody_knows_is_a_code_with_words_that_say_so() -> None:
    bundle = bundle_of("05", destination=Facility("01929"))
    organization = View(bundle).behind(View(bundle).task["owner"])
    assert organization["identifier"] == [{"system": systems.FACILITY, "value": "01929"}]
    assert organization["_name"] == elements.absent()
    assert organization["telecom"] == [{"system": "phone", "_value": elements.absent()}]


def test_an_alias_of_the_sender_is_kept_for_the_way_back() -> None:
    """A facility keeps its id when its code changes: the slip's code travels beside it."""

    dossier = dossier_of("05")
    context = context_of(dossier, now_of("05"))
    bundle = build_bundle(dossier, replace(context, sender=replace(context.sender, code="20Z99")))
    assert read_facts(strict_json.loads(encode_bundle(bundle))).sender == "20Z99"
    assert rebuild_slip(bundle).values["MA_CSKCB"] == "20Z01"


def test_start_dates_of_other_cards_are_not_borrowed() -> None:
    dossier = dossier_of("05")
    source = source_of(dossier)
    assert cards(source)[0][1] == "2026-01-01"
    other = replace(source, one={**source.one, "MA_THE_BHYT": "HT3209999000999"})
    assert cards(other)[0][1] is None


# --- small elements ---


def test_what_is_absent_says_why() -> None:
    assert elements.identifier("urn:x", None) == {"system": "urn:x", "_value": elements.absent()}
    assert elements.phone(" ") == {"system": "phone", "_value": elements.absent()}
    assert elements.human_name(None) == {"_text": elements.absent()}
    assert elements.text_concept("") == {"_text": elements.absent()}
    assert elements.absent("unsupported")["extension"][0]["valueCode"] == "unsupported"


def test_lists_of_the_tables() -> None:
    assert elements.parts(" a ;; b;") == ["a", "b"]
    assert elements.joined(["a", "b"]) == "a;b"
    assert elements.without_nothing({"a": None, "b": [], "c": {}, "d": "", "e": 0, "f": False}) == {"e": 0, "f": False}


def test_notes_are_found_by_their_label() -> None:
    notes = [elements.annotation("a", "1"), elements.annotation("b", "2", "t"), {"text": "plain"}]
    assert elements.labelled(notes, "b") == "2"
    assert elements.labelled(notes, "c") is None
    assert elements.labelled(None, "a") is None


def test_a_draft_gives_references_that_lead_back() -> None:
    draft = Draft(counting())
    one = draft.add("Patient", {"gender": "male"})
    draft.add_first("00000000-0000-4000-8000-ffffffffffff", "MessageHeader", {})
    assert draft.resource(one)["gender"] == "male"
    assert [entry["resource"]["resourceType"] for entry in draft.entries] == ["MessageHeader", "Patient"]
    assert len(draft) == 2
    assert all(entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}" for entry in draft.entries)


def test_a_view_of_nothing_is_empty_and_never_fails() -> None:
    view = View({"entry": []})
    assert (view.header, view.patient, view.conditions, view.roles("doctor")) == ({}, {}, [], [])
    assert view.behind(None) == view.behind({"reference": "urn:uuid:x"}) == {}
    assert code_of(None, "s") is None
    assert value_of({}, "s") is None
    assert identifiers_of({"identifier": [{"system": "s"}]}, "s") == []
    assert extension_of(None, "u", "valueCode") is None


def test_numbers_are_written_as_they_were() -> None:
    written = encode_bundle({"a": [Decimal("1.10"), Decimal("100"), Decimal("-0.50"), 7], "b": "ế"})
    assert written == '{"a":[1.10,100,-0.50,7],"b":"ế"}'.encode()
    for odd in (Decimal("NaN"), Decimal("Infinity"), object()):
        with pytest.raises(TypeError):
            encode_bundle({"a": odd})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("202611192330", "23:30 ngày 19/11/2026"),
        ("sáng", "sáng"),
        ("x" * 41, ""),
        ("\x1f", ""),
        (None, ""),
        ("<b>", ""),
    ],
)
def test_a_time_is_quoted_only_when_it_can_be(text: str | None, told: str) -> None:
    assert told_time({"T": text}, "T") == told


def test_case_codes_of_the_tests_are_real() -> None:
    assert View(bundle_of("05")).task["identifier"][1]["value"] == case_code("20Z01", NOW.date(), 17)
    assert len(resources(bundle_of("05"), "Task")) == 1
