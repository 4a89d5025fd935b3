"""The local PostgreSQL: durable, unprivileged, quiet about values, and honest where it cannot be had."""

import os
from pathlib import Path

import psycopg
import pytest

from transport import local_postgresql as module
from transport.local_postgresql import LocalPostgresql, PostgresqlUnavailableError, find_programs, install


@pytest.mark.postgresql
def test_what_it_confirms_it_keeps(postgresql: LocalPostgresql, postgresql_url: str) -> None:
    wanted = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on"}
    with psycopg.connect(postgresql_url) as connection:
        found = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in wanted}  # type: ignore[index]
    assert found == wanted


@pytest.mark.postgresql
@pytest.mark.process
async def test_kill_9_of_everything_loses_nothing_committed(postgresql: LocalPostgresql, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE kept (number integer)")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.commit()
        connection.execute("INSERT INTO kept VALUES (2)")  # never committed
        postgresql.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    await postgresql.start()
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


@pytest.mark.postgresql
def test_it_has_no_tcp_port_and_no_root(postgresql: LocalPostgresql, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert postgresql.pid is not None
    if Path("/proc").exists():
        assert Path(f"/proc/{postgresql.pid}").stat().st_uid != 0
    assert postgresql.log.parent.stat().st_mode & 0o077 == 0


@pytest.mark.postgresql
def test_its_log_holds_no_values(postgresql: LocalPostgresql, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (name text PRIMARY KEY)")
        connection.execute("INSERT INTO one VALUES ('CHIM HOANG YEN')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO one VALUES ('CHIM HOANG YEN')")
    assert "one_pkey" in postgresql.log.read_text()
    assert "CHIM" not in postgresql.log.read_text()


@pytest.mark.postgresql
async def test_each_database_is_new_and_empty(postgresql: LocalPostgresql) -> None:
    first, second = await postgresql.new_database(), await postgresql.new_database()
    assert first != second
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE only_here (number integer)")
    with psycopg.connect(second) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")


@pytest.mark.postgresql
@pytest.mark.process
async def test_stop_removes_what_it_made(postgresql: LocalPostgresql) -> None:
    server = LocalPostgresql(programs=find_programs())
    await server.start()
    folder = server.log.parent
    await server.stop()
    assert not folder.exists()
    assert server.pid is None


@pytest.mark.process
async def test_programs_that_fail_are_reported_with_the_log(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    server = LocalPostgresql(programs=tmp_path)
    with pytest.raises(PostgresqlUnavailableError, match=r"postgresql\.log"):
        await server.start()
    await server.stop()


def test_newest_packaged_version_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("9.6", "15", "9", "16"):
        folder = tmp_path / version / "bin"
        folder.mkdir(parents=True)
        (folder / "initdb").touch()
        if version != "16":  # only half installed
            (folder / "postgres").touch()
    monkeypatch.setattr(module, "_INSTALLED_BY_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "")
    assert find_programs() == tmp_path / "15" / "bin"


def test_nothing_installed_and_no_way_to_install_is_said_in_both_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_INSTALLED_BY_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", "")
    assert find_programs() is None
    with pytest.raises(PostgresqlUnavailableError, match=r"Chưa có PostgreSQL.*/ PostgreSQL is not installed"):
        install()


def test_install_asks_apt_without_questions_and_prevents_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apt = tmp_path / "apt-get"
    said = tmp_path / "said"
    apt.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> {said}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "_is_root", lambda: True)
    made: list[bool] = []
    monkeypatch.setattr(module, "_make_no_cluster_of_its_own", lambda: made.append(True))
    install()
    assert said.read_text().splitlines() == [
        "noninteractive --quiet update",
        "noninteractive --quiet install --yes --no-install-recommends postgresql",
    ]
    assert made == [True]


def test_failing_apt_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(module, "_is_root", lambda: True)
    monkeypatch.setattr(module, "_make_no_cluster_of_its_own", lambda: None)
    with pytest.raises(PostgresqlUnavailableError, match="apt-get update"):
        install()
