"""Mechanical checks on numbers and codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.dates import SourceTime
from connectors.sources.xml13.identity import (
    ETHNIC_CODES,
    PROVINCE_CODES,
    codes_in,
    is_card,
    is_icd,
    is_nationality,
    personal_number_fits,
    says_hiv,
)


def test_lists_have_their_known_size() -> None:
    assert len(PROVINCE_CODES) == 63
    assert len(ETHNIC_CODES) == 57
    assert "03" not in PROVINCE_CODES


@given(
    st.sampled_from(sorted(PROVINCE_CODES)),
    st.integers(min_value=1900, max_value=2199),
    st.sampled_from("12"),
    st.integers(min_value=0, max_value=999_999),
)
def test_number_built_by_the_rule_fits_and_another_sex_or_year_does_not(
    province: str, year: int, sex: str, serial: int
) -> None:
    century_and_sex = (year // 100 - 19) * 2 + (sex == "2")
    number = f"0{province}{century_and_sex}{year % 100:02d}{serial:06d}"
    birth = SourceTime(year, 5, 30)

    assert personal_number_fits(number, birth, sex)
    assert not personal_number_fits(number, birth, "2" if sex == "1" else "1")
    assert not personal_number_fits(number, SourceTime(year + 1), sex)
    assert not personal_number_fits(number, SourceTime(year - 100), sex)
    assert personal_number_fits(number, None, "3")
    assert personal_number_fits(number, SourceTime(year), "")


@pytest.mark.parametrize("number", ["142567890", "B1234567", "PA1234567"])
def test_old_cards_and_passports_say_nothing_about_sex_or_year(number: str) -> None:
    assert personal_number_fits(number, SourceTime(1962), "1")


@pytest.mark.parametrize(
    "number", ["0201629902011", "02016299020", "003162990201", "02016299O201", "０２０１６２９９０２０１", "-", "x"]
)
def test_doubtful_numbers(number: str) -> None:
    assert not personal_number_fits(number, None, "")


def test_number_registered_abroad_has_another_place() -> None:
    assert personal_number_fits("101190123456", SourceTime(1990), "2")


@pytest.mark.parametrize("text", ["HT3249999000101", "DN4249999000002", "9999000101"])
def test_cards(text: str) -> None:
    assert is_card(text)


@pytest.mark.parametrize(
    "text",
    ["HT6249999000101", "HT0249999000101", "H13249999000101", "ht3249999000101", "HT324999900010", "999900010", ""],
)
def test_no_cards(text: str) -> None:
    assert not is_card(text)


@pytest.mark.parametrize(
    "code",
    ["I20.0", "I200", "I10", "E11.9", "S06.50", "Z08.7", "U13/9", "A17+", "G01*", "M81.4", "V23", "M16.X", "S72.01"],
)
def test_forms_of_icd(code: str) -> None:
    assert is_icd(code)


@pytest.mark.parametrize(
    "code", ["I2O.0", "i20.0", "20.0", "I2", "I20.", "I20.000", "I20,0", "I20 0", "Ｉ20.0", "", "I20.0;", "II20", "đau"]
)
def test_not_the_form_of_icd(code: str) -> None:
    assert not is_icd(code)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("B20", True),
        ("B24", True),
        ("B25", False),
        ("B20.1", True),
        ("Z21", True),
        ("R75", True),
        ("F02.4", True),
        ("F024", True),
        ("F02.3", False),
        ("A15", False),
        ("O98.7", True),
        ("", False),
    ],
)
def test_codes_that_say_hiv(code: str, says: bool) -> None:
    assert says_hiv(code) is says


def test_nationality() -> None:
    assert is_nationality("000")
    assert not any(map(is_nationality, ["VN", "00", "0000", "00a", ""]))


@pytest.mark.parametrize(
    ("text", "codes"),
    [("", ()), (";", ()), ("I10", ("I10",)), ("I10;E11.9", ("I10", "E11.9")), (" I10 ; ;E11.9; ", ("I10", "E11.9"))],
)
def test_lists_with_semicolons(text: str, codes: tuple[str, ...]) -> None:
    assert codes_in(text) == codes
