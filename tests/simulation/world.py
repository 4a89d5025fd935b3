"""One exchange and many sites, each with its own database, memory and clock, on one virtual time."""

import asyncio
import contextlib
import hashlib
import itertools
import random
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import broker.heads
import broker.lanes
import broker.relay
import broker.second_look
import connectors.handover
import connectors.outbox
import connectors.reporter
import tests.broker.messages
from broker.heads import Heads
from broker.known_signers import signers_from
from broker.lanes import LaneKeeper
from broker.settings import DATABASE_NAME, load
from broker.store.directory import DirectoryTable
from broker.store.engine import Database
from broker.store.inboxes import InboxTable
from broker.store.lanes import LaneTable
from broker.trouble import TROUBLES, Trouble
from connectors.handover import HandoverDesk
from connectors.inbox import Inbox
from connectors.outbox import Sender
from connectors.parcel import Parcel
from connectors.reporter import Reporter
from connectors.run import _again_and_again
from connectors.site import Site
from connectors.store import database as site_database
from connectors.store import outbox_rows, transfers
from connectors.store.outbox_rows import NewMessage, OutState
from connectors.store.transfers import NewTransfer
from schemas.events import Event
from tests.broker.desk import Desk
from tests.broker.messages import Message
from tests.certs.pki import TestPki
from tests.connectors.site_world import make_keyring, make_settings
from tests.simulation.loop import OF, Process, SimClock
from tests.simulation.ports import Net, SimInboxLink, SimInboxWriter, SimLog, SimSubmitLink, Topics
from tests.statemachine.worker import few_lanes

BEGAN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LOOK_S = 60.0
HEAD_S = 3600.0
_STEADY_S = 300.0


@contextlib.contextmanager
def coarse() -> Iterator[None]:
    """Who asks every second asks every minute: wake-up calls are what things go by, and hours pass in seconds."""
    with contextlib.ExitStack() as stack:
        for module in (broker.relay, broker.heads, broker.second_look):
            stack.enter_context(mock.patch.object(module, "LOOK_EVERY_S", LOOK_S))
        stack.enter_context(mock.patch.object(broker.lanes, "RENEW_EVERY_S", _STEADY_S))
        stops = mock.Mock(total_seconds=lambda: 2 * _STEADY_S)
        stack.enter_context(mock.patch.object(broker.lanes, "LANE_OWNER_STOPS_AFTER", stops))
        stack.enter_context(mock.patch.object(connectors.outbox, "_LOOK_AGAIN_S", LOOK_S))
        stack.enter_context(mock.patch.object(connectors.reporter, "_TICK_S", LOOK_S / 2))
        stack.enter_context(mock.patch.object(connectors.handover, "_LOOK_AGAIN_S", LOOK_S))
        stack.enter_context(mock.patch.object(tests.broker.messages, "_SPACES", itertools.count(1)))
        stack.enter_context(few_lanes())
        yield


class Trace:
    """What happened when, as a digest that two runs of a seed share; ``counts`` for people."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.counts: dict[str, int] = {}
        self.lines: list[str] = []

    def __call__(self, what: str, *facts: Any) -> None:
        at = asyncio.get_running_loop().time()
        line = f"{at:.3f} {what} {' '.join(map(str, facts))}"
        self._digest.update(line.encode())
        self.lines.append(line)
        self.counts[what] = self.counts.get(what, 0) + 1

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()[:16]


class His:
    """The hospital's own software: it outlives its connector, and is slow at times."""

    def __init__(self, trace: Trace, code: str, chance: random.Random) -> None:
        self._trace, self._code, self._chance = trace, code, chance
        self.taken: list[tuple[str, bool]] = []
        self.told: Callable[[str], None] = lambda _: None

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        await asyncio.sleep(self._chance.choice((0.1, 0.1, 5.0)))
        self.taken.append((parcel.message_id, possible_duplicate))
        self._trace("taken", self._code, parcel.message_id, possible_duplicate)
        self.told(parcel.message_id)

    async def close(self) -> None:
        pass


async def die(process: Process) -> None:
    """Nothing that the process does from now on is written anywhere."""
    process.alive = False
    for connection in process.connections:
        connection.kill()
    for task in process.tasks:
        task.cancel()
    await asyncio.gather(*process.tasks, return_exceptions=True)


