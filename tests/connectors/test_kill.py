"""``kill -9`` of both connectors again and again, with many transfers in flight: nothing lost, nothing twice."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.urgency import Priority
from tests.certs.pki import TestPki, make_pki
from tests.connectors.exchange_bridge import Bridge
from tests.connectors.exports import export
from tests.connectors.site_files import write_site
from tests.connectors.site_world import until
from tests.kafka_cluster import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.process, pytest.mark.timeout(300)]

SLIPS = 24
KILLS = 6
_PROGRAM = """
import asyncio, sys
from pathlib import Path
from connectors.run import run
from connectors.settings import load
from transport.logs import configure_logging
configure_logging("connector")
asyncio.run(run(load(Path(sys.argv[1]))))
"""


@dataclass
class Site:
    """A connector as a process that is started again whenever it dies."""

    code: str
    config: Path
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    @property
    def folder(self) -> Path:
        return self.config.parent

    async def start(self) -> None:
        root = Path(__file__).parents[2]
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _PROGRAM,
                str(self.config),
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        self.kills += 1

    async def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 15)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """A look into the database, as a backup tool would take it; busy is told as nothing."""
        path = self.folder / "data" / "connector.sqlite"
        if not path.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as c:
                return c.execute(statement).fetchall()
        except sqlite3.OperationalError:
            return []


async def make_site(kafka: KafkaCluster, pki: TestPki, folder: Path, code: str) -> Site:
    await kafka.admit(code)
    kafka.facility(code)
    tls = (kafka.ca, kafka.identities.file(f"{code}.k1"))
    return Site(code, write_site(folder / code, pki, code, kafka.bootstrap, tls))


async def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(kafka: KafkaCluster, tmp_path: Path) -> None:
    chance = random.Random(20261122)
    pki = make_pki(tmp_path / "pki", facilities=())
    sender_code, destination_code = kafka.fresh_codes(2)
    sender = await make_site(kafka, pki, tmp_path, sender_code)
    destination = await make_site(kafka, pki, tmp_path, destination_code)
    facilities_known = tmp_path / "facilities.csv"
    facilities_known.write_text("code,name\n", encoding="utf-8")
    async with Bridge(kafka, pki, [sender_code, destination_code]).running() as bridge:
        sites = (sender, destination)
        for site in sites:
            await site.start()

        async def introduced() -> bool:
            return len(sender.query("SELECT 1 FROM peer")) == 2

        await until(introduced, 60)
        for serial in range(1, SLIPS + 1):
            data = export(datetime.now(UTC), sender_code, destination_code, serial)
            (sender.folder / "xuat" / f"{serial:03d}.xml").write_bytes(data)
        for _ in range(KILLS):
            await asyncio.sleep(0.5 + 2.5 * chance.random())
            site = chance.choice(sites)
            await site.kill()
            await site.start()

        async def settled() -> bool:
            rows = sender.query("SELECT state, delivered_at FROM outbox")
            done = [row for row in rows if row[0] == "accepted" and row[1]]
            return len(rows) == len(done) == SLIPS

        await until(settled, 150)

        async def handed_over() -> bool:
            return destination.query("SELECT count(*) FROM handover WHERE state = 'done'") == [(SLIPS,)]

        await until(handed_over, 60)
        reconcile(sender, destination, bridge)
        assert [await site.stop() for site in sites] == [0, 0]
    assert sender.kills + destination.kills == KILLS


def reconcile(sender: Site, destination: Site, bridge: Bridge) -> None:
    """Counts at every place are the input's, and every pair of ids agrees."""
    sent = {row[0] for row in sender.query("SELECT message_id FROM outbox")}
    received = {row[0] for row in destination.query("SELECT message_id FROM inbox")}
    assert sent == received == set(bridge.double.receipts)
    assert sender.query("SELECT count(*) FROM outbox WHERE event <> 'transfer-submit'") == [(0,)]
    codes = sender.query("SELECT DISTINCT case_code FROM outbox")
    assert len(codes) == SLIPS
    bundles = list((destination.folder / "incoming").glob("*/01-transfer-submit/bundle.json"))
    assert len(bundles) == SLIPS
    assert len(list((destination.folder / "incoming").iterdir())) == SLIPS
    in_folders = {json.loads(path.read_bytes())["entry"][0]["resource"]["id"] for path in bundles}
    assert in_folders == sent
    for site in (sender, destination):
        ((highest,),) = site.query("SELECT max(delivery_seq) FROM inbox_number")
        assert site.query("SELECT count(*) FROM missing_range") == [(0,)]
        assert highest == bridge.double.numbers[site.code]
        assert site.query("SELECT count(*) FROM quarantine") == [(0,)]
        assert site.query("SELECT code FROM alarm WHERE cleared_at IS NULL") == []
    assert {Priority(str(row[0])) for row in sender.query("SELECT DISTINCT priority FROM outbox")} <= set(Priority)
