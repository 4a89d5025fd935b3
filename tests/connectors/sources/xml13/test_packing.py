"""NOIDUNGFILE: base64 once, or the XML as it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.sources.xml13.documents import TABLE_MAX_BYTES, parse_table
from connectors.sources.xml13.packing import Packed, pack, unpack
from schemas.reasons import ReasonCode, Refused
from tests.connectors.sources.exports import b64

TABLE = "<A><HO_TEN>Trần Thị Ơn</HO_TEN></A>"


def refusal(content: str | bytes) -> ReasonCode:
    with pytest.raises(Refused) as caught:
        unpack(Packed("XML13", content))
    return caught.value.reason


@given(st.binary(min_size=1, max_size=500), st.integers(min_value=1, max_value=100))
def test_base64_with_any_line_length_comes_back(data: bytes, width: int) -> None:
    text = b64(data)
    lines = "\r\n\t".join(text[start : start + width] for start in range(0, len(text), width))

    assert unpack(Packed("XML4", f"\n  {lines}  \n")) == data


@given(st.binary(min_size=2, max_size=300), st.data())
def test_cut_base64_is_unreadable_unless_it_is_cut_between_groups(data: bytes, draw: st.DataObject) -> None:
    text = b64(data)
    end = draw.draw(st.integers(min_value=1, max_value=len(text) - 1).filter(lambda end: end % 4))

    assert refusal(text[:end]) is ReasonCode.TABLE_UNREADABLE


@pytest.mark.parametrize("content", ["", "  \n ", "====", "abc", "ab-_", "PGE+=", "PGE+P=", "Trần", "%%%%", "PEE-"])
def test_what_is_no_base64_is_unreadable(content: str) -> None:
    assert refusal(content) is ReasonCode.TABLE_UNREADABLE


@pytest.mark.parametrize("content", [TABLE, f"\n  {TABLE}\n", f"\ufeff{TABLE}"])
def test_xml_as_it_is_is_taken_as_it_is(content: str) -> None:
    assert unpack(Packed("XML13", content)).decode() == TABLE


def test_base64_is_undone_once_only() -> None:
    once = unpack(Packed("XML13", b64(b64(TABLE.encode()).encode())))

    assert once == b64(TABLE.encode()).encode()
    with pytest.raises(Refused) as caught:
        parse_table(once)
    assert caught.value.reason is ReasonCode.TABLE_UNREADABLE


@pytest.mark.parametrize("times", [1, 100])
def test_size_is_judged_before_decoding(times: int) -> None:
    at_limit = "A" * (TABLE_MAX_BYTES // 3 * 4)
    assert len(unpack(Packed("XML4", at_limit))) == TABLE_MAX_BYTES
    assert refusal(at_limit + "AAAA" * times) is ReasonCode.TABLE_TOO_LARGE
    assert refusal("<" + "a" * TABLE_MAX_BYTES) is ReasonCode.TABLE_TOO_LARGE
    assert refusal(b"<" + b"a" * TABLE_MAX_BYTES) is ReasonCode.TABLE_TOO_LARGE


def element(text: str) -> etree._Element:
    return etree.fromstring(text)


def test_written_out_table_is_taken_with_its_own_bytes() -> None:
    packed = pack("XML13", element(f"<NOIDUNGFILE>\n{TABLE}\n</NOIDUNGFILE>"))

    assert parse_table(unpack(packed)).findtext("HO_TEN") == "Trần Thị Ơn"


def test_text_and_absence() -> None:
    assert pack("XML13", element("<NOIDUNGFILE>PEE+</NOIDUNGFILE>")).content == "PEE+"
    assert pack("XML13", element("<NOIDUNGFILE/>")).content == ""
    assert pack("XML13", None).content == ""


def test_content_is_not_printed() -> None:
    assert "Trần" not in repr(Packed("XML13", TABLE))
    assert base64.b64encode(TABLE.encode()).decode() not in repr(Packed("XML13", b64(TABLE.encode())))
