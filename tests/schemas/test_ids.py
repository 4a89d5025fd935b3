"""Identifiers: what counts as one, and the check character of the code that people say."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

CODES = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=5)


@pytest.mark.parametrize("text", ["24Z01", "01929", "00000", "ZZZZZ"])
def test_facility_codes(text: str) -> None:
    assert ids.is_facility_id(text)
    assert ids.facility_urn(text) == f"urn:lienvien:facility:{text}"


@pytest.mark.parametrize(
    "text", ["", "24Z0", "24Z012", "24z01", "24Z01\n", " 24Z01", "24-01", "２４Z01", "24Đ01", None, 24201, b"24Z01"]
)
def test_what_is_no_facility_code(text: object) -> None:
    assert not ids.is_facility_id(text)


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_uuids_are_lower_case_and_canonical() -> None:
    assert ids.is_uuid(UUID)
    for text in (
        UUID.upper(),
        UUID.replace("-", ""),
        f"{{{UUID}}}",
        f"urn:uuid:{UUID}",
        UUID + "\n",
        UUID[:-1],
        "",
        None,
        7,
    ):
        assert not ids.is_uuid(text)


def test_digests_are_lower_case_hexadecimal() -> None:
    assert ids.is_sha256("0a" * 32)
    for text in ("0A" * 32, "0a" * 31, "0g" * 32, "0a" * 32 + "\n", b"0a" * 32, None):
        assert not ids.is_sha256(text)


def test_names_of_exchanges() -> None:
    assert ids.is_exchange_name("bo-y-te")
    assert ids.exchange_urn("bo-y-te") == "urn:lienvien:exchange:bo-y-te"
    for text in ("", "Bo", "1a", "-a", "a" * 33, "a b", "a\n", None):
        assert not ids.is_exchange_name(text)


def test_a_case_code_as_people_say_it() -> None:
    code = ids.case_code("24Z01", date(2026, 11, 22), 17)
    assert code[:-1] == "24Z01-2211-017-"
    assert ids.is_case_code(code)


@given(CODES, st.dates(), st.integers(1, 999_999))
def test_every_case_code_checks(sender: str, day: date, serial: int) -> None:
    assert ids.is_case_code(ids.case_code(sender, day, serial))


@given(CODES, st.dates(), st.integers(1, 999), st.data())
def test_one_wrong_character_is_found(sender: str, day: date, serial: int, data: st.DataObject) -> None:
    """ISO 7064 MOD 37,36 finds every single substitution."""
    code = ids.case_code(sender, day, serial)
    place = data.draw(st.sampled_from([n for n, character in enumerate(code) if character != "-"]))
    other = data.draw(st.sampled_from([c for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c != code[place]]))
    assert not ids.is_case_code(code[:place] + other + code[place + 1 :])


def test_nearly_all_swapped_neighbours_are_found() -> None:
    """Every exchange of two neighbours in the codes of a year, counted."""
    tried = found = 0
    for day in range(365):
        plain = ids.case_code("24Z01", date(2026, 1, 1) + timedelta(days=day), day % 40 + 1).replace("-", "")
        for place in range(len(plain) - 1):
            swapped = plain[:place] + plain[place + 1] + plain[place] + plain[place + 2 :]
            if swapped != plain:
                tried += 1
                found += not ids.is_case_code(f"{swapped[:5]}-{swapped[5:9]}-{swapped[9:-1]}-{swapped[-1]}")
    assert tried > 3_000
    assert found / tried > 0.99


@pytest.mark.parametrize("text", ["", "24Z01", "24Z01-2211-017", "24z01-2211-017-K", None, 5, "24Z01-2211-01-K"])
def test_what_is_no_case_code(text: object) -> None:
    assert not ids.is_case_code(text)
