"""Stops and starts on a real Kafka: in order, by force, with an old database, without Kafka."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.audit.numbering import KEY_UNUSABLE
from broker.backup_guard import DatabaseIsOlderError
from broker.run import run
from broker.store import tables
from broker.store.engine import Database
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.kafka_world import KafkaWorld
from tests.broker.messages import message, new_case, sealed
from tests.certs.pki import TestPki
from tests.kafka_cluster import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.process]

PROGRAM = """
import asyncio, sys
from pathlib import Path
from broker.run import run
from broker.settings import load
asyncio.run(run(load(Path(sys.argv[1]))))
"""


@contextmanager
def process(world: KafkaWorld, program: str = PROGRAM) -> Iterator["subprocess.Popen[bytes]"]:
    """The exchange as a process of its own; what it says goes into ``said.log`` beside its configuration."""
    root = Path(__file__).parents[2]
    with _said(world).open("ab") as said:
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(world.settings.config)],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdout=said,
            stderr=said,
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _said(world: KafkaWorld) -> Path:
    return world.settings.config.with_name("said.log")


async def _ended(child: "subprocess.Popen[bytes]", within_s: float = 30.0) -> int:
    return await asyncio.to_thread(child.wait, within_s)


async def test_killed_again_and_again_in_mid_work_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster, database_url: str
) -> None:
    sender, destination = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination), database_url)
    made = [message(new_case(sender, destination)) for _ in range(60)]
    await world.submit(sender, *[sealed(pki, one) for one in made[:30]])
    with process(world) as first:
        await world.receipts(sender, 3, within_s=60)
        first.send_signal(signal.SIGKILL)
        await _ended(first)
    await world.submit(sender, *[sealed(pki, one) for one in made[30:]])
    for _ in range(3):
        with process(world) as again:
            await asyncio.sleep(3.0)
            again.send_signal(signal.SIGKILL)
            await _ended(again)
    with process(world) as last:
        delivered = await world.inbox(destination, 60, RecordType.ENVELOPE, within_s=90)
        receipts = await world.receipts(sender, 60, within_s=90)
        await asyncio.sleep(1.0)
        last.terminate()
        assert await _ended(last) == 0
    assert {one.verdict for one in receipts} == {Verdict.ACCEPTED}
    wanted = {one.message_id for one in made}
    assert {one.message_id for one in receipts} == wanted
    assert len({one.audit_leaf for one in receipts}) == len(wanted), "each was decided once"
    assert {one.stamp.message_id for one in delivered} == wanted
    by_number: dict[int, set[str]] = {}
    for one in delivered:
        by_number.setdefault(one.stamp.delivery_seq or 0, set()).add(one.signed_stamp)
    assert all(len(stamps) == 1 for stamps in by_number.values()), "a number is published again only as it was"
    assert Counter(one.stamp.message_id for one in delivered if not one.stamp.possible_duplicate).keys() == wanted


async def test_a_stop_in_order_ends_with_zero_and_the_next_start_goes_on(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    sender, destination = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination))
    for count in (1, 2):
        with process(world) as child:
            await world.submit(sender, sealed(pki, message(new_case(sender, destination))))
            await world.receipts(sender, count, within_s=40)
            child.terminate()
            assert await _ended(child) == 0
    database = Database(world.settings.database_url)
    async with database.read() as connection:
        lanes = (await connection.execute(tables.lane.select())).all()
        entries = (await connection.execute(tables.audit_entry.select())).all()
    assert {lane.owner for lane in lanes} == {None}, "given back"
    assert None not in {entry.log_index for entry in entries}, "numbered to the last"
    await database.close()


async def test_a_database_older_than_its_inboxes_is_refused(tmp_path: Path, pki: TestPki, kafka: KafkaCluster) -> None:
    sender, destination = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination))
    data = world.settings.folders.data
    shutil.copytree(data, tmp_path / "backup")
    async with world.running():
        await world.submit(sender, sealed(pki, message(new_case(sender, destination))))
        await world.receipts(sender, 1)
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)
    with pytest.raises(DatabaseIsOlderError, match=r"xfer\.inbox"):
        await run(world.settings)


async def test_a_start_without_kafka_waits_and_can_be_stopped(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    (code,) = kafka.fresh_codes(1)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [code])
    text = world.settings.config.read_text(encoding="utf-8").replace(kafka.bootstrap, "localhost:1")
    world.settings.config.write_text(text, encoding="utf-8")
    with process(world) as child:
        async with asyncio.timeout(60):
            while "exchange.waits-for-kafka" not in _said(world).read_text("utf-8"):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert child.poll() is None
        child.terminate()
        assert await _ended(child) == 0


async def test_without_its_audit_key_the_exchange_carries_and_alarms_and_numbers_later(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster
) -> None:
    sender, destination = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination))
    key = world.settings.key("audit")
    key.rename(tmp_path / "audit.key")
    database = Database(world.settings.database_url)

    async def numbers() -> list[int | None]:
        async with database.read() as connection:
            return [row.log_index for row in await connection.execute(tables.audit_entry.select())]

    async with world.running():
        await world.submit(sender, sealed(pki, message(new_case(sender, destination))))
        await world.receipts(sender, 1)
        await asyncio.sleep(2.0)
        assert set(await numbers()) == {None}
        async with database.read() as connection:
            alarms = [row.alarm for row in await connection.execute(tables.alarm.select())]
        assert alarms == [KEY_UNUSABLE]
        (tmp_path / "audit.key").rename(key)
        async with asyncio.timeout(40):
            while None in await numbers():
                await asyncio.sleep(0.2)
    await database.close()


async def test_two_processes_in_one_folder(tmp_path: Path, pki: TestPki, kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, [code])
    with process(world) as first:
        await asyncio.sleep(5.0)
        with process(world) as second:
            assert await _ended(second) != 0
        assert first.poll() is None
