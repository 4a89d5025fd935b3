"""The board in a real browser: fresh without a reload, still under a hand, heard once, and loud when it is old."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from starlette.applications import Starlette

from connectors.store import files
from connectors.worklist.pages import worklist
from schemas.lifecycle import Decision, Delivery, TransferState
from schemas.urgency import Priority
from tests.connectors.site_world import World
from tests.connectors.worklist.chromium import CHROMIUM, Chromium
from tests.connectors.worklist.desk_world import SECRET, caught_up, offer, parts_of
from transport.http_server import HttpServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]
COUNT_TONES = """
window.tones = 0;
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
"""
RING = 6  # tones of one ring
LONG = files.FileFinding(
    path="/his/xuat/thu-muc-rat-dai-cua-phan-mem-benh-vien/2026/11/23/24Z01.2611230015_3176.xml",
    sha256="0" * 64,
    position=1,
    verdict="refused",
    findings=(
        {
            "table": "XML1",
            "field": "MA_CSKCB_DEN",
            "vi": "Sai nơi nhận. " * 9,
            "en": "Wrong. " * 20,
            "fixer": "sender-clerk",
        },
    ),
    slip_number="24Z01/2026/1015",
    case_code="24Z01-2311-008-4",
    destination="01Z98",
    destination_name="Bệnh viện nội tiết và ung bướu tuyến cuối",
    phone="024 0000 0003",
    document="/var/lib/lienvien/data/to-print/24Z01-2311-008-4.pdf",
)


@pytest.fixture
async def server(central: World) -> AsyncIterator[HttpServer]:
    async with HttpServer(Starlette(routes=list(worklist(parts_of(central), SECRET)))) as running:
        yield running


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with Chromium(tmp_path / "profile") as browser:
        yield browser


async def open_board(chromium: Chromium, server: HttpServer, page: str = "board") -> None:
    await chromium.go(f"{server.url}/enter?to={page}&key={SECRET}")
    await chromium.until(f"location.pathname === '/{page}'")


def row(key: str) -> str:
    return f"document.getElementById('r-{key}')"


async def test_nothing_is_blocked_and_the_list_is_fresh_without_a_reload(
    central: World, server: HttpServer, chromium: Chromium
) -> None:
    await caught_up(central)
    await open_board(chromium, server)
    await chromium.js("window.same = true")
    assert await chromium.js("document.title.startsWith('(')") is False
    key = offer(central)
    await caught_up(central)
    await chromium.until(row(key))
    assert await chromium.js("window.same"), "the page was not loaded again"
    assert (await chromium.js("document.title")).startswith("(1) ")
    assert "24001-" in await chromium.js("document.getElementById('announce').textContent")
    await open_board(chromium, server, "sending")
    assert chromium.complaints == []


async def test_it_says_that_sound_is_off_until_a_person_turns_it_on_and_rings_once(
    central: World, server: HttpServer, chromium: Chromium
) -> None:
    old = offer(central, priority=Priority.STAT)
    await caught_up(central)
    await open_board(chromium, server)
    assert await chromium.js("document.getElementById('sound-off').hidden") is False
    await chromium.js(COUNT_TONES)
    await chromium.point_at("#sound-on", click=True)
    await chromium.until("document.getElementById('sound-off').hidden")
    assert await chromium.js("tones") == RING, "the test tone"
    new = offer(central, priority=Priority.STAT)
    await caught_up(central)
    await chromium.until(f"{row(new)} && {row(old)}")
    await chromium.js("window.seen = document.getElementById('list')")
    await chromium.until("window.seen !== document.getElementById('list')")  # one more refresh
    assert await chromium.js("tones") == 2 * RING, "once for the new one, never for what stood there"
    assert "STAT" in (await chromium.js("document.getElementById('announce').textContent")).upper()


async def test_nothing_rings_before_everything_is_read(central: World, server: HttpServer, chromium: Chromium) -> None:
    await open_board(chromium, server)
    await chromium.js(COUNT_TONES)
    await chromium.point_at("#sound-on", click=True)
    await chromium.until("document.getElementById('sound-off').hidden")
    key = offer(central, priority=Priority.STAT)
    over = offer(central, priority=Priority.STAT, state=TransferState(Delivery.DELIVERED, Decision.EXPIRED))
    await caught_up(central)
    central.site.live.caught_up = False
    await chromium.until(f"{row(key)} && {row(over)}")
    assert await chromium.js("tones") == RING
    central.site.live.caught_up = True
    await chromium.until(f"tones === {2 * RING}")


async def test_nothing_moves_under_a_hand_and_the_page_says_that_there_is_more(
    central: World, server: HttpServer, chromium: Chromium
) -> None:
    first = offer(central)
    await caught_up(central)
    await open_board(chromium, server)
    await chromium.point_at(f"#d-{first} summary", click=True)
    await chromium.point_at(f"#by-{first}", click=True)
    await chromium.type("BS. Lan")
    stat = offer(central, priority=Priority.STAT)
    await caught_up(central)
    await chromium.until("!document.getElementById('standing').hidden")
    assert await chromium.js(f"{row(stat)} === null"), "it would stand above"
    assert (await chromium.js("document.title")).startswith("(2) "), "but it is counted"
    assert await chromium.js("document.activeElement.id") == f"by-{first}"
    await chromium.point_at("#show", click=True)
    await chromium.until(row(stat))
    assert await chromium.js(f"document.getElementById('by-{first}').value") == "BS. Lan"
    assert await chromium.js(f"document.getElementById('d-{first}').open")
    order = await chromium.js("[...document.querySelectorAll('li.case')].map((row) => row.dataset.key)")
    assert order == [stat, first]


async def test_a_form_of_the_page_is_taken(central: World, server: HttpServer, chromium: Chromium) -> None:
    key = offer(central)
    await caught_up(central)
    await open_board(chromium, server)
    await chromium.point_at(f"#d-{key} summary", click=True)
    await chromium.point_at(f"#by-{key}", click=True)
    await chromium.type("BS. Lan")
    await chromium.point_at(f"#d-{key} button[value=received]", click=True)
    await chromium.until("location.search === '?done=entered'")
    await chromium.until(row(key))
    assert "BS. Lan" in await chromium.js(f"{row(key)}.textContent")
    assert chromium.complaints == []


async def test_an_old_page_is_loud_and_keeps_what_it_had(
    central: World, server: HttpServer, chromium: Chromium
) -> None:
    key = offer(central)
    await caught_up(central)
    await open_board(chromium, server)
    assert await chromium.js("document.getElementById('lost').hidden")
    await server.stop()
    await chromium.until("!document.getElementById('lost').hidden", patience_s=30)
    assert (await chromium.js("document.title")).startswith("⚠ (1) ")
    assert await chromium.js("document.getElementById('page-light').className") == "light bad"
    assert await chromium.js(f"{row(key)} !== null")


async def test_after_a_new_start_the_page_names_the_command(
    central: World, server: HttpServer, chromium: Chromium
) -> None:
    await caught_up(central)
    await open_board(chromium, server)
    await server.stop()
    async with HttpServer(Starlette(routes=list(worklist(parts_of(central), "next-secret"))), port=server.port):
        await chromium.until("document.getElementById('lost').textContent.includes('lienvien connector open')")


@pytest.mark.parametrize("pixels", [390, 768, 1024])
@pytest.mark.parametrize("page", ["board", "sending"])
async def test_nothing_that_a_person_must_do_is_hidden_at_the_side(
    central: World, server: HttpServer, chromium: Chromium, page: str, pixels: int
) -> None:
    for verdict in ("refused", "not-connected"):
        found = replace(LONG, verdict=verdict, position=len(verdict))
        await central.site.store.write(partial(files.add_finding, found=found, now=central.site.clock.now()))
    await chromium.wide(pixels)
    await open_board(chromium, server, page)
    assert await chromium.js("document.querySelectorAll('.cards').length") == (2 if page == "sending" else 0)
    assert await chromium.hidden_at_the_side() == []
