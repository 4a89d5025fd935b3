"""A real browser, driven over its debugging pipe: open a page, point, click, type, and ask the page what it shows."""

import asyncio
import json
import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)
# the browser reads from descriptor 3 and writes to 4
_WITH_PIPES = """
import os, sys
ends = [os.dup(os.dup(int(number))) for number in sys.argv[1:3]]
ends = [os.dup(os.dup(end)) for end in ends]  # well above 4
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """``async with``: one tab. ``complaints`` collects what the page said on its console and every blocked load."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session = ""
        self.complaints: list[str] = []

    async def __aenter__(self) -> Self:
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        assert CHROMIUM is not None
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _WITH_PIPES,
            str(to_child),
            str(from_child),
            CHROMIUM,
            *_OPTIONS,
            f"--user-data-dir={self._profile}",
            pass_fds=(to_child, from_child),
            stderr=asyncio.subprocess.DEVNULL,
        )
        os.close(to_child)
        os.close(from_child)
        self._reading = asyncio.create_task(self._listen())
        target = (await self._ask("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self._ask(f"{domain}.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._write)  # the browser ends when its pipe does
        await asyncio.wait_for(self._process.wait(), 20)
        await self._reading

    async def go(self, url: str) -> None:
        """Open an address and wait for the page's script."""
        await self._ask("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && document.getElementById('main') !== null")

    async def wide(self, pixels: int) -> None:
        """As if on a screen of this width."""
        await self._ask(
            "Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=pixels < 600
        )

    async def hidden_at_the_side(self) -> list[str]:
        """What can only be seen by scrolling sideways: the page itself, and lists that say who must act."""
        return list(
            await self.js(
                "[document.documentElement, ...document.querySelectorAll('.cards')]"
                ".filter(one => one.scrollWidth > one.clientWidth)"
                ".map(one => one.getAttribute('aria-label') || one.tagName)"
            )
        )

    async def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self._ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=False
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str, patience_s: float = 20) -> None:
        """Wait until an expression is true in the page."""
        give_up = time.monotonic() + patience_s
        while not await self.js(f"Boolean({expression})"):
            assert time.monotonic() < give_up, f"never true: {expression}"
            await asyncio.sleep(0.1)

    async def point_at(self, selector: str, *, click: bool = False) -> None:
        """Move the pointer onto an element as a hand does; maybe press."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.js(f"{found}.scrollIntoView({{block: 'center'}})")
        box = await self.js(
            f"(() => {{ const b = {found}.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        place = {"x": box[0], "y": box[1]}
        await self._ask("Input.dispatchMouseEvent", type="mouseMoved", **place)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                await self._ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    async def type(self, text: str) -> None:
        """Type where the focus is."""
        for letter in text:
            await self._ask("Input.dispatchKeyEvent", type="keyDown", text=letter)
            await self._ask("Input.dispatchKeyEvent", type="keyUp")

    async def _ask(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        asked: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        future = self._answers[self._number] = asyncio.get_running_loop().create_future()
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        answer = await asyncio.wait_for(future, 60)
        assert "error" not in answer, answer
        return answer["result"]

    async def _listen(self) -> None:
        reader = asyncio.StreamReader(limit=2**26)
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(self._read, "rb")
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            while True:
                said = json.loads((await reader.readuntil(b"\0"))[:-1])
                if "id" in said:
                    self._answers.pop(said["id"]).set_result(said)
                elif said["method"] in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                    self.complaints.append(json.dumps(said["params"]))
        except asyncio.IncompleteReadError:
            pass
        finally:
            transport.close()
