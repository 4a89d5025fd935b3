"""Real processes are killed with transfers in flight: everything resumes by itself, nothing lost, nothing doubled."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from certs.base64url import decode
from lienvien.dumping import dump_topics
from lienvien.prove.evidence import TOPICS, DumpedRecord
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType, inbox_topic
from tests.process.world import ProcessWorld, many_cases, running_world

pytestmark = [
    pytest.mark.process,
    pytest.mark.kafka,
    pytest.mark.timeout(300),  # the first test also waits for the world
    pytest.mark.asyncio(loop_scope="module"),
]

SENDER, DESTINATION = "24Z01", "01929"
IN_FLIGHT = 24
_FIRST_SERIALS = count(2000, 100)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProcessWorld]:
    """One for all of them: what one test leaves behind, the next must bear. The last asks a stranger about it all."""
    async with running_world(tmp_path_factory.mktemp("killed") / "world") as running:
        yield running


def _export(world: ProcessWorld) -> set[str]:
    return world.export_many(many_cases(IN_FLIGHT, SENDER, DESTINATION, first=next(_FIRST_SERIALS)))


async def _all_arrive(world: ProcessWorld, slips: set[str], before: int) -> None:
    """Everything is acknowledged and handed over, once each."""
    await world.until(lambda: world.delivered(SENDER, slips) == IN_FLIGHT, "all acknowledged")
    await world.until(lambda: world.handed_over(DESTINATION) >= before + IN_FLIGHT, "all handed over")
    await asyncio.sleep(1)
    assert world.handed_over(DESTINATION) == before + IN_FLIGHT


async def test_every_process_is_killed_with_transfers_in_flight(world: ProcessWorld) -> None:
    before, restarts = world.handed_over(DESTINATION), len(world.running.restarts)
    slips = _export(world)
    for name in ("connector-24Z01", "exchange", "connector-01929", "exchange", "connector-24Z01"):
        await asyncio.sleep(1.2)
        world.kill(name)
    await _all_arrive(world, slips, before)
    killed = {name for name, _ in world.running.restarts[restarts:]}
    assert killed == {"connector-24Z01", "exchange", "connector-01929"}


async def test_kafka_dies_and_comes_back(world: ProcessWorld) -> None:
    before, restarts = world.handed_over(DESTINATION), len(world.running.restarts)
    slips = _export(world)
    await asyncio.sleep(2)
    world.running.world.kafka.kill()
    await asyncio.sleep(3)
    await world.running.world.kafka.start()
    await world.running.world.kafka.ready(world.running.world.link())
    await _all_arrive(world, slips, before)
    assert world.running.restarts[restarts:] == []


async def test_what_is_repeated_before_it_was_acknowledged_comes_twice_and_is_handed_over_once(
    world: ProcessWorld, tmp_path: Path
) -> None:
    """The receiver is dead while its transfers are accepted and then repeated: each goes out under a second number."""
    before, accepted = world.handed_over(DESTINATION), _accepted(world)
    world.pause("connector-01929")
    slips = _export(world)
    await world.until(lambda: _accepted(world) == accepted + IN_FLIGHT, "all accepted by the exchange")
    assert world.delivered(SENDER, slips) == 0
    for row in world.transfers(SENDER):
        if not row["delivered_at"]:
            world.act(SENDER, "repeat", case=row["case_code"])
    async with asyncio.timeout(90):
        while (await _numbers(world, DESTINATION, tmp_path)).count(2) != IN_FLIGHT:
            await asyncio.sleep(0.5)
    world.kill("connector-01929")
    await _all_arrive(world, slips, before)


async def test_a_second_process_on_the_same_folder_is_refused(world: ProcessWorld) -> None:
    site = world.running.world.hospitals[SENDER]
    for command in (
        ("connector", "run", "--config", str(site.config)),
        ("exchange", "run", "--config", str(world.running.world.exchange_config)),
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lienvien",
            *command,
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        _, said = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 4  # it may pass: a supervisor tries again
        assert b"running" in said


async def test_after_all_that_a_stranger_finds_nothing_lost_and_nothing_doubled(world: ProcessWorld) -> None:
    assert world.handed_over(DESTINATION) > 0
    assert await world.proven() == set()


def _accepted(world: ProcessWorld) -> int:
    """Messages of the sender that hold a receipt and need nothing more."""
    return int(world.ask(SENDER, "status")["outbox"]["counts"].get("accepted", 0))


async def _numbers(world: ProcessWorld, code: str, folder: Path) -> list[int]:
    """Under how many numbers each message stands in a hospital's inbox."""
    topic = inbox_topic(code)
    await dump_topics(world.running.world.link("dump"), [topic], folder)
    numbers: dict[str, set[int]] = defaultdict(set)
    for line in (folder / TOPICS / f"{topic}.jsonl").read_text("utf-8").splitlines():
        record = DumpedRecord.from_json(topic, line)
        if record.record_type == RecordType.ENVELOPE:
            stamp = Stamp.decode(decode(record.stamps[0].split(b".")[1]))
            numbers[stamp.message_id or ""].add(stamp.delivery_seq or 0)
    return [len(seen) for seen in numbers.values()]
