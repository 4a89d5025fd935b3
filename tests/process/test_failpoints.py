"""Real processes die at each failpoint, transfers on their way; everything resumes, nothing lost or doubled."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count, zip_longest
from pathlib import Path

import pytest
import pytest_asyncio

from lienvien.answering import ENVIRONMENT
from lienvien.world.build import World
from tests.process.world import ProcessWorld, many_cases, running_world
from transport import failpoints

pytestmark = [
    pytest.mark.process,
    pytest.mark.long,
    pytest.mark.kafka,
    pytest.mark.timeout(300),  # the first test also waits for the world
    pytest.mark.asyncio(loop_scope="module"),
]

SENDER, DESTINATION = "24Z01", "01929"
EACH = 3
OF_THE_SENDER = ("intake.", "outbox.")
TEST_MODE = {"process": {"mode": "test"}}
_FIRST_SERIALS = count(2000, 10)


class Armed:
    """A world in which each process has a folder of failpoints."""

    def __init__(self, world: ProcessWorld, folder: Path) -> None:
        self.world = world
        self.folder = folder

    @property
    def processes(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def of(self, process: str) -> Path:
        return self.folder / process

    async def start_again_armed(self, process: str) -> None:
        """The supervisor starts it again, now with its folder in the environment."""
        child = self.world.running.supervisor[process]
        self.of(process).mkdir(parents=True)
        child.command = ["env", f"{failpoints.FOLDER_VARIABLE}={self.of(process)}", *child.command]
        pid = self.world.kill(process)
        await self.world.until(lambda: child.pid not in (None, pid), "started again")

    def arm(self, process: str, name: str) -> None:
        fresh = self.of(process) / "new"
        fresh.write_text(f"{name}:1", "ascii")
        fresh.replace(self.of(process) / failpoints.ARMED)

    def deaths(self, process: str) -> list[str]:
        return failpoints.died_at(self.of(process))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def armed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Armed]:
    """One world for all of them."""

    def prepare(world: World) -> None:
        world.overrides = TEST_MODE
        world.connector_overrides = TEST_MODE

    folder = tmp_path_factory.mktemp("failpoints")
    async with running_world(folder / "world", prepare) as world:
        found = Armed(world, folder / "points")
        for process in ("exchange", f"connector-{SENDER}", f"connector-{DESTINATION}"):
            await found.start_again_armed(process)
        yield found


def _process_of(name: str) -> str:
    if name in failpoints.EXCHANGE_NAMES:
        return "exchange"
    return f"connector-{SENDER if name.startswith(OF_THE_SENDER) else DESTINATION}"


def _rounds() -> list[tuple[str, ...]]:
    """Every name once; in each round at most one for each process, and all three die together."""
    names: dict[str, list[str]] = {}
    for name in failpoints.NAMES:
        names.setdefault(_process_of(name), []).append(name)
    return [tuple(filter(None, together)) for together in zip_longest(*names.values())]


@pytest.mark.parametrize("names", _rounds(), ids=" ".join)
async def test_processes_die_there_and_nothing_is_lost_or_doubled(armed: Armed, names: tuple[str, ...]) -> None:
    world = armed.world
    before = world.handed_over(DESTINATION)
    deaths = {name: len(armed.deaths(_process_of(name))) for name in names}
    for name in names:
        armed.arm(_process_of(name), name)
    slips = world.export_many(many_cases(EACH, SENDER, DESTINATION, first=next(_FIRST_SERIALS)))
    for name, earlier in deaths.items():
        dead = functools.partial(lambda process, n: len(armed.deaths(process)) > n, _process_of(name), earlier)
        await world.until(dead, f"dies at {name}")
        assert armed.deaths(_process_of(name))[-1] == name
    await world.until(lambda: world.delivered(SENDER, slips) == EACH, "all acknowledged")
    await world.until(lambda: world.handed_over(DESTINATION) >= before + EACH, "all handed over")
    await asyncio.sleep(0.3)
    assert world.handed_over(DESTINATION) == before + EACH


async def test_after_all_that_a_stranger_finds_nothing_lost_and_nothing_doubled(armed: Armed) -> None:
    assert {name for process in armed.processes for name in armed.deaths(process)} == set(failpoints.NAMES)
    assert armed.world.handed_over(DESTINATION) == EACH * len(_rounds())
    assert await armed.world.proven() == set()


def _in_production(config: Path) -> Path:
    """The same settings, as a hospital or a platform would run them."""
    production = config.with_name(f"production-{config.name}")
    production.write_text(config.read_text("utf-8").replace('mode = "test"', 'mode = "production"'), "utf-8")
    return production


@pytest.mark.parametrize(
    ("program", "variable"), [("connector", failpoints.VARIABLE), ("exchange", failpoints.FOLDER_VARIABLE)]
)
async def test_production_refuses_failpoints(armed: Armed, program: str, variable: str) -> None:
    small = armed.world.running.world
    config = small.hospitals[SENDER].config if program == "connector" else small.exchange_config
    command = [sys.executable, "-m", "lienvien", program, "run", "--config", str(_in_production(config))]
    process = await asyncio.create_subprocess_exec(
        "env", f"{variable}=outbox.after-send:1", *command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == ENVIRONMENT
    assert b"production mode" in said
    assert "điểm gây lỗi".encode() in said
