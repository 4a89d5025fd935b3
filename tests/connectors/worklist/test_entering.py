"""Who may see the pages, and whose forms are taken."""

from typing import Any

import httpx2
import pytest

from connectors.control import ControlDoor
from connectors.store import outbox_rows
from connectors.store.outbox_rows import OutState
from connectors.worklist.entering import Entrance
from connectors.worklist.pages import worklist
from tests.connectors.site_world import World
from tests.connectors.worklist.desk_world import BASE, SECRET, browser_of, caught_up, offer, parts_of
from tests.html_page import Page

PAGES = ["/board", "/sending", "/board/fresh", "/sending/fresh"]


async def messages(world: World) -> int:
    return len(await world.database.read(lambda c: outbox_rows.rows_in(c, list(OutState))))


@pytest.mark.parametrize("path", PAGES)
async def test_a_stranger_learns_only_which_command_to_run(central: World, path: str) -> None:
    offer(central, patient="NGUYỄN VĂN AN")
    await caught_up(central)
    async with browser_of(parts_of(central), enter=False) as stranger:
        answer = await stranger.get(path)
        assert answer.status_code == 401
        assert "lienvien connector open" in Page(answer.text).text
        assert "NGUYỄN" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("key", ["", "wrong", SECRET[:-1], SECRET + "x", "é\u0000"])
async def test_a_wrong_key_opens_nothing(central: World, key: str) -> None:
    async with browser_of(parts_of(central), enter=False) as stranger:
        answer = await stranger.get("/enter", params={"key": key})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert (await stranger.get("/board")).status_code == 401


async def test_the_key_becomes_a_cookie_that_no_script_reads_and_no_other_site_sends(central: World) -> None:
    async with browser_of(parts_of(central), enter=False) as browser:
        answer = await browser.get("/enter", params={"key": SECRET})
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 303
        assert answer.headers["location"] == "/board"
        assert SECRET not in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Domain" not in cookie
        assert (await browser.get("/board")).status_code == 200
        to_sending = await browser.get("/enter", params={"key": SECRET, "to": "sending"})
        assert to_sending.headers["location"] == "/sending"
        elsewhere = await browser.get("/enter", params={"key": SECRET, "to": "https://example.vn"})
        assert elsewhere.headers["location"] == "/board"


async def test_another_run_and_another_hospital_need_another_key(central: World, browser: httpx2.AsyncClient) -> None:
    (cookie,) = browser.cookies.jar
    assert Entrance(SECRET, "01901").cookie == cookie.name != Entrance(SECRET, "24001").cookie
    async with browser_of(parts_of(central), enter=False) as later:
        later.cookies.set(cookie.name, Entrance("another-secret", "01901")._token)
        assert (await later.get("/board")).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8090", "192.168.1.5:8090"])
async def test_a_name_that_leads_here_from_outside_is_not_ours(browser: httpx2.AsyncClient, host: str) -> None:
    assert (await browser.get("/board", headers={"host": host})).status_code == 401
    assert (await browser.get("/enter", params={"key": SECRET}, headers={"host": host})).status_code == 403


@pytest.mark.parametrize("name", ["localhost:8090", "[::1]:8090"])
async def test_the_names_of_this_machine_are(central: World, name: str) -> None:
    async with browser_of(parts_of(central), base=f"http://{name}") as browser:
        assert (await browser.get("/board")).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1:8090", "http://localhost:8090"],
)
async def test_a_form_from_anywhere_else_changes_nothing(
    central: World, browser: httpx2.AsyncClient, origin: str | None
) -> None:
    transfer_id = offer(central)
    await caught_up(central)
    headers = {"origin": origin} if origin else {}
    fields = {"act": "received", "case": transfer_id, "by": "BS. Trực"}
    for path in ("/board", "/sending"):
        assert (await browser.post(path, data=fields, headers=headers)).status_code == 403
    assert await messages(central) == 0
    assert (await browser.post("/board", data=fields, headers={"origin": BASE})).status_code == 303
    assert await messages(central) == 1


async def test_a_form_without_the_cookie_changes_nothing(central: World) -> None:
    transfer_id = offer(central)
    await caught_up(central)
    async with browser_of(parts_of(central), enter=False) as stranger:
        fields = {"act": "received", "case": transfer_id, "by": "BS. Trực"}
        assert (await stranger.post("/board", data=fields, headers={"origin": BASE})).status_code == 401
    assert await messages(central) == 0


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/board", b'{"act":"received"}', "application/json"),
        ("/board", b"act=received&act=accept", "application/x-www-form-urlencoded"),
        ("/board", b"act=release&case=x", "application/x-www-form-urlencoded"),
        ("/board", b"act=cancel&case=x", "application/x-www-form-urlencoded"),
        ("/board", b"", "application/x-www-form-urlencoded"),
        ("/board", b"act=accept&case=x&until=tomorrow", "application/x-www-form-urlencoded"),
        ("/board", b"act=received&by=%ff", "application/x-www-form-urlencoded"),
        ("/board", b"act=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        ("/board", b"&".join(b"a%d=1" % n for n in range(30)), "application/x-www-form-urlencoded"),
        ("/sending", b"act=accept&case=x", "application/x-www-form-urlencoded"),
        ("/sending", b"act=dismiss&findings=all", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    browser: httpx2.AsyncClient, path: str, content: bytes, kind: str
) -> None:
    headers = {"origin": BASE, "content-type": kind}
    assert (await browser.post(path, content=content, headers=headers)).status_code == 400


@pytest.mark.parametrize("fields", [{"act": "received"}, {"act": "received", "case": "x", "by": "y" * 3000}])
async def test_an_act_that_lacks_something_is_answered_on_the_page(
    browser: httpx2.AsyncClient, fields: dict[str, str]
) -> None:
    answer = await browser.post("/board", data=fields, headers={"origin": BASE})
    assert answer.status_code == 409
    assert Page(answer.text).one("p", class_="bad").text


async def test_the_pages_stand_beside_the_door_and_open_with_its_secret(central: World) -> None:
    import json

    async with ControlDoor(parts_of(central), worklist) as door:
        secret: Any = json.loads((central.folder / "data" / "control.json").read_text())["secret"]
        async with httpx2.AsyncClient(base_url=door.url, trust_env=False) as browser:
            assert (await browser.get("/board")).status_code == 401
            assert (await browser.get("/enter", params={"key": secret})).status_code == 303
            assert (await browser.get("/board")).status_code == 200
            assert (await browser.get("/control/status")).status_code == 403, "the cookie is for pages only"
            bearer = {"authorization": f"Bearer {secret}"}
            assert (await browser.get("/control/board", headers=bearer)).json()["facility"] == central.code
