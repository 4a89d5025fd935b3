"""The operator's pages: what they say, in two languages, and that they are well made."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from broker.api.operator_app import Exchange, operator_app
from broker.audit.numbering import CHECKPOINT_FILE, CONTRADICTION, FAILED, KEY_UNUSABLE
from broker.console import pages
from broker.console.pages import console_routes
from broker.console.texts import TEXTS, alarm_phrase
from broker.queries import Queries
from broker.store.alarms import STORE_FAULT
from broker.store.engine import PassingError
from schemas.reasons import REASONS, ReasonCode
from tests.broker.api.serving import StillClock, client_of
from tests.broker.api.world import (
    ACCEPTED,
    DECLINED,
    FRESH,
    LATE,
    OTHER,
    QUEUED,
    ROUTINE,
    SENDER,
    SUSPENDED,
    UNREADABLE,
    code,
    uid,
)
from tests.html_page import Page

CASE = f"/cases/{uid(1, ACCEPTED)}"
PAGES = ["/", "/attention", "/transfers", "/transfers?situation=stuck&priority=stat", "/facilities", "/engine", CASE]
TEMPLATES = Path(pages.__file__).parent / "templates"


async def _page(browser: httpx2.AsyncClient, path: str, language: str = "vi", status: int = 200) -> Page:
    answer = await browser.get(path, headers={"accept-language": language})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


# --- what they say --------------------------------------------------------------------------------------------------


async def test_the_overview_counts_and_each_number_leads_to_its_list(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, "/", "en")
    tiles = {
        link.text: link["href"]
        for link in page.all("a")
        if (link["href"] and "24 hours" in link.text) or "now" in link.text
    }
    assert tiles["5 Stuck now"] == "/transfers?situation=stuck"
    assert tiles["1 Held now"] == "/attention#held"
    assert tiles["20 Junk of unknown origin last 24 hours"] == "/engine#junk"
    assert tiles["2 Declined last 24 hours"] == "/transfers?decision=declined"
    listed = await _page(browser, tiles["5 Stuck now"], "en")
    assert len(listed.all("tr", class_="stuck")) == 5
    for address in tiles.values():
        target = await _page(browser, address, "en")
        anchor = urlsplit(address).fragment
        assert not anchor or target.all("h2", id=anchor)


async def test_what_is_stuck_says_why_and_whose_turn_it_is(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, "/attention")
    rows = {
        link.text: row.text for row in page.all("tr", class_="stuck") for link in page.all("a") if link.text in row.text
    }
    late, queued, routine, unreadable = (rows[code(n)] for n in (LATE, QUEUED, ROUTINE, UNREADABLE))
    assert "Trục đã nhận" in late
    assert "10 phút" in late
    assert "Ai xử lý: CNTT nơi nhận" in late
    assert "Ai xử lý: Điều hành trục" in queued
    assert "gửi thiếu" in queued
    assert "Đã tới máy nơi nhận, chưa ai mở xem" in routine
    assert "chưa phân loại" in unreadable
    refused = page.text
    assert REASONS[ReasonCode.DESTINATION_UNKNOWN].vi in refused
    assert REASONS[ReasonCode.CRL_STALE].vi in refused


async def test_a_case_shows_every_step_and_what_is_not_proven(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, CASE, "en")
    assert code(ACCEPTED) in page.one("h1").text
    proven = [step.text for step in page.all("li", class_="proven")]
    assert [text.split(" 23/11")[0] for text in proven] == [
        "received by the exchange",
        "reached the other hospital's system",
        "opened by a person",
        "decided",
        "patient departed",
    ]
    assert proven[4].endswith("23/11/2026 11:45:00")
    assert all(step.text.endswith("No proof yet") for step in page.all("li", class_="unproven"))
    assert len(page.all("li", class_="unproven")) == 3
    copied = {button["data-copy"] for button in page.all("button", class_="copy")}
    assert {code(ACCEPTED), uid(1, ACCEPTED), uid(2, ACCEPTED), uid(3, ACCEPTED), uid(4, ACCEPTED)} <= copied
    assert "BV Bạch Mai (thử nghiệm)" in page.text


async def test_a_declined_patient_may_still_come(browser: httpx2.AsyncClient) -> None:
    assert "the patient may still come" in (await _page(browser, f"/cases/{code(DECLINED)}", "en")).text


async def test_a_refused_message_has_a_page_of_its_own(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, f"/cases/{uid(4, 91)}")
    assert REASONS[ReasonCode.DESTINATION_UNKNOWN].vi in page.text


async def test_facilities_and_engine(browser: httpx2.AsyncClient) -> None:
    facilities = await _page(browser, "/facilities")
    rows = {row.text.split()[0]: row.text for row in facilities.all("tr")[1:]}
    assert "BVĐK tỉnh Bắc Giang (thử nghiệm) Đang hoạt động" in rows[SENDER]
    assert "Đã ngắt" in rows[SUSPENDED]
    assert "1 / 6 / 1" in rows["01001"]
    engine = await _page(browser, "/engine", "en")
    assert "Nobody serves it" in engine.text
    assert f"xfer.submit.{OTHER} @ 5" in engine.text
    assert REASONS[ReasonCode.MESSAGE_ID_REUSED].en in engine.text
    assert "Numbered entries 2 Waiting for a number 1" in engine.text


async def test_an_empty_exchange_says_what_comes_next(queries: Queries) -> None:
    clock = StillClock()

    async def nothing(*_: object) -> list[object]:
        return []

    queries.facilities = queries.transfers = queries.unsettled = nothing  # type: ignore[method-assign, assignment]
    async with client_of(operator_app(queries, clock, Exchange(), console_routes(queries, clock, "demo"))) as browser:
        assert "lienvien exchange facility add" in (await _page(browser, "/facilities")).text
        assert "chờ cơ sở gửi hồ sơ đầu tiên" in (await _page(browser, "/transfers")).text
        assert "Không có hồ sơ nào đang tắc." in (await _page(browser, "/")).text


# --- finding and filtering ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked", [code(FRESH), f"  {code(FRESH).lower()} ", uid(1, FRESH), uid(2, FRESH).upper(), uid(3, FRESH), uid(4, 91)]
)
async def test_the_search_box_takes_any_name_of_a_case(browser: httpx2.AsyncClient, asked: str) -> None:
    answer = await browser.get("/search", params={"q": asked})
    assert answer.status_code == 303
    page = await _page(browser, answer.headers["location"])
    assert asked.strip().upper() in page.text.upper()


@pytest.mark.parametrize(
    "asked", ["", "Nguyễn Văn Canary", "<script>x</script>", "24Z01-2311-001-0", uid(1, FRESH) + "0"]
)
async def test_what_is_no_name_is_not_repeated(browser: httpx2.AsyncClient, asked: str) -> None:
    answer = await browser.get("/search", params={"q": asked})
    assert answer.status_code == 404
    page = Page(answer.text)
    assert TEXTS["not_found"].vi in page.text
    assert not asked or asked not in answer.text
    assert "Canary" not in answer.text


@pytest.mark.parametrize("name", ["Canary", uid(9, 9), "%3Cscript%3E"])
async def test_a_case_that_is_not_there(browser: httpx2.AsyncClient, name: str) -> None:
    answer = await browser.get(f"/cases/{name}")
    assert answer.status_code == 404
    assert "Canary" not in answer.text
    assert len(Page(answer.text).all("script")) == answer.text.count("<script") == 1


async def test_filters_live_in_the_address_and_stay_in_the_form(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, "/transfers?priority=urgent&facility=24z01&decision=&sender=&journey=nonsense")
    assert [option["value"] for option in page.all("option") if "selected" in option.attributes] == ["urgent"]
    assert page.one("input", name="facility")["value"] == SENDER
    assert page.one("input", name="sender")["value"] == ""
    assert len(page.all("tr")) == 3
    switch = page.one("a", class_="language")["href"]
    assert parse_qs(urlsplit(switch).query) == {"priority": ["urgent"], "facility": [SENDER], "lang": ["en"]}


async def test_a_filter_of_another_form_is_left_out_and_not_shown(browser: httpx2.AsyncClient) -> None:
    answer = await browser.get("/transfers", params={"facility": "Nguyễn Canary", "before": "Canary", "Canary": "x"})
    assert answer.status_code == 200
    assert "Canary" not in answer.text
    assert len(Page(answer.text).all("tr")) == 11


async def test_older_rows_are_one_link_away(browser: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROWS", 4)
    seen: list[str] = []
    address = "/transfers?sender=24Z01"
    while address:
        page = await _page(browser, address)
        seen += [link.text for link in page.all("a", class_="code")]
        older = page.all("a", rel="next")
        address = older[0]["href"] if older else ""
        assert not address or "sender=24Z01" in address
    assert len(seen) == len(set(seen)) == 9


# --- languages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "language"),
    [("", "vi"), ("en-GB,en;q=0.8", "en"), ("vi-VN", "vi"), ("fr-FR,en;q=0.5", "en"), ("fr", "vi"), ("<x>", "vi")],
)
async def test_the_browser_chooses_the_language(browser: httpx2.AsyncClient, asked: str, language: str) -> None:
    answer = await browser.get("/", headers={"accept-language": asked})
    assert answer.headers["content-language"] == language
    assert Page(answer.text).one("html")["lang"] == language
    assert "set-cookie" not in answer.headers


async def test_the_switch_is_remembered(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, CASE)
    answer = await browser.get(page.one("a", class_="language")["href"])
    assert Page(answer.text).one("html")["lang"] == "en"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert (await _page(browser, "/engine")).one("html")["lang"] == "en"
    back = await browser.get("/engine?lang=vi", headers={"accept-language": "en"})
    assert Page(back.text).one("html")["lang"] == "vi"
    strange = await browser.get("/engine?lang=xx")
    assert "set-cookie" not in strange.headers


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_mixes_languages(browser: httpx2.AsyncClient, path: str) -> None:
    vietnamese, english = [(await _page(browser, path, language)).text for language in ("vi", "en")]
    labels = {name: phrase for name, phrase in TEXTS.items() if len(phrase.en) > 8 and name != "other_language"}
    assert not [name for name, phrase in labels.items() if re.search(rf"\b{re.escape(phrase.en)}\b", vietnamese)]
    assert not [name for name, phrase in labels.items() if len(phrase.vi) > 8 and phrase.vi in english]


# --- how they are made ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", [*PAGES, "/search?q=x"])
async def test_pages_are_well_made(browser: httpx2.AsyncClient, path: str, language: str) -> None:
    page = await _page(browser, path, language, 404 if "search" in path else 200)
    ids = [element["id"] for element in page.elements if element["id"]]
    assert len(ids) == len(set(ids))
    assert len(page.all("h1")) == (0 if "search" in path else 1)
    assert page.one("main")["id"] == "main"
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"], element
        for reference in ("aria-labelledby", "for"):
            assert not element[reference] or element[reference] in ids
        for address in (element["href"], element["src"], element["action"]):
            assert not address or address.startswith(("/", "#")), address
            assert not address.startswith("//")
    labelled = {label["for"] for label in page.all("label")}
    assert {field["id"] for tag in ("input", "select") for field in page.all(tag)} <= labelled
    assert all(cell["scope"] in {"col", "row"} for cell in page.all("th"))
    assert all(box["role"] == "region" and box["aria-label"] for box in page.all("div", class_="table"))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", moment["datetime"]) for moment in page.all("time"))
    assert all(moment["title"].endswith("UTC") for moment in page.all("time"))
    assert not page.all("style")
    assert [script["src"] for script in page.all("script")] == [page.one("script")["src"]]
    assert not page.one("script").texts


@pytest.mark.parametrize("path", PAGES)
async def test_the_policy_allows_nothing_inline_and_nothing_foreign(browser: httpx2.AsyncClient, path: str) -> None:
    policy = (await browser.get(path)).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy


async def test_assets_are_named_by_their_content_and_kept(browser: httpx2.AsyncClient) -> None:
    page = await _page(browser, "/")
    addresses = [page.one("script")["src"], *(link["href"] for link in page.all("link"))]
    kinds = []
    for address in addresses:
        answer = await browser.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        kinds.append(answer.headers["content-type"].split(";")[0])
        assert (await browser.get(re.sub(r"\.[0-9a-f]{12}\.", ".000000000000.", address))).status_code == 404
    assert kinds == ["text/javascript", "image/svg+xml", "text/css", "text/css"]
    assert (await browser.get("/static/..%2fpages.py")).status_code == 404


async def test_a_hostile_name_in_the_register_stays_text(queries: Queries) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    clock = StillClock()
    original = queries.names

    async def names(codes: object) -> dict[str, str]:
        return dict.fromkeys(await original({SENDER, "01001"}), hostile)

    plain = operator_app(queries, clock, Exchange(), console_routes(queries, clock, "demo"))
    async with client_of(plain) as browser:
        before = [len((await _page(browser, path)).elements) for path in PAGES]
        queries.names = names  # type: ignore[method-assign, assignment]
        for path, number in zip(PAGES, before, strict=True):
            page = await _page(browser, path)
            shown = len(page.all("span", class_="name"))
            assert len(page.elements) <= number + shown
            assert len(page.all("script")) == 1
            assert not page.all("img")
        assert "<script>alert(1)</script>" in (await _page(browser, "/transfers")).text


async def test_a_database_that_cannot_be_asked_still_gives_a_page(queries: Queries) -> None:
    clock = StillClock()

    async def absent(*_: object) -> object:
        raise PassingError("Canary")

    queries.transfers = absent  # type: ignore[method-assign, assignment]
    async with client_of(operator_app(queries, clock, Exchange(), console_routes(queries, clock, "demo"))) as browser:
        page = await _page(browser, "/", status=503)
        assert TEXTS["unavailable"].vi in page.text
        assert "Canary" not in page.text


async def test_pages_can_only_be_read(browser: httpx2.AsyncClient) -> None:
    for path in (*PAGES, "/search"):
        for method in ("POST", "PUT", "DELETE"):
            assert (await browser.request(method, path)).status_code == 405


# --- texts ----------------------------------------------------------------------------------------------------------


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    source = "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    used = set(re.findall(r"\bt\.([a-z_0-9]+)", source)) | {"signing", "encryption", "not_found", "unavailable"}
    assert used == set(TEXTS)


def test_texts_differ_between_the_languages() -> None:
    assert not [name for name, phrase in TEXTS.items() if phrase.vi == phrase.en]


@pytest.mark.parametrize(
    "code_",
    [
        *("log-broken", "bytes-lost", "held-bytes-lost", STORE_FAULT),
        *(KEY_UNUSABLE, CONTRADICTION, CHECKPOINT_FILE, FAILED, ReasonCode.CRL_STALE),
    ],
)
def test_alarms_have_sentences(code_: str) -> None:
    phrase = alarm_phrase(code_)
    assert phrase.vi != phrase.en
    assert " " in phrase.vi


def test_an_alarm_without_a_sentence_shows_its_code() -> None:
    assert alarm_phrase("something-new").en == "something-new"
