"""The hospital's pages on a real store: what they say, and that they are well made."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from connectors.link import Trouble
from connectors.outbox import Sender
from connectors.store import alarms, outbox_rows, transfers
from connectors.store.outbox_rows import OutState
from connectors.worklist import pages
from connectors.worklist.texts import TEXTS
from schemas.lifecycle import Decision, Delivery, Journey, TransferState
from schemas.reasons import REASONS, ReasonCode
from schemas.times import iso
from schemas.tokens.receipt import Verdict
from schemas.urgency import Kind, Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import NOT_CONNECTED, DeskWorld
from tests.connectors.site_world import World
from tests.connectors.worklist.desk_world import BASE, browser_of, caught_up, offer, parts_of
from tests.html_page import Element, Page

FOLDER = Path(pages.__file__).parent
OURS = {"origin": BASE}
CANARY = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>&amp;{{7*7}}"


async def page(browser: httpx2.AsyncClient, path: str, language: str = "en", status: int = 200) -> Page:
    answer = await browser.get(path, headers={"accept-language": language})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def case(found: Page, transfer_id: str) -> Element:
    return found.one("li", id=f"r-{transfer_id}")


async def post(browser: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    return await browser.post(path, data=fields, headers=OURS)


# --- the receiving desk -----------------------------------------------------------------------------------------


async def test_a_case_on_the_board_has_all_that_a_desk_needs(central: World, browser: httpx2.AsyncClient) -> None:
    transfer_id = offer(central, priority=Priority.STAT)
    await caught_up(central)
    central.clock.pass_(125 * 60)
    found = await page(browser, "/board")
    text = case(found, transfer_id).text
    for word in (
        "stat",
        "2 h 5 min ago",
        "NGUYỄN VĂN AN",
        "male, born 1961",
        "I21.0 Nhồi máu cơ tim cấp",
        f"Bệnh viện {BAC_GIANG}",
        "0204 385 4500",
        "taken in, being handed over",
        "REACHED THE MACHINE, NOBODY HAS LOOKED",
        "no decision yet",
    ):
        assert word in text, word
    assert {link["href"] for link in found.all("a", class_="phone")} == {"tel:02438693731", "tel:02043854500"}


async def test_the_papers_are_named_once_they_lie_there(central: World, browser: httpx2.AsyncClient) -> None:
    transfer_id = offer(central)
    await caught_up(central)
    await central.database.write(lambda c: c.execute("UPDATE handover SET state = 'done'"))
    path = case(await page(browser, "/board"), transfer_id)
    assert str(central.folder / "incoming" / "urgent-24001-2211-001") in path.text


async def test_urgent_first_unclassified_marked_and_what_is_over_apart(
    central: World, browser: httpx2.AsyncClient
) -> None:
    routine = offer(central, priority=Priority.ROUTINE, kind=Kind.OUTPATIENT)
    central.exchange.later(minutes=1)
    unclassified = offer(central, unclassified=True)
    central.exchange.later(minutes=1)
    stat = offer(central, priority=Priority.STAT)
    declined = offer(central, priority=Priority.STAT, state=TransferState(Delivery.OPENED, Decision.DECLINED))
    cancelled = offer(central, priority=Priority.STAT, state=TransferState(Delivery.OPENED, Decision.CANCELLED))
    expired = offer(central, state=TransferState(Delivery.DELIVERED, Decision.EXPIRED))
    arrived = offer(central, state=TransferState(Delivery.OPENED, Decision.DECLINED, Journey.ARRIVED))
    await caught_up(central)
    found = await page(browser, "/board")
    order = [row["data-key"] for row in found.all("li", class_="case")]
    assert order[:4] == [stat, unclassified, routine, declined]
    assert set(order[4:]) == {cancelled, expired, arrived}
    assert {row["data-key"] for row in found.all("li", class_="open")} == {stat, unclassified, routine}
    assert {row["data-key"] for row in found.all("li", class_="over")} == {cancelled, expired, arrived}
    assert "UNCLASSIFIED, treated as urgent" in case(found, unclassified).text
    assert "declined in the system; the patient may still come" in case(found, declined).text
    assert "CANCELLED by the sender" in case(found, cancelled).text
    assert [row["data-key"] for row in found.all("li") if row["data-rings"]] == [stat]
    assert found.one("div", id="list")["data-waiting"] == "3"


async def test_before_everything_is_read_the_board_says_so_and_cannot_sound(
    central: World, browser: httpx2.AsyncClient
) -> None:
    found = await page(browser, "/board")
    assert "reading… slips may be missing, the bell does NOT ring yet" in found.text
    assert "Reading the inbox…" in found.text
    assert "Nothing waits." not in found.text
    assert found.one("div", id="list")["data-caught-up"] == "no"
    await caught_up(central)
    found = await page(browser, "/board")
    assert "everything is read" in found.text
    assert "Nothing waits." in found.text
    assert found.one("div", id="list")["data-caught-up"] == "yes"
    central.site.live.link_is(Trouble.LOST, central.clock.now())
    found = await page(browser, "/board")
    assert "NOT CONNECTED, the connection broke" in found.text
    assert found.one("div", id="list")["data-caught-up"] == "no"


async def test_every_missing_word_is_said_to_be_missing(central: World, browser: httpx2.AsyncClient) -> None:
    transfer_id = offer(central, patient="", diagnosis="")
    await caught_up(central)
    await central.database.write(lambda c: c.execute("UPDATE transfer SET patient = '{}'"))
    assert case(await page(browser, "/board"), transfer_id).text.count("the source does not say") == 3


async def test_the_fragment_is_the_list_of_the_page(central: World, browser: httpx2.AsyncClient) -> None:
    offer(central)
    await caught_up(central)
    whole = (await browser.get("/board")).text
    fresh = (await browser.get("/board/fresh")).text
    assert fresh.strip() in whole
    assert "<html" not in fresh
    assert Page(fresh).one("ul", id="lights")
    assert Page((await browser.get("/sending/fresh")).text).one("div", id="list")


async def test_a_silent_exchange_is_seen_though_the_line_is_up(central: World, browser: httpx2.AsyncClient) -> None:
    await caught_up(central)
    for age_s, late in ((60, False), (600, True)):
        central.site.live.head_at = iso(central.clock.now() - timedelta(seconds=age_s))
        found = await page(browser, "/board")
        assert ("(late)" in found.text) is late
        assert bool(found.all("li", class_="warn")) is late


# --- what people do there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "more", "event"),
    [
        ("received", {}, "transfer-received"),
        ("accept", {"ward": "Tim mạch", "until": "2026-11-30T08:00", "contact": "024 1"}, "transfer-accept"),
        ("decline", {"reason": "no-bed"}, "transfer-decline"),
        ("arrived", {}, "transfer-arrived"),
    ],
)
async def test_an_answer_is_entered_by_a_named_person_and_not_sent_until_its_receipt(
    central: World, browser: httpx2.AsyncClient, act: str, more: dict[str, str], event: str
) -> None:
    transfer_id = offer(central, priority=Priority.STAT)
    await caught_up(central)
    empty = {"ward": "", "until": "", "contact": "", "reason": "", "text": ""}  # the other fields of the same form
    answer = await post(browser, "/board", act=act, case=transfer_id, by="BS. Trực Mẫu", **{**empty, **more})
    assert (answer.status_code, answer.headers["location"]) == (303, "/board?done=entered")
    (row,) = await central.database.read(lambda c: outbox_rows.rows_in(c, list(OutState)))
    assert row.event == event
    (said,) = [e for e in await _events(central, transfer_id) if e.by_facility == BACH_MAI]
    details = json.loads(said.details)
    assert details["by"] == "BS. Trực Mẫu"
    if act == "accept":
        assert details["until"].startswith("2026-11-30T08:00:00")
        assert details["until"].endswith("+07:00")
    found = await page(browser, "/board?done=entered")
    assert "NOT SENT until the exchange's receipt is here" in found.text
    assert "NOT SENT:" in case(found, transfer_id).text


async def _events(world: World, transfer_id: str) -> list[transfers.TransferEvent]:
    return await world.database.read(lambda c: transfers.events(c, BAC_GIANG, transfer_id))


async def test_without_a_name_nothing_is_entered_and_what_was_typed_stays(
    central: World, browser: httpx2.AsyncClient
) -> None:
    transfer_id = offer(central)
    await caught_up(central)
    answer = await post(browser, "/board", act="accept", case=transfer_id, ward='Khoa "A" <b>')
    assert answer.status_code == 409
    found = Page(answer.text)
    said = found.one("p", class_="bad").text
    assert "The name of the person who does this is needed." in said
    assert "--" not in said  # a page has no options
    assert found.one("input", id=f"ward-{transfer_id}")["value"] == 'Khoa "A" <b>'
    assert "open" in found.one("details", id=f"d-{transfer_id}").attributes
    assert await central.database.read(lambda c: outbox_rows.rows_in(c, list(OutState))) == []


async def test_raising_is_known_here_at_once_and_cannot_lower(central: World, browser: httpx2.AsyncClient) -> None:
    transfer_id = offer(central, priority=Priority.ROUTINE)
    await caught_up(central)
    answer = await post(browser, "/board", act="raise", case=transfer_id, priority="stat", by="")
    assert answer.headers["location"] == "/board?done=done"
    found = await page(browser, "/board")
    assert case(found, transfer_id)["data-rings"]
    assert not [button for button in found.all("button") if button["value"] == "raise"]


# --- the sending desk -------------------------------------------------------------------------------------------


async def sending(desk: DeskWorld, language: str = "en") -> Page:
    async with browser_of(parts_of(desk.world)) as browser:
        return await page(browser, "/sending", language)


async def test_a_refused_file_says_which_field_what_is_wrong_and_who_acts(desk: DeskWorld) -> None:
    await desk.take(desk.slip(MA_NOI_DEN=""), "thieu.xml")
    for language in ("vi", "en"):
        text = (await sending(desk, language)).text
        assert "/xuat/thieu.xml" in text
        assert "MA_NOI_DEN" in text
    facts = (await sending(desk)).one("div", class_="finding").text
    assert "Who must act:" in facts


async def test_a_destination_that_is_not_connected_has_a_form_and_a_phone(desk: DeskWorld) -> None:
    await desk.take(desk.slip(destination=NOT_CONNECTED))
    found = await sending(desk)
    assert "024 3869 3731" in found.one("a", class_="phone").text
    assert found.one("section", aria_labelledby="print").text.count(".pdf") == 1
    assert "Nothing to fix." in found.text, "it is no fault of anybody"


async def test_an_old_slip_waits_for_a_yes_and_goes_when_it_is_said(desk: DeskWorld) -> None:
    data = desk.slip(7)
    desk.world.clock.pass_(30 * 3600)
    await desk.take(data, "cu.xml")
    (row,) = await desk.rows()
    async with browser_of(parts_of(desk.world)) as browser:
        found = await page(browser, "/sending")
        assert REASONS[ReasonCode.SLIP_OLD].en in found.text
        assert "/xuat/cu.xml" in found.text
        answer = await post(browser, "/sending", act="release", case=row.case_code)
        assert answer.headers["location"] == "/sending?done=done"
        assert (await desk.rows())[0].state == OutState.WAITING_KEY
        again = await post(browser, "/sending", act="discard", case=row.case_code)
        assert again.status_code == 409
        assert "Nothing of this case waits for a yes." in Page(again.text).text


async def test_a_no_discards_it(desk: DeskWorld) -> None:
    data = desk.slip(7)
    desk.world.clock.pass_(30 * 3600)
    await desk.take(data, "cu.xml")
    (row,) = await desk.rows()
    async with browser_of(parts_of(desk.world)) as browser:
        assert (await post(browser, "/sending", act="discard", case=row.case_code)).status_code == 303
    assert (await desk.rows())[0].state == OutState.DISCARDED


async def test_what_was_sent_shows_its_last_proven_step(desk: DeskWorld) -> None:
    await desk.take(desk.slip())
    assert "NOT SENT" in (await sending(desk)).text
    desk.world.exchange.silent = True
    sender = Sender(desk.world.site, desk.world.submit)
    await sender._seal_waiting()
    await sender.send_next()
    found = await sending(desk)
    assert "no receipt YET; it is repeated by itself" in found.one("section", aria_labelledby="waiting").text
    assert f"Bệnh viện {BACH_MAI}" in found.one("section", aria_labelledby="sent").text


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.TRANSIENT])
async def test_a_refusal_of_the_exchange_is_told_until_somebody_has_seen_it(desk: DeskWorld, verdict: Verdict) -> None:
    desk.world.exchange.verdict, desk.world.exchange.reason = verdict, ReasonCode.DESTINATION_UNKNOWN
    await desk.take(desk.slip())
    sender = Sender(desk.world.site, desk.world.submit)
    await sender._seal_waiting()
    await sender.send_next()
    await read_all(desk.world)
    (row,) = await desk.rows()
    async with browser_of(parts_of(desk.world)) as browser:
        assert REASONS[ReasonCode.DESTINATION_UNKNOWN].en in (await page(browser, "/sending")).text
        assert (await post(browser, "/sending", act="dismiss", messages=str(row.seq))).status_code == 303
        assert "Nothing to fix." in (await page(browser, "/sending")).text


async def test_the_connector_tells_its_own_state(desk: DeskWorld) -> None:
    live = desk.world.site.live
    live.drift_s = 400.0
    await desk.world.database.write(lambda c: alarms.raise_alarm(c, "disk-full", "data", desk.world.clock.now()))
    found = await sending(desk)
    machine = found.one("section", aria_labelledby="machine").text
    assert "400.0 s too much, set the clock" in machine
    assert re.search(r"signing: \d+ days", machine)
    assert "no signal yet" in machine
    assert "The disk is nearly full" in machine
    live.drift_s, live.head_at = None, desk.world.exchange.head(BAC_GIANG) and "2026-11-22T00:00:00.000Z"
    machine = (await sending(desk)).one("section", aria_labelledby="machine").text
    assert "Clock drift unknown" in machine
    assert "late" in machine


# --- made well --------------------------------------------------------------------------------------------------


async def test_nothing_that_a_patient_or_a_hospital_wrote_becomes_an_element(
    central: World, browser: httpx2.AsyncClient
) -> None:
    transfer_id = offer(central, patient=CANARY, diagnosis=CANARY, slip_number=CANARY, priority=Priority.STAT)
    await caught_up(central)
    card = json.dumps(
        dict.fromkeys(
            ("name", "birth", "sex", "diagnosis", "reason", "sender_name", "sender_phone", "doctor", "doctor_phone"),
            CANARY,
        )
    )
    await central.database.write(lambda c: c.execute("UPDATE transfer SET patient = ?", (card,)))
    await post(browser, "/board", act="received", case=transfer_id, by=CANARY)
    for language in ("vi", "en"):
        found = await page(browser, "/board", language)
        assert not found.all("img")
        assert all(script["src"].startswith("/static/") and not script.text for script in found.all("script"))
        assert case(found, transfer_id).text.count(CANARY) >= 6, "shown as it was written"
        assert not [name for one in found.elements for name in one.attributes if name.startswith("on")]
    answer = await post(browser, "/board", act="accept", case=transfer_id, ward=CANARY)
    assert not Page(answer.text).all("img")


async def test_what_the_sending_desk_reads_is_text_too(desk: DeskWorld) -> None:
    await desk.take(b"<a>&" + CANARY.encode(), CANARY)
    await desk.take(desk.slip(HO_TEN=CANARY.upper()), "ten.xml")
    found = await sending(desk)
    assert not found.all("img")
    assert CANARY in found.text


@pytest.mark.parametrize("path", ["/board", "/sending", "/board/fresh", "/nothing"])
async def test_pages_stay_out_of_caches_frames_and_foreign_hands(browser: httpx2.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    if answer.status_code == 404:
        return
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "style" not in {name for one in Page(answer.text).elements for name in one.attributes}


async def test_the_style_sheet_and_the_scripts_are_ours_and_named_by_their_content(browser: httpx2.AsyncClient) -> None:
    found = await page(browser, "/board")
    addresses = [one["href"] for one in found.all("link")] + [one["src"] for one in found.all("script")]
    addresses.append(found.one("div", id="fresh")["data-ticker"])
    assert len(addresses) == 5
    for address in addresses:
        answer = await browser.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert (await browser.get("/static/worklist.js")).status_code == 404
    for path in (FOLDER / "static").iterdir():
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text("utf-8")), path.name


async def test_the_language_is_switched_and_kept(browser: httpx2.AsyncClient) -> None:
    found = await page(browser, "/board", "vi")
    assert found.one("html")["lang"] == "vi"
    assert "Chờ tiếp nhận" in found.text
    switch = found.one("a", class_="language")["href"]
    assert (await page(browser, switch, "vi")).one("html")["lang"] == "en"
    assert (await page(browser, "/board", "vi")).one("html")["lang"] == "en"


@pytest.mark.parametrize("path", ["/board", "/sending"])
async def test_a_page_has_one_live_region_and_every_field_its_label(
    central: World, browser: httpx2.AsyncClient, path: str
) -> None:
    offer(central)
    await caught_up(central)
    found = await page(browser, path)
    live = [one for one in found.elements if one["aria-live"] or one["role"] in ("status", "alert", "log")]
    assert [one["id"] for one in live] == ["announce"]
    labelled = {label["for"] for label in found.all("label")}
    fields = [one for one in found.elements if one.tag in ("input", "select") and one["type"] != "hidden"]
    assert {field["id"] for field in fields} <= labelled
    assert len(found.all("h1")) == 1
    assert found.one("a", class_="skip")["href"] == "#main"


async def test_the_page_without_a_script_says_that_it_cannot_sound(browser: httpx2.AsyncClient) -> None:
    text = (await browser.get("/board")).text
    assert re.search(r"<noscript><p[^>]*>[^<]*NO sound", text)
    assert '<meta http-equiv="refresh" content="30">' in text


def test_every_text_is_there_twice_and_used() -> None:
    used = "".join(path.read_text("utf-8") for path in (FOLDER / "templates").iterdir())
    code = (FOLDER / "pages.py").read_text("utf-8")
    for name, phrase in TEXTS.items():
        assert phrase.vi.strip(), name
        assert phrase.en.strip(), name
        built = name.startswith(("section_", "none_")) or f'"{name}"' in code
        assert built or re.search(rf"\bt\.{name}\b", used), f"{name} is used nowhere"


async def test_a_busy_database_is_said(central: World, browser: httpx2.AsyncClient, monkeypatch: Any) -> None:
    import sqlite3

    async def busy(_: Any) -> Any:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(pages, "board", busy)
    found = await page(browser, "/board", status=503)
    assert "The database is busy" in found.text


async def test_a_fault_tells_nobody_what_was_in_it(browser: httpx2.AsyncClient, monkeypatch: Any, capsys: Any) -> None:
    async def broken(_: Any) -> Any:
        raise RuntimeError("NGUYỄN VĂN AN")

    monkeypatch.setattr(pages, "board", broken)
    answer = await browser.get("/board")
    assert answer.status_code == 500
    said = capsys.readouterr()
    assert "NGUYỄN" not in answer.text + said.out + said.err
