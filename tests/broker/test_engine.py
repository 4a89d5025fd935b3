"""What a failure of the database means, and what no failure may say."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from broker.run_lock import AlreadyRunningError, RunLock
from broker.store import tables
from broker.store.engine import CommitUnknownError, Database, PassingError, StoreError, UnsafeDatabaseError
from broker.store.migrating import DatabaseTooNewError, migrate

CANARY = "NGUYEN VAN CANARY"


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> Database:
    opened = Database(database_url or f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(opened)
    return opened


async def _count(database: Database) -> int:
    async with database.read() as connection:
        found: int = (await connection.execute(text("SELECT count(*) FROM shared_token"))).scalar_one()
    return found


async def _insert(connection: Any, digest: str, token: str = "t") -> None:
    await connection.execute(tables.shared_token.insert(), {"record_sha256": digest, "token": token})


async def test_a_block_that_ends_well_is_committed_and_one_that_fails_is_not(database: Database) -> None:
    async with database.write() as connection:
        await _insert(connection, "a")

    async def fails() -> None:
        async with database.write() as connection:
            await _insert(connection, "b")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert await _count(database) == 1
    await database.close()


async def test_what_is_written_while_reading_is_rolled_back(database: Database) -> None:
    async with database.read() as connection:
        await _insert(connection, "a")
    assert await _count(database) == 0
    await database.close()


async def test_a_failing_commit_is_unknown_never_a_success(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.ext.asyncio import AsyncConnection

    commit = AsyncConnection.commit

    async def committed_and_lost(self: AsyncConnection) -> None:
        await commit(self)
        raise ConnectionResetError

    monkeypatch.setattr(AsyncConnection, "commit", committed_and_lost)
    with pytest.raises(CommitUnknownError):
        async with database.write() as connection:
            await _insert(connection, "a")
    monkeypatch.undo()
    assert await _count(database) == 1, "it was there all the same: reading back tells"
    await database.close()


async def test_a_cancelled_commit_is_unknown(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.ext.asyncio import AsyncConnection

    async def cancelled(_: AsyncConnection) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(AsyncConnection, "commit", cancelled)
    with pytest.raises(CommitUnknownError):
        async with database.write() as connection:
            await _insert(connection, "a")
    monkeypatch.undo()
    await database.close()


async def test_errors_name_no_value(database: Database) -> None:

    async def insert_twice() -> None:
        async with database.write() as connection:
            await _insert(connection, "a", CANARY)
            await _insert(connection, "a", CANARY)

    with pytest.raises(StoreError) as twice:
        await insert_twice()
    with pytest.raises(StoreError) as wrong:
        async with database.write() as connection:
            await connection.execute(text("SELECT nothing FROM shared_token WHERE token = :it"), {"it": CANARY})
    for error in (twice.value, wrong.value):
        assert CANARY not in str(error)
        assert error.__cause__ is None
    assert "IntegrityError" in str(twice.value)
    assert not isinstance(twice.value, PassingError)
    await database.close()


async def test_migrating_again_changes_nothing(database: Database) -> None:
    await asyncio.gather(*(migrate(database) for _ in range(3)))
    await database.check_safety()
    await database.close()


async def test_a_database_of_a_newer_program_is_left_alone(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNewError, match="newer"):
        await migrate(database)
    await database.close()


async def test_sqlite_runs_with_full_synchronous_and_truncated_journal(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)
    async with database.write() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("synchronous", "journal_mode", "mmap_size")
        }
    assert found == {"synchronous": 2, "journal_mode": "truncate", "mmap_size": 0}
    await database.close()


async def test_a_database_that_forgets_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")

    @event.listens_for(database._reader.sync_engine, "connect")
    def _careless(connection: Any, _: Any) -> None:
        connection.cursor().execute("PRAGMA synchronous = NORMAL")

    with pytest.raises(UnsafeDatabaseError, match="synchronous"):
        await database.check_safety()
    await database.close()


async def test_sqlite_writers_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)

    async def write(number: int) -> None:
        async with database.write() as connection:
            await _insert(connection, str(number))
            await asyncio.sleep(0)

    await asyncio.gather(*(write(number) for number in range(20)))
    assert await _count(database) == 20
    await database.close()


@pytest.mark.postgresql
async def test_a_program_that_reads_sqlite_for_long_is_met_before_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.store.engine.LOCK_TIMEOUT_MS", 200)
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)
    backup = sqlite3.connect(tmp_path / "exchange.sqlite", isolation_level=None)
    backup.execute("BEGIN")
    backup.execute("SELECT count(*) FROM shared_token").fetchall()
    with pytest.raises(PassingError):  # at COMMIT it would be an unknown outcome, which ends the process
        async with database.write() as connection:
            await _insert(connection, "a")
    backup.close()
    async with database.write() as connection:
        await _insert(connection, "a")
    assert await _count(database) == 1
    await database.close()


async def test_a_warning_at_commit_is_unknown(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    await migrate(database)
    async with database.write() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN RAISE WARNING ''canceling wait for synchronous replication''; RETURN NULL; END'"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON shared_token DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION warn()"
            )
        )
    with pytest.raises(CommitUnknownError, match="Warning"):
        async with database.write() as connection:
            await _insert(connection, "a")
    await database.close()


@pytest.mark.postgresql
async def test_every_safety_setting_is_in_force(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    async with database.write() as connection:
        found = {
            name: (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit", "TimeZone")
        }
    assert found == {
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "5s",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }
    await database.close()


async def test_a_database_that_is_not_there_is_a_passing_error(tmp_path: Path) -> None:
    database = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(PassingError):
        async with database.write():
            pass
    await database.close()


def test_one_process_per_folder(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(AlreadyRunningError, match="running"), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        pass


async def test_a_full_disk_is_called_by_its_name_and_leaves_the_database_unfit_for_writing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)
    assert await database.takes_writes()

    @event.listens_for(database._writer.sync_engine, "begin")
    def _no_more_pages(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    async def fill() -> None:
        async with database.write() as connection:
            await _insert(connection, "a", "x" * 100_000)

    with pytest.raises(PassingError, match=r"^SQLITE_FULL$"):
        await fill()
    assert not await database.takes_writes()
    event.remove(database._writer.sync_engine, "begin", _no_more_pages)
    async with database.write() as connection:
        await connection.execute(text("PRAGMA max_page_count = 1000000"))
    await fill()
    assert await database.takes_writes()
    await database.close()
