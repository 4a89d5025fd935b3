"""An exchange that can die and be opened again, or meet a second owner, on one database and one log."""

import asyncio
import contextlib
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import broker.lanes
import broker.sharding
import broker.store.lanes
from broker.lanes import LaneKeeper
from broker.settings import DATABASE_NAME, load
from broker.store.engine import Database, PositionLostError
from broker.store.heldback import HeldBack
from broker.store.lanes import LaneTable
from broker.store.numbering import Numbering
from broker.store.setbacks import Setbacks
from broker.store.turns import Turns
from schemas.topics import submit_topic
from tests.broker.desk import STRANGER, Desk, StoppedClock
from tests.broker.memory_log import MemoryInbox
from tests.certs.pki import TestPki
from tests.schemas.bundles import DESTINATION, SENDER
from tests.statemachine.faults import CrashError, Fuse, FusedInbox, FusedLog, FusedNumbering, FusedSetbacks, FusedTurns
from tests.statemachine.model import Model

FACILITIES = (SENDER, DESTINATION, STRANGER)
_FEW = 4  # lanes; taking all of them anew at every start would be most of the work


@contextlib.contextmanager
def few_lanes() -> Iterator[None]:
    """An exchange with few lanes."""
    with contextlib.ExitStack() as stack:
        for module in (broker.lanes, broker.sharding, broker.store.lanes):
            stack.enter_context(mock.patch.object(module, "LANES", _FEW))
        broker.sharding.lane_of.cache_clear()
        yield
    broker.sharding.lane_of.cache_clear()


async def template(folder: Path, pki: TestPki) -> None:
    """Files and an empty database with all facilities admitted; examples begin with a copy."""
    desk = await Desk.open(folder, pki, codes=FACILITIES)
    await desk.close()


