"""Laws that hold for every record, tried with records nobody wrote."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from connectors.mapping.build import build_bundle
from connectors.mapping.documents import shortened
from connectors.mapping.elements import holds, is_code
from connectors.mapping.encode import encode_bundle
from connectors.mapping.fields import home
from connectors.mapping.natives import READERS
from connectors.mapping.rebuild import rebuild_slip
from connectors.mapping.results import choose, line, newest_per_indicator
from connectors.mapping.times import birth_from_fhir, birth_to_fhir, day_from_fhir, day_to_fhir, from_fhir, to_fhir
from connectors.mapping.urgency import codes
from connectors.mapping.urgency.proposal import Proposal
from connectors.mapping.urgency.rules import propose
from connectors.mapping.vitals import signs
from connectors.mapping.writer import slip_xml
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.dialects import FIELDS, Dialect, read_slip
from connectors.sources.xml13.records import Dossier
from connectors.sources.xml13.tables import COURSE_TAGS, DRUG_TAGS, RESULT_TAGS, SUMMARY_TAGS
from schemas import strict_json
from schemas.limits import BUNDLE_MAX_ENTRIES
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.profile.primitives import PRIMITIVES
from schemas.reasons import Refused
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import bundle_of, context_of, dossier_of

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
STRICTLY = Proposal(Kind.INPATIENT, Priority.ROUTINE, False, "test")

TEXT = st.text(st.characters(min_codepoint=9, max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=40)
HINTS = st.sampled_from(
    ["", "1", "03", "1.9", "2", "K02", "52.5", "52,5", "O+", "020162990201", "202611192200", "202701010000", "20261119",
     "CSST<M75_T37_HA120/70_NT18_HL2>", "CSST<", "a CSST<M_T_HA/_NT> b", "5.60", "> 20", "mmol/L", "38.95;39.95",
     "Letrozol", "Letrozol; Calci", "HT3209999000202", "20260101;20260701", ";", "<b>x</b>", "x" * 3000, "y" * 20000]
)  # fmt: skip
CELL = st.one_of(st.none(), HINTS, TEXT)


def rows(tags: tuple[str, ...], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    row = st.fixed_dictionaries(dict.fromkeys(tags, CELL))
    return st.lists(row, max_size=most).map(tuple)


DOSSIERS = st.builds(
    lambda summary, drugs, results, course: replace(
        dossier_of("11"), summary=summary, drugs=drugs, results=results, course=course
    ),
    st.fixed_dictionaries(dict.fromkeys(SUMMARY_TAGS, CELL)),
    rows(DRUG_TAGS, 5),
    rows(RESULT_TAGS, 8),
    rows(COURSE_TAGS, 5),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOSSIERS)
def test_any_tables_beside_the_slip_make_a_message_that_travels(dossier: Dossier) -> None:
    data = encode_bundle(build_bundle(dossier, context_of(dossier, NOW, proposal=STRICTLY)))
    read = strict_json.loads(data)
    assert judge(read, read_facts(read)).refusals == ()
    assert len(read["entry"]) <= BUNDLE_MAX_ENTRIES
    Bundle.model_validate_json(data)
    assert dossier.slip is not None
    assert rebuild_slip(read).values == dossier.slip.values


# --- texts ---

STRING = jsonschema_rs.validator_for(PRIMITIVES["string"])
CODE = jsonschema_rs.validator_for(PRIMITIVES["code"])
ANY_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(ANY_TEXT)
def test_what_is_held_is_what_the_profile_lets_pass(text: str) -> None:
    """Never more than the profile allows; less only for control characters of the second block, which it lets be."""
    if holds(text):
        assert STRING.is_valid(text)
    else:
        assert not STRING.is_valid(text) or any(0x7F <= ord(letter) <= 0x9F for letter in text) or "<" in text


@given(ANY_TEXT)
def test_what_is_a_code_is_one_for_the_profile(text: str) -> None:
    assert not is_code(text) or CODE.is_valid(text)


@pytest.mark.parametrize("longest", [1, 10, 2000])
def test_length_is_part_of_holding(longest: int) -> None:
    assert holds("x" * longest, longest)
    assert not holds("x" * (longest + 1), longest)


XML_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xD7FF), max_size=30).filter(
    lambda text: not any(0x7F <= ord(letter) <= 0x9F for letter in text)
)


@given(st.lists(st.one_of(st.none(), XML_TEXT), min_size=39, max_size=39))
def test_what_is_written_is_read_back(texts: list[str | None]) -> None:
    """The reader takes blanks at the ends away; nothing else changes."""
    tags = [field.tag for field in FIELDS[Dialect.QD4750]]
    values = dict(zip(tags, texts, strict=True)) | {"MA_NOI_DEN": "01929"}
    read = read_slip(slip_xml(Dialect.QD4750, values))
    assert read is not None
    assert dict(read.values) == {tag: None if text is None else text.strip() for tag, text in values.items()}


# --- fields ---


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_field_has_an_element_but_two(dialect: Dialect) -> None:
    named = [field.tag for field in FIELDS[dialect] if field.tag not in READERS]
    assert named == ["PHUONGTIEN_VC", "DU_PHONG"]
    assert {home(field.tag) for field in FIELDS[dialect]} == {"Patient", "Encounter", "ServiceRequest"}


def paths(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in items:
        yield (*so_far, name)
        yield from paths(child, (*so_far, name))


def test_a_bundle_with_anything_taken_out_is_read_or_refused() -> None:
    """The receiver's hand-over reads what others sent; a hole is a field not given, or a refusal, never a crash."""
    whole = strict_json.loads(encode_bundle(bundle_of("05")))
    whole["entry"] = [entry for entry in whole["entry"] if entry["resource"]["resourceType"] != "Observation"]
    tried = 0
    for path in paths(whole["entry"]):
        if path[-1] in ("resourceType", "resource", "fullUrl") or len(path) < 3:
            continue  # the gate never lets these be missing
        bundle = {**whole, "entry": copy.deepcopy(whole["entry"])}
        parent: Any = bundle["entry"]
        for step in path[:-1]:
            parent = parent[step]
        del parent[path[-1]]
        facts = _facts(bundle)
        if facts is None or judge(bundle, facts).refusals:
            continue
        tried += 1
        with contextlib.suppress(Refused):
            rebuild_slip(bundle)
    assert tried > 100


