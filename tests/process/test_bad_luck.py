"""Bad luck with real processes: a locked database, a facility that floods, a suspension in the middle of work."""

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from aiokafka.errors import KafkaError

from broker.settings import load as load_exchange
from lienvien import exchange_acts
from lienvien.control_file import read_control
from lienvien.dumping import dump_topics
from lienvien.enrolment import KeyFolder
from lienvien.prove.evidence import TOPICS, DumpedRecord
from schemas.topics import HEADER_RECORD_TYPE, RecordType, inbox_topic, submit_topic
from tests.process.world import ProcessWorld, export_of, many_cases, running_world
from transport.kafka import KafkaLink, make_producer
from transport.kafka_producer import Producer
from transport.tls import client_context

pytestmark = [
    pytest.mark.process,
    pytest.mark.kafka,
    pytest.mark.timeout(200),  # the first test also waits for the world
    pytest.mark.asyncio(loop_scope="module"),
]

SENDER, OTHER, DESTINATION = "24Z01", "20Z01", "01929"
ENVELOPE = [(HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode())]
JUNK_AT_ONCE = 300
DELAY_MAX_S = 2.0  # what one facility's junk may cost the others


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProcessWorld]:
    async with running_world(tmp_path_factory.mktemp("bad-luck") / "world") as running:
        yield running


class _Numbers:
    """Serials of slips, never one twice in this module."""

    def __init__(self) -> None:
        self._next = 0

    def export(self, world: ProcessWorld, count: int, sender: str = SENDER) -> set[str]:
        """Drops that many slips; the numbers on them end with these words."""
        cases = [replace(case, serial=case.serial + self._next) for case in many_cases(count, sender=sender)]
        self._next += count
        for case in cases:
            world.export(sender, f"{case.serial}.xml", export_of(case))
        return {str(1000 + case.serial) for case in cases}


NUMBERS = _Numbers()


def _delivered(world: ProcessWorld, slips: set[str], sender: str = SENDER) -> bool:
    rows = world.ask(sender, "status")["transfers"]
    return slips <= {row["slip_number"].rsplit("/", 1)[-1] for row in rows if row["delivered_at"]}


@contextlib.asynccontextmanager
async def _locked(database: Path, seconds: float) -> AsyncIterator[None]:
    """Another process holds the database for itself, as a backup program or a person with a shell would."""
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20);"
        "c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); time.sleep(float(sys.argv[2])); c.execute('COMMIT')"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(database), str(seconds), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"held\n"
    yield
    assert await asyncio.wait_for(process.wait(), seconds + 30) == 0


