"""The way back: every field of the slip from the structured elements alone, empty and absent told apart."""

import copy
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.mapping.build import build_bundle
from connectors.mapping.encode import encode_bundle
from connectors.mapping.exact import kept
from connectors.mapping.rebuild import rebuild_slip
from connectors.mapping.urgency.proposal import Proposal
from connectors.mapping.view import View
from connectors.mapping.writer import slip_xml, write_envelope, write_xml13
from connectors.sources.xml13.dialects import DESTINATION_TAG, FIELDS, Dialect, Slip, read_slip
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.records import Dossier
from schemas import strict_json
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import bundle_of, context_of, dossier_of, names, now_of

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def without_attachments(bundle: dict[str, Any]) -> dict[str, Any]:
    """The Bundle as a reader gets it, its documents gone."""
    read: dict[str, Any] = strict_json.loads(encode_bundle(bundle))
    read["entry"] = [entry for entry in read["entry"] if entry["resource"]["resourceType"] != "DocumentReference"]
    return read


def slip_of(dialect: Dialect, values: dict[str, str | None]) -> Slip:
    return Slip(dialect, MappingProxyType(values), b"", "0" * 64)


def back(dossier: Dossier) -> Slip:
    return rebuild_slip(without_attachments(build_bundle(dossier, context_of(dossier, NOW))))


@pytest.mark.parametrize("name", names())
def test_each_sample_comes_back_field_by_field(name: str) -> None:
    slip = dossier_of(name).slip
    assert slip is not None
    rebuilt = rebuild_slip(without_attachments(bundle_of(name)))
    assert rebuilt.dialect is slip.dialect
    assert list(rebuilt.values.items()) == list(slip.values.items())
    assert len(rebuilt.values) == (39 if slip.dialect is Dialect.QD4750 else 37)


@pytest.mark.parametrize("name", names())
def test_what_fhir_has_an_element_for_is_kept_in_no_extension(name: str) -> None:
    view = View(bundle_of(name))
    named = {
        field
        for resource in (view.patient, view.encounter, view.request)
        for field in kept(resource)
        if field not in {"dialect", "empty", "absent"}
    }
    assert named <= {"PHUONGTIEN_VC", "DU_PHONG"}


# What a change of one native element must do to the slip that is written from it.
NATIVE: dict[str, tuple[str, Any]] = {
    "HO_TEN": ("Patient", lambda r: r["name"][0].update(text="X")),
    "NGAY_SINH": ("Patient", lambda r: r.update(birthDate="1990")),
    "GIOI_TINH": ("Patient", lambda r: r.update(gender="unknown")),
    "DIA_CHI": ("Patient", lambda r: r["address"][0].update(text="X")),
    "SO_HOSO": ("Patient", lambda r: r["identifier"][-1].update(value="X")),
    "NGAY_VAO": ("Encounter", lambda r: r["period"].update(start="2026-01-01T00:00:00+07:00")),
    "NGAY_RA": ("Encounter", lambda r: r["period"].update(end="2026-01-01T00:00:00+07:00")),
    "MA_LK": ("Encounter", lambda r: r["identifier"][0].update(value="X")),
    "MA_LOAI_RV": ("Encounter", lambda r: r["hospitalization"]["dischargeDisposition"]["coding"][0].update(code="5")),
    "GIAY_CHUYEN_TUYEN": ("ServiceRequest", lambda r: r["identifier"][0].update(value="X")),
    "HUONG_DIEU_TRI": ("ServiceRequest", lambda r: r["code"].update(text="X")),
    "MA_LYDO_CT": ("ServiceRequest", lambda r: r["reasonCode"][0]["coding"][0].update(code="1")),
    "DAU_HIEU_LS": ("ServiceRequest", lambda r: r["note"][0].update(text="X")),
    "CHAN_DOAN_RV": ("Condition", lambda r: r["code"].update(text="X")),
    "MA_BENH_CHINH": ("Condition", lambda r: r["code"]["coding"][0].update(code="A00")),
    "TOMTAT_KQ": ("DiagnosticReport", lambda r: r.update(conclusion="X")),
    "MA_BAC_SI": ("Practitioner", lambda r: r["identifier"][0].update(value="X")),
    "MA_CSKCB": ("Organization", lambda r: r["identifier"][0].update(value="99X99")),
}


@pytest.mark.parametrize("field", NATIVE)
def test_the_native_element_is_the_source(field: str) -> None:
    kind, change = NATIVE[field]
    bundle = copy.deepcopy(bundle_of("05"))
    before = rebuild_slip(bundle).values
    change(View(bundle).first(kind))
    after = rebuild_slip(bundle).values
    assert [name for name in after if after[name] != before[name]] == [field]


def test_empty_and_absent_are_told_apart() -> None:
    base = dossier_of("05")
    assert base.slip is not None
    values = dict(base.slip.values) | {"DU_PHONG": None, "HOTEN_NGUOI_HT": "", "NGAY_SINH": None, "GIOI_TINH": ""}
    rebuilt = back(replace(base, slip=slip_of(Dialect.QD3176, values)))
    assert dict(rebuilt.values) == values
    written = write_xml13(rebuilt)
    assert b"<DU_PHONG" not in written
    assert b"<HOTEN_NGUOI_HT" in written


def test_the_written_table_reads_back_as_the_same_slip() -> None:
    for name in names():
        rebuilt = rebuild_slip(bundle_of(name))
        read = read_slip(write_xml13(rebuilt))
        assert read is not None
        assert read.values == rebuilt.values
        assert read.sha256 == rebuilt.sha256


