"""A corrected slip: what differs, said in words, in an update of the same transfer."""

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from connectors.mapping.build import build_bundle
from connectors.mapping.changes import QUOTED_MAX_CHARS, FieldChange, diff_slips, in_words
from connectors.mapping.elements import labelled
from connectors.mapping.encode import encode_bundle
from connectors.mapping.rebuild import rebuild_slip
from connectors.mapping.urgency.proposal import Proposal
from connectors.mapping.view import View
from connectors.sources.xml13.dialects import Dialect, Slip
from schemas import strict_json
from schemas.codes import systems
from schemas.events import Event
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import context_of, dossier_of, now_of

BEFORE = "00000000-0000-4000-8000-00000000aaaa"


def slip(**values: str | None) -> Slip:
    return Slip(Dialect.QD3176, MappingProxyType(values), b"", "0" * 64)


def update(**fields: str | None) -> dict[str, Any]:
    old = dossier_of("05")
    assert old.slip is not None
    new = replace(old, slip=replace(old.slip, values=MappingProxyType({**old.slip.values, **fields})))
    assert new.slip is not None
    changes = tuple(diff_slips(old.slip, new.slip))
    later = now_of("05") + timedelta(hours=1)
    context = context_of(new, later, event=Event.UPDATE, previous_message_id=BEFORE, changes=changes)
    return build_bundle(new, context)


def test_only_what_differs_in_the_slips_order() -> None:
    old = slip(A="1", B="", C=None, D="x", GONE="y")
    new = slip(A="1", B=None, C="", D="z", NEW="n")
    assert diff_slips(old, new) == [
        FieldChange("B", "", None),
        FieldChange("C", None, ""),
        FieldChange("D", "x", "z"),
        FieldChange("NEW", None, "n"),
        FieldChange("GONE", "y", None),
    ]


VALUES = st.dictionaries(st.sampled_from("ABCDE"), st.one_of(st.none(), st.text(max_size=5)))


@given(VALUES, VALUES)
def test_applying_the_difference_gives_the_new_slip(old: dict[str, Any], new: dict[str, Any]) -> None:
    changes = diff_slips(slip(**old), slip(**new))
    changed = {**dict.fromkeys(new), **old, **{change.field: change.new for change in changes}}
    assert {name: text for name, text in changed.items() if text is not None} == {
        name: text for name, text in new.items() if text is not None
    }
    assert diff_slips(slip(**old), slip(**old)) == []


def test_an_update_says_what_changed_and_follows_the_message_before() -> None:
    bundle = update(MA_BENH_CHINH="I21.0", HOTEN_NGUOI_HT="", DU_PHONG=None)
    view = View(bundle)
    told = labelled(view.task["note"], "changes") or ""
    assert "MA_BENH_CHINH: “I21.1” → “I21.0”" in told
    assert "HOTEN_NGUOI_HT: “LÂM VĂN GIẢ; HOÀNG THỊ ĐỊNH” → (trống / empty)" in told
    assert "DU_PHONG: (trống / empty) → (không có / absent)" in told
    assert view.header["reason"]["coding"][0]["code"] == "update"
    assert view.first("Provenance")["entity"][0]["what"]["identifier"] == {
        "system": systems.MESSAGE_ID,
        "value": BEFORE,
    }
    assert view.request["meta"]["lastUpdated"] == "2026-11-20T00:35:00+07:00"
    assert view.task["lastModified"] == "2026-11-20T00:35:00+07:00"
    assert view.task["authoredOn"] == "2026-11-19T23:30:00+07:00"


def test_the_gate_and_fhir_accept_an_update() -> None:
    data = encode_bundle(update(MA_BENH_CHINH="I21.0"))
    bundle = strict_json.loads(data)
    facts = read_facts(bundle)
    assert facts.event is Event.UPDATE
    assert judge(bundle, facts).refusals == ()
    Bundle.model_validate_json(data)
    assert rebuild_slip(bundle).values["MA_BENH_CHINH"] == "I21.0"


def test_markup_and_length_do_not_break_the_words() -> None:
    long = "x" * 5000
    bundle = update(QT_BENHLY=long, DAU_HIEU_LS="<script>alert(1)</script>", TOMTAT_KQ="a\n\nb")
    read = strict_json.loads(encode_bundle(bundle))
    assert judge(read, read_facts(read)).refusals == ()
    told = labelled(View(read).task["note"], "changes") or ""
    assert "x" * QUOTED_MAX_CHARS + "…" in told
    assert "x" * (QUOTED_MAX_CHARS + 1) not in told
    assert "<script" not in told
    assert "“a b”" in told


def test_words_name_every_changed_field_however_many() -> None:
    names = [f"FIELD_{place}" for place in range(39)]
    told = in_words([FieldChange(name, "a" * 1000, "b" * 1000) for name in names])
    assert all(name in told for name in names)
    assert len(told) < 16_000


@pytest.mark.parametrize("event", [Event.SUBMIT, Event.UPDATE])
def test_an_expected_transfer_travels(event: Event) -> None:
    """Up to a day ahead; FHIR inv-1: lastModified is not before authoredOn."""
    dossier = dossier_of("05")
    early = now_of("05") - timedelta(hours=3)
    strictly = Proposal(Kind.INPATIENT, Priority.ROUTINE, False, "test")
    before = BEFORE if event is Event.UPDATE else None
    context = context_of(dossier, early, event=event, previous_message_id=before, proposal=strictly)
    read = strict_json.loads(encode_bundle(build_bundle(dossier, context)))
    assert judge(read, read_facts(read)).refusals == ()
    view = View(read)
    assert view.task["lastModified"] >= view.task["authoredOn"]
    assert view.request["authoredOn"] == "2026-11-19T23:30:00+07:00"
    assert rebuild_slip(read).values["NGAY_RA"] == "202611192330"


def test_a_time_in_the_future_is_not_believed_and_not_lost() -> None:
    dossier = dossier_of("05")
    assert dossier.slip is not None
    late = "202701010000"
    values = MappingProxyType({**dossier.slip.values, "NGAY_VAO": late, "NGAY_VAO_NOI_TRU": late})
    odd = replace(
        dossier,
        slip=replace(dossier.slip, values=values),
        results=(
            {"MA_CHI_SO": "K", "GIA_TRI": "4.1", "NGAY_KQ": late},
            {"TEN_CHI_SO": "XQ", "KET_LUAN": "mờ", "NGAY_KQ": late},
        ),
        course=({"THOI_DIEM_DBLS": late, "DIEN_BIEN_LS": "CSST<M75>"},),
    )
    strictly = Proposal(Kind.INPATIENT, Priority.ROUTINE, False, "test")
    data = encode_bundle(build_bundle(odd, context_of(odd, now_of("05"), proposal=strictly)))
    read = strict_json.loads(data)
    assert judge(read, read_facts(read)).refusals == ()
    assert dict(rebuild_slip(read).values) == dict(values)
    assert data.decode().count("Thời điểm ghi trong bảng: 00:00 ngày 01/01/2027") == 3


@pytest.mark.parametrize(("event", "before"), [(Event.UPDATE, None), (Event.SUBMIT, BEFORE), (Event.ACCEPT, None)])
def test_an_update_names_the_message_before_and_a_submit_none(event: Event, before: str | None) -> None:
    dossier = dossier_of("05")
    with pytest.raises(ValueError, match="message before"):
        build_bundle(dossier, context_of(dossier, now_of("05"), event=event, previous_message_id=before))
