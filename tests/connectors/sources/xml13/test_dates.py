"""Local times with unknown parts; impossible ones are refused, never shifted."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.dates import VIETNAM, SourceTime, read_birth, read_day, read_time
from schemas.reasons import ReasonCode, Refused

MOMENTS = st.datetimes(datetime.fromisoformat("1880-01-01"), datetime.fromisoformat("2200-12-31T23:59"))
DIGITS = st.text("0123456789", min_size=8, max_size=12).filter(lambda text: len(text) in {8, 12})


def impossible(text: str, *, birth: bool = False) -> bool:
    try:
        (read_birth if birth else read_time)(text, "NGAY_RA")
    except Refused as refusal:
        return (refusal.reason, refusal.where) == (ReasonCode.DATE_IMPOSSIBLE, "NGAY_RA")
    return False


@given(MOMENTS)
def test_every_minute_is_read_as_local_time(moment: datetime) -> None:
    read = read_time(f"{moment:%Y%m%d%H%M}".rjust(12, "0"), "NGAY_RA")
    local = moment.replace(second=0, microsecond=0, tzinfo=VIETNAM)

    assert read.earliest == read.latest == local
    assert read.earliest.astimezone(UTC) == local - timedelta(0)


def test_seven_hours_ahead_of_utc() -> None:
    assert read_time("202611192330", "NGAY_RA").earliest == datetime(2026, 11, 19, 16, 30, tzinfo=UTC)


@given(DIGITS)
def test_a_date_is_the_calendars_or_impossible(text: str) -> None:
    """Judged by the standard library; nothing is ever moved to another day."""
    pattern = "%Y%m%d%H%M" if len(text) == 12 else "%Y%m%d"
    try:
        expected = datetime.strptime(text, pattern).replace(tzinfo=VIETNAM)
    except ValueError:
        assert impossible(text)
        return
    if not 1880 <= expected.year <= 2200:
        assert impossible(text)
        return
    read = read_time(text, "NGAY_RA")
    assert read.earliest == expected
    assert read.latest - read.earliest == (timedelta(0) if len(text) == 12 else timedelta(hours=23, minutes=59))


@pytest.mark.parametrize(
    "text",
    [
        "202602310000",
        "202502290000",
        "210002290000",
        "202613010000",
        "202600010000",
        "202601000000",
        "202601012400",
        "202601012360",
        "000000000000",
        "187912312359",
        "220101010000",
        "2026-11-19T23:30",
        "20261119233",
        "20261119233000",
        "2026111923",
        "19/11/2026",
        "２０２６１１１９２３３０",
        "٢٠٢٦١١١٩٢٣٣٠",
        "+20261119233",
        "2026 1119 233",
        "",
        "\n202611192330",
    ],
)
def test_impossible_times(text: str) -> None:
    assert impossible(text)


@pytest.mark.parametrize(
    ("text", "known", "first", "last"),
    [
        ("196600000000", (1966, None, None, None, None), "1966-01-01T00:00", "1966-12-31T23:59"),
        ("19660000", (1966, None, None, None, None), "1966-01-01T00:00", "1966-12-31T23:59"),
        ("196602000000", (1966, 2, None, None, None), "1966-02-01T00:00", "1966-02-28T23:59"),
        ("196402000000", (1964, 2, None, None, None), "1964-02-01T00:00", "1964-02-29T23:59"),
        ("196602120000", (1966, 2, 12, None, None), "1966-02-12T00:00", "1966-02-12T23:59"),
        ("19660212", (1966, 2, 12, None, None), "1966-02-12T00:00", "1966-02-12T23:59"),
        ("202610300317", (2026, 10, 30, 3, 17), "2026-10-30T03:17", "2026-10-30T03:17"),
        ("202610300001", (2026, 10, 30, 0, 1), "2026-10-30T00:01", "2026-10-30T00:01"),
    ],
)
def test_birth_dates_keep_what_is_known(text: str, known: tuple[int | None, ...], first: str, last: str) -> None:
    birth = read_birth(text, "NGAY_SINH")

    assert birth is not None
    assert (birth.year, birth.month, birth.day, birth.hour, birth.minute) == known
    assert birth.earliest == datetime.fromisoformat(first).replace(tzinfo=VIETNAM)
    assert birth.latest == datetime.fromisoformat(last).replace(tzinfo=VIETNAM)


@pytest.mark.parametrize("text", ["000000000000", "00000000"])
def test_birth_date_nobody_knows(text: str) -> None:
    assert read_birth(text, "NGAY_SINH") is None


@pytest.mark.parametrize(
    "text",
    [
        "198802310000",
        "196600120000",
        "196600000830",
        "196602000830",
        "000002120000",
        "000000120000",
        "187012120000",
        "196613000000",
        "1966",
        "196602",
        "không rõ",
    ],
)
def test_impossible_birth_dates(text: str) -> None:
    assert impossible(text, birth=True)


@given(DIGITS)
def test_birth_dates_are_read_or_impossible(text: str) -> None:
    if not impossible(text, birth=True):
        birth = read_birth(text, "NGAY_SINH")
        assert birth is None or birth.earliest <= birth.latest


@given(st.text(max_size=14))
def test_any_text_is_a_time_or_impossible(text: str) -> None:
    assert impossible(text) or read_time(text, "NGAY_RA").year == int(text[:4])


def test_day() -> None:
    assert read_day("20261231", "GT_THE_DEN") == date(2026, 12, 31)
    for text in ("202612310000", "20261331", "", "2026"):
        with pytest.raises(Refused):
            read_day(text, "GT_THE_DEN")


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (SourceTime(1962), SourceTime(1962, 8, 24), True),
        (SourceTime(1962), SourceTime(1963, 1, 1), False),
        (SourceTime(1962, 8), SourceTime(1962, 8, 24), True),
        (SourceTime(1962, 8), SourceTime(1962, 9, 1), False),
        (SourceTime(1962, 8, 24), SourceTime(1962, 8, 24, 3, 17), True),
        (SourceTime(1962, 8, 24, 3, 17), SourceTime(1962, 8, 24, 3, 18), False),
    ],
)
def test_unknown_parts_contradict_nothing(one: SourceTime, other: SourceTime, agree: bool) -> None:
    assert one.may_equal(other) is other.may_equal(one) is agree
    assert one.may_equal(one)
