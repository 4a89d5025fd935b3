"""An exchange without Kafka: the real pipeline, store, relay and keys, over a log and inboxes in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from broker.flight import FlightMarker
from broker.lanes import LaneKeeper
from broker.material import CurrentMaterial, load_keys
from broker.pipeline import Pipeline
from broker.ports import TopicBatch
from broker.quota import Quota
from broker.recording.stamping import sign_stamp
from broker.recording.writes import Writes
from broker.relay import Relay
from broker.second_look import SecondLook
from broker.settings import ExchangeSettings
from broker.stages.known import Standing
from broker.stages.submission import Pointer, Record
from broker.stages.tokens import Signers
from broker.store import counters, facilities, positions
from broker.store.alarms import AlarmTable
from broker.store.directory import DirectoryTable
from broker.store.engine import Database
from broker.store.heldback import HeldBack
from broker.store.lanes import LaneTable
from broker.store.losses import LossTable
from broker.store.migrating import migrate
from broker.store.numbering import Numbering
from broker.store.setbacks import Setbacks
from broker.store.turns import Turns
from broker.trouble import Trouble
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.notice import Notice
from schemas.tokens.receipt import Receipt, Verdict
from schemas.topics import HEADER_RECORD_TYPE, RecordType
from tests.broker.exchange_files import write_exchange
from tests.broker.memory_log import MemoryInbox, MemoryLog, Published
from tests.broker.tokens import payload_of
from tests.certs.pki import TestPki
from tests.schemas.bundles import DESTINATION, SENDER

STRANGER = "79999"
EPOCH_HEADERS = ((HEADER_RECORD_TYPE, b"envelope"),)
INSTANCE = "00000000-0000-4000-8000-000000000001"


@dataclass
class StoppedClock:
    """A clock that moves when it is told to."""

    moment: datetime
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.moment + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Desk:
    """One worker with its parts laid open."""

    pki: TestPki
    database: Database
    clock: StoppedClock
    log: MemoryLog
    inbox: MemoryInbox
    material: CurrentMaterial
    lanes: LaneKeeper
    pipeline: Pipeline
    relay: Relay
    second_look: SecondLook
    setbacks: Setbacks
    heads: set[str] = field(default_factory=set)
    survivors: dict[tuple[str, int], bool] = field(default_factory=dict)

    @classmethod
    async def open(
        cls, folder: Path, pki: TestPki, url: str = "", *, codes: Sequence[str] = (SENDER, DESTINATION, STRANGER)
    ) -> "Desk":
        """A desk on an empty database, with some facilities admitted."""
        settings = write_exchange(folder, pki, database=url)
        database = Database(settings.database_url)
        clock = StoppedClock(today() if url else pki.now)  # PostgreSQL has a clock of its own
        keeper = LaneKeeper(LaneTable(database), INSTANCE, clock=clock, alone=True, on_change=lambda: None)
        await _admit(database, keeper, codes, iso(clock.now()))
        desk = cls.assemble(folder, settings, database, clock, keeper, pki)
        await desk.follow()
        return desk

    @classmethod
    def assemble(
        cls,
        folder: Path,
        settings: ExchangeSettings,
        database: Database,
        clock: StoppedClock,
        keeper: LaneKeeper,
        pki: TestPki,
    ) -> "Desk":
        log, inbox, keys = MemoryLog(), MemoryInbox(), load_keys(settings)
        material, setbacks, turns = CurrentMaterial(settings, keys), Setbacks(database), Turns(database, clock)
        heads: set[str] = set()
        survivors: dict[tuple[str, int], bool] = {}

        def committed(_: Sequence[TopicBatch], writes: Writes) -> None:
            heads.update(writes.heads)

        async def survives(record: Record) -> bool:
            return survivors.get((record.topic, record.offset), True)

        def sign(facts: str, number: int) -> str:
            return sign_stamp(facts, number, 1, keys.signer)

        pipeline = Pipeline(
            log=log,
            store=turns,
            setbacks=setbacks,
            material=material,
            signer=keys.signer,
            quota=Quota(600, 3000),
            marker=FlightMarker(folder / "flight"),
            clock=clock,
            survives=survives,
            on_committed=committed,
        )
        source, losses = Source(log, DirectoryTable(database)), LossTable(database, keys.signer, clock, 1)
        trouble = Trouble("relay", AlarmTable(database, keys.signer, clock))
        relay = Relay(Numbering(database, clock, sign), inbox, source, losses, clock=clock, trouble=trouble)
        look = SecondLook(
            HeldBack(database),
            turns,
            log,
            material,
            keys.signer,
            clock=clock,
            losses=losses,
            again_after_s=30,
            on_committed=committed,
        )
        return cls(
            pki, database, clock, log, inbox, material, keeper, pipeline, relay, look, setbacks, heads, survivors
        )

    async def close(self) -> None:
        await self.database.close()

    async def follow(self, suspects: Sequence[tuple[str, int]] = ()) -> None:
        """As after a start: positions from the database."""
        async with self.database.read() as connection:
            found = await positions.of_lanes(connection, range(64))
        await self.pipeline.follow(found, suspects)

    async def work(self) -> None:
        """Turns until nothing is left to read, then everything out."""
        while await self.pipeline.turn():
            pass
        await self.carry()

    async def carry(self) -> None:
        """The relay, until it has nothing to do."""
        while True:
            worked = await self.relay.step(self.lanes.epochs())
            tasks = list(self.relay._running.values())
            for task in tasks:
                await task
            if not worked and not tasks:
                return

    async def pass_by(self, seconds: float) -> None:
        """Time passes, and the worker says that it lives."""
        self.clock.pass_by(seconds)
        await self.lanes.renew()

    def submit(self, facility: str, value: bytes, record_type: RecordType = RecordType.ENVELOPE) -> Record:
        """A facility writes a record."""
        return self.log.append(facility, value, record_type)

    def introduce(self, facility: str) -> None:
        """A facility's signing key is known, as if its directory entry had come."""
        key = self.pki.facility(facility).signing
        self.material.signers[facility] = Signers({key.kid: key.certificate})

    def received(self, facility: str, *kinds: RecordType) -> list[Published]:
        """What lies in an inbox, of some kinds."""
        return [one for one in self.inbox.inboxes.get(facility, []) if not kinds or one.record_type in kinds]

    def receipts(self, facility: str) -> list[Receipt]:
        """The receipts in an inbox."""
        return [Receipt.decode(payload_of(one.value)) for one in self.received(facility, RecordType.RECEIPT)]

    def verdicts(self, facility: str) -> list[tuple[Verdict, ReasonCode | None]]:
        """Verdict and reason of each receipt in an inbox."""
        return [(receipt.verdict, receipt.reason) for receipt in self.receipts(facility)]

    def envelopes(self, facility: str) -> list[Published]:
        """The envelopes in an inbox."""
        return self.received(facility, RecordType.ENVELOPE)

    def notices(self, facility: str) -> list[Notice]:
        """The notices in an inbox."""
        return [Notice.decode(payload_of(one.value)) for one in self.received(facility, RecordType.NOTICE)]

    async def rows(self, table: Table, **equal: Any) -> list[Any]:
        """The rows of a table whose columns equal the given values."""
        statement = select(table).where(*(table.c[name] == value for name, value in equal.items()))
        async with self.database.read() as connection:
            return list((await connection.execute(statement)).all())

    async def stand(self, facility: str, standing: Standing) -> None:
        """Suspend or resume."""
        async with self.database.write() as connection:
            await facilities.set_standing(connection, facility, standing, None)


async def _admit(database: Database, keeper: LaneKeeper, codes: Sequence[str], at: str) -> None:
    await migrate(database)
    async with database.write() as connection:
        await counters.ensure(connection)
    await keeper.begin("worker-1", at)
    async with database.write() as connection:
        for code in codes:
            await facilities.admit(connection, code, [1], at)


class Source:
    """Bytes from the memory log."""

    def __init__(self, log: MemoryLog, directory: DirectoryTable) -> None:
        self.fetch = log.fetch
        self.shared_tokens = directory.shared_tokens


def digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def pointer(record: Record) -> Pointer:
    return Pointer(record.topic, 0, record.offset, digest(record.value), len(record.value))


def today() -> datetime:
    return datetime.now(UTC)