def _facts(bundle: dict[str, Any]) -> Any:
    try:
        return read_facts(bundle)
    except Refused:
        return None


# --- results ---

RESULTS = st.lists(
    st.fixed_dictionaries(
        {
            "MA_CHI_SO": st.sampled_from(["A", "B", "C", "", None]),
            "TEN_CHI_SO": st.sampled_from(["A", "x", "", None]),
            "NGAY_KQ": st.sampled_from(["202611190100", "202611190200", "202611190300", "", None]),
            "GIA_TRI": st.integers(0, 99).map(str),
        }
    ),
    max_size=20,
)


@given(RESULTS, st.integers(-3, 25))
def test_results_are_parted_never_lost(table: list[dict[str, str | None]], room: int) -> None:
    kept, rest = choose(table, room)
    assert len(kept) <= max(room, 0)
    assert sorted(map(id, kept + rest)) == sorted(map(id, table))
    if len(table) <= room:
        assert rest == []
    elif len(newest_per_indicator(table)) <= room:
        assert sorted(map(id, kept)) == sorted(map(id, newest_per_indicator(table)))


@given(RESULTS)
def test_the_newest_of_an_indicator_is_not_older_than_any_other(table: list[dict[str, str | None]]) -> None:
    def key(row: dict[str, str | None]) -> str:
        return row["MA_CHI_SO"] or row["TEN_CHI_SO"] or ""

    newest = {key(dict(row)): row for row in newest_per_indicator(table)}
    for row in table:
        assert (row["NGAY_KQ"] or "") <= (newest[key(row)].get("NGAY_KQ") or "")


@given(st.fixed_dictionaries(dict.fromkeys(RESULT_TAGS, CELL)))
def test_every_result_has_a_line(row: dict[str, str | None]) -> None:
    assert "|" in line(row)


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(1, 400))
def test_shortened_texts_keep_their_first_lines(lines: list[str], longest: int) -> None:
    lines = [text.replace("\n", " ") for text in lines]
    text = shortened(lines, longest)
    kept = text.split("\n") if lines else []
    if kept != lines:
        told = kept.pop()
        assert f"Còn {len(lines) - len(kept)} dòng" in told
    assert kept == lines[: len(kept)]
    assert sum(len(item.encode()) + 1 for item in kept) <= longest or kept == []


# --- vital signs ---


@given(st.text(max_size=60), st.text(max_size=40))
def test_any_course_is_read(before: str, inside: str) -> None:
    found = signs([{"DIEN_BIEN_LS": f"{before}CSST<{inside}>", "THOI_DIEM_DBLS": "202611190100"}])
    assert all(sign.letters.isalpha() and sign.text for sign in found)


