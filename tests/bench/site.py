"""The place: one authority, one Kafka, one exchange with several configurations, many hospitals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broker.administration import Administration, initialise
from broker.settings import FILE_NAME, ExchangeSettings, load
from broker.store import facilities
from broker.store.engine import Database
from lienvien.enrolment import FACILITY_PURPOSES, KeyFolder
from lienvien.exchange_setup import write_settings
from lienvien.world import build
from lienvien.world.build import World
from lienvien.world.facilities import DemoFacility
from schemas.times import iso
from tests.bench.cast import Cast
from tests.bench.sealing import Keys
from transport import kafka_admin
from transport.kafka import KafkaLink
from transport.tls import client_context

# A bench sends in a minute what a hospital sends in years.
QUOTA = {"records_per_minute": 1_000_000, "burst": 1_000_000}


@dataclass
class Site:
    """A world with more hospitals than a demonstration has."""

    world: World
    servers: dict[str, int] = field(default_factory=dict)  # process ids of what is not ours

    @classmethod
    async def build(cls, folder: Path, hospitals: Sequence[DemoFacility]) -> "Site":
        """Authority, Kafka (running), exchange, and the keys of every hospital."""
        world = build.lay_out(folder, facilities=tuple(hospitals))
        await world.kafka.start()
        build.add_exchange(world)
        await world.kafka.ready(world.link())
        return cls(world, {"kafka": pid} if (pid := world.kafka.pid) else {})

    @property
    def keys(self) -> Keys:
        """Where senders find keys, and the certificate that they seal for."""
        return Keys(self.world.folder / "hospitals", self.world.exchange / "keys" / "encryption.crt")

    @property
    def link(self) -> KafkaLink:
        """Kafka, as the administrator."""
        return self.world.link("bench")

    def link_of(self, facility: str) -> KafkaLink:
        """Kafka, as a hospital."""
        identity = self.keys.of(facility).identity("tls")
        context = client_context(self.world.exchange / "ca.pem", identity)
        return KafkaLink(self.world.kafka.bootstrap, context, f"bench-{facility}")

    def configure(self, worker: str, database: str) -> ExchangeSettings:
        """The configuration of one worker with a data folder of its own; an empty ``database`` is SQLite."""
        path = self.world.exchange / f"{worker}-{FILE_NAME}"
        overrides: dict[str, dict[str, Any]] = {
            "exchange": {"worker_id": worker},
            "folders": {"data": f"data-{worker}"},
            "database": {"url": database},
            "quota": QUOTA,
        }
        (self.world.exchange / f"data-{worker}").mkdir(mode=0o700)
        write_settings(path, build.EXCHANGE, self.world.kafka.bootstrap, overrides)
        return load(path)

    def make_keys(self, cast: Cast) -> None:
        """Keys and certificates of every hospital of a cast."""
        for code in cast.codes:
            folder = self.world.folder / "hospitals" / code
            KeyFolder(folder / "keys").make_keys(code, FACILITY_PURPOSES)
            for purpose, profile in FACILITY_PURPOSES.items():
                self.world.certify(folder, purpose, profile, code)

    async def prepare(self, settings: ExchangeSettings, connected: Sequence[str] = ()) -> None:
        """An empty database with the register in it, and some hospitals admitted as an administrator does it."""
        await initialise(settings)
        database = Database(settings.database_url)
        try:
            administration = Administration(settings, database, actor="operator")
            await administration.load_register(self.world.facilities_csv.read_bytes())
            for code in connected:
                await administration.add(code)
        finally:
            await database.close()

    async def make_topics(self, codes: Sequence[str]) -> None:
        """Topics and rights of many hospitals at once."""
        await kafka_admin.create_facility_topics(self.link, codes)
        await kafka_admin.grant(self.link, dict.fromkeys(codes, (1,)))

    async def admit(self, database: Database, codes: Sequence[str]) -> None:
        """Many hospitals whose topics are there, in one transaction: from now on the workers read them."""
        async with database.write() as connection:
            for code in codes:
                await facilities.admit(connection, code, (1,), iso(datetime.now(UTC)))
