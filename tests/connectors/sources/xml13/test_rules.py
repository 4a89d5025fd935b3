"""The verdict on a record: a short list refuses, the rest travels and is told."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.directory import Directory, Facility
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.dialects import Dialect
from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.fields import Need
from connectors.sources.xml13.findings import Finding, Severity, finding, severity_of
from connectors.sources.xml13.records import Dossier
from connectors.sources.xml13.rules import Examined, Verdict, examine
from schemas.limits import TEXT_MAX_CHARS
from schemas.reasons import REASONS, Disposition, Fixer, ReasonCode
from tests.connectors.sources.exports import (
    NOW,
    directory,
    export,
    slip_export,
    slip_values,
    summary_table,
    tags_of,
)
from tests.connectors.sources.judging import judge, said, slip, with_summary

OLD = Dialect.QD4750
NOW_OF_OLD = datetime.fromisoformat("2024-09-18T08:00:00+07:00")


def test_unchanged_slips_are_accepted_without_a_word() -> None:
    assert (slip().verdict, slip().findings) == (Verdict.ACCEPTED, ())
    assert judge(slip_export(OLD), NOW_OF_OLD).findings == ()
    assert with_summary().findings == ()


# --- what refuses ----------------------------------------------------------------------------------------------

REFUSALS: list[tuple[dict[str, str | None], ReasonCode, str]] = [
    ({"MA_LK": ""}, ReasonCode.EPISODE_KEY_MISSING, "MA_LK"),
    ({"MA_LK": None}, ReasonCode.EPISODE_KEY_MISSING, "MA_LK"),
    ({"MA_CSKCB": ""}, ReasonCode.SENDER_MISSING, "MA_CSKCB"),
    ({"MA_CSKCB": None}, ReasonCode.SENDER_MISSING, "MA_CSKCB"),
    ({"MA_CSKCB": "20z01"}, ReasonCode.FACILITY_CODE_MALFORMED, "MA_CSKCB"),
    ({"MA_CSKCB_DEN": ""}, ReasonCode.DESTINATION_MISSING, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "0192"}, ReasonCode.FACILITY_CODE_MALFORMED, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "01929;01Z99"}, ReasonCode.FACILITY_CODE_MALFORMED, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "０1929"}, ReasonCode.FACILITY_CODE_MALFORMED, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "99999"}, ReasonCode.DESTINATION_UNKNOWN, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "27Z09"}, ReasonCode.DESTINATION_CLOSED, "MA_CSKCB_DEN"),
    ({"MA_CSKCB_DEN": "20Z01"}, ReasonCode.DESTINATION_IS_SENDER, "MA_CSKCB_DEN"),
    ({"HO_TEN": ""}, ReasonCode.PATIENT_MISSING, "HO_TEN"),
    ({"HO_TEN": None}, ReasonCode.PATIENT_MISSING, "HO_TEN"),
    ({"GIOI_TINH": "0"}, ReasonCode.SEX_CODE_INVALID, "GIOI_TINH"),
    ({"GIOI_TINH": "nữ"}, ReasonCode.SEX_CODE_INVALID, "GIOI_TINH"),
    ({"CHAN_DOAN_RV": "", "MA_BENH_CHINH": ""}, ReasonCode.DIAGNOSIS_MISSING, "CHAN_DOAN_RV"),
    ({"CHAN_DOAN_RV": None, "MA_BENH_CHINH": ";"}, ReasonCode.DIAGNOSIS_MISSING, "CHAN_DOAN_RV"),
    ({"MA_BENH_CHINH": "I2l.1"}, ReasonCode.ICD_MALFORMED, "MA_BENH_CHINH"),
    ({"MA_BENH_CHINH": "I21.1;I2l"}, ReasonCode.ICD_MALFORMED, "MA_BENH_CHINH"),
    ({"MA_LOAI_RV": "1"}, ReasonCode.NOT_A_TRANSFER, "MA_LOAI_RV"),
    ({"MA_LOAI_RV": "4"}, ReasonCode.NOT_A_TRANSFER, "MA_LOAI_RV"),
    ({"MA_LOAI_RV": "5", "MA_LYDO_CT": "2"}, ReasonCode.REASON_AT_ODDS, "MA_LYDO_CT"),
    ({"MA_LOAI_RV": "5", "MA_LYDO_CT": "7"}, ReasonCode.REASON_AT_ODDS, "MA_LYDO_CT"),
    ({"MA_LOAI_RV": "2", "MA_LYDO_CT": "3"}, ReasonCode.REASON_AT_ODDS, "MA_LYDO_CT"),
    ({"NGAY_SINH": "196202300000"}, ReasonCode.DATE_IMPOSSIBLE, "NGAY_SINH"),
    ({"NGAY_VAO": "202611312140"}, ReasonCode.DATE_IMPOSSIBLE, "NGAY_VAO"),
    ({"NGAY_VAO_NOI_TRU": "202611192460"}, ReasonCode.DATE_IMPOSSIBLE, "NGAY_VAO_NOI_TRU"),
    ({"NGAY_RA": "202613192330"}, ReasonCode.DATE_IMPOSSIBLE, "NGAY_RA"),
    ({"NGAY_RA": "19/11/2026"}, ReasonCode.DATE_IMPOSSIBLE, "NGAY_RA"),
    ({"NGAY_VAO": "202611192331"}, ReasonCode.DATES_OUT_OF_ORDER, "NGAY_VAO"),
    ({"NGAY_VAO_NOI_TRU": "202611192331"}, ReasonCode.DATES_OUT_OF_ORDER, "NGAY_VAO_NOI_TRU"),
    ({"NGAY_SINH": "202700000000"}, ReasonCode.DATES_OUT_OF_ORDER, "NGAY_SINH"),
    ({"NGAY_RA": "202611202336"}, ReasonCode.TRANSFER_IN_FUTURE, "NGAY_RA"),
    ({"QT_BENHLY": "x" * (TEXT_MAX_CHARS + 1)}, ReasonCode.TEXT_TOO_LONG, "QT_BENHLY"),
]


@pytest.mark.parametrize(("changes", "reason", "field"), REFUSALS, ids=lambda part: str(part)[:50])
def test_what_refuses(changes: dict[str, str | None], reason: ReasonCode, field: str) -> None:
    examined = slip(**changes)
    telling = [found for found in examined.findings if found.severity is not Severity.NOTE]

    assert examined.verdict is Verdict.REFUSED
    assert [(found.reason, found.field) for found in telling] == [(reason, field)]
    assert telling[0].fixer is not Fixer.NOBODY


def test_the_other_dialect_names_its_own_fields() -> None:
    assert said(judge(slip_export(OLD, MA_NOI_DEN=""), NOW_OF_OLD)) == [(ReasonCode.DESTINATION_MISSING, "MA_NOI_DEN")]
    assert said(judge(slip_export(OLD, MA_NOI_DEN="24Z01"), NOW_OF_OLD)) == [
        (ReasonCode.DESTINATION_IS_SENDER, "MA_NOI_DEN")
    ]


@pytest.mark.parametrize("dialect", list(Dialect))
@given(data=st.data())
def test_any_gap_but_the_five_travels(dialect: Dialect, data: st.DataObject) -> None:
    """Whatever else is missing, and however much of it: the slip goes out, and every wanted field is named."""
    tags = tags_of(dialect)
    keys = {"MA_LK", "MA_CSKCB", "MA_NOI_DEN", "MA_CSKCB_DEN", "HO_TEN", "CHAN_DOAN_RV"}
    missing = data.draw(st.sets(st.sampled_from([tag for tag in tags if tag not in keys])))
    kind = data.draw(st.sampled_from(["", None]))
    now = NOW_OF_OLD if dialect is OLD else NOW
    examined = judge(slip_export(dialect, **dict.fromkeys(missing, kind)), now)

    assert examined.verdict is Verdict.ACCEPTED
    assert examined.dossier.slip is not None
    wanted = {field.tag for field in examined.dossier.slip.fields if field.need is Need.WANTED}
    assert set(examined.incomplete) == missing & (wanted | {"MA_BENH_CHINH"})


@given(st.data())
def test_any_of_the_five_refuses_whatever_else_is_wrong(data: st.DataObject) -> None:
    needed = data.draw(st.sampled_from(["MA_LK", "MA_CSKCB", "MA_CSKCB_DEN", "HO_TEN"]))
    others = data.draw(st.sets(st.sampled_from(tags_of(Dialect.QD3176))))
    examined = slip(**dict.fromkeys({needed, *others}, ""))

    assert examined.verdict is Verdict.REFUSED
    assert needed in {found.field for found in examined.findings if found.severity is not Severity.NOTE}


# --- sender and destination ------------------------------------------------------------------------------------


def test_envelope_without_sender_leaves_it_to_the_slip() -> None:
    assert judge(slip_export().replace(b"<MACSKCB>20Z01</MACSKCB>", b"")).verdict is Verdict.ACCEPTED


def test_other_sender_in_envelope_or_summary_is_refused() -> None:
    other = judge(slip_export().replace(b"<MACSKCB>20Z01</MACSKCB>", b"<MACSKCB>24Z01</MACSKCB>"))

    assert said(other) == [(ReasonCode.SENDERS_DIFFER, "MACSKCB")]
    assert said(with_summary(MA_CSKCB="24Z01")) == [(ReasonCode.SENDERS_DIFFER, "MA_CSKCB")]


def test_slip_of_another_facility_is_not_ours() -> None:
    assert judge(slip_export(), own="20Z01").verdict is Verdict.ACCEPTED
    assert said(judge(slip_export(), own="24Z01")) == [(ReasonCode.NOT_OUR_SLIP, "MA_CSKCB")]


def test_sender_that_is_not_listed_is_only_told() -> None:
    alone = Directory([Facility("01929", "Bạch Mai")])
    examined = judge(slip_export(), listed=alone)

    assert examined.verdict is Verdict.ACCEPTED
    assert said(examined) == [(ReasonCode.SENDER_NOT_LISTED, "MA_CSKCB")]


def test_known_but_not_connected_destination_waits_and_is_never_refused() -> None:
    listed = Directory([Facility("20Z01", "A", connected=True), Facility("01929", "B", connected=False)])
    examined = judge(slip_export(), listed=listed)

    assert examined.verdict is Verdict.WAIT
    assert examined.waits_for is ReasonCode.DESTINATION_NOT_CONNECTED
    assert [found.severity for found in examined.findings] == [Severity.NOTE]


def test_other_destination_in_the_summary_is_refused() -> None:
    assert said(with_summary(MA_NOI_DEN="01Z99")) == [(ReasonCode.DESTINATIONS_DIFFER, "MA_CSKCB_DEN")]
    assert with_summary(MA_NOI_DEN="").verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("day", ["202512312359", "202601010000"])
def test_destination_must_be_valid_on_the_day_of_transfer_not_of_sending(day: str) -> None:
    now = datetime(2026, 1, 1, 0, 5, tzinfo=VIETNAM)
    examined = judge(slip_export(NGAY_VAO="", NGAY_VAO_NOI_TRU="", NGAY_RA=day, MA_CSKCB_DEN="27Z09"), now)

    assert (examined.verdict is Verdict.REFUSED) is (day == "202601010000")


# --- the same patient ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"HO_TEN": "NGUYỄN VĂN KHÁC"}, "HO_TEN"),
        ({"NGAY_SINH": "196208250000"}, "NGAY_SINH"),
        ({"NGAY_SINH": "196300000000"}, "NGAY_SINH"),
        ({"GIOI_TINH": "1"}, "GIOI_TINH"),
    ],
)
def test_summary_of_another_patient_is_refused(changes: dict[str, str], field: str) -> None:
    examined = with_summary(**changes)

    assert examined.verdict is Verdict.REFUSED
    assert (ReasonCode.PATIENTS_DIFFER, field) in said(examined)


def test_differences_that_no_reader_would_see_are_none() -> None:
    name = slip_values()["HO_TEN"] or ""
    for written in (name.lower(), name.replace(" ", "   "), unicodedata.normalize("NFD", name)):
        assert with_summary(HO_TEN=written).findings == ()
    assert with_summary(NGAY_SINH="196200000000").verdict is Verdict.ACCEPTED
    assert with_summary(HO_TEN="", NGAY_SINH="", GIOI_TINH="").verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("field", ["NGAY_VAO", "CHAN_DOAN_RV", "MA_BENH_CHINH", "MA_THE_BHYT", "MA_LOAI_RV"])
def test_other_differences_are_told(field: str) -> None:
    examined = with_summary(**{field: "khác"})

    assert examined.verdict is Verdict.ACCEPTED
    assert said(examined) == [(ReasonCode.TABLES_DISAGREE, field)]
    assert examined.findings[0].table == "XML1"


# --- time ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "verdict", "reason"),
    [
        (timedelta(minutes=5), Verdict.ACCEPTED, None),
        (timedelta(minutes=6), Verdict.ACCEPTED, ReasonCode.TRANSFER_AHEAD),
        (timedelta(hours=24), Verdict.ACCEPTED, ReasonCode.TRANSFER_AHEAD),
        (timedelta(hours=24, minutes=1), Verdict.REFUSED, ReasonCode.TRANSFER_IN_FUTURE),
    ],
)
def test_an_expected_time_travels(ahead: timedelta, verdict: Verdict, reason: ReasonCode | None) -> None:
    """An emergency is announced before it leaves; a wrong year is a mistake."""
    examined = judge(slip_export(), datetime(2026, 11, 19, 23, 30, tzinfo=VIETNAM) - ahead)

    assert examined.verdict is verdict
    assert [found.reason for found in examined.findings] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("age", "waits"),
    [(timedelta(hours=24), False), (timedelta(hours=24, minutes=1), True), (timedelta(days=900), True)],
)
def test_old_slip_waits_for_a_person(age: timedelta, waits: bool) -> None:
    now = datetime(2026, 11, 19, 23, 30, tzinfo=VIETNAM).astimezone(UTC) + age
    examined = judge(slip_export(), now)

    assert examined.verdict is (Verdict.WAIT if waits else Verdict.ACCEPTED)
    assert examined.waits_for is (ReasonCode.SLIP_OLD if waits else None)
    assert all(found.severity is Severity.NOTE for found in examined.findings)


def test_old_slip_goes_after_the_yes_and_a_broken_one_stays_refused() -> None:
    later = NOW + timedelta(days=3)
    (good,) = read_envelope(slip_export()).dossiers
    (bad,) = read_envelope(slip_export(HO_TEN="")).dossiers

    assert examine(good, directory(), None, later, needs_yes_after=None).verdict is Verdict.ACCEPTED
    assert examine(bad, directory(), None, later).verdict is Verdict.REFUSED


def test_slip_without_a_time_is_neither_old_nor_ahead() -> None:
    examined = slip(NGAY_RA="")

    assert (examined.verdict, examined.incomplete) == (Verdict.ACCEPTED, ("NGAY_RA",))


def test_day_alone_is_a_time() -> None:
    assert slip(NGAY_RA="20261119", NGAY_VAO="20261119").verdict is Verdict.ACCEPTED


def test_newborn_that_arrives_with_its_birth() -> None:
    assert slip(NGAY_SINH="202611192140", NGAY_VAO="202611192140").verdict is Verdict.ACCEPTED


# --- ordinary discharges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "told"), [("1", False), ("3", False), ("2", True), ("5", True), ("", False)])
def test_discharge_without_a_slip(kind: str, told: bool) -> None:
    examined = judge(export(("XML1", summary_table(MA_LOAI_RV=kind))))

    assert examined.verdict is Verdict.NO_TRANSFER
    assert said(examined) == [(ReasonCode.SLIP_MISSING, "XML13")] * told


def test_empty_record_is_an_ordinary_one() -> None:
    assert examine(Dossier(1, "20Z01"), directory(), None, NOW) == Examined(Verdict.NO_TRANSFER, Dossier(1, "20Z01"))


# --- words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_makes_a_finding_in_both_languages(code: ReasonCode) -> None:
    found = finding(code, "NGAY_RA", table="XML13", hoso=3)

    assert found.vi == f"NGAY_RA (XML13, ngày giờ chuyển): {REASONS[code].vi}"
    assert found.en == f"NGAY_RA (XML13, time of transfer): {REASONS[code].en}"
    assert (found.fixer, found.hoso) == (REASONS[code].fixer, 3)
    assert severity_of(code) is Severity.NOTE or REASONS[code].disposition is not Disposition.NOTE


def test_places_without_a_label_stand_alone() -> None:
    assert finding(ReasonCode.FILE_NOT_XML, "x").vi.startswith("x: ")
    assert finding(ReasonCode.FILE_NOT_XML, "file").en.startswith("file (the file): ")


@given(st.data())
def test_findings_never_hold_a_value(data: st.DataObject) -> None:
    """Every field says CANARY: none of it may come out, whatever is found."""
    changed = data.draw(st.sets(st.sampled_from(tags_of(Dialect.QD3176)), min_size=1))
    examined = judge(slip_export(**{tag: f"CANARY{tag[:3]}" for tag in changed}))

    assert examined.findings or not changed & {"MA_CSKCB", "NGAY_RA", "GIOI_TINH", "MA_BENH_CHINH", "MA_THE_BHYT"}
    for found in examined.findings:
        assert "CANARY" not in repr(found)
        assert isinstance(found, Finding)


@given(
    st.dictionaries(
        st.sampled_from(tags_of(Dialect.QD3176)),
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=40),
        ),
        max_size=12,
    )
)
def test_any_content_gets_a_verdict(changes: dict[str, str | None]) -> None:
    examined = slip(**changes)

    refusing = [found for found in examined.findings if found.severity is not Severity.NOTE]
    assert (examined.verdict is Verdict.REFUSED) is bool(refusing)
    assert examined.verdict is not Verdict.NO_TRANSFER
