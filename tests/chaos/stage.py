"""The processes of a chaos run: Kafka, PostgreSQL, workers, connectors, the hospitals' software; and their lines."""

import asyncio
import contextlib
import importlib.util
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from broker.settings import load as load_exchange
from connectors.scanning import DISK_KEPT_FREE
from lienvien import control_file
from lienvien.enrolment import KeyFolder
from lienvien.world import build
from lienvien.world.build import World
from lienvien.world.facilities import DemoFacility
from lienvien.world.running import RunningWorld
from schemas.limits import MIB
from tests.chaos.plan import ONE_SITE
from tests.chaos.proxy import Line
from tests.process.small_disk import SmallDisk, small_disk
from transport import failpoints
from transport.free_ports import free_ports
from transport.local_postgresql import LocalPostgresql

FIRST_WORKER: Final = "exchange"
HIS: Final = "his"
HIS_TIMEOUT_S: Final = 10.0  # a silent HIS costs a connector so much; a slow disk must not look like one
# A chaos run sends in a minute what a hospital sends in days.
QUOTA: Final = {"records_per_minute": 1_000_000, "burst": 1_000_000}
DISK_MIB: Final = DISK_KEPT_FREE // MIB + 64
TEST_MODE: Final = {"process": {"mode": "test"}}
_READY_WITHIN_S: Final = 180.0


@dataclass
class Stage:
    """Everything that runs, by name."""

    running: RunningWorld
    postgresql: LocalPostgresql
    run: Path  # the run folder
    workers: list[str]
    facilities: list[str]
    lines: dict[str, Line]
    moods: dict[str, str] = field(default_factory=dict)
    ended: list[tuple[str, int]] = field(default_factory=list)
    mounted: ExitStack = field(default_factory=ExitStack)
    disks: dict[str, SmallDisk] = field(default_factory=dict)  # by facility
    clocks: dict[str, Path] = field(default_factory=dict)  # what libfaketime reads, by facility

    @property
    def world(self) -> World:
        """Folders and keys."""
        return self.running.world

    @property
    def database_url(self) -> str:
        """Of the exchange."""
        return load_exchange(self.world.exchange_config).database_url

    def pid(self, process: str) -> int | None:
        """While it runs."""
        return self.running.supervisor[process].pid

    def points(self, process: str) -> Path:
        """Where its failpoints are armed, and told."""
        return self.world.folder / "points" / process

    def database_of(self, facility: str) -> Path:
        """A connector's own database."""
        return self.world.hospitals[facility].folder / "data" / "connector.sqlite"

    @property
    def cannot(self) -> set[str]:
        """Kinds of faults that this machine does not allow."""
        return {kind for kind, there in (("disk-full", self.disks), ("clock-stepped", self.clocks)) if not there}

    def clock_of(self, facility: str, seconds: int) -> None:
        """From now on its wall clock is so much ahead."""
        path = self.clocks[facility]
        fresh = path.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n", "ascii")
        fresh.replace(path)

    def mood(self, facility: str, mood: str | None) -> None:
        """The receiving software of a hospital changes its mood; None: it behaves."""
        self.moods.pop(facility, None)
        if mood is not None:
            self.moods[facility] = mood
        fresh = self.run / "moods.new"
        fresh.write_text(json.dumps(self.moods), "ascii")
        fresh.replace(self.run / "moods.json")


def codes_of(count: int) -> list[str]:
    """Codes of invented hospitals."""
    return [f"1C{number:03d}" for number in range(count)]


@asynccontextmanager
async def on_stage(folder: Path, run: Path, connectors: int, workers: int, seed: int) -> AsyncIterator[Stage]:
    """Everything started and answering; whatever still runs at the end is ended."""
    hospitals = tuple(
        DemoFacility(code, f"Bệnh viện {code} (THỬ LỖI)", "024 0000 0009", "Hà Nội", "provincial")
        for code in codes_of(connectors)
    )
    postgresql = LocalPostgresql()
    world = build.lay_out(folder / "world", facilities=hospitals)
    running = RunningWorld(world, lambda vi, en: print(f"  {en}", flush=True))
    stage = Stage(running, postgresql, run, [], [one.code for one in hospitals], {})
    running.restarts = stage.ended
    try:
        await postgresql.start()
        await _build(stage, hospitals, await postgresql.new_database(), workers)
        await _start(stage, seed)
        yield stage
    finally:
        await running.stop()
        stage.mounted.close()
        for line in stage.lines.values():
            await line.close()
        await postgresql.stop()


