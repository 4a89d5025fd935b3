"""The forms of primitive datatypes: calendar, clock, zone, and what texts must not hold."""

from datetime import date, datetime

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.profile.primitives import ACTIVE, MARKUP, PRIMITIVES

VALIDATORS = {
    name: jsonschema_rs.Draft202012Validator(form, pattern_options=jsonschema_rs.RegexOptions())
    for name, form in PRIMITIVES.items()
}


def accepts(kind: str, value: object) -> bool:
    return VALIDATORS[kind].is_valid(value)


@given(st.integers(1795, 2205), st.integers(0, 13), st.integers(0, 32))
def test_the_calendar_is_pythons(year: int, month: int, day: int) -> None:
    try:
        exists = bool(date(year, month, day))
    except ValueError:
        exists = False
    assert accepts("date", f"{year:04d}-{month:02d}-{day:02d}") is (exists and 1800 <= year < 2200)


@pytest.mark.parametrize("year", [1800, 1900, 1996, 2000, 2023, 2024, 2100, 2104])
def test_leap_days(year: int) -> None:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    assert accepts("date", f"{year}-02-29") is leap
    assert accepts("moment", f"{year}-02-29T00:00:00Z") is leap


@given(st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2199, 12, 31)), st.timezones())  # noqa: DTZ001
def test_every_moment_that_is_accepted_can_be_read(at: datetime, zone: object) -> None:
    text = at.replace(tzinfo=zone).isoformat()  # type: ignore[arg-type]
    if accepts("moment", text):
        assert datetime.fromisoformat(text).tzinfo is not None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("moment", "2026-11-22T10:20:00+07:00"),
        ("moment", "2026-11-22T10:20:00.5Z"),
        ("moment", "2026-11-22T00:00:00+14:00"),
        ("dateTime", "2026"),
        ("dateTime", "2026-11"),
        ("dateTime", "2026-11-22"),
        ("date", "1958"),
        ("uuid", "00000000-0000-4000-8000-000000000000"),
        ("code", "10*9/L"),
        ("code", "mm[Hg]"),
        ("uri", "urn:lienvien:codesystem:event"),
        ("uri", "http://hl7.org/fhir/sid/icd-10"),
        ("string", "huyết áp <90/60, K+ >5,5; <b mmHg"),
        ("string", "NGUYỄN THỊ Ơ\u0309"),
        ("longString", "dòng một\r\n\tdòng hai"),
        ("base64Binary", "QUJD"),
        ("base64Binary", "QUI="),
        ("base64Binary", "QQ=="),
    ],
)
def test_accepted(kind: str, value: str) -> None:
    assert accepts(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("moment", "2026-11-22T10:20:00"),
        ("moment", "2026-11-22T10:20Z"),
        ("moment", "2026-11-22T24:00:00Z"),
        ("moment", "2026-11-22T10:20:60Z"),
        ("moment", "2026-11-22T10:20:00+14:30"),
        ("moment", "2026-11-22T10:20:00.1234567Z"),
        ("moment", "2026-11-22 10:20:00Z"),
        ("dateTime", "2026-11-22T10:20"),
        ("date", "2026-00"),
        ("date", "2026-11-22\n"),
        ("date", "２０２６"),
        ("uuid", "00000000-0000-4000-8000-00000000000A"),
        ("uuid", "00000000-0000-4000-8000-000000000000\n"),
        ("code", " x"),
        ("code", "x  y"),
        ("uri", "javascript:alert(1)"),
        ("uri", "HTTP://x"),
        ("string", "   "),
        ("string", "\u00a0\u3000"),
        ("string", "a\x00"),
        ("string", "<script>"),
        ("string", "<ScRiPt src='x'>"),
        ("string", "< iframe >"),
        ("string", "<svg/onload=x>"),
        ("string", "<!DOCTYPE html>"),
        ("string", "<?xml"),
        ("string", "JavaScript :x"),
        ("base64Binary", "QUJ"),
        ("base64Binary", "Q==="),
        ("base64Binary", "QU_-"),
        ("base64Binary", "QUJD\n"),
        ("base64Binary", ""),
    ],
)
def test_refused(kind: str, value: str) -> None:
    assert not accepts(kind, value)


@pytest.mark.parametrize("value", [True, False, None, "1", [], {}])
@pytest.mark.parametrize("kind", ["decimal", "positiveInt", "unsignedInt"])
def test_numbers_are_numbers(kind: str, value: object) -> None:
    """A boolean is no number, though Python thinks so."""
    assert not accepts(kind, value)


@given(st.text(alphabet="<>/abipsBr !?=\"'x", max_size=30))
def test_whatever_has_no_angle_bracket_before_a_letter_is_no_markup(text: str) -> None:
    import re

    if not re.search(r"<\s*[/!?a-zA-Z]", text):
        assert re.search(f"{ACTIVE}|{MARKUP}", text) is None
