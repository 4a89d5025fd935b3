"""Databases come back from a backup while Kafka and everybody else has gone on: with real processes, in one world."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from broker.settings import load as load_exchange
from certs.base64url import decode
from lienvien.answering import ENVIRONMENT
from lienvien.dumping import dump_topics
from lienvien.prove.evidence import TOPICS, DumpedRecord
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType, inbox_topic, submit_topic
from tests.process.world import ProcessWorld, many_cases, running_world
from transport import kafka_admin

pytestmark = [
    pytest.mark.process,
    pytest.mark.long,
    pytest.mark.kafka,
    pytest.mark.timeout(300),  # the first test also waits for the world
    pytest.mark.asyncio(loop_scope="module"),
]

SENDER, DESTINATION = "24Z01", "01929"
_SERIALS = count(3000, 100)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProcessWorld]:
    """One for all of them: what one test leaves behind, the next must bear."""
    async with running_world(tmp_path_factory.mktemp("restored") / "world") as running:
        yield running


async def _lienvien(*words: str, expect: int = 0) -> tuple[dict[str, Any], str]:
    """A command as a person gives it, with --json: its answer, and what it said beside."""
    process = await _start(*words)
    out, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == expect, (words, out, said)
    return (json.loads(out) if out else {}), said.decode()


async def _start(*words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienvien", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def _stop(world: ProcessWorld, name: str) -> None:
    """Stopped in order, and not started again."""
    child = world.running.supervisor[name]
    if child._keeper:
        child._keeper.cancel()
    if child.process is not None and child.process.returncode is None:
        child.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(child.process.wait(), 20)


def _send(world: ProcessWorld, number: int) -> set[str]:
    return world.export_many(many_cases(number, SENDER, DESTINATION, first=next(_SERIALS)))


async def _inbox(world: ProcessWorld, code: str, folder: Path) -> list[tuple[Stamp, bytes]]:
    topic = inbox_topic(code)
    await dump_topics(world.running.world.link("dump"), [topic], folder)
    lines = (folder / TOPICS / f"{topic}.jsonl").read_text("utf-8").splitlines()
    records = [DumpedRecord.from_json(topic, line) for line in lines]
    return [(Stamp.decode(decode(one.stamps[0].split(b".")[1])), one.value) for one in records]


async def _killed_while(said: str, *words: str) -> None:
    """A command that gets ``kill -9`` as soon as it says that it has come so far."""
    process = await _start(*words)
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while said.encode() not in (line := await process.stderr.readline()):
            assert line, f"ended before it said {said}"
    process.kill()
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def test_an_exchange_older_than_kafka_refuses_recovers_though_killed_and_goes_on(
    world: ProcessWorld, tmp_path: Path
) -> None:
    small = world.running.world
    config, data = str(small.exchange_config), load_exchange(small.exchange_config).folders.data
    first = _send(world, 2)
    await world.until(lambda: world.delivered(SENDER, first) == 2, "the first delivered")
    backup = tmp_path / "exchange.sqlite"
    answer, _ = await _lienvien("exchange", "backup", "--out", str(backup), "--config", config, "--json")
    assert answer["bytes"] == backup.stat().st_size
    second = _send(world, 4)
    await world.until(lambda: world.delivered(SENDER, second) == 4, "the second delivered")
    before = world.handed_over(DESTINATION)
    receipts = _receipts(data)
    await _stop(world, "exchange")
    inboxes = {code: await _inbox(world, code, tmp_path / "before") for code in (SENDER, DESTINATION)}

    restored, _ = await _lienvien("exchange", "restore", str(backup), "--config", config, "--json")
    assert Path(restored["kept"]).exists()
    _, said = await _lienvien("exchange", "run", "--config", config, expect=ENVIRONMENT)
    assert "lienvien exchange recover" in said

    dry, _ = await _lienvien("exchange", "recover", "--dry-run", "--config", config, "--json")
    assert (dry["needed"], dry["done"], dry["messages"]) == (True, False, 4)
    for step in ("reading inboxes", "writing"):
        await _killed_while(step, "exchange", "recover", "--config", config)
    done, said = await _lienvien("exchange", "recover", "--config", config, "--json")
    assert done["generation"] == 2
    assert not done["needed"] or done["messages"] == 4  # the last one killed may have come to its end
    assert "reading inboxes" in said
    again, _ = await _lienvien("exchange", "recover", "--config", config, "--json")
    assert (again["needed"], again["generation"]) == (False, 2)
    assert _receipts(data) == receipts

    await world.running.start_exchange()
    third = _send(world, 2)
    await world.until(lambda: world.delivered(SENDER, third) == 2, "the third delivered")
    await world.until(lambda: world.handed_over(DESTINATION) == before + 2, "handed over")
    for code in (SENDER, DESTINATION):
        now = await _inbox(world, code, tmp_path / "after")
        assert now[: len(inboxes[code])] == inboxes[code]
        new = [stamp for stamp, _ in now[len(inboxes[code]) :] if stamp.delivery_seq]
        assert (new[0].record_type, new[0].generation) == (RecordType.NOTICE, 2)
        numbers = Counter(stamp.delivery_seq for stamp, _ in now if stamp.delivery_seq)
        assert sorted(numbers) == list(range(1, max(numbers) + 1))
        assert set(numbers.values()) == {1}
        messages = Counter(stamp.message_id for stamp, _ in now if stamp.record_type is RecordType.ENVELOPE)
        assert set(messages.values()) <= {1}
        status = world.ask(code, "status")
        assert status["generation"] == 2
        assert not [one for one in status["alarms"] if "generation" in one["alarm"]]


async def test_a_connector_put_back_from_an_old_backup_doubles_nothing(world: ProcessWorld, tmp_path: Path) -> None:
    site = world.running.world.hospitals[SENDER]
    config, backup = str(site.config), tmp_path / "connector.sqlite"
    await _lienvien("connector", "backup", "--out", str(backup), "--config", config, "--json")
    slips = _send(world, 3)
    await world.until(lambda: world.delivered(SENDER, slips) == 3, "delivered")
    before, incarnation = world.handed_over(DESTINATION), world.ask(SENDER, "status")["incarnation"]
    await _stop(world, f"connector-{SENDER}")
    answer, _ = await _lienvien("connector", "restore", str(backup), "--config", config, "--json")
    assert Path(answer["kept"]).exists()
    await world.running.start_connector(site)
    await world.running.connector_ready(site)
    assert world.ask(SENDER, "status")["incarnation"] != incarnation
    more = _send(world, 2)  # what lies in the export folder since the backup is exported once more, under new ids
    await world.until(lambda: world.delivered(SENDER, more) == 2, "new ones delivered")
    await world.until(lambda: _reasons(site.folder).get("duplicate-of", 0) == 3, "the same content is recognised")
    assert world.handed_over(DESTINATION) == before + 2


async def test_a_connector_on_a_copied_disk_is_found_out_and_doubles_nothing(
    world: ProcessWorld, tmp_path: Path
) -> None:
    """The whole folder comes back as it was, without the command: the same incarnation, and counters given twice."""
    site = world.running.world.hospitals[SENDER]
    database = next(site.folder.rglob("connector.sqlite"))
    copy = tmp_path / "copied.sqlite"
    await _lienvien("connector", "backup", "--out", str(copy), "--config", str(site.config), "--json")
    slips = _send(world, 2)
    await world.until(lambda: world.delivered(SENDER, slips) == 2, "delivered")
    before = world.handed_over(DESTINATION)
    await _stop(world, f"connector-{SENDER}")
    database.unlink()
    copy.rename(database)
    for exported in site.export.glob("*.xml"):  # its HIS has cleared up: other slips get the counters of these
        exported.unlink()
    others = _send(world, 2)
    await world.running.start_connector(site)
    await world.running.connector_ready(site)
    data = load_exchange(world.running.world.exchange_config).folders.data
    await world.until(lambda: "incarnation-cloned" in _alarms(data), "the operator sees it")
    await world.until(lambda: _decided(world, others), "delivered, or held for a person")
    assert world.handed_over(DESTINATION) == before + world.delivered(SENDER, others)


def _decided(world: ProcessWorld, slips: set[str]) -> bool:
    counts = world.ask(SENDER, "status")["outbox"]["counts"]
    return world.delivered(SENDER, slips) + int(counts.get("held", 0)) >= len(slips)


async def test_a_submit_log_that_was_lost_is_noticed_and_what_it_held_comes_from_its_sender(
    world: ProcessWorld,
) -> None:
    """Deleted and made anew before the exchange had read it all: the anchor does not hold, the sender repeats."""
    data = load_exchange(world.running.world.exchange_config).folders.data
    before = world.handed_over(DESTINATION)
    world.pause("exchange")
    slips = _send(world, 2)
    await world.until(lambda: _sent(world) == 2, "in Kafka, and without a receipt")
    await asyncio.to_thread(_make_anew, world, submit_topic(SENDER))
    world.kill("exchange")
    await world.until(lambda: world.delivered(SENDER, slips) == 2, "delivered though the log was lost")
    await world.until(lambda: world.handed_over(DESTINATION) == before + 2, "handed over once")
    assert "log-broken" in _alarms(data)


def _sent(world: ProcessWorld) -> int:
    return int(world.ask(SENDER, "status")["outbox"]["counts"].get("sent", 0))


def _make_anew(world: ProcessWorld, topic: str) -> None:
    """As an administrator's mistake: the topic is deleted, and made again."""

    async def work() -> None:
        link = world.running.world.link("mistake")
        await kafka_admin._run(link, lambda admin: admin.delete_topics([topic]))
        await asyncio.sleep(1)
        await kafka_admin.create_facility_topics(link, [topic.rsplit(".", 1)[1]])

    asyncio.run(work())


def _receipts(data: Path) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(f"file:{data / 'exchange.sqlite'}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT message_id, receipt FROM message"))


def _alarms(data: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"file:{data / 'exchange.sqlite'}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT alarm FROM alarm")}


def _reasons(folder: Path) -> Counter[str]:
    database = next(folder.rglob("connector.sqlite"))
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return Counter(row[0] for row in connection.execute("SELECT reason FROM outbox WHERE reason IS NOT NULL"))
