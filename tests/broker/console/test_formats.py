"""Times, spans and filters as people read and write them; colours as people see them."""

import re
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import console
from broker.console.filters import NAMES, read_filter
from broker.console.formats import local_time, span, utc_time, whole
from transport.pages.assets import load_assets


def test_times_are_shown_in_vietnams_time_with_utc_beside() -> None:
    moment = datetime(2026, 12, 31, 18, 5, 9, tzinfo=UTC)
    assert local_time(moment) == local_time("2026-12-31T18:05:09.000Z") == "01/01/2027 01:05:09"
    assert utc_time(moment) == utc_time("2026-12-31T18:05:09.000Z") == "2026-12-31 18:05:09 UTC"


@pytest.mark.parametrize(
    ("seconds", "vi", "en"),
    [
        (-5, "0 giây", "0 s"),
        (59, "59 giây", "59 s"),
        (60, "1 phút", "1 min"),
        (3_599, "59 phút", "59 min"),
        (3_600, "1 giờ", "1 h"),
        (3_660.9, "1 giờ 1 phút", "1 h 1 min"),
        (86_399, "23 giờ 59 phút", "23 h 59 min"),
        (86_400, "1 ngày", "1 d"),
        (90_000, "1 ngày 1 giờ", "1 d 1 h"),
    ],
)
def test_spans(seconds: float, vi: str, en: str) -> None:
    assert (span(seconds, "vi"), span(seconds, "en")) == (vi, en)


def test_numbers() -> None:
    assert (whole(1_234_567, "vi"), whole(1_234_567, "en"), whole(0, "vi")) == ("1.234.567", "1,234,567", "0")


@given(st.dictionaries(st.sampled_from([*NAMES, "other"]), st.text(max_size=40)))
def test_no_query_fails_and_what_is_understood_comes_back_unchanged(query: dict[str, str]) -> None:
    chosen = read_filter(query)
    address = chosen.address("/transfers", before=chosen.values.get("before"))
    again = read_filter(dict(parse_qsl(urlsplit(address).query)))
    assert again == chosen
    assert set(chosen.values) <= set(NAMES)


def test_changing_a_filter_starts_from_the_first_page() -> None:
    cursor = "2026-11-23T04:50:00.000Z~00000001-0000-4000-8000-000000000002"
    chosen = read_filter({"priority": "stat", "situation": "stuck", "before": cursor})
    assert chosen.wanted.before == ("2026-11-23T04:50:00.000Z", "00000001-0000-4000-8000-000000000002")
    assert chosen.address("/t", decision="open") == "/t?situation=stuck&priority=stat&decision=open"
    assert chosen.address("/t", situation=None, priority=None) == "/t"
    assert read_filter({}).is_empty
    assert read_filter({"before": cursor}).is_empty
    assert not chosen.is_empty


# --- WCAG 2.2 AA, 1.4.3: 4.5 to 1 for text, in both colour schemes -------------------------------------------------

CSS = "".join(
    asset.content.decode()
    for name, asset in load_assets(Path(console.__file__).parent / "static").items()
    if name.endswith(".css")
)


def _schemes() -> dict[str, dict[str, str]]:
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
    )
    return {"light": light, "dark": light | dark}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


ON_PAPER = list(product(("ink", "soft", "link", "bad", "warn", "good", "brand"), ("paper", "sheet")))
ON_ALARM = [(text, "bad-sheet") for text in ("ink", "soft", "link", "bad", "warn")]
OTHERS = [("warn", "warn-sheet"), ("good", "good-sheet"), ("paper", "bad")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), [*ON_PAPER, *ON_ALARM, *OTHERS])
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    colours = _schemes()[scheme]
    assert _contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_can_be_seen(scheme: str) -> None:
    colours = _schemes()[scheme]
    assert min(_contrast(colours["focus"], colours[ground]) for ground in ("paper", "sheet", "bad-sheet")) >= 3


def test_contrast_is_computed_as_the_standard_does() -> None:
    assert round(_contrast("#ffffff", "#000000"), 1) == 21.0
    assert round(_contrast("#777777", "#ffffff"), 2) == 4.48


def test_colours_come_from_the_schemes_only() -> None:
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.S)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", rules)
    assert "url(" not in CSS
    assert "@import" not in CSS
