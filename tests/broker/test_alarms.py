"""What the exchange tells its operator about itself."""

from datetime import timedelta
from pathlib import Path

import pytest

from broker.backup_guard import _compare_checkpoint
from broker.store import tables
from broker.store.alarms import AGAIN_AFTER, STORE_FAULT, AlarmTable
from broker.store.engine import Database
from tests.broker.desk import Desk
from tests.broker.exchange_files import write_exchange
from tests.certs.pki import TestPki
from tests.schemas.bundles import SENDER


def alarms_of(desk: Desk) -> AlarmTable:
    return AlarmTable(desk.database, desk.pipeline.signer, desk.clock)


async def test_one_alarm_stands_once_a_day(any_desk: Desk) -> None:
    desk, alarms = any_desk, alarms_of(any_desk)
    assert await alarms.raise_once(STORE_FAULT)
    assert not await alarms.raise_once(STORE_FAULT)
    assert await alarms.raise_once(STORE_FAULT, SENDER), "another facility's is another one"
    desk.clock.pass_by((AGAIN_AFTER + timedelta(minutes=1)).total_seconds())
    assert await alarms.raise_once(STORE_FAULT)
    assert [row.facility for row in await desk.rows(tables.alarm)] == [None, SENDER, None]


async def test_an_alarm_that_was_seen_is_raised_anew(any_desk: Desk) -> None:
    desk, alarms = any_desk, alarms_of(any_desk)
    await alarms.raise_once(STORE_FAULT)
    async with desk.database.write() as connection:
        await connection.execute(tables.alarm.update().values(seen_at="2026-11-22T09:00:00.000Z"))
    assert await alarms.raise_once(STORE_FAULT)


@pytest.mark.parametrize("state", ["missing", "unreadable", "open to the group"])
async def test_a_start_without_a_usable_audit_key_is_not_refused(tmp_path: Path, pki: TestPki, state: str) -> None:
    settings = write_exchange(tmp_path / "exchange", pki)
    (settings.folders.data / "checkpoint").parent.mkdir(parents=True, exist_ok=True)
    for name in ("checkpoint", "checkpoint.txt"):
        (settings.folders.data / name).write_bytes(b"something")
    key = settings.key("audit")
    key.unlink(missing_ok=True)
    if state != "missing":
        key.write_bytes(b"rubbish")
        key.chmod(0o640 if state == "open to the group" else 0o600)
    database = Database(settings.database_url)
    await _compare_checkpoint(settings, database)
    await database.close()
