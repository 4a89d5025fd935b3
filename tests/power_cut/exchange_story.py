"""The exchange's SQLite database, recorded while the real worker reads, decides, numbers, publishes and audits."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.audit.ledger import DatabaseLedger
from broker.audit.merkle import root_of
from broker.audit.numbering import Anchor
from broker.audit.publishing import CheckpointFile
from broker.lanes import LaneKeeper
from broker.settings import DATABASE_NAME, load
from broker.store import counters, engine
from broker.store.engine import Database
from broker.store.lanes import LaneTable
from broker.store.migrating import migrate
from broker.store.numbering import Outgoing
from certs.base64url import decode
from schemas.events import Event
from schemas.times import iso
from schemas.topics import RecordType, submit_topic
from tests.broker.audit.logs import SIGNER
from tests.broker.desk import Desk, digest
from tests.broker.memory_log import MemoryInbox
from tests.broker.messages import Case, Message, ack, message, new_case, sealed, status
from tests.certs.pki import TestPki
from tests.power_cut.judging import Fact, Mistake, Story, mistaken, none
from tests.power_cut.recording_vfs import Trace, recording
from tests.schemas.bundles import BY_DESTINATION, DESTINATION, SENDER

_LIFE = (Event.SUBMIT, Event.RECEIVED, Event.ACCEPT, Event.DEPARTED, Event.ARRIVED)


@dataclass
class ExchangeDatabase:
    """How the exchange opens its database, and what belongs together in it.

    ``records``: of each submit topic, by offset, the message that a record carries; None for what carries none.
    """

    file: str
    records: dict[str, list[str | None]] = field(default_factory=dict)

    def open(self, folder: Path) -> sqlite3.Connection:
        """See ``Subject``: the connection as the exchange's own code prepares it."""
        connection = sqlite3.connect(folder / self.file)
        try:
            engine._prepare_sqlite(connection, None)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def start(self, folder: Path) -> None:
        """See ``Subject``."""
        asyncio.run(_start(f"sqlite:///{folder / self.file}"))

    def facts(self, c: sqlite3.Connection) -> frozenset[Fact]:
        """See ``Subject``."""
        if not _has_tables(c):
            return frozenset()
        numbered = c.execute("SELECT destination, delivery_seq, stamp FROM outbox WHERE delivery_seq IS NOT NULL")
        found: set[Fact] = {("published", row[0], row[1], _sha256(row[2].encode())) for row in numbered}
        found |= {("checkpoint", _sha256(row[0].encode())) for row in c.execute("SELECT note FROM checkpoint")}
        return frozenset(found)

    def broken_laws(self, c: sqlite3.Connection) -> list[str]:
        """See ``Subject``."""
        if not _has_tables(c):
            return []
        broken = [law for law, statement in _LAWS.items() if c.execute(statement).fetchone() is not None]
        return [*broken, *self._positions(c), *_audit(c)]

    def _positions(self, c: sqlite3.Connection) -> Iterator[str]:
        known = {row[0] for row in c.execute("SELECT message_id FROM message UNION SELECT message_id FROM held")}
        for topic, next_offset in c.execute("SELECT topic, next_offset FROM source_position"):
            read = {one for one in self.records.get(topic, [])[:next_offset] if one is not None}
            if not read <= known:
                yield "a position beyond a message that was never decided"
        positions = dict(c.execute("SELECT topic, next_offset FROM source_position").fetchall())
        for topic, offset in c.execute('SELECT topic, "offset" FROM message'):
            if offset >= positions.get(topic, 0):
                yield "a message decided without its position"