# --- times ---

MOMENTS = st.datetimes(datetime(1800, 1, 1), datetime(2199, 12, 31))  # noqa: DTZ001  local, as the tables write it


@given(MOMENTS)
def test_every_minute_goes_there_and_back(at: datetime) -> None:
    text = f"{at:%Y%m%d%H%M}"
    assert from_fhir(to_fhir(text)) == text
    assert datetime.fromisoformat(to_fhir(text) or "") == at.replace(second=0, microsecond=0, tzinfo=VIETNAM)
    assert day_from_fhir(day_to_fhir(text[:8])) == text[:8]
    assert from_fhir(to_fhir(text[:8])) == text[:8]


@given(MOMENTS, st.sampled_from(["day", "month", "time", "none"]))
def test_every_birth_date_goes_there_and_back(at: datetime, unknown: str) -> None:
    text = f"{at:%Y%m%d%H%M}"
    text = {"day": text[:6] + "000000", "month": text[:4] + "00000000", "time": text[:8] + "0000"}.get(unknown, text)
    assert birth_from_fhir(*birth_to_fhir(text)) == text


@given(st.text(max_size=14))
def test_any_text_is_a_time_or_none(text: str) -> None:
    for value in (to_fhir(text), day_to_fhir(text), birth_to_fhir(text)[0]):
        assert value is None or value[:4] == text[:4]


# --- urgency ---

GROUPS = (*codes.STAT, *codes.STAT_RECENT, *codes.STAT_NEWBORN, *codes.URGENT)


def test_the_lists_are_well_formed() -> None:
    for rule, vi, en, prefixes in GROUPS:
        assert rule.startswith(("stat-", "urgent-"))
        assert vi
        assert en
        assert all(prefix == prefix.upper() and prefix[0].isalpha() and "." not in prefix for prefix in prefixes)
        assert len(set(prefixes)) == len(prefixes)
    names = [rule for rule, *_ in GROUPS]
    assert len(set(names)) == len(names)


@settings(deadline=None)
@given(
    st.sampled_from([f"{index:02d}" for index in range(1, 13)]),
    st.sampled_from(["PHUONGTIEN_VC", "CHUCDANH_NGUOI_HT", "HUONG_DIEU_TRI", "TINH_TRANG_CT", "DAU_HIEU_LS"]),
    st.sampled_from(["xe cứu thương", "bác sĩ", "chuyển cấp cứu", "thở máy", "nguy kịch", "khẩn"]),
)
def test_more_evidence_of_urgency_never_lowers(name: str, field: str, words: str) -> None:
    dossier = dossier_of(name)
    context = context_of(dossier, NOW)
    assert dossier.slip is not None
    assume(field in dossier.slip.values)
    values = MappingProxyType({**dossier.slip.values, field: f"{dossier.slip.values[field] or ''}; {words}"})
    more = context_of(replace(dossier, slip=replace(dossier.slip, values=values)), NOW).proposal
    assert more.priority.rank <= context.proposal.priority.rank


@pytest.mark.parametrize(("rule", "vi", "en", "prefixes"), GROUPS, ids=[group[0] for group in GROUPS])
def test_every_listed_code_is_evidence(rule: str, vi: str, en: str, prefixes: tuple[str, ...]) -> None:
    """Dotted, undotted, longer, and in either field; only where its rule looks at all."""
    dossier = dossier_of("03")
    assert dossier.slip is not None
    born, came, left = "202611180000", "202611190100", "202611190300"
    for prefix in prefixes:
        for code in (prefix, f"{prefix[:3]}.{prefix[3:]}" if len(prefix) > 3 else f"{prefix}.9"):
            times = {"NGAY_SINH": born, "NGAY_VAO": came, "NGAY_RA": left, "MA_BENH_CHINH": code}
            slip = replace(dossier.slip, values=MappingProxyType({**dossier.slip.values, **times}))
            source = context_of(replace(dossier, slip=slip), NOW).proposal
            found = {(item.rule, item.vi, item.en) for item in source.evidence}
            assert (rule, f"mã bệnh: {vi}", f"diagnosis code: {en}") in found or source.priority is Priority.STAT, code


def test_the_rules_look_at_the_time_of_day_never() -> None:
    """The same slip, judged a year later, is proposed the same: nothing depends on now."""
    dossier = dossier_of("05")
    first, later = context_of(dossier, NOW), context_of(dossier, NOW + timedelta(days=365))
    assert first.proposal == later.proposal
    assert propose.__code__.co_varnames[:3] == ("source", "sender", "destination")
