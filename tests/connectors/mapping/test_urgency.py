"""The rule pack: what each sample is taken for, what raises, what is calm, and that nothing is ever lowered."""

from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mapping.context import Facility
from connectors.mapping.source import Source, source_of
from connectors.mapping.urgency import words
from connectors.mapping.urgency.proposal import Evidence, Proposal
from connectors.mapping.urgency.rules import VERSION, propose
from connectors.sources.xml13.dialects import FIELDS, Dialect
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import context_of, dossier_of, now_of

SMALL, LARGE = Facility("20Z01", role="provincial"), Facility("01929", role="central")
CHOSEN = Evidence("chosen", "folder", "chọn", "chosen")


def source(one: dict[str, str] | None = None, **fields: str) -> Source:
    """A slip that says nothing but these fields."""
    values = dict.fromkeys((field.tag for field in FIELDS[Dialect.QD3176]), "") | fields
    return Source(Dialect.QD3176, MappingProxyType(values), one or {}, (), (), ())


def proposed(one: dict[str, str] | None = None, **fields: str) -> Proposal:
    return propose(source(one, **fields), SMALL, LARGE)


@pytest.mark.parametrize(
    ("name", "kind", "priority"),
    [
        ("01", Kind.INPATIENT, Priority.URGENT),
        ("02", Kind.EMERGENCY, Priority.STAT),  # severe pre-eclampsia
        ("03", Kind.INPATIENT, Priority.ROUTINE),  # at the patient's request, by own means
        ("04", Kind.EMERGENCY, Priority.STAT),  # stroke in its second hour
        ("05", Kind.EMERGENCY, Priority.STAT),  # infarction
        ("06", Kind.EMERGENCY, Priority.STAT),  # preterm newborn
        ("07", Kind.EMERGENCY, Priority.STAT),  # polytrauma
        ("08", Kind.ONE_YEAR, Priority.ROUTINE),
        ("09", Kind.INPATIENT, Priority.URGENT),
        ("10", Kind.EMERGENCY, Priority.URGENT),
        ("11", Kind.EMERGENCY, Priority.STAT),  # septic shock
        ("12", Kind.BACK_REFERRAL, Priority.ROUTINE),  # two weeks after a stroke
    ],
)
def test_samples(name: str, kind: Kind, priority: Priority) -> None:
    proposal = context_of(dossier_of(name), now_of(name)).proposal
    assert (proposal.kind, proposal.priority, proposal.unclassified) == (kind, priority, False)
    assert proposal.evidence
    assert proposal.version == VERSION


def test_no_evidence_is_unclassified_and_urgent() -> None:
    proposal = proposed()
    assert (proposal.kind, proposal.priority, proposal.unclassified) == (Kind.INPATIENT, Priority.URGENT, True)
    assert proposal.rule == "none"
    assert proposal.vi
    assert proposal.en


STAT_CODES = [
    "I21.1",
    "I22",
    "I63.4",
    "I61",
    "I60.9",
    "R57.2",
    "A41.5",
    "A40",
    "R65.1",
    "T07",
    "T06.8",
    "S06.5",
    "S36.0",
]
STAT_CODES += ["O14.1", "O15.0", "O72.1", "J96.0", "J80", "I46.9", "I71.0", "I26.9", "R40.2", "P22.0", "I211", "i21.1"]


@pytest.mark.parametrize("code", STAT_CODES)
@pytest.mark.parametrize("field", ["MA_BENH_CHINH", "MA_BENH_KT"])
def test_codes_for_stat(code: str, field: str) -> None:
    listed = code if field == "MA_BENH_CHINH" else f"I10; {code} ;E11.9"
    born = "202611190000" if code.startswith("P") else "196001010000"
    proposal = proposed(NGAY_VAO="202611192140", NGAY_RA="202611192330", NGAY_SINH=born, **{field: listed})
    assert (proposal.kind, proposal.priority) == (Kind.EMERGENCY, Priority.STAT)
    assert proposal.evidence[0].field == field