async def _build(stage: Stage, hospitals: Sequence[DemoFacility], url: str, workers: int) -> None:
    world = stage.world
    world.overrides = {
        "exchange": {"worker_id": "worker-1"},
        "database": {"url": url},
        "quota": QUOTA,
        **TEST_MODE,
    }
    await stage.running.start_kafka()
    build.add_exchange(world)
    await stage.running.admit(list(hospitals))
    package = build.welcome(world)
    (his_port,) = free_ports(1)
    (stage.run / "his.port").write_text(str(his_port), "ascii")
    _prepare_disk(stage, stage.facilities[ONE_SITE["disk-full"]])
    for hospital in hospitals:
        line = Line(hospital.code, world.kafka.bootstrap)
        stage.lines[hospital.code] = line
        url_of_his = f"http://127.0.0.1:{his_port}/{hospital.code}"
        world.connector_overrides = {
            "exchange": {"bootstrap": line.address},
            "receiving": {"url": url_of_his, "timeout_s": HIS_TIMEOUT_S},
            **TEST_MODE,
        }
        site = build.add_hospital(world, hospital, package)
        await line.open(
            ca=world.exchange / "ca.pem",
            broker=KeyFolder(world.folder / "kafka" / "keys").identity("tls"),
            client=KeyFolder(site.folder / "keys").identity("tls"),
        )
    stage.workers += [FIRST_WORKER, *(f"worker-{number}" for number in range(2, workers + 1))]
    for worker in stage.workers[1:]:
        build.add_worker(world, worker)


async def _start(stage: Stage, seed: int) -> None:
    stage.mood(stage.facilities[0], None)
    port = (stage.run / "his.port").read_text("ascii")
    his = ["-m", "tests.chaos.his_receiver", "--folder", str(stage.run / "receiver")]
    his += ["--moods", str(stage.run / "moods.json"), "--port", port, "--seed", str(seed)]
    await _spawn(stage, HIS, his)
    for worker in stage.workers:
        first = worker == FIRST_WORKER
        config = stage.world.exchange_config if first else stage.world.exchange / f"{worker}.toml"
        pages = [] if first else ["--no-web"]
        await _spawn(stage, worker, ["-m", "lienvien", "exchange", "run", *pages, "--config", str(config)])
        if first:  # it makes the tables
            await _answers(load_exchange(config).folders.data)
    _prepare_clock(stage, stage.facilities[ONE_SITE["clock-stepped"]])
    for code in stage.facilities:
        config = stage.world.hospitals[code].config
        await _spawn(stage, f"connector-{code}", ["-m", "lienvien", "connector", "run", "--config", str(config)])
    for code in stage.facilities:
        await stage.running.connector_ready(stage.world.hospitals[code])


async def _spawn(stage: Stage, name: str, words: list[str]) -> None:
    stage.points(name).mkdir(parents=True)
    variables = {failpoints.FOLDER_VARIABLE: str(stage.points(name)), **_clock_variables(stage, name)}
    command = ["env", *(f"{name}={value}" for name, value in variables.items()), sys.executable, *words]
    log = stage.world.folder / "logs" / f"{name}.log"
    await stage.running.supervisor.start(name, command, log)


def _prepare_disk(stage: Stage, facility: str) -> None:
    """Its data folder becomes a disk of fixed size, where that can be mounted."""
    data = stage.world.folder / "hospitals" / facility / "data"
    with contextlib.suppress(pytest.skip.Exception):
        stage.disks[facility] = stage.mounted.enter_context(small_disk(data, DISK_MIB))


def _prepare_clock(stage: Stage, facility: str) -> None:
    """Its process is started with a wall clock of its own, where the library is here."""
    if LIBFAKETIME is not None:
        stage.clocks[facility] = stage.world.folder / "clock"
        stage.clock_of(facility, 0)


def _clock_variables(stage: Stage, name: str) -> dict[str, str]:
    path = stage.clocks.get(name.removeprefix("connector-"))
    if path is None:
        return {}
    return {
        "LD_PRELOAD": str(LIBFAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def _libfaketime() -> Path | None:
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.rglob("libfaketime.so.1"), None)


LIBFAKETIME: Final = _libfaketime()


async def _answers(data: Path) -> None:
    async with asyncio.timeout(_READY_WITHIN_S):
        while True:
            try:
                await asyncio.to_thread(control_file.ask, data, "GET", "/health")
            except (control_file.NotRunningError, control_file.RefusedByProcessError):
                await asyncio.sleep(0.1)
            else:
                return