# Each statement finds a breach.
_LAWS = {
    "a message without its receipt on the way": "SELECT 1 FROM message m WHERE NOT EXISTS (SELECT 1 FROM outbox o"
    " WHERE o.record_type = 'receipt' AND o.destination = m.sender AND o.token = m.receipt)",
    "an accepted message without its delivery": "SELECT 1 FROM message m WHERE verdict = 'accepted' AND NOT EXISTS"
    " (SELECT 1 FROM outbox o WHERE o.record_type = 'envelope' AND o.message_id = m.message_id"
    " AND o.destination = m.destination)",
    "a delivery of what was never accepted": "SELECT 1 FROM outbox o WHERE record_type = 'envelope' AND NOT EXISTS"
    " (SELECT 1 FROM message m WHERE m.message_id = o.message_id AND m.verdict = 'accepted')",
    "an accepted message without its transfer": "SELECT 1 FROM message m WHERE verdict = 'accepted' AND NOT EXISTS"
    " (SELECT 1 FROM transfer t WHERE t.transfer_id = m.transfer_id AND t.event_seq >= m.event_seq)",
    "a transfer beyond its last event": "SELECT 1 FROM transfer t WHERE event_seq <> (SELECT max(event_seq)"
    " FROM message m WHERE m.transfer_id = t.transfer_id)",
    "a number without its stamp": "SELECT 1 FROM outbox WHERE (delivery_seq IS NULL) <> (stamp IS NULL)",
    "numbers that do not fit their counter": "SELECT 1 FROM inbox_counter i WHERE next_seq - 1 <>"
    " (SELECT count(delivery_seq) FROM outbox o WHERE o.destination = i.destination) OR next_seq - 1 <>"
    " (SELECT coalesce(max(delivery_seq), 0) FROM outbox o WHERE o.destination = i.destination)",
    "published what has no number": "SELECT 1 FROM inbox_counter WHERE published_through >= next_seq",
    "an ack without its carrying on": "SELECT 1 FROM message m WHERE ack IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM outbox o WHERE o.record_type = 'ack' AND o.destination = m.sender)",
}


def _audit(c: sqlite3.Connection) -> Iterator[str]:
    """Each decision has its one entry; numbers have no gap; the tree's state and its heads are those of the leaves."""
    decided = [json.loads(decode(receipt.encode().split(b".")[1])) for (receipt,) in c.execute(_RECEIPTS)]
    leaves = [one["audit_leaf"] for one in decided]
    actions = {row[0]: json.loads(row[1])["action"] for row in c.execute("SELECT leaf_hash, entry FROM audit_entry")}
    told = {leaf for leaf, action in actions.items() if action in ("message-accepted", "message-refused")}
    if set(leaves) != told or len(leaves) != len(set(leaves)):
        yield "a decision without its audit entry, or an entry without its decision"
    numbered = c.execute("SELECT log_index, leaf_hash FROM audit_entry WHERE log_index IS NOT NULL ORDER BY log_index")
    log = numbered.fetchall()
    if [index for index, _ in log] != list(range(len(log))):
        yield "a gap in the audit log"
    (size,) = c.execute("SELECT coalesce(max(size), 0) FROM audit_state").fetchone()
    if size != len(log):
        yield "the state of the audit log is not that of its entries"
    for head, root in c.execute("SELECT size, root FROM checkpoint"):
        if head > len(log) or root_of(bytes.fromhex(leaf) for _, leaf in log[:head]).hex() != root:
            yield "a checkpoint of what is not there"


_RECEIPTS = "SELECT receipt FROM message"


def _has_tables(c: sqlite3.Connection) -> bool:
    return c.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone() is not None


async def _start(url: str) -> None:
    database = Database(url)
    try:
        await database.check_safety()
        await migrate(database)
    finally:
        await database.close()


# --- a run -------------------------------------------------------------------------------------------------------


@dataclass
class _SeenInbox:
    """Inboxes that know a record from the moment it is sent."""

    inner: MemoryInbox
    trace: Trace

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        for record, _ in records:
            self.trace.effect("published", destination, record.delivery_seq, _sha256(record.stamp.encode()))
        return await self.inner.publish(destination, records)

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        return await self.inner.publish_head(destination, token, stamp)


@dataclass
class _SeenCheckpoints:
    """Checkpoints that the world knows from the moment they are published."""

    inner: CheckpointFile
    trace: Trace

    async def published(self) -> bytes | None:
        return await self.inner.published()

    async def publish(self, note: bytes) -> None:
        self.trace.effect("checkpoint", _sha256(note))
        await self.inner.publish(note)