@pytest.mark.parametrize("code", ["I10", "E11.9", "C50.9", "Z08.7", "N18.5", "I25.2", "I69.3", "O80", "A15", "B24"])
def test_codes_that_say_nothing_of_urgency(code: str) -> None:
    assert proposed(MA_BENH_CHINH=code).unclassified


def test_a_stroke_counts_in_its_first_hours_only() -> None:
    early = proposed(MA_BENH_CHINH="I63.4", NGAY_VAO="202611190800", NGAY_RA="202611191000")
    late = proposed(MA_BENH_CHINH="I63.4", NGAY_VAO="202611010800", NGAY_RA="202611191000")
    unknown = proposed(MA_BENH_CHINH="I63.4")
    assert (early.priority, late.priority, unknown.priority) == (Priority.STAT, Priority.URGENT, Priority.STAT)


@pytest.mark.parametrize(
    ("born", "stat"),
    [("202611180317", True), ("202610250000", True), ("202609010000", False), ("202600000000", True), ("", True)],
)
def test_newborn_codes_count_for_newborns(born: str, stat: bool) -> None:
    proposal = proposed(MA_BENH_CHINH="P22.0", NGAY_SINH=born, NGAY_RA="202611191000")
    assert (proposal.priority is Priority.STAT) is stat


@pytest.mark.parametrize(
    ("text", "stat"),
    [
        ("Thở máy FiO2 55%, Noradrenalin 0,35", True),
        ("Đã đặt nội khí quản", True),
        ("THỞ MÁY", True),
        ("Hôn mê", True),
        ("huyết áp 110/65 không vận mạch", False),
        ("không sốc, không hôn mê", False),
        ("đã cai thở máy ngày 18", False),
        ("không vận mạch, còn thở máy", True),
        ("Tỉnh, ổn định", False),
        ("Tho\u031b\u0309 ma\u0301y", True),  # the same words, decomposed
    ],
)
def test_words_about_the_state(text: str, stat: bool) -> None:
    assert (proposed(TINH_TRANG_CT=text).priority is Priority.STAT) is stat


@pytest.mark.parametrize(
    ("fields", "one"),
    [
        ({"PHUONGTIEN_VC": "Xe cứu thương"}, {}),
        ({"CHUCDANH_NGUOI_HT": "Bác sĩ"}, {}),
        ({"HUONG_DIEU_TRI": "Chuyển cấp cứu để phẫu thuật"}, {}),
        ({"MA_BENH_CHINH": "K35.2"}, {}),
        ({}, {"MA_KHOA": "K02"}),
        ({}, {"MA_DOITUONG_KCB": "2"}),
    ],
)
def test_evidence_of_urgency(fields: dict[str, str], one: dict[str, str]) -> None:
    proposal = proposed(one, **fields)
    assert (proposal.priority, proposal.unclassified) == (Priority.URGENT, False)


def test_an_emergency_admission_is_an_emergency() -> None:
    assert proposed({"MA_DOITUONG_KCB": "2"}).kind is Kind.EMERGENCY
    assert proposed({"MA_DOITUONG_KCB": "1.3"}).kind is Kind.INPATIENT


def test_going_alone_by_own_means_is_calm() -> None:
    assert proposed(PHUONGTIEN_VC="Phương tiện cá nhân").priority is Priority.ROUTINE
    assert proposed(PHUONGTIEN_VC="Phương tiện cá nhân", HOTEN_NGUOI_HT="A").unclassified
    assert proposed(PHUONGTIEN_VC="Phương tiện cá nhân", MA_BENH_CHINH="I20.0").priority is Priority.URGENT


@pytest.mark.parametrize("form", ["01", "02", "05", "07", "08"])
def test_outpatients(form: str) -> None:
    proposal = proposed({"MA_LOAI_KCB": form})
    assert (proposal.kind, proposal.priority) == (Kind.OUTPATIENT, Priority.ROUTINE)
    urgent = proposed({"MA_LOAI_KCB": form}, MA_BENH_CHINH="I20.0")
    assert (urgent.kind, urgent.priority) == (Kind.OUTPATIENT, Priority.URGENT)