class SiteHost:
    """The machine of one site: its disk and its HIS stay, its process comes and goes."""

    def __init__(self, folder: Path, pki: TestPki, code: str, topics: Topics, net: Net, trace: Trace) -> None:
        self.folder, self.pki, self.code, self.topics, self.net, self.trace = folder, pki, code, topics, net, trace
        self.chance = random.Random(f"{code} {net.chance.random()}")
        self.his = His(trace, code, self.chance)
        self.clock = SimClock(BEGAN)
        self.process: Process | None = None
        self.site: Site
        self.first_sent: list[str] = []  # digests of sealed messages, in the order in which they first went out
        self._keyring = make_keyring(pki, code)

    async def start(self) -> None:
        """A new process on the old disk."""
        settings = make_settings(self.folder, self.code)
        settings.folders.data.mkdir(parents=True, exist_ok=True)
        database = site_database.Database(settings.database)
        await database.open()
        self.process = process = Process(self.code)
        assert database._connection is not None
        process.connections.append(_Closing(database._connection))
        self.site = site = Site(
            settings, database, self.clock, self._keyring, chance=self.chance.random, new_id=self._new_id
        )
        await site.prepare()
        submit = SimSubmitLink(self.topics, self.net, self.code, self._sent)
        work = {
            "receive": Inbox(site, SimInboxLink(self.topics, self.net, self.code)).run,
            "send": Sender(site, submit).run,
            "report": Reporter(site, submit).run,
            "hand-over": HandoverDesk(site, self.his).run,
        }
        process.tasks += [asyncio.create_task(_again_and_again(name, one, site)) for name, one in work.items()]

    async def crash(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            await die(process)

    async def enter(self, made: Message, event: Event, priority: str) -> bool:
        """A message in the outbox; False while the connector does not run."""
        if self.process is None:
            return False
        case = made.case
        message = NewMessage(
            made.message_id, made.bundle_id, case.case_id, case.transfer_id, case.code, event.value, made.destination,
            priority, None, made.payload, hashlib.sha256(made.payload).hexdigest(), "",
        )  # fmt: skip
        new = NewTransfer(
            case.sender, case.transfer_id, case.destination, case.case_id, case.code, None, priority, None, "", "{}",
            None,
        )  # fmt: skip
        now = self.clock.now()

        def question(c: sqlite3.Connection) -> None:
            outbox_rows.add(c, message, OutState.WAITING_KEY, now)
            if event is Event.SUBMIT:
                transfers.open_transfer(c, new, now)

        await self.site.store.write(question)
        self.site.wakes.send.set()
        return True

    def rows(self, query: str) -> list[sqlite3.Row]:
        """Look into the database from outside."""
        connection = sqlite3.connect(self.folder / "data" / "connector.sqlite")
        connection.row_factory = sqlite3.Row
        with contextlib.closing(connection):
            return connection.execute(query).fetchall()

    def _sent(self, value: bytes) -> None:
        digest = hashlib.sha256(value).hexdigest()
        if digest not in self.first_sent:
            self.first_sent.append(digest)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


class _Closing:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def kill(self) -> None:
        self._connection.close()


class ExchangeHost:
    """The machine of the exchange."""

    def __init__(self, folder: Path, pki: TestPki, topics: Topics, net: Net, trace: Trace) -> None:
        self.folder, self.pki, self.topics, self.net, self.trace = folder, pki, topics, net, trace
        self.clock = SimClock(BEGAN)
        self.process: Process | None = None
        self._starts = 1000

    @classmethod
    async def make(cls, folder: Path, pki: TestPki, codes: list[str], *given: Any) -> "ExchangeHost":
        """An exchange that has admitted everybody."""
        OF.set(process := Process("setup"))
        desk = await Desk.open(folder, pki, codes=codes)
        await desk.close()
        await die(process)
        shutil.rmtree(folder / "flight", ignore_errors=True)
        return cls(folder, pki, *given)

    async def start(self) -> None:
        """A new process on the old disk."""
        self._starts += 1
        self.process = process = Process("exchange")
        OF.set(process)
        settings = load(self.folder / "exchange.toml")
        database = Database(settings.database_url)
        instance = str(uuid.UUID(int=self._starts, version=4))
        keeper = LaneKeeper(LaneTable(database), instance, clock=self.clock, alone=True, on_change=lambda: None)
        desk = Desk.assemble(self.folder, settings, database, self.clock, keeper, self.pki)  # type: ignore[arg-type]
        log, writer = SimLog(topics=self.topics.submitted), SimInboxWriter(self.topics, self.net)
        log.world = self.topics
        signer = desk.pipeline.signer
        heads = Heads(InboxTable(database), writer, signer, self.clock, every_s=HEAD_S, watched_s=HEAD_S)

        def committed(_: Any, writes: Any) -> None:
            self.trace("turn", len(writes.new_messages), len(writes.new_outbox))
            desk.relay.wake()
            heads.want(writes.heads)

        desk.pipeline.log, desk.log = log, log
        desk.pipeline.on_committed = desk.second_look._on_committed = committed
        desk.relay._writer, desk.relay._source.fetch = writer, log.fetch  # type: ignore[method-assign]
        desk.second_look._fetcher = log
        entries = await DirectoryTable(database).newest_entries(sorted(self.pki.facilities))
        desk.material.signers.update(signers_from(entries, desk.material.current().trust, self.clock.now()))
        await keeper.begin("worker-1", "2026-11-22T09:00:00.000Z")
        await desk.follow()
        stop, trouble = asyncio.Event(), desk.relay._trouble
        work = [
            self._turns(desk, stop, trouble),
            desk.relay.run(keeper.epochs, stop),
            desk.second_look.run(keeper.epochs, stop, trouble),
            heads.run(keeper.epochs, 1, stop, trouble),
            keeper.run(stop, trouble),
        ]
        process.tasks += [asyncio.create_task(one) for one in work]

    async def crash(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            await die(process)

    async def _turns(self, desk: Desk, stop: asyncio.Event, trouble: Trouble) -> None:
        while True:
            try:
                await desk.pipeline.turn()
            except TROUBLES as error:
                await trouble.rest(error, stop)
                await desk.follow()

    def rows(self, query: str) -> list[sqlite3.Row]:
        """Look into the database from outside."""
        path = load(self.folder / "exchange.toml").folders.data / DATABASE_NAME
        connection = sqlite3.connect(path)
        connection.row_factory = sqlite3.Row
        with contextlib.closing(connection):
            return connection.execute(query).fetchall()
