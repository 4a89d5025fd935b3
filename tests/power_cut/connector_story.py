"""The connector's database, recorded while real code sends, receives, reports and hands over."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certs.base64url import decode
from connectors.handover import HandoverDesk
from connectors.link import Outgoing
from connectors.outbox import Sender
from connectors.parcel import Parcel
from connectors.reporter import Reporter
from connectors.store.database import Answer, Database, Question
from connectors.store.tables import VERSION
from schemas.events import Event
from schemas.tokens.delivery import AckVerdict, InboxStatus
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_STAMP, RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki
from tests.connectors.bundles import new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import send
from tests.connectors.inbox_steps import read_all
from tests.connectors.intake_world import make_desk, register
from tests.connectors.memory_link import MemorySubmitLink
from tests.connectors.outbox_steps import acknowledge, row_of
from tests.connectors.site_world import World, make_world
from tests.power_cut.judging import Fact, Mistake, Story, mistaken, none
from tests.power_cut.recording_vfs import Trace, recording

FILE = "connector.sqlite"


@dataclass
class ConnectorDatabase:
    """How the connector opens its database, and what belongs together in it.

    ``numbered``: of each record in the inbox, by offset, its number; a head has none. Filled at the end of a recording.
    """

    numbered: list[int | None] = field(default_factory=list)
    file = FILE

    def open(self, folder: Path) -> sqlite3.Connection:
        """See ``Subject``."""
        database = Database(folder / FILE)
        database._open()
        assert database._connection is not None
        return database._connection

    def start(self, folder: Path) -> None:
        """See ``Subject``."""
        connection = self.open(folder)
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.close()
        if found != VERSION:
            raise AssertionError("tables of another version")

    def facts(self, c: sqlite3.Connection) -> frozenset[Fact]:
        """See ``Subject``."""
        found: set[Fact] = {("sent", row[0]) for row in c.execute("SELECT record_sha256 FROM sealed_digest")}
        found |= {("sent", _sha256(row[0])) for row in c.execute("SELECT token FROM ack_token")}
        found |= {("handed over", row[0]) for row in c.execute(_HANDING_OVER)}
        held = [row[0] for row in c.execute("SELECT delivery_seq FROM inbox_number ORDER BY delivery_seq")]
        complete = next((n for n, number in enumerate(held) if number != n + 1), len(held))
        found |= {("reported", number) for number in range(complete + 1)}
        return frozenset(found)

    def broken_laws(self, c: sqlite3.Connection) -> list[str]:
        """See ``Subject``."""
        broken = [law for law, statement in _LAWS.items() if c.execute(statement).fetchone() is not None]
        if self.numbered:
            position = c.execute("SELECT coalesce(max(next_offset), 0) FROM position").fetchone()[0]
            read = {number for number in self.numbered[:position] if number is not None}
            if read != {row[0] for row in c.execute("SELECT delivery_seq FROM inbox_number")}:
                broken.append("a position without what was read up to it, or the other way round")
        return broken


_HANDING_OVER = (
    "SELECT i.message_id FROM handover h JOIN inbox i ON i.id = h.inbox_id WHERE h.open_attempt OR h.state = 'done'"
)
# Each statement finds a breach. What one transaction wrote is told apart here from what several did.
_LAWS = {
    "a sealed message without its digest": "SELECT 1 FROM outbox WHERE sealed IS NOT NULL AND message_id NOT IN"
    " (SELECT message_id FROM sealed_digest)",
    "a message that can neither be sealed nor sent": "SELECT 1 FROM outbox WHERE state IN ('ready', 'sent', 'held')"
    " AND sealed IS NULL",
    "an answer without its receipt": "SELECT 1 FROM outbox WHERE state IN ('accepted', 'refused') AND receipt IS NULL",
    "delivered without the ack that proves it": "SELECT 1 FROM outbox WHERE delivered_at IS NOT NULL AND ack IS NULL",
    "a slip on its way that no page shows": "SELECT 1 FROM outbox o WHERE event = 'transfer-submit' AND NOT EXISTS"
    " (SELECT 1 FROM transfer t WHERE t.transfer_id = o.transfer_id)",
    "a file taken without its message": "SELECT 1 FROM seen_file WHERE outcome = 'taken' AND (SELECT count(*)"
    " FROM case_key) = 0",
    "a case without its message": "SELECT 1 FROM case_key WHERE submit_message_id NOT IN"
    " (SELECT message_id FROM outbox)",
    "a message whose case is not known": "SELECT 1 FROM outbox WHERE event = 'transfer-submit' AND message_id NOT IN"
    " (SELECT submit_message_id FROM case_key UNION SELECT last_message_id FROM case_key)",
    "more files taken than messages, or fewer": "SELECT 1 WHERE (SELECT count(*) FROM seen_file"
    " WHERE outcome = 'taken') <> (SELECT count(*) FROM outbox WHERE event IN ('transfer-submit', 'transfer-update'))",
    "a message received without its hand-over": "SELECT 1 FROM inbox WHERE id NOT IN (SELECT inbox_id FROM handover)",
    "a message received without its number": "SELECT 1 FROM inbox WHERE delivery_seq NOT IN"
    " (SELECT delivery_seq FROM inbox_number)",
    "a message received for which no ack is owed": "SELECT 1 FROM inbox i WHERE NOT EXISTS"
    " (SELECT 1 FROM ack_due a WHERE a.recipient = i.sender AND a.message_id = i.message_id)",
    "a token taken without its number": "SELECT 1 FROM inbox_token WHERE record_type <> 'head' AND delivery_seq NOT IN"
    " (SELECT delivery_seq FROM inbox_number)",
    "a number whose record is nowhere": "SELECT 1 FROM inbox_number WHERE record_sha256 NOT IN"
    " (SELECT record_sha256 FROM inbox UNION SELECT record_sha256 FROM inbox_token)",
}


@dataclass
class _SeenLink:
    """A link whose sends are noted before they are made: from then on the exchange may know."""

    inner: MemorySubmitLink
    trace: Trace

    async def send(self, record: Outgoing) -> None:
        if record.record_type is RecordType.INBOX_STATUS:
            said = InboxStatus.decode(decode(record.value.split(b".")[1]))
            self.trace.effect("reported", said.complete_to)
        elif record.record_type is not RecordType.DIRECTORY:
            self.trace.effect("sent", _sha256(record.value))
        await self.inner.send(record)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class _SeenHis:
    """A HIS that has a message from the moment it is offered."""

    trace: Trace
    taken: list[str] = field(default_factory=list)

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        self.trace.effect("handed over", parcel.message_id)
        self.taken.append(parcel.message_id)

    async def close(self) -> None:
        pass


@contextmanager
def watched_database(trace: Trace) -> Iterator[None]:
    """Every transaction of the connector's store is numbered when it begins, and called durable when ``write`` returns.

    Only the edges are touched: what happens between them is the product's.
    """
    transact, write, open_ = Database._transact, Database.write, Database.open
    begun: dict[int, int] = {}

    def numbered(self: Database, question: Question[Answer]) -> Answer:
        def told(c: sqlite3.Connection) -> Answer:
            begun[id(question)] = trace.begin()
            return question(c)

        return transact(self, told)

    async def acknowledged(self: Database, question: Question[Answer]) -> Answer:
        answer = await write(self, question)
        trace.durable(begun.pop(id(question)))
        return answer

    async def opened(self: Database) -> None:
        await open_(self)
        trace.opened()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_transact", numbered)
        patch.setattr(Database, "write", acknowledged)
        patch.setattr(Database, "open", opened)
        yield


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def record_outbox(
    folder: Path, pki: TestPki, slips: int, *, lying_disk: bool = False, mistake: Mistake = none
) -> Story:
    """A province sends slips: files taken, sealed, sent, corrected, answered, acknowledged; killed between."""
    trace = Trace(FILE, lying_disk=lying_disk)
    with recording(folder / "site" / "data" / FILE, trace), mistaken(mistake), watched_database(trace):
        numbers = asyncio.run(_outbox(folder, pki, slips, trace))
    return Story.of("connector-outbox", ConnectorDatabase(numbers), trace)


async def _outbox(folder: Path, pki: TestPki, slips: int, trace: Trace) -> list[int | None]:
    desk = await make_desk(folder / "site", ExchangeDouble(pki))
    world = desk.world
    world.introduce(BACH_MAI)
    register(world)
    await read_all(world)
    for serial in range(1, slips + 1):
        await desk.take(desk.slip(serial), f"{serial}.xml")
        await _send_all(world, trace)
        if serial % 3 == 0:
            await _answers(world, trace)
        if serial % 5 == 0:
            corrected = desk.slip(serial, CHAN_DOAN_RV="Chẩn đoán đã sửa")
            await desk.take(corrected, f"{serial}-2.xml")
        if serial % 7 == 0:
            await desk.restart()
            world = desk.world
    await _send_all(world, trace)
    await _answers(world, trace)
    await world.close()
    return _numbers(world)


def _numbers(world: World) -> list[int | None]:
    """The number of each record of the inbox."""
    stamps = [dict(record.headers)[HEADER_STAMP] for record in world.exchange.inboxes[world.code]]
    return [Stamp.decode(decode(stamp.split(b".")[1])).delivery_seq for stamp in stamps]


async def _send_all(world: World, trace: Trace) -> None:
    sender = Sender(world.site, _SeenLink(world.submit, trace))
    await sender._seal_waiting()
    while await sender.send_next():
        pass


async def _answers(world: World, trace: Trace) -> None:
    """Receipts are read, deliveries acknowledged, what is owed to the exchange is reported."""
    await read_all(world)
    for (seq,) in await world.database.read(_accepted):
        acknowledge(world, await row_of(world, seq), AckVerdict.DELIVERED)
    world.exchange.head(world.code)
    await read_all(world)
    await _report(world, trace)


def _accepted(c: sqlite3.Connection) -> list[tuple[int]]:
    return [(row[0],) for row in c.execute("SELECT seq FROM outbox WHERE state = 'accepted' AND ack IS NULL")]


async def _report(world: World, trace: Trace) -> None:
    reporter = Reporter(world.site, _SeenLink(world.submit, trace))
    await reporter.own_entry()
    for _ in range(2):
        await reporter.sign_acks()
        await reporter.send_acks()
        await reporter.status()
        world.clock.pass_(120)
        world.exchange.now = max(world.exchange.now, world.clock.now())
    await reporter.sign_acks()
    await reporter.send_acks()
    await reporter.status()


def record_inbox(
    folder: Path, pki: TestPki, messages: int, *, lying_disk: bool = False, mistake: Mistake = none
) -> Story:
    """A central hospital receives: slips and what follows them; hands them over, acknowledges, is killed between."""
    trace = Trace(FILE, lying_disk=lying_disk)
    with recording(folder / "site" / "data" / FILE, trace), mistaken(mistake), watched_database(trace):
        numbers = asyncio.run(_inbox(folder, pki, messages, trace))
    return Story.of("connector-inbox", ConnectorDatabase(numbers), trace)


async def _inbox(folder: Path, pki: TestPki, messages: int, trace: Trace) -> list[int | None]:
    world = await make_world(folder / "site", ExchangeDouble(pki), BACH_MAI)
    world.introduce(BAC_GIANG)
    await read_all(world)
    his = _SeenHis(trace)
    priorities = list(Priority)
    case: dict[str, Any] = {}
    for number in range(messages):
        if number % 3 == 0:
            case = {"case_id": new_id(), "transfer_id": new_id(), "priority": priorities[number % len(priorities)]}
        send(world, event=(Event.SUBMIT, Event.UPDATE, Event.DEPARTED)[number % 3], **case)
        if number % 4 == 3:
            world.exchange.head(world.code)
        if number % 2:
            await _received(world, his, trace)
        if number % 9 == 8:
            await world.restart()
    await _received(world, his, trace)
    await world.close()
    assert len(his.taken) == messages
    return _numbers(world)


async def _received(world: World, his: _SeenHis, trace: Trace) -> None:
    await read_all(world)
    desk = HandoverDesk(world.site, his)
    while await desk.hand_over_next():
        pass
    await _report(world, trace)
