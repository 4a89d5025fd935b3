"""Real processes are killed with transfers in flight: everything resumes by itself, nothing lost, nothing doubled."""

import asyncio
from pathlib import Path

import pytest

from lienvien.demo.evidence import gather
from lienvien.prove.evidence import folder_digests
from lienvien.prove.recipe import prove
from tests.process.world import ProcessWorld, export_of, many_cases, running_world

pytestmark = [pytest.mark.process, pytest.mark.kafka, pytest.mark.timeout(300)]

IN_FLIGHT = 24


def _delivered(world: ProcessWorld, sender: str) -> int:
    rows = world.ask(sender, "status")["transfers"]
    return sum(1 for row in rows if row["sender"] == sender and row["delivered_at"])


def _handed_over(world: ProcessWorld, code: str) -> int:
    incoming = world.running.world.hospitals[code].incoming
    return sum(1 for _ in incoming.rglob("bundle.json")) if incoming.exists() else 0


async def _proven(world: ProcessWorld) -> set[str]:
    """The claims that do not hold, by their English words."""
    sources = {code: folder_digests(site.export) for code, site in world.running.world.hospitals.items()}
    folder = await gather(world.running.world, sources)
    return {claim.en for claim in prove(folder) if not claim.holds}


async def test_every_process_is_killed_with_transfers_in_flight(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        for case in many_cases(IN_FLIGHT):
            world.export("24Z01", f"{case.serial}.xml", export_of(case))
        for name in ("connector-24Z01", "exchange", "connector-01929", "exchange", "connector-24Z01"):
            await asyncio.sleep(1.2)
            world.kill(name)
        await world.until(lambda: _delivered(world, "24Z01") == IN_FLIGHT, "all acknowledged")
        await world.until(lambda: _handed_over(world, "01929") == IN_FLIGHT, "all handed over")
        await asyncio.sleep(1)
        assert _handed_over(world, "01929") == IN_FLIGHT
        assert {name for name, _ in world.running.restarts} == {"connector-24Z01", "exchange", "connector-01929"}
        assert await _proven(world) == set()


async def test_kafka_dies_and_comes_back(tmp_path: Path) -> None:
    async with running_world(tmp_path / "world") as world:
        for case in many_cases(IN_FLIGHT):
            world.export("24Z01", f"{case.serial}.xml", export_of(case))
        await asyncio.sleep(2)
        world.running.world.kafka.kill()
        await asyncio.sleep(3)
        await world.running.world.kafka.start()
        await world.running.world.kafka.ready(world.running.world.link())
        await world.until(lambda: _delivered(world, "24Z01") == IN_FLIGHT, "all acknowledged")
        await world.until(lambda: _handed_over(world, "01929") == IN_FLIGHT, "all handed over")
        assert world.running.restarts == []
        assert await _proven(world) == set()


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
