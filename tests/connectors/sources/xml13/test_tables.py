"""XML1, XML2, XML4, XML5: what is kept of a row, and what never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.fields import MONEY_TAGS, XML1_TAGS
from connectors.sources.xml13.tables import (
    COURSE_TAGS,
    DRUG_TAGS,
    RESULT_TAGS,
    ROWS_MAX,
    SUMMARY_TAGS,
    read_rows,
    read_summary,
)
from schemas.reasons import ReasonCode, Refused
from tests.connectors.sources.exports import rows_table, summary_table, summary_values, table

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=20).map(
    str.strip
)


def refusal(kind: str, data: bytes) -> ReasonCode:
    with pytest.raises(Refused) as caught:
        read_rows(kind, data)
    return caught.value.reason


def test_summary_is_table_one_without_its_nine_money_fields() -> None:
    assert len(SUMMARY_TAGS) == 66 - 9
    assert set(XML1_TAGS) - set(SUMMARY_TAGS) == MONEY_TAGS
    assert "T_BHTT" in MONEY_TAGS


@given(st.dictionaries(st.sampled_from(XML1_TAGS), st.one_of(st.none(), st.just(""), TEXTS)))
def test_summary_comes_back_as_text_empty_or_absent(changes: dict[str, str | None]) -> None:
    row = read_summary(summary_table(**changes))
    expected = summary_values(**changes)

    assert dict(row) == {tag: expected[tag] for tag in SUMMARY_TAGS}


def test_unknown_fields_of_a_summary_are_forgotten() -> None:
    assert "BI_MAT" not in read_summary(table("TONG_HOP", {"MA_LK": "1", "BI_MAT": "x"}))


@pytest.mark.parametrize("root", ["CHI_TIEU_GIAYCHUYENTUYEN", "TONGHOP", "a"])
def test_foreign_root_is_no_summary(root: str) -> None:
    with pytest.raises(Refused) as caught:
        read_summary(table(root, {"MA_LK": "1"}))
    assert caught.value.reason is ReasonCode.TABLE_UNREADABLE


@pytest.mark.parametrize(("kind", "tags"), [("XML4", RESULT_TAGS), ("XML5", COURSE_TAGS)])
@given(data=st.data())
def test_rows_come_back_in_order(kind: str, tags: tuple[str, ...], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.dictionaries(st.sampled_from(tags), TEXTS), max_size=6))
    read = read_rows(kind, rows_table(kind, rows))

    assert [dict(row) for row in read] == [{tag: row.get(tag, "") for tag in tags} for row in rows]


@pytest.mark.parametrize("tags", [DRUG_TAGS, RESULT_TAGS, COURSE_TAGS])
def test_rows_keep_no_money(tags: tuple[str, ...]) -> None:
    assert tags[:2] == ("MA_LK", "STT")
    assert not [
        tag
        for tag in tags
        if tag.startswith("T_") or "GIA" in tag.split("_")[-1:] or "THANH_TIEN" in tag or "TYLE" in tag
    ]


def test_rows_without_their_list_are_found_too() -> None:
    rows = rows_table("XML4", [{"MA_CHI_SO": "NA"}, {"MA_CHI_SO": "K"}])
    flat = rows.replace(b"<DSACH_CHI_TIET_CLS>", b"").replace(b"</DSACH_CHI_TIET_CLS>", b"")

    assert [row["MA_CHI_SO"] for row in read_rows("XML4", flat)] == ["NA", "K"]


def test_one_row_alone_is_a_table() -> None:
    assert [row["GIA_TRI"] for row in read_rows("XML4", table("CHI_TIET_CLS", {"GIA_TRI": "1"}))] == ["1"]


def test_no_rows() -> None:
    assert read_rows("XML4", rows_table("XML4", [])) == ()
    assert read_rows("XML5", b"<CHITIEU_CHITIET_DIENBIENLAMSANG/>") == ()


def test_another_flat_table_is_not_taken_for_an_empty_list() -> None:
    assert refusal("XML4", table("TONG_HOP", {"MA_LK": "1"})) is ReasonCode.TABLE_UNREADABLE


def test_rows_at_the_limit_and_above() -> None:
    assert len(read_rows("XML5", rows_table("XML5", [{}] * ROWS_MAX))) == ROWS_MAX
    assert refusal("XML5", rows_table("XML5", [{}] * (ROWS_MAX + 1))) is ReasonCode.TABLE_TOO_LARGE


def test_two_values_of_one_field_make_the_table_unreadable() -> None:
    data = rows_table("XML4", [{"GIA_TRI": "1"}]).replace(b"<GIA_TRI>", b"<GIA_TRI>2</GIA_TRI><GIA_TRI>")

    assert refusal("XML4", data) is ReasonCode.FIELD_REPEATED


def test_a_number_is_never_changed() -> None:
    """Decimal comma, sign, comparison, words: whoever reads it later decides."""
    written = ["8,1", "<0,5", "  7.40 ", "Âm tính", "1e3", "-2", ".5", "12 345"]
    read = read_rows("XML4", rows_table("XML4", [{"GIA_TRI": text} for text in written]))

    assert [row["GIA_TRI"] for row in read] == [text.strip() for text in written]


def test_rows_cannot_be_changed() -> None:
    (row,) = read_rows("XML4", rows_table("XML4", [{}]))
    with pytest.raises(TypeError):
        row["GIA_TRI"] = "5"  # type: ignore[index]
