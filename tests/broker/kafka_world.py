"""An exchange on a real Kafka, and facilities that write and read as themselves."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import TopicPartition

from broker.administration import Administration, initialise
from broker.run import run
from broker.settings import ExchangeSettings
from broker.store.engine import Database
from schemas.tokens.receipt import Receipt
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic, submit_topic
from tests.broker.exchange_files import write_exchange
from tests.broker.memory_log import Published
from tests.broker.tokens import payload_of
from tests.certs.pki import TestPki
from tests.kafka_cluster import KafkaCluster
from transport.kafka import make_consumer, make_producer


@dataclass
class KafkaWorld:
    """One exchange, not yet running, and its facilities."""

    pki: TestPki
    cluster: KafkaCluster
    settings: ExchangeSettings

    @classmethod
    async def build(
        cls, folder: Path, pki: TestPki, cluster: KafkaCluster, codes: Sequence[str], database: str = ""
    ) -> "KafkaWorld":
        """Files, database, facilities with topics and rights."""
        settings = write_exchange(folder, pki, bootstrap=cluster.bootstrap, database=database)
        for name, principal in (("tls", "exchange"), ("admin", "admin")):
            target = settings.identity(name)
            target.unlink(missing_ok=True)
            target.write_bytes(cluster.identities.file(principal).read_bytes())
            target.chmod(0o600)
        settings.keys.ca.write_bytes(settings.keys.ca.read_bytes() + cluster.ca.read_bytes())
        await initialise(settings)
        world = cls(pki, cluster, settings)
        async with world.administration() as administration:
            for code in codes:
                await administration.add(code, name=f"Bệnh viện {code}")
        return world

    @asynccontextmanager
    async def administration(self) -> AsyncIterator[Administration]:
        """The administrator at his desk."""
        database = Database(self.settings.database_url)
        try:
            yield Administration(self.settings, database, actor="operator")
        finally:
            await database.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """The exchange at work in this process."""
        task = asyncio.create_task(run(self.settings))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def submit(self, facility: str, *values: bytes, record_type: RecordType = RecordType.ENVELOPE) -> list[int]:
        """A facility writes records; returns their offsets."""
        async with make_producer(self.cluster.facility(facility)) as producer:
            headers = [(HEADER_RECORD_TYPE, record_type.value.encode())]
            sent = [await producer.send(submit_topic(facility), value, headers=headers) for value in values]
            return [(await one).offset for one in sent]

    async def inbox(self, facility: str, count: int, *kinds: RecordType, within_s: float = 20.0) -> list[Published]:
        """The records of some kinds in an inbox, once ``count`` different ones are there; repeats stay in."""
        consumer = make_consumer(self.cluster.facility(facility))
        await consumer.start()
        try:
            partition = TopicPartition(inbox_topic(facility), 0)
            consumer.assign([partition])
            consumer.seek(partition, 0)
            found: list[Published] = []
            async with asyncio.timeout(within_s):
                while len({one.signed_stamp for one in found}) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        found += [one for one in map(_published, records) if not kinds or one.record_type in kinds]
            return found
        finally:
            await consumer.stop()

    async def receipts(self, facility: str, count: int, *, within_s: float = 20.0) -> list[Receipt]:
        """The first receipts in an inbox."""
        found = await self.inbox(facility, count, RecordType.RECEIPT, within_s=within_s)
        return [Receipt.decode(payload_of(one.value)) for one in found]


def _published(record: object) -> Published:
    headers = dict(record.headers)  # type: ignore[attr-defined]
    stamp = headers[HEADER_STAMP].decode()
    kind = RecordType(headers[HEADER_RECORD_TYPE].decode())
    return Published(kind, record.value, Stamp.decode(payload_of(stamp)), stamp)  # type: ignore[attr-defined]
