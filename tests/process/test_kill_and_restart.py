"""Real processes are killed with transfers in flight: everything resumes by itself, nothing lost, nothing doubled."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from certs.base64url import decode
from lienvien.dumping import dump_topics
from lienvien.prove.evidence import TOPICS, DumpedRecord
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType, inbox_topic
from tests.process.world import ProcessWorld, many_cases, running_world

pytestmark = [pytest.mark.process, pytest.mark.kafka, pytest.mark.timeout(300)]

IN_FLIGHT = 24


async def test_every_process_is_killed_with_transfers_in_flight(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        slips = world.export_many(many_cases(IN_FLIGHT))
        for name in ("connector-24Z01", "exchange", "connector-01929", "exchange", "connector-24Z01"):
            await asyncio.sleep(1.2)
            world.kill(name)
        await world.until(lambda: world.delivered("24Z01", slips) == IN_FLIGHT, "all acknowledged")
        await world.until(lambda: world.handed_over("01929") == IN_FLIGHT, "all handed over")
        await asyncio.sleep(1)
        assert world.handed_over("01929") == IN_FLIGHT
        assert {name for name, _ in world.running.restarts} == {"connector-24Z01", "exchange", "connector-01929"}
        assert await world.proven() == set()


async def test_kafka_dies_and_comes_back(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        slips = world.export_many(many_cases(IN_FLIGHT))
        await asyncio.sleep(2)
        world.running.world.kafka.kill()
        await asyncio.sleep(3)
        await world.running.world.kafka.start()
        await world.running.world.kafka.ready(world.running.world.link())
        await world.until(lambda: world.delivered("24Z01", slips) == IN_FLIGHT, "all acknowledged")
        await world.until(lambda: world.handed_over("01929") == IN_FLIGHT, "all handed over")
        assert world.running.restarts == []
        assert await world.proven() == set()


async def test_what_is_repeated_before_it_was_acknowledged_comes_twice_and_is_handed_over_once(tmp_path: Path) -> None:
    """The receiver is dead while its transfers are accepted and then repeated: each goes out under a second number."""
    async with running_world(tmp_path / "world") as world:
        world.pause("connector-01929")
        slips = world.export_many(many_cases(IN_FLIGHT))
        await world.until(lambda: _accepted(world) == IN_FLIGHT, "all accepted by the exchange")
        assert world.delivered("24Z01", slips) == 0
        for row in world.transfers("24Z01"):
            world.act("24Z01", "repeat", case=row["case_code"])
        async with asyncio.timeout(90):
            while await _numbers(world, "01929", tmp_path) != [2] * IN_FLIGHT:
                await asyncio.sleep(0.5)
        world.kill("connector-01929")
        await world.until(lambda: world.delivered("24Z01", slips) == IN_FLIGHT, "all acknowledged")
        await world.until(lambda: world.handed_over("01929") >= IN_FLIGHT, "all handed over")
        assert await world.proven() == set()
        assert world.handed_over("01929") == IN_FLIGHT


def _accepted(world: ProcessWorld) -> int:
    """Messages of the sender that hold a receipt and need nothing more."""
    return int(world.ask("24Z01", "status")["outbox"]["counts"].get("accepted", 0))


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


async def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        site = world.running.world.hospitals["24Z01"]
        for command in (
            ("connector", "run", "--config", str(site.config)),
            ("exchange", "run", "--config", str(world.running.world.exchange_config)),
        ):
            process = await asyncio.create_subprocess_exec(
                _python(), "-m", "lienvien", *command, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
            )
            _, said = await asyncio.wait_for(process.communicate(), 30)
            assert process.returncode == 4  # it may pass: a supervisor tries again
            assert b"running" in said


def _python() -> str:
    import sys

    return sys.executable