@dataclass
class World:
    """The log, the inboxes, the database file, the model, and the process that works on them now."""

    folder: Path
    pki: TestPki
    model: Model = field(default_factory=Model)
    topics: dict[str, Any] = field(default_factory=dict)
    facts: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    fuse: Fuse = field(default_factory=Fuse)
    crashes: int = 0
    takeovers: int = 0

    @classmethod
    async def begin(cls, template_folder: Path, folder: Path, pki: TestPki) -> "World":
        """A copy of the template, with a first process on it."""
        shutil.copytree(template_folder, folder)
        world = cls(folder, pki)
        world.clock = StoppedClock(pki.now)
        path = load(folder / "exchange.toml").folders.data / DATABASE_NAME
        world.eyes = sqlite3.connect(path, timeout=5)
        world.eyes.row_factory = sqlite3.Row
        await world.open()
        return world

    clock: StoppedClock = field(init=False)
    eyes: sqlite3.Connection = field(init=False)
    desk: Desk = field(init=False)

    def rows(self, query: str, *parameters: Any) -> list[sqlite3.Row]:
        """Look into the database with no code of the product in between."""
        return self.eyes.execute(query, parameters).fetchall()

    async def open(self) -> None:
        """A new process: nothing but the files, the log and the inboxes is known to it."""
        settings = load(self.folder / "exchange.toml")
        database = Database(settings.database_url)
        keeper = LaneKeeper(
            LaneTable(database), str(uuid.uuid4()), clock=self.clock, alone=True, on_change=lambda: None
        )
        desk = Desk.assemble(self.folder, settings, database, self.clock, keeper, self.pki)
        self.fuse = fuse = Fuse()
        log = FusedLog(topics=self.topics)
        log.fuse = fuse
        store = FusedTurns(Turns(database, self.clock), fuse, self._numbered, self._committed)
        sign = desk.relay._store._sign  # type: ignore[attr-defined]
        desk.log, desk.inbox = log, self.inbox
        desk.pipeline.log, desk.pipeline.store = log, store
        desk.pipeline.setbacks = FusedSetbacks(Setbacks(database), fuse)  # type: ignore[assignment]
        desk.relay._store = FusedNumbering(Numbering(database, self.clock, sign), fuse)
        desk.relay._writer = FusedInbox(self.inbox, fuse)
        desk.relay._source.fetch = log.fetch  # type: ignore[method-assign]
        desk.second_look._store, desk.second_look._fetcher = store, log
        desk.second_look._held = _Noted(desk.second_look._held, self._looked_at)  # type: ignore[assignment]
        for facility in FACILITIES:
            desk.introduce(facility)
        await keeper.begin("worker-1", "2026-11-22T09:00:00.000Z")
        await desk.follow()
        self.desk = desk

    def append(self, facility: str, value: bytes, record_type: Any, facts: dict[str, Any]) -> None:
        """A facility writes a record; the model knows what it means."""
        record = self.desk.log.append(facility, value, record_type)
        self.facts[record.topic, record.offset] = facts

    async def run(self, work: Callable[[Desk], Any], *, dies_at: int | None = None) -> bool:
        """Work on; with ``dies_at`` the process may die on the way, and the next one opens. True when it died."""
        self.fuse.left = dies_at
        try:
            await work(self.desk)
        except CrashError:
            await self._bury(self.desk)
            self.crashes += 1
            await self.open()
            return True
        finally:
            self.fuse.left = None
        return False

    async def take_over(self, place: str) -> bool:
        """Another process takes the lanes while this one is at ``place``; what this one does then must not commit."""
        stale, met = self.desk, []

        async def other() -> None:
            await self.open()
            await self.desk.work()
            met.append(self.dump())

        self.fuse.meet = (place, other)
        lost = False
        try:
            await stale.work()
            if met:
                await stale.relay.step(stale.lanes._owned)
        except PositionLostError:
            lost = True
        if not met:
            self.fuse.meet = None
            return False
        assert lost, "a worker that lost its lanes went on"
        assert met[0] == self.dump(), "a stale epoch has committed"
        await self._bury(stale)
        self.takeovers += 1
        return True

    def dump(self) -> list[str]:
        """The whole database as text."""
        return list(self.eyes.iterdump())

    async def settle(self) -> None:
        """Nothing fails any more: everything that can be done is done."""
        self.inbox.fails_after.clear()
        self.inbox.loses_answer.clear()
        for _ in range(4):
            await self.desk.pass_by(31)
            await self.desk.work()
            while await self.desk.second_look.look(self.desk.lanes.epochs()) and self.model.due_again():
                pass
            await self.desk.carry()

    async def close(self) -> None:
        await self._bury(self.desk)
        self.eyes.close()

    async def _bury(self, desk: Desk) -> None:
        tasks = list(desk.relay._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await desk.close()

    # --- what the model hears -----------------------------------------------------------------------------------------

    def _numbered(self) -> set[tuple[str, str]]:
        newest = self.rows(
            "SELECT sender, message_id, delivery_seq FROM outbox WHERE id IN"
            " (SELECT max(id) FROM outbox WHERE record_type = 'envelope' GROUP BY sender, message_id)"
        )
        return {(row["sender"], row["message_id"]) for row in newest if row["delivery_seq"] is not None}

    def _looked_at(self, places: list[tuple[str, int]]) -> None:
        self._looked = places

    def _committed(self, moves: Any, numbered: set[tuple[str, str]]) -> None:
        if not moves:
            self.model.second_look([(place, self.facts[place]) for place in self._looked], numbered)
            return
        taken = [
            (move.after.topic, offset, self.facts[move.after.topic, offset])
            for move in moves
            for offset in range(move.before.next_offset, move.after.next_offset)
        ]
        self.model.turn(taken, numbered)


class _Noted:
    """Tells which held messages a second look is about."""

    def __init__(self, inner: HeldBack, tell: Callable[[list[tuple[str, int]]], None]) -> None:
        self._inner, self._tell = inner, tell

    async def due(self, *given: Any) -> Any:
        found = await self._inner.due(*given)
        self._tell([(pointer.topic, pointer.offset) for pointer in found])
        return found

    async def looked_at(self, *given: Any) -> None:
        await self._inner.looked_at(*given)


def topic_of(facility: str) -> str:
    return submit_topic(facility)