def _is_locked(database: Path) -> bool:
    connection = sqlite3.connect(database, timeout=0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


@pytest.mark.parametrize("seconds", [3, 8])  # shorter and longer than either program waits for a lock
@pytest.mark.parametrize("whose", ["exchange", DESTINATION])
async def test_a_database_locked_for_a_moment(world: ProcessWorld, whose: str, seconds: float) -> None:
    if whose == "exchange":
        database = load_exchange(world.running.world.exchange_config).folders.data / "exchange.sqlite"
    else:
        database = world.settings[whose].folders.data / "connector.sqlite"
    restarts = len(world.running.restarts)
    async with _locked(database, seconds):
        assert _is_locked(database)
        slips = NUMBERS.export(world, 5)
    await world.until(lambda: _delivered(world, slips), "delivered after the lock", 40)
    assert world.running.restarts[restarts:] == []


def _link(world: ProcessWorld, facility: str) -> KafkaLink:
    small = world.running.world
    identity = KeyFolder(small.hospitals[facility].folder / "keys").identity("tls")
    return KafkaLink(small.kafka.bootstrap, client_context(small.exchange / "ca.pem", identity), f"faulty-{facility}")


async def _dumped(world: ProcessWorld, topic: str, folder: Path) -> list[DumpedRecord]:
    await dump_topics(world.running.world.link("dump"), [topic], folder)
    lines = (folder / TOPICS / f"{topic}.jsonl").read_text("utf-8").splitlines()
    return [DumpedRecord.from_json(topic, line) for line in lines]


def _junk(foreign: bytes) -> Iterator[bytes]:
    """Random bytes, broken envelopes, and real ones of another facility, which cost the most to refuse."""
    while True:
        yield os.urandom(30_000)
        yield b'{"protected":"' + b"A" * 20_000 + b'"}'
        yield foreign


async def _flood(producer: Producer, foreign: bytes, enough: asyncio.Event) -> int:
    """At once ``JUNK_AT_ONCE`` records, then more and more until told to stop."""
    sent = 0
    for value in _junk(foreign):
        await (await producer.send(submit_topic(OTHER), value, headers=ENVELOPE))
        sent += 1
        if sent >= JUNK_AT_ONCE:
            if enough.is_set():
                return sent
            await asyncio.sleep(0.01)
    return sent


async def _delays(world: ProcessWorld, after: int, folder: Path) -> list[float]:
    """Seconds from a transfer's record in its submit topic to the same record in the inbox, by Kafka's clock."""
    sent = {record.sha256: record.timestamp for record in await _dumped(world, submit_topic(SENDER), folder)}
    arrived = {record.sha256: record.timestamp for record in await _dumped(world, inbox_topic(DESTINATION), folder)}
    return [(arrived[digest] - at) / 1000 for digest, at in sent.items() if at >= after and digest in arrived]


async def test_a_flood_of_junk_delays_nobody_else(world: ProcessWorld, tmp_path: Path) -> None:
    slips = NUMBERS.export(world, 10)
    await world.until(lambda: _delivered(world, slips), "delivered in peace", 40)
    peace = await _delays(world, 0, tmp_path)
    foreign = next(r for r in await _dumped(world, submit_topic(SENDER), tmp_path) if r.record_type == "envelope").value
    enough = asyncio.Event()
    async with make_producer(_link(world, OTHER)) as producer:
        flood = asyncio.create_task(_flood(producer, foreign, enough))
        await asyncio.sleep(0.5)
        slips = NUMBERS.export(world, 10)
        await world.until(lambda: _delivered(world, slips), "delivered in the flood", 40)
        enough.set()
        sent = await flood
    junk = [record.timestamp for record in await _dumped(world, submit_topic(OTHER), tmp_path)]
    flooded = await _delays(world, min(junk), tmp_path)
    assert len(flooded) >= 10  # they were submitted after the flood began, and it went on until they had arrived
    assert max(flooded) < max(peace) + DELAY_MAX_S
    nameless = sent - sent // 3  # a real envelope of another facility is evidence, not junk
    await world.until(lambda: _counted_as_junk(world) >= nameless, "all junk counted", 30)


def _counted_as_junk(world: ProcessWorld) -> float:
    door = read_control(load_exchange(world.running.world.exchange_config).folders.data)
    lines = httpx2.get(f"{door.url}/metrics", trust_env=False).text.splitlines()
    found = [line for line in lines if "junk_records_24h" in line and OTHER in line]
    return float(found[0].rsplit(" ", 1)[1]) if found else 0.0


async def _administer(world: ProcessWorld, act: str) -> None:
    settings = load_exchange(world.running.world.exchange_config)
    await exchange_acts.perform(settings, act, {"facility": OTHER})


async def test_a_suspension_cuts_at_once(world: ProcessWorld) -> None:
    async with make_producer(_link(world, OTHER)) as open_connection:
        await open_connection.send_and_wait(submit_topic(OTHER), b"before", headers=ENVELOPE)
        await _administer(world, "facility-suspend")
        with pytest.raises(KafkaError):
            await open_connection.send_and_wait(submit_topic(OTHER), b"after", headers=ENVELOPE)
    with pytest.raises(KafkaError):
        async with make_producer(_link(world, OTHER)) as new_connection:
            await new_connection.send_and_wait(submit_topic(OTHER), b"after", headers=ENVELOPE)
    slips = NUMBERS.export(world, 2, sender=OTHER)
    await world.until(lambda: world.ask(OTHER, "status")["link"]["trouble"] == "not-allowed", "the desk is told", 40)
    assert not _delivered(world, slips, OTHER)
    others = NUMBERS.export(world, 2)
    await world.until(lambda: _delivered(world, others), "the others go on", 40)
    assert not _delivered(world, slips, OTHER)
    await _administer(world, "facility-resume")
    await world.until(lambda: _delivered(world, slips, OTHER), "what waited goes out by itself", 60)
