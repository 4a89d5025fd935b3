"""Full disks under real processes: they say so, lose and double nothing, and go on by themselves once there is room."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import httpx2
import pytest
import pytest_asyncio

from broker.settings import load as load_exchange
from connectors.scanning import DISK_KEPT_FREE
from lienvien.answering import LATER
from lienvien.control_file import NotRunningError, read_control
from lienvien.demo_exports.cases import DemoCase
from schemas.limits import MIB
from tests.process.small_disk import SmallDisk, small_disk
from tests.process.world import ProcessWorld, many_cases, running_world

pytestmark = [
    pytest.mark.process,
    pytest.mark.kafka,
    pytest.mark.timeout(400),  # the first test also waits for the world
    pytest.mark.asyncio(loop_scope="module"),
]

SENDER, DESTINATION = "24Z01", "01929"
IN_FLIGHT = 22
PATIENCE_S = 180.0
CONNECTOR_MIB = DISK_KEPT_FREE // MIB + 64
_FIRST_SERIALS = count(2000, 100)


@dataclass
class Disks:
    """The small disks of this world."""

    exchange: SmallDisk
    sender: SmallDisk
    receiver: SmallDisk
    incoming: SmallDisk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[ProcessWorld, Disks]]:
    folder = tmp_path_factory.mktemp("disk-full") / "world"
    hospitals = folder / "hospitals"
    with ExitStack() as mounted:
        disks = Disks(
            mounted.enter_context(small_disk(folder / "exchange" / "data", 64)),
            mounted.enter_context(small_disk(hospitals / SENDER / "data", CONNECTOR_MIB)),
            mounted.enter_context(small_disk(hospitals / DESTINATION / "data", CONNECTOR_MIB)),
            mounted.enter_context(small_disk(hospitals / DESTINATION / "incoming", 64)),
        )
        async with running_world(folder) as world:
            yield world, disks


def _fresh() -> list[DemoCase]:
    return many_cases(IN_FLIGHT, SENDER, DESTINATION, first=next(_FIRST_SERIALS))


async def _all_arrive(world: ProcessWorld, slips: set[str], before: int) -> None:
    """Everything is acknowledged and handed over, once each."""
    await world.until(lambda: world.delivered(SENDER, slips) == IN_FLIGHT, "all acknowledged", PATIENCE_S)
    await world.until(lambda: world.handed_over(DESTINATION) >= before + IN_FLIGHT, "all handed over", PATIENCE_S)
    assert world.handed_over(DESTINATION) == before + IN_FLIGHT


def _exchange_is_ready(world: ProcessWorld) -> bool:
    try:
        door = read_control(load_exchange(world.running.world.exchange_config).folders.data)
        return httpx2.get(f"{door.url}/ready", trust_env=False, timeout=20).status_code == 200
    except (NotRunningError, httpx2.TransportError):
        return False


def _open_alarms(world: ProcessWorld, code: str) -> set[str]:
    return {alarm["code"] for alarm in world.ask(code, "status")["alarms"]}


async def test_the_exchanges_disk_is_full(place: tuple[ProcessWorld, Disks]) -> None:
    world, disks = place
    before = world.handed_over(DESTINATION)
    assert _exchange_is_ready(world)
    disks.exchange.fill()
    slips = world.export_many(_fresh())
    await world.until(lambda: not _exchange_is_ready(world), "the exchange is not ready")
    await world.until(lambda: len(world.transfers(SENDER)) >= IN_FLIGHT, "all under way")
    await world.until(lambda: "SQLITE_FULL" in world.log("exchange"), "the log says why")
    disks.exchange.make_room()
    await world.until(lambda: _exchange_is_ready(world), "the exchange is ready again", PATIENCE_S)
    await _all_arrive(world, slips, before)


async def test_the_exchange_is_killed_while_its_disk_is_full(place: tuple[ProcessWorld, Disks]) -> None:
    world, disks = place
    before = world.handed_over(DESTINATION)
    slips = world.export_many(_fresh())
    await world.until(lambda: len(world.transfers(SENDER)) > before, "the first are under way")
    disks.exchange.fill()
    said, ends = len(world.log("exchange")), len(world.running.restarts)
    world.kill_if_there("exchange")
    await world.until(lambda: ("exchange", LATER) in world.running.restarts[ends:], "it ends and is started again")
    assert "SQLITE_FULL" in world.log("exchange")[said:]
    assert "Traceback" not in world.log("exchange")[said:]
    disks.exchange.make_room()
    await world.until(lambda: _exchange_is_ready(world), "the exchange is ready again", PATIENCE_S)
    await _all_arrive(world, slips, before)


async def test_the_disks_of_both_connectors_are_full(place: tuple[ProcessWorld, Disks]) -> None:
    world, disks = place
    before = world.handed_over(DESTINATION)
    slips = world.export_many(_fresh())
    known = len(world.transfers(SENDER))
    await world.until(lambda: len(world.transfers(SENDER)) > known, "the first are under way")
    for disk in (disks.sender, disks.receiver):
        disk.fill()
    for code in (SENDER, DESTINATION):
        await world.until(lambda code=code: world.ask(code, "status")["disk_full"], f"{code} says so", PATIENCE_S)
        assert "disk.full" in world.log(f"connector-{code}")
    world.kill_if_there(f"connector-{DESTINATION}")
    for disk in (disks.sender, disks.receiver):
        disk.make_room()
    await _all_arrive(world, slips, before)
    for code in (SENDER, DESTINATION):
        await world.until(lambda code=code: "disk-full" not in _open_alarms(world, code), f"{code} has room again")


async def test_the_folder_of_the_receiving_his_is_full(place: tuple[ProcessWorld, Disks]) -> None:
    world, disks = place
    before = world.handed_over(DESTINATION)
    disks.incoming.fill()
    slips = world.export_many(_fresh())
    await world.until(
        lambda: "handover-failing" in _open_alarms(world, DESTINATION), "the receiver says so", PATIENCE_S
    )
    await world.until(
        lambda: world.ask(DESTINATION, "status")["handover"]["waiting"] == IN_FLIGHT, "all wait there", PATIENCE_S
    )
    assert world.handed_over(DESTINATION) == before
    disks.incoming.make_room()
    await _all_arrive(world, slips, before)
    await world.until(lambda: "handover-failing" not in _open_alarms(world, DESTINATION), "and takes it back")


async def test_after_all_that_a_stranger_finds_nothing_lost_and_nothing_doubled(
    place: tuple[ProcessWorld, Disks],
) -> None:
    world, _ = place
    assert world.handed_over(DESTINATION) > 0
    assert await world.proven() == set()
