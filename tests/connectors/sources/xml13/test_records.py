"""One record: the tables of the slip's own episode are joined to it, and no others."""

import pytest

from connectors.sources.xml13.envelope import read_envelope
from connectors.sources.xml13.records import Dossier
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import export, rows_table, slip_table, slip_values, summary_table

SLIP = slip_table(slip_values())
KEY = slip_values()["MA_LK"] or ""


def one(data: bytes) -> Dossier:
    (dossier,) = read_envelope(data).dossiers
    return dossier


def reasons(dossier: Dossier) -> list[tuple[ReasonCode, str]]:
    return [(found.reason, found.field) for found in dossier.findings]


def lab(**values: str) -> dict[str, str]:
    return {"MA_LK": KEY, "MA_CHI_SO": "NA", "GIA_TRI": "140"} | values


def test_rows_keep_their_order_and_their_gaps() -> None:
    rows = rows_table("XML4", [lab(GIA_TRI="1"), lab(GIA_TRI=""), lab(GIA_TRI="<2")])
    dossier = one(export(("XML13", SLIP), ("XML4", rows.replace(b"<MO_TA></MO_TA>", b"", 1))))

    assert [row["GIA_TRI"] for row in dossier.results] == ["1", "", "<2"]
    assert [row["MO_TA"] for row in dossier.results] == [None, "", ""]
    assert dossier.course == ()


def test_summary_and_course_are_joined() -> None:
    course = rows_table("XML5", [{"MA_LK": KEY, "DIEN_BIEN_LS": "CSST<M75_T37>"}])
    dossier = one(export(("XML1", summary_table()), ("XML5", course), ("XML13", SLIP)))

    assert dossier.about("SO_CCCD") == "020162990201"
    assert [row["DIEN_BIEN_LS"] for row in dossier.course] == ["CSST<M75_T37>"]
    assert dossier.tables == ("XML1", "XML5", "XML13")


def test_drugs_keep_no_price() -> None:
    drugs = (
        f"<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC><CHI_TIET_THUOC><MA_LK>{KEY}</MA_LK><TEN_THUOC>Aspirin</TEN_THUOC>"
        "<DON_GIA>1250</DON_GIA><THANH_TIEN_BH>5000</THANH_TIEN_BH><T_NGUONKHAC>7</T_NGUONKHAC></CHI_TIET_THUOC>"
        "</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>"
    )
    (row,) = one(export(("XML2", drugs.encode()), ("XML13", SLIP))).drugs

    assert row["TEN_THUOC"] == "Aspirin"
    assert {"1250", "5000", "7"}.isdisjoint(value for value in row.values() if value)


@pytest.mark.parametrize("kind", ["XML1", "XML4", "XML5"])
def test_another_episode_is_refused_and_never_joined(kind: str) -> None:
    foreign = summary_table(MA_LK="khác") if kind == "XML1" else rows_table(kind, [{"MA_LK": KEY}, {"MA_LK": "khác"}])
    dossier = one(export((kind, foreign), ("XML13", SLIP)))

    assert reasons(dossier) == [(ReasonCode.EPISODES_DIFFER, "MA_LK")]
    assert dossier.findings[0].table == kind
    assert dossier.summary is None
    assert all(row["MA_LK"] == KEY for row in (*dossier.results, *dossier.course))


@pytest.mark.parametrize("kind", ["XML1", "XML4", "XML5"])
def test_table_without_a_key_is_left_out_and_told(kind: str) -> None:
    keyless = summary_table(MA_LK="") if kind == "XML1" else rows_table(kind, [{"MA_LK": ""}])
    dossier = one(export((kind, keyless), ("XML13", SLIP)))

    assert reasons(dossier) == [(ReasonCode.TABLE_LEFT_OUT, kind)]
    assert (dossier.summary, dossier.results, dossier.course) == (None, (), ())


@pytest.mark.parametrize("kind", ["XML1", "XML2", "XML4", "XML5"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"<TONG_HOP><MA_LK>", b"<a>\xe2</a>"])
def test_unreadable_companion_does_not_hold_the_slip(kind: str, content: bytes) -> None:
    dossier = one(export((kind, content), ("XML13", SLIP)))

    assert dossier.slip is not None
    assert reasons(dossier) == [(ReasonCode.TABLE_LEFT_OUT, kind)]


@pytest.mark.parametrize("kind", ["XML1", "XML2", "XML4", "XML5"])
def test_doctype_in_a_companion_is_an_attack(kind: str) -> None:
    dossier = one(export((kind, b"<!DOCTYPE a><a/>"), ("XML13", SLIP)))

    assert reasons(dossier) == [(ReasonCode.DOCTYPE_REFUSED, "DOCTYPE")]


@pytest.mark.parametrize("kind", ["XML3", "XML6", "XML7", "XML15"])
def test_tables_that_are_not_carried_are_not_even_decoded(kind: str) -> None:
    dossier = one(export((kind, b"<!DOCTYPE a><a/>"), ("XML13", SLIP)))

    assert dossier.findings == ()
    assert dossier.held_back == ((kind,) if kind in {"XML6", "XML15"} else ())


def test_two_summaries_that_differ_are_left_out() -> None:
    dossier = one(export(("XML1", summary_table()), ("XML1", summary_table(SO_CCCD="001")), ("XML13", SLIP)))

    assert dossier.summary is None
    assert reasons(dossier) == [(ReasonCode.TABLE_LEFT_OUT, "XML1")]


def test_table_exported_twice_counts_once_and_in_two_parts_twice() -> None:
    first, second = rows_table("XML4", [lab(STT="1")]), rows_table("XML4", [lab(STT="2")])

    assert len(one(export(("XML4", first), ("XML4", first), ("XML13", SLIP))).results) == 1
    assert len(one(export(("XML4", first), ("XML4", second), ("XML13", SLIP))).results) == 2


def test_too_many_rows_are_left_out_as_a_whole() -> None:
    rows = rows_table("XML4", [{"MA_LK": KEY}] * 5_001)
    dossier = one(export(("XML4", rows), ("XML13", SLIP)))

    assert dossier.results == ()
    assert reasons(dossier) == [(ReasonCode.TABLE_LEFT_OUT, "XML4")]
