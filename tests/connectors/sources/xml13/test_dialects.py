"""The slip: dialect by tag, every field kept, empty and absent told apart."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.dialects import DESTINATION_TAG, FIELDS, FIELDS_MAX, Dialect, Slip, detect, read_slip
from connectors.sources.xml13.fields import (
    MISSPELT,
    MONEY_TAGS,
    QD3176_FIELDS,
    QD4750_FIELDS,
    XML1_TAGS,
    Need,
    is_plain_tag,
)
from schemas.reasons import ReasonCode, Refused
from tests.connectors.sources.exports import slip_table, slip_values, table, tags_of

BOTH = pytest.mark.parametrize("dialect", list(Dialect))
# Characters of a text as it can stand in a file, without blanks at its ends.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"], exclude_characters="\ufffe\uffff"),
    max_size=30,
).map(str.strip)


def slip_of(values: dict[str, str | None]) -> Slip:
    slip = read_slip(slip_table(values))
    assert slip is not None
    return slip


def refusal(data: bytes) -> tuple[ReasonCode, str]:
    with pytest.raises(Refused) as caught:
        read_slip(data)
    return caught.value.reason, caught.value.where


def test_field_tables_have_the_decisions_numbers() -> None:
    assert len(QD4750_FIELDS) == 39
    assert len(QD3176_FIELDS) == 37
    assert len(XML1_TAGS) == 66
    assert len(MONEY_TAGS) == 9
    for fields in FIELDS.values():
        assert len({field.tag for field in fields}) == len(fields)
        assert all(field.vi and field.en and field.limit > 0 for field in fields)
        assert [field.tag for field in fields if field.need is Need.KEY][:2] == ["MA_LK", "MA_CSKCB"]


def test_dialects_differ_as_the_decisions_say() -> None:
    old, new = (set(tags_of(dialect)) for dialect in Dialect)

    assert old - new == {"MA_NOI_DI", "MA_NOI_DEN", "PP_DIEU_TRI", "TEN_DICH_VU", "TEN_THUOC"}
    assert new - old == {"MA_CSKCB_DI", "MA_CSKCB_DEN", "TINH_TRANG_CT"}


@BOTH
@given(data=st.data())
def test_every_field_comes_back_as_text_empty_or_absent(dialect: Dialect, data: st.DataObject) -> None:
    tags = tags_of(dialect)
    values = {tag: data.draw(st.one_of(st.none(), st.just(""), TEXTS), label=tag) for tag in tags}
    values[DESTINATION_TAG[dialect]] = "01929"  # what tells the dialect

    slip = slip_of(values)
    assert slip.dialect is dialect
    assert dict(slip.values) == values
    assert list(slip.values) == tags


@BOTH
@given(tag=st.sampled_from(sorted({tag for dialect in Dialect for tag in tags_of(dialect)})))
def test_absent_is_not_empty(dialect: Dialect, tag: str) -> None:
    values = slip_values(dialect)
    if tag not in values or tag == DESTINATION_TAG[dialect]:
        return

    assert slip_of(values | {tag: None}).values[tag] is None
    assert slip_of(values | {tag: ""}).values[tag] == ""
    assert slip_of(values | {tag: None}).text(tag) == slip_of(values | {tag: ""}).text(tag) == ""


@BOTH
@given(seed=st.randoms())
def test_order_in_the_file_does_not_matter(dialect: Dialect, seed: object) -> None:
    values = slip_values(dialect)
    tags = list(values)
    seed.shuffle(tags)  # type: ignore[attr-defined]
    slip = slip_of({tag: values[tag] for tag in tags})

    assert dict(slip.values) == values
    assert list(slip.values) == tags_of(dialect)


@BOTH
def test_raw_bytes_and_digest_are_kept(dialect: Dialect) -> None:
    raw = slip_table(slip_values(dialect)) + b"\n"
    slip = read_slip(raw)

    assert slip is not None
    assert slip.raw == raw
    assert slip.sha256 == hashlib.sha256(raw).hexdigest()


def test_accessors() -> None:
    old = slip_of(slip_values(Dialect.QD4750, MA_NOI_DI="20Z55"))
    new = slip_of(slip_values(Dialect.QD3176, MA_CSKCB_DI="20Z55;20Z01"))

    assert (old.destination_tag, old.destination, old.came_from) == ("MA_NOI_DEN", "01929", "20Z55")
    assert (new.destination_tag, new.destination, new.came_from) == ("MA_CSKCB_DEN", "01929", "20Z55;20Z01")
    assert old.text("TINH_TRANG_CT") == ""


@pytest.mark.parametrize(
    ("tags", "dialect"),
    [
        (["MA_NOI_DEN"], Dialect.QD4750),
        (["MA_CSKCB_DEN"], Dialect.QD3176),
        (["MA_CSKCB_DEN", "TEN_DICH_VU", "TEN_THUOC"], Dialect.QD3176),
        (["MA_NOI_DEN", "TINH_TRANG_CT"], Dialect.QD4750),
        (["MA_NOI_DEN", "MA_CSKCB_DEN", "TINH_TRANG_CT"], Dialect.QD3176),
        (["MA_NOI_DEN", "MA_CSKCB_DEN", "TEN_DICH_VU", "TEN_THUOC"], Dialect.QD4750),
        (["PP_DIEU_TRI"], Dialect.QD4750),
        (["TINH_TRANG_CT"], Dialect.QD3176),
        (["NGAY_RA"], Dialect.QD3176),
        ([], Dialect.QD3176),
    ],
)
def test_dialect_is_told_by_tags(tags: list[str], dialect: Dialect) -> None:
    assert detect(tags) is dialect


def test_dates_never_tell_the_dialect() -> None:
    assert slip_of(slip_values(Dialect.QD4750, NGAY_RA="202612312359")).dialect is Dialect.QD4750
    assert slip_of(slip_values(Dialect.QD3176, NGAY_RA="202401010000")).dialect is Dialect.QD3176


def test_two_different_destinations_in_two_dialects_are_refused() -> None:
    values = slip_values(Dialect.QD4750)

    assert refusal(slip_table(values | {"MA_CSKCB_DEN": "01Z99"}))[0] is ReasonCode.DESTINATIONS_DIFFER
    assert slip_of(values | {"MA_CSKCB_DEN": values["MA_NOI_DEN"]}).destination == "01929"
    assert slip_of(values | {"MA_CSKCB_DEN": ""}).destination == "01929"


@pytest.mark.parametrize(("written", "meant"), MISSPELT.items())
def test_misspelt_tags_are_understood_and_told(written: str, meant: str) -> None:
    values = slip_values()
    misspelt = {written if tag == meant else tag: text for tag, text in values.items()}
    slip = slip_of(misspelt)

    assert dict(slip.values) == values
    assert slip.misspelt == (written,)


def test_misspelt_beside_the_right_one_must_agree() -> None:
    values = slip_values()

    assert slip_of(values | {"MA_BACSI": values["MA_BAC_SI"]}).text("MA_BAC_SI") == values["MA_BAC_SI"]
    assert refusal(slip_table(values | {"MA_BACSI": "khác"})) == (ReasonCode.FIELD_REPEATED, "MA_BAC_SI")


def test_repeated_field_is_refused_unless_it_says_the_same() -> None:
    data = slip_table(slip_values())
    twice = data.replace(b"<HO_TEN>", b"<HO_TEN>Ai</HO_TEN><HO_TEN>", 1)
    same = data.replace(b"<MA_LOAI_RV>", b"<MA_LOAI_RV>2</MA_LOAI_RV><MA_LOAI_RV> ")

    assert refusal(twice) == (ReasonCode.FIELD_REPEATED, "HO_TEN")
    assert same != data
    assert read_slip(same) is not None


def test_unknown_tags_are_named_and_their_content_forgotten() -> None:
    slip = slip_of(slip_values() | {"GHI_CHU_RIENG": "bí mật", "X" * 300: "y"})

    assert slip.unknown == ("GHI_CHU_RIENG", "X" * 300)
    assert "bí mật" not in str(dict(slip.values))
    assert [is_plain_tag(tag) for tag in slip.unknown] == [True, False]


def test_fields_of_the_other_dialect_are_unknown() -> None:
    assert slip_of(slip_values(Dialect.QD3176) | {"TEN_THUOC": "Aspirin"}).unknown == ("TEN_THUOC",)


def test_markup_inside_a_field_is_unreadable() -> None:
    data = slip_table(slip_values()).replace(b"<HO_TEN>", b"<HO_TEN><b>x</b>")

    assert refusal(data) == (ReasonCode.TABLE_UNREADABLE, "HO_TEN")


def test_more_fields_than_any_table_has_are_unreadable() -> None:
    for extra, told in ((FIELDS_MAX - 37, False), (FIELDS_MAX - 36, True), (200_000, True)):
        data = slip_table(slip_values()).replace(b"<MA_LK>", b"<X/>" * extra + b"<MA_LK>")
        if told:
            assert refusal(data)[0] is ReasonCode.TABLE_UNREADABLE
        else:
            assert read_slip(data) is not None


@pytest.mark.parametrize(
    "root", ["CHI_TIEU_GIAYCHUYENTUYEN", "CHI_TIEU_DU_LIEU_GIAY_CHUYEN_TUYEN", "chi_tieu_giaychuyentuyen"]
)
def test_roots_of_a_slip(root: str) -> None:
    assert read_slip(table(root, slip_values())) is not None


def test_appointment_under_the_slips_label_is_no_slip() -> None:
    assert read_slip(table("CHI_TIEU_GIAYHEN_KHAMLAI", {"MA_LK": "1"})) is None


@pytest.mark.parametrize("root", ["TONG_HOP", "html", "CHI_TIEU"])
def test_any_other_root_is_unreadable(root: str) -> None:
    assert refusal(table(root, slip_values()))[0] is ReasonCode.TABLE_UNREADABLE


@pytest.mark.parametrize("blank", [" ", "\n\t", "\u00a0", "\u3000"])
def test_blanks_around_a_text_are_not_part_of_it(blank: str) -> None:
    slip = slip_of(slip_values(HO_TEN=f"{blank}TRẦN THỊ ƠN{blank}", MA_CSKCB_DI=blank))

    assert slip.text("HO_TEN") == "TRẦN THỊ ƠN"
    assert slip.values["MA_CSKCB_DI"] == ""


def test_composed_and_decomposed_letters_stay_as_they_are() -> None:
    decomposed = "TRA\u0302\u0300N"
    assert slip_of(slip_values(HO_TEN=decomposed)).text("HO_TEN") == decomposed