def test_the_envelope_reads_back() -> None:
    rebuilt = rebuild_slip(bundle_of("05"))
    data = write_envelope("20Z01", date(2026, 11, 19), [("XML13", write_xml13(rebuilt))])
    read = read_envelope(data)
    assert (read.sender, read.made_on, len(read.dossiers)) == ("20Z01", "20261119", 1)
    assert read.dossiers[0].slip is not None
    assert read.dossiers[0].slip.values == rebuilt.values
    assert read.findings == ()


def test_markup_in_a_text_is_escaped_when_written() -> None:
    values: dict[str, str | None] = {field.tag: "a & b < c > ]]> \r\n d" for field in FIELDS[Dialect.QD4750]}
    read = read_slip(slip_xml(Dialect.QD4750, values))
    assert read is not None
    assert read.values == values


def test_a_bundle_of_other_software_has_no_slip() -> None:
    bundle = bundle_of("05")
    View(bundle).request["extension"] = []
    with pytest.raises(Refused) as caught:
        rebuild_slip(bundle)
    assert caught.value.reason is ReasonCode.PROFILE_VIOLATED


def test_broken_base64_is_refused() -> None:
    bundle = bundle_of("05")
    extension = View(bundle).request["extension"][-1]
    extension["extension"].append({"url": "DU_PHONG", "valueBase64Binary": "@@@"})
    with pytest.raises(Refused):
        rebuild_slip(bundle)


# --- the law: whatever the slip says comes back ---

XML_TEXT = st.text(
    st.one_of(
        st.characters(min_codepoint=0x20, max_codepoint=0x1EFF, exclude_categories=["Cs", "Cc"]),
        st.sampled_from(list("\t\n\r ;;..//<>&'\"0123456789\u0301\u0323\u00a0\u200b\u2028\ufeff🙂漢")),
    ),
    max_size=60,
)
_ODD = """
196600000000|19660500|196605000000|202602300000|202611192330|20261119|999912312359|179912312359|000000000000|2026|000000
202611192400|202611190000|20271231;20281231|20271231;|;20271231|2027123;x|99991231|2|3|0|male|20Z55|01929|20Z55;24Z01
HT3249999000101;DN4309999000401|HT3249999000101; DN4309999000401|I10|I10;I11|I10; I11|I10;I10|U13/9|i63.4|I63.4 |unknown
<script>alert(1)</script>|<b>đậm</b>|<!DOCTYPE|javascript:alert(1)|A; B; C|Bác sĩ; Điều dưỡng|Không|1|000001/ZZ-CCHN
Aspirin 81mg; Clopidogrel 75mg|GPHN.HD.00409|;|; |a;b|a; b| a|a |a;;b|;a|a;|  
"""  # noqa: W291
ODD = st.sampled_from(
    [
        text
        for line in _ODD.strip("\n").split("\n")
        for text in (*line.split("|"), "\n", "Nguye\u0302\u0303n", "x" * 2100, "y" * 17000)
    ]
)
VALUE = st.one_of(st.none(), st.just(""), ODD, XML_TEXT)


def slips(dialect: Dialect) -> st.SearchStrategy[dict[str, str | None]]:
    fixed = {"MA_CSKCB": st.just("20Z01"), DESTINATION_TAG[dialect]: st.just("01929")}
    tags = [field.tag for field in FIELDS[dialect]]
    return st.fixed_dictionaries({tag: fixed.get(tag, VALUE) for tag in tags})


@pytest.mark.parametrize("dialect", list(Dialect))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_slip_comes_back_and_its_bundle_passes_the_gate(dialect: Dialect, data: st.DataObject) -> None:
    values = data.draw(slips(dialect))
    dossier = Dossier(1, "20Z01", slip_of(dialect, values), tables=("XML13",))
    strictly = Proposal(Kind.INPATIENT, Priority.ROUTINE, False, "test")  # the gate is lenient with stat only
    bundle = build_bundle(dossier, context_of(dossier, NOW, proposal=strictly))
    assert dict(rebuild_slip(without_attachments(bundle)).values) == values
    read = strict_json.loads(encode_bundle(bundle))
    assert judge(read, read_facts(read)).refusals == ()


HARD = (
    "\ufeff",
    "a\ufeffb",
    "\u00a0",
    "\u200b",
    "a\u2028b",
    "0" * 101,
    "<a b",
    "<i>",
    "Nguye\u0302\u0303n",
    "99991231",
    ";",
    " a ",
)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("text", HARD)
def test_each_field_alone_carries_a_hard_text(dialect: Dialect, text: str) -> None:
    fixed = {"MA_CSKCB": "20Z01", DESTINATION_TAG[dialect]: "01929"}
    for field in FIELDS[dialect]:
        if field.tag in fixed:
            continue
        values = dict.fromkeys(other.tag for other in FIELDS[dialect]) | fixed | {field.tag: text}
        dossier = Dossier(1, "20Z01", slip_of(dialect, values), tables=("XML13",))
        strictly = Proposal(Kind.INPATIENT, Priority.ROUTINE, False, "test")
        read = strict_json.loads(encode_bundle(build_bundle(dossier, context_of(dossier, NOW, proposal=strictly))))
        assert judge(read, read_facts(read)).refusals == (), field.tag
        assert dict(rebuild_slip(read).values) == values


def test_a_sample_is_not_equal_when_a_field_is_lost() -> None:
    """The comparison above can fail."""
    bundle = json.loads(encode_bundle(bundle_of("05")))
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "DiagnosticReport"]
    slip = dossier_of("05").slip
    assert slip is not None
    assert rebuild_slip(bundle).values != slip.values
    assert now_of("05") < NOW
