"""One seed: what is sent, what fails, and the comparison at the end."""

import asyncio
import heapq
import itertools
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.events import Event
from tests.broker.messages import Case, message, new_case
from tests.certs.pki import TestPki, make_pki
from tests.simulation.loop import OF, Process, virtual
from tests.simulation.ports import Net, Topics
from tests.simulation.world import BEGAN, ExchangeHost, SiteHost, Trace, coarse

HOUR = 3600.0
_KEYS: dict[int, tuple[tempfile.TemporaryDirectory[str], TestPki]] = {}  # making keys is slow and tries nothing here


@dataclass(frozen=True)
class Size:
    """How much of it."""

    sites: int = 20
    hours: float = 96.0
    slips: int = 100


@dataclass
class Outcome:
    """What a seed gave."""

    seed: int
    digest: str
    faults: list[str]
    counts: Counter[str]
    seconds: float
    lines: list[str] = field(default_factory=list)


@dataclass
class Entered:
    """A message that somebody's outbox has taken."""

    site: str
    to: str
    event: Event
    priority: str
    case: Case


class Run:
    """The driver of one seed."""

    def __init__(self, seed: int, size: Size, folder: Path, pki: TestPki) -> None:
        self.size, self.folder, self.pki = size, folder, pki
        self.drawn = random.Random(f"plan {seed}")
        self.trace = Trace()
        self.topics = Topics()
        self.codes = codes_of(size.sites)
        self.entered: dict[str, Entered] = {}
        self.counts: Counter[str] = Counter()
        self._agenda: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._ticket = itertools.count()
        self.sites: dict[str, SiteHost] = {}
        self._answered: set[Case] = set()

    def at(self, moment: float, act: Callable[[], Awaitable[None]]) -> None:
        """Do something at a moment."""
        heapq.heappush(self._agenda, (moment, next(self._ticket), act))
        self._woken.set()

    async def go(self) -> list[str]:
        """The hours, the quiet after them, and what is wrong then."""
        self._woken = asyncio.Event()
        OF.set(Process("driver"))
        net = Net(random.Random(self.drawn.random()), self.trace)
        self.exchange = await ExchangeHost.make(
            self.folder / "exchange", self.pki, self.codes, self.topics, net, self.trace
        )
        await self.exchange.start()
        for code in self.codes:
            way = Net(random.Random(self.drawn.random()), self.trace)
            host = SiteHost(self.folder / code, self.pki, code, self.topics, way, self.trace)
            host.his.told = lambda message_id, host=host: self._answer(host, message_id)  # type: ignore[misc]
            self.sites[code] = host
            await host.start()
        self._plan()
        await self._until(self.size.hours * HOUR)
        faults = await self._quiet()
        for host in (*self.sites.values(), self.exchange):
            await host.crash()
        return faults + self._compare()

    async def _until(self, end: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            upto = min(end, self._agenda[0][0]) if self._agenda else end
            self._woken.clear()
            try:
                async with asyncio.timeout_at(upto):
                    await self._woken.wait()
            except TimeoutError:
                while self._agenda and self._agenda[0][0] <= loop.time():
                    await heapq.heappop(self._agenda)[2]()

    # --- the plan -----------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        drawn, end = self.drawn, self.size.hours * HOUR
        for _ in range(self.size.slips):
            self.at(drawn.uniform(60, end), self._slip)
        for code in self.codes:
            for _ in range(drawn.randint(1, 3)):
                length = drawn.choice((300.0, 2 * HOUR, end * 0.75))
                self._cut(self.sites[code], drawn.uniform(0, end), length)
            for _ in range(drawn.randint(0, 3)):
                self._kill(self.sites[code], drawn.uniform(0, end), drawn.choice((1.0, 60.0, HOUR)))
            if drawn.random() < 0.3:
                skew = drawn.choice((-HOUR, -120.0, 120.0, HOUR))
                self.at(drawn.uniform(0, end), lambda host=self.sites[code], skew=skew: self._step(host, skew))
        for _ in range(6):
            self._kill(self.exchange, drawn.uniform(0, end), drawn.choice((1.0, 60.0, 1800.0)))

    def _cut(self, host: SiteHost, moment: float, length: float) -> None:
        async def cut() -> None:
            self.trace("cut", host.code)
            host.net.turn(up=False)

        async def mend() -> None:
            self.trace("mended", host.code)
            host.net.turn(up=True)

        self.at(moment, cut)
        self.at(moment + length, mend)

    def _kill(self, host: SiteHost | ExchangeHost, moment: float, length: float) -> None:
        async def kill() -> None:
            self.trace("killed", getattr(host, "code", "exchange"))
            await host.crash()

        async def start() -> None:
            if host.process is None:
                await host.start()

        self.at(moment, kill)
        self.at(moment + length, start)

    async def _step(self, host: SiteHost, skew: float) -> None:
        self.trace("clock stepped", host.code, skew)
        host.clock.skew = skew

    async def _slip(self) -> None:
        sender, destination = self.drawn.sample(self.codes, 2)
        case, now = new_case(sender, destination), asyncio.get_running_loop().time()
        priority = self.drawn.choice(("stat", "urgent", "routine", "routine"))
        await self._enter(case, Event.SUBMIT, priority)
        for event, share in ((Event.UPDATE, 0.2), (Event.DEPARTED, 0.5), (Event.CANCEL, 0.15)):
            if self.drawn.random() < share:
                later = now + self.drawn.uniform(30, 4 * HOUR)
                self.at(later, lambda case=case, event=event: self._enter(case, event, "urgent"))

    def _answer(self, host: SiteHost, message_id: str) -> None:
        about = self.entered[message_id]
        if about.event is not Event.SUBMIT or about.case in self._answered:
            return
        self._answered.add(about.case)
        now = asyncio.get_running_loop().time()
        for event, share in ((Event.RECEIVED, 0.5), (Event.ACCEPT, 0.7), (Event.DECLINE, 0.15), (Event.ARRIVED, 0.4)):
            if self.drawn.random() < share:
                later = now + self.drawn.uniform(30, 2 * HOUR)
                self.at(later, lambda event=event: self._enter(about.case, event, about.priority))

    async def _enter(self, case: Case, event: Event, priority: str) -> None:
        made = message(case, event, priority=priority)
        self.entered[made.message_id] = Entered(made.sender, made.destination, event, priority, case)
        if await self.sites[made.sender].enter(made, event, priority):
            self.trace("entered", made.sender, made.message_id)
            return
        del self.entered[made.message_id]  # nobody there to take it: people come again
        self.at(asyncio.get_running_loop().time() + 300, lambda: self._enter(case, event, priority))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _quiet(self) -> list[str]:
        """No faults any more; until nothing is open, or for two days."""
        self._agenda.clear()
        self.exchange.net.calm = True
        if self.exchange.process is None:
            await self.exchange.start()
        for host in self.sites.values():
            host.net.calm, host.clock.skew = True, 0.0
            if host.process is None:
                await host.start()
            host.net.turn(up=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 48 * HOUR:
            await asyncio.sleep(600)
            if not self._open():
                return []
        return [f"still open: {one}" for one in self._open()]

    def _open(self) -> list[str]:
        return [
            f"{code} {row['message_id']} {row['event']} {row['state']} {row['answer']} {row['reason']}"
            for code, host in self.sites.items()
            for row in host.rows("SELECT * FROM outbox")
            if row["state"] not in ("accepted", "refused")
            or (row["state"] == "accepted" and row["ack_verdict"] != "delivered")
        ]

    def _compare(self) -> list[str]:
        """What everybody wrote down, side by side."""
        faults: list[str] = []
        stored = {row["message_id"]: row for row in self.exchange.rows("SELECT * FROM message")}
        taken = {code: Counter(one for one, _ in host.his.taken) for code, host in self.sites.items()}
        for message_id, one in self.entered.items():
            row = stored.get(message_id)
            if row is None:
                faults.append(f"lost: {message_id} of {one.site}")
                continue
            times = taken[one.to][message_id]
            if (row["verdict"] == "accepted") != (times > 0):
                faults.append(f"{row['verdict']}, handed over {times} times: {message_id} for {one.to}")
            marks = [mark for key, mark in self.sites[one.to].his.taken if key == message_id]
            if any(not mark for mark in marks[1:]):
                faults.append(f"doubled without a mark: {message_id} at {one.to}")
        faults += [f"invented: {message_id}" for message_id in stored if message_id not in self.entered]
        for code in self.codes:
            faults += self._order(code, stored) + self._numbers(code)
        self.counts.update(self.trace.counts)
        self.counts.update(row["verdict"] for row in stored.values())
        self.counts["messages"] = len(self.entered)
        self.counts["lost on the way"] = sum(host.net.lost for host in (*self.sites.values(), self.exchange))
        return faults

    def _order(self, code: str, stored: dict[str, Any]) -> list[str]:
        faults, last = [], {}
        for message_id in dict.fromkeys(one for one, _ in self.sites[code].his.taken):
            row = stored[message_id]
            key = (row["transfer_id"], row["sender"])
            if row["event_seq"] < last.get(key, 0):
                faults.append(f"out of order at {code}: {message_id}")
            last[key] = row["event_seq"]
        return faults

    def _numbers(self, code: str) -> list[str]:
        seen: dict[int, tuple[str, bytes]] = {}
        for one in self.topics.inboxes.inboxes.get(code, []):
            number = one.stamp.delivery_seq
            if number is None:
                continue
            if number not in seen and number != len(seen) + 1:
                return [f"a number was left out at {code}: {number}"]
            if seen.setdefault(number, (one.signed_stamp, one.value)) != (one.signed_stamp, one.value):
                return [f"a number names two records at {code}: {number}"]
        return []


def codes_of(sites: int) -> list[str]:
    """Facility codes."""
    return [f"{31 + number // 10}{number % 10}A1" for number in range(sites)]


def run_seed(seed: int, size: Size, *, lines: bool = False) -> Outcome:
    """Everything of one seed, in a folder of its own."""
    began = time.monotonic()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="simulation-", dir=memory if memory.is_dir() else None))
    random.seed(seed)  # the jitter of the exchange's own pauses
    if size.sites not in _KEYS:
        kept = tempfile.TemporaryDirectory(prefix="simulation-pki-")
        _KEYS[size.sites] = kept, make_pki(Path(kept.name), facilities=codes_of(size.sites), now=BEGAN)
    try:
        with coarse(), virtual(seed) as loop:
            run = Run(seed, size, folder, _KEYS[size.sites][1])
            asyncio.set_event_loop(loop)
            faults = loop.run_until_complete(run.go())
    finally:
        asyncio.set_event_loop(None)
        shutil.rmtree(folder)
    seconds = time.monotonic() - began
    return Outcome(seed, run.trace.digest, faults, run.counts, seconds, run.trace.lines if lines else [])
