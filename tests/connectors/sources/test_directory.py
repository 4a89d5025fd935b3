"""The directory of facilities: codes with dates."""

import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.directory import (
    DIRECTORY_MAX_BYTES,
    Directory,
    DirectoryFileError,
    Facility,
    Standing,
    read_directory,
)
from tests.connectors.sources.exports import directory

DAY = date(2026, 11, 19)


def csv(*lines: str, header: str = "code,name,valid_from,valid_to,connected") -> bytes:
    return "\n".join([header, *lines]).encode()


def test_sample_directory() -> None:
    found = directory()

    assert len(found) == 18
    assert {facility.code for facility in found} >= {"01929", "27Z09"}
    facility = found.find("24Z01", DAY)
    assert facility is not None
    assert facility.name == "Bệnh viện Đa khoa Bắc Giang"
    assert facility.facts["province_now"] == "Bắc Ninh"
    assert facility.connected is None


@pytest.mark.parametrize(
    ("code", "day", "standing"),
    [
        ("27Z09", date(2025, 12, 31), Standing.VALID),
        ("27Z09", date(2026, 1, 1), Standing.CLOSED),
        ("27Z09", date(2019, 1, 1), Standing.VALID),
        ("27Z09", date(2018, 12, 31), Standing.CLOSED),
        ("01929", date(2099, 1, 1), Standing.VALID),
        ("98Z77", DAY, Standing.UNKNOWN),
    ],
)
def test_validity_includes_its_first_and_last_day(code: str, day: date, standing: Standing) -> None:
    assert directory().standing(code, day) is standing


@given(st.dates(), st.one_of(st.none(), st.dates()), st.one_of(st.none(), st.dates()))
def test_a_code_is_valid_exactly_between_its_dates(day: date, first: date | None, last: date | None) -> None:
    facility = Facility("24Z01", "A", first, last)
    expected = (first or date.min) <= day <= (last or date.max)

    assert facility.is_valid(day) is expected
    assert Directory([facility]).standing("24Z01", day) is (Standing.VALID if expected else Standing.CLOSED)


def test_code_given_to_another_facility_later() -> None:
    change = date(2025, 7, 1)
    both = Directory(
        [Facility("24Z01", "old", valid_to=change - timedelta(days=1)), Facility("24Z01", "new", valid_from=change)]
    )
    names = [facility.name for day in (date(2025, 6, 30), change) if (facility := both.find("24Z01", day))]

    assert names == ["old", "new"]
    assert len(both) == 2


@pytest.mark.parametrize(
    ("text", "connected"),
    [("no", False), ("0", False), ("Không", False), ("yes", True), ("CÓ", True), ("", None), ("maybe", None)],
)
def test_connected_is_known_or_not(text: str, connected: bool | None) -> None:
    facility = read_directory(csv(f"24Z01,A,,,{text}")).find("24Z01", DAY)

    assert facility is not None
    assert facility.connected is connected


def test_mark_crlf_and_quotes_of_a_spreadsheet() -> None:
    data = "\ufeff" + 'code,name,phone\r\n24Z01,"Bệnh viện ""A"", cơ sở 2", 0204 \r\n'
    facility = read_directory(data.encode()).find("24Z01", DAY)

    assert facility is not None
    assert facility.name == 'Bệnh viện "A", cơ sở 2'
    assert facility.facts["phone"] == "0204"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "columns missing: code, name"),
        (b"code,label\n", "columns missing: name"),
        (csv("24Z0,A,,,"), "line 2: column code"),
        (csv("24z01,A,,,"), "line 2: column code"),
        (csv("24Z01,A,,,", "20Z01,B,2026-13-01,,"), "line 3: column valid_from"),
        (csv("24Z01,A,,31/12/2025,"), "line 2: column valid_to"),
        (csv("24Z01,A,,,,extra"), "line 2: more cells than columns"),
        (csv('24Z01,"A,,,'), "line 1: unexpected end of data"),
        ("code,name\n24Z01,Bệnh viện".encode("utf-16"), "the directory file is not UTF-8"),
        (b"x" * (DIRECTORY_MAX_BYTES + 1), "the directory file is too large"),
    ],
)
def test_unusable_file_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(DirectoryFileError) as caught:
        read_directory(data)
    assert str(caught.value) == said


@given(st.binary(max_size=400))
def test_any_bytes_are_a_directory_or_refused(data: bytes) -> None:
    for content in (data, b"code,name,valid_from\n" + data):
        with contextlib.suppress(DirectoryFileError):
            assert len(read_directory(content)) >= 0