@contextmanager
def watched_database(trace: Trace) -> Iterator[None]:
    """Each transaction of the exchange's store is numbered once begun, and durable when its block is left well."""
    write = Database.write

    @asynccontextmanager
    async def watched(self: Database) -> AsyncIterator[AsyncConnection]:
        async with write(self) as connection:
            number = trace.begin()
            yield connection
        trace.durable(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "write", watched)
        yield


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class _Run:
    """One exchange at work, and what hospitals have sent it."""

    desk: Desk
    trace: Trace
    folder: Path
    url: str
    records: dict[str, list[str | None]] = field(default_factory=dict)

    def submit(
        self, facility: str, value: bytes, message_id: str | None, kind: RecordType = RecordType.ENVELOPE
    ) -> None:
        """A hospital writes a record."""
        self.records.setdefault(submit_topic(facility), []).append(message_id)
        self.desk.submit(facility, value, kind)

    def say(self, case: Case, event: Event, priority: str = "urgent") -> Message:
        """A hospital sends a message."""
        made = message(case, event, priority=priority)
        self.submit(made.sender, sealed(self.desk.pki, made), made.message_id)
        return made

    def watch(self) -> None:
        """From now on what the relay sends is seen."""
        self.desk.relay._writer = _SeenInbox(self.desk.inbox, self.trace)

    async def audit(self) -> None:
        """The anchor's turn."""
        files = _SeenCheckpoints(CheckpointFile(self.folder), self.trace)
        anchor = Anchor(DatabaseLedger(self.desk.database), SIGNER, files)
        await anchor.turn(self.desk.clock.now())

    async def restart(self) -> None:
        """The process dies and another one takes over; log and inboxes stay."""
        old = self.desk
        await old.close()
        database = Database(self.url)
        await migrate(database)
        keeper = LaneKeeper(
            LaneTable(database), f"00000000-0000-4000-8000-{self.trace.writes:012d}",
            clock=old.clock, alone=True, on_change=lambda: None,
        )  # fmt: skip
        async with database.write() as connection:
            await counters.ensure(connection)
        await keeper.begin("worker-1", iso(old.clock.now()))
        settings = load(self.folder / "exchange.toml")
        fresh = Desk._put_together(self.folder, settings, database, old.clock, keeper, old.pki)
        fresh.log.topics, fresh.log.starts = old.log.topics, old.log.starts
        fresh.inbox.inboxes, fresh.material.signers = old.inbox.inboxes, old.material.signers
        self.desk = fresh
        await fresh.follow()
        self.watch()


def record_exchange(
    folder: Path, pki: TestPki, cases: int, *, lying_disk: bool = False, mistake: Mistake = none
) -> Story:
    """Transfers from submit to arrival, several to a turn, some sent twice, with acks, junk, audit and restarts."""
    path = folder / "data" / DATABASE_NAME
    trace = Trace(path.name, lying_disk=lying_disk)
    with recording(path, trace), mistaken(mistake), watched_database(trace):
        records = asyncio.run(_work(folder, pki, cases, trace))
    return Story.of("exchange", ExchangeDatabase(path.name, records), trace)


async def _work(folder: Path, pki: TestPki, cases: int, trace: Trace) -> dict[str, list[str | None]]:
    """Returns what was written into each submit topic."""
    url = f"sqlite:///{folder / 'data' / DATABASE_NAME}"
    desk = await Desk.open(folder, pki)
    trace.opened()
    run = _Run(desk, trace, folder, url)
    run.watch()
    desk.introduce(DESTINATION)
    await run.audit()
    for number in range(cases):
        case = new_case()
        priority = ("stat", "urgent", "routine")[number % 3]
        slip = run.say(case, Event.SUBMIT, priority)
        if number % 4 == 1:
            run.submit(SENDER, sealed(pki, slip), slip.message_id)
        if number % 5 == 2:
            run.submit(SENDER, b"{}", None)
        await run.desk.work()
        for event in _LIFE[1 : 1 + number % len(_LIFE)]:
            run.say(case, event, priority)
            if event in BY_DESTINATION:
                await run.desk.work()
        token = ack(pki, slip, payload_sha256=digest(slip.payload))
        run.submit(DESTINATION, token, None, RecordType.ACK)
        reached = max((one.stamp.delivery_seq or 0 for one in run.desk.inbox.inboxes[DESTINATION]), default=0)
        run.submit(DESTINATION, status(pki, DESTINATION, reached), None, RecordType.INBOX_STATUS)
        await run.desk.work()
        if number % 2:
            await run.audit()
        if number % 6 == 5:
            await run.restart()
        run.desk.clock.pass_by(timedelta(seconds=1).total_seconds())
    await run.audit()
    await run.desk.close()
    return run.records