@pytest.mark.parametrize("text", ["GIAY_CHUYEN_1_NAM=1", "Phiếu có giá trị 1 năm", "thời hạn: 01 năm"])
def test_one_year_slips(text: str) -> None:
    assert proposed(DU_PHONG=text).kind is Kind.ONE_YEAR


@pytest.mark.parametrize("text", ["Chuyển thực hiện cận lâm sàng", "Chỉ làm xét nghiệm", "gửi mẫu xét nghiệm"])
def test_test_only(text: str) -> None:
    assert proposed(HUONG_DIEU_TRI=text).kind is Kind.TEST_ONLY


@pytest.mark.parametrize(
    ("sender", "destination", "reason", "back"),
    [
        ("central", "provincial", "1", True),
        ("provincial", "regional", "1", True),
        ("central", "provincial", "2", False),
        ("provincial", "central", "1", False),
        ("central", "central", "1", False),
        (None, "provincial", "1", False),
    ],
)
def test_back_referrals(sender: str | None, destination: str, reason: str, back: bool) -> None:
    slip = source({"MA_DOITUONG_KCB": "2"}, MA_LYDO_CT=reason, MA_BENH_CHINH="I63.4", PHUONGTIEN_VC="Xe cứu thương")
    proposal = propose(slip, Facility("A0001", role=sender), Facility("B0001", role=destination))
    assert (proposal.kind is Kind.BACK_REFERRAL) is back
    assert (proposal.priority is Priority.ROUTINE) is back


def test_a_critical_patient_on_the_way_back_is_still_stat() -> None:
    slip = source(MA_LYDO_CT="1", TINH_TRANG_CT="Thở máy")
    assert propose(slip, LARGE, SMALL).priority is Priority.STAT


# --- raising ---

PROPOSALS = st.builds(
    lambda kind, priority, unclassified: Proposal(kind, priority, unclassified and priority is Priority.URGENT, "t"),
    st.sampled_from(Kind),
    st.sampled_from(Priority),
    st.booleans(),
)


@given(PROPOSALS, st.sampled_from(Priority))
def test_nothing_lowers(proposal: Proposal, asked: Priority) -> None:
    raised = proposal.raised(asked, CHOSEN)
    assert raised.priority.rank <= proposal.priority.rank
    assert raised.priority.rank <= asked.rank
    assert not raised.unclassified or raised.priority is Priority.URGENT
    assert raised.priority is not Priority.STAT or raised.kind is Kind.EMERGENCY or raised == proposal


def test_a_person_classifies_what_nobody_did() -> None:
    unclassified = Proposal(Kind.INPATIENT, Priority.URGENT, True, VERSION)
    assert not unclassified.raised(Priority.URGENT, CHOSEN).unclassified
    assert unclassified.raised(Priority.ROUTINE, CHOSEN).unclassified  # calm needs evidence, not a wish
    assert unclassified.raised(Priority.STAT, CHOSEN).rule == "chosen"


@given(st.dictionaries(st.sampled_from([field.tag for field in FIELDS[Dialect.QD3176]]), st.text(max_size=30)))
def test_any_slip_has_a_proposal(fields: dict[str, Any]) -> None:
    proposal = proposed(**fields)
    assert proposal.unclassified == (not proposal.evidence)


def test_denials_reach_only_the_next_word() -> None:
    assert not words.says(words.STAT, "không sốc")
    assert words.says(words.STAT, "không đau, sốc")
    assert not words.says(words.STAT, "")


def test_sources_of_samples_have_a_text_for_each_proposal() -> None:
    proposal = propose(source_of(dossier_of("11")), SMALL, LARGE)
    assert len(proposal.evidence) > 3
    assert len(proposal.vi) < 600
