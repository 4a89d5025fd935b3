"""Two workers on one PostgreSQL and one Kafka; and a record that kills whoever looks at it."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.store import tables
from broker.store.engine import Database
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.exchange_files import second_worker
from tests.broker.kafka_world import KafkaWorld
from tests.broker.messages import message, new_case, sealed
from tests.broker.test_restart import PROGRAM, process
from tests.certs.pki import TestPki
from tests.kafka_cluster import KafkaCluster

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.process,
    pytest.mark.timeout(400),  # whoever starts Kafka and PostgreSQL first waits for them too
]

DEADLY = PROGRAM.replace(
    "from broker.run import run",
    """
import os
import broker.pipeline as pipeline
from broker.run import run
judge = pipeline.examine
def deadly(record, *rest):
    if record.value == b"deadly":
        os._exit(9)
    return judge(record, *rest)
pipeline.examine = deadly
""",
)


@pytest.mark.postgresql
async def test_the_other_worker_takes_over_from_the_dead_one(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster, postgresql_url: str
) -> None:
    codes = kafka.fresh_codes(8)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, codes, postgresql_url)
    other = KafkaWorld(pki, kafka, second_worker(tmp_path / "exchange", tmp_path / "second"))
    pairs = list(zip(codes, codes[1:] + codes[:1], strict=True))
    with process(world) as one, process(other):
        await _shared_out(world, workers=2)
        await _five_each(world, pairs)
        one.send_signal(signal.SIGKILL)
        one.wait()
        await _five_each(world, pairs)
        await asyncio.gather(*(_ten_arrive(world, sender, destination) for sender, destination in pairs))


async def _five_each(world: KafkaWorld, pairs: Sequence[tuple[str, str]]) -> None:
    """All at once: eight connections one after the other take longer than the takeover on a busy machine."""
    await asyncio.gather(
        *(
            world.submit(sender, *[sealed(world.pki, message(new_case(sender, destination))) for _ in range(5)])
            for sender, destination in pairs
        )
    )


async def _ten_arrive(world: KafkaWorld, sender: str, destination: str) -> None:
    receipts = await world.receipts(sender, 10, within_s=120)
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}
    delivered = await world.inbox(destination, 10, RecordType.ENVELOPE, within_s=120)
    assert len({one.stamp.message_id for one in delivered}) == 10


async def _shared_out(world: KafkaWorld, *, workers: int) -> None:
    """Until the lanes are shared evenly."""
    database = Database(world.settings.database_url)
    async with asyncio.timeout(60):
        while True:
            async with database.read() as connection:
                owners = (await connection.execute(select(tables.lane.c.owner))).scalars().all()
            if len(set(owners)) == workers and None not in owners:
                break
            await asyncio.sleep(0.2)
    await database.close()


async def test_a_record_that_kills_its_process_is_set_aside_and_stops_nobody_else(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    sender, destination, other = kafka.fresh_codes(3)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination, other))
    await world.submit(sender, sealed(pki, message(new_case(sender, destination))))
    await world.submit(sender, b"deadly")
    await world.submit(sender, sealed(pki, message(new_case(sender, destination))))
    await world.submit(other, sealed(pki, message(new_case(other, destination))))
    deaths = 0
    async with asyncio.timeout(100):
        while True:
            with process(world, DEADLY) as child:
                died = asyncio.create_task(asyncio.to_thread(child.wait))
                answered = asyncio.create_task(world.receipts(sender, 2, within_s=60))
                await asyncio.wait([died, answered], return_when=asyncio.FIRST_COMPLETED)
                if answered.done():
                    child.terminate()
                    await died
                    break
                answered.cancel()
                deaths += 1
    assert 2 <= deaths <= 4
    assert {one.verdict for one in await world.receipts(other, 1)} == {Verdict.ACCEPTED}
    database = Database(world.settings.database_url)
    async with database.read() as connection:
        rows = (await connection.execute(tables.quarantine.select())).all()
    assert [(row.offset, row.reason) for row in rows] == [(1, ReasonCode.POISON)]
    await database.close()
