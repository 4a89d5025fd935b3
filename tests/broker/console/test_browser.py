"""The pages in a real browser: nothing that the policy blocks, nothing from elsewhere, and fresh without a reload."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.api.operator_app import Exchange, operator_app
from broker.api.shield import Application, Receive, Scope, Send
from broker.console.pages import console_routes
from broker.queries import Queries
from tests.broker.api.serving import StillClock
from tests.broker.api.world import ACCEPTED, uid
from tests.connectors.worklist.chromium import Chromium
from transport.http_server import HttpServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]


class Counted:
    """Notes every path that is asked for."""

    def __init__(self, application: Application) -> None:
        self.paths: list[str] = []
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.paths.append(scope["path"])
        await self._application(scope, receive, send)


@pytest.fixture
def counted(queries: Queries) -> Counted:
    clock = StillClock()
    return Counted(operator_app(queries, clock, Exchange(), console_routes(queries, clock, "demo")))


@pytest.fixture
async def server(counted: Counted) -> AsyncIterator[HttpServer]:
    async with HttpServer(counted) as running:
        yield running


async def _browse(url: str, profile: Path, *options: str) -> tuple[str, str]:
    """The page's elements as the browser ended up with them, and what it had to say."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        "--dump-dom",
        *options,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0
    return out.decode(), said.decode(errors="replace")


@pytest.mark.parametrize("path", ["/", "/transfers", "/engine", f"/cases/{uid(1, ACCEPTED)}"])
async def test_the_browser_has_nothing_to_complain_about(
    server: HttpServer, counted: Counted, tmp_path: Path, path: str
) -> None:
    elements, said = await _browse(server.url + path, tmp_path)
    assert not re.findall(r".*:CONSOLE.*", said)
    assert '<button type="button" id="pause"' in elements
    assert not re.search(r'<button type="button" id="pause"[^>]*\bhidden', elements), "the script did not run"
    assert {asked.split("/")[1] for asked in counted.paths} <= {path.split("/")[1], "static"}
    assert len([asked for asked in counted.paths if asked.startswith("/static/")]) >= 2


async def test_the_page_keeps_itself_fresh_and_says_when_it_cannot(
    server: HttpServer, counted: Counted, tmp_path: Path
) -> None:
    elements, _ = await _browse(f"{server.url}/attention", tmp_path / "one", "--virtual-time-budget=25000")
    assert counted.paths.count("/attention") >= 3, "once by hand, twice by itself"
    assert re.search(r'<p id="lost"[^>]*\bhidden', elements)

    asked = 0
    original = counted._application

    async def then_down(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        if scope["type"] == "http" and scope["path"] == "/attention":
            asked += 1
            if asked > 1:
                await send({"type": "http.response.start", "status": 503, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return
        await original(scope, receive, send)

    counted._application = then_down
    elements, _ = await _browse(f"{server.url}/attention", tmp_path / "two", "--virtual-time-budget=15000")
    assert asked >= 2
    assert '<p id="lost"' in elements
    assert not re.search(r'<p id="lost"[^>]*\bhidden', elements), "a page that is old must say so"
    assert "24Z01-2311-002" in elements, "and keeps what it had"


@pytest.mark.parametrize("pixels", [390, 768, 1024])
@pytest.mark.parametrize("language", ["vi", "en"])
async def test_who_must_act_is_never_hidden_at_the_side(
    server: HttpServer, tmp_path: Path, language: str, pixels: int
) -> None:
    async with Chromium(tmp_path / "profile") as chromium:
        await chromium.wide(pixels)
        for page in ("/", "/attention", "/transfers"):
            await chromium.go(f"{server.url}{page}?lang={language}")
            assert await chromium.js("document.querySelectorAll('.cards').length") > 0
            assert await chromium.hidden_at_the_side() == [], page
