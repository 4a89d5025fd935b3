"""Copies of a database in use, and the way back: nothing is overwritten, nothing unsound is put in place."""

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from transport.sqlite_copy import NotABackupError, TargetExistsError, back_up, put_back

TABLES = frozenset({"number"})
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _database(path: Path, *numbers: int) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE number (value INTEGER)")
        connection.executemany("INSERT INTO number VALUES (?)", [(one,) for one in numbers])
    connection.close()
    return path


def _numbers(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT value FROM number")]
    finally:
        connection.close()


def test_a_copy_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    size = back_up(_database(tmp_path / "one", 1, 2), tmp_path / "copy")
    assert _numbers(tmp_path / "copy") == [1, 2]
    assert size == (tmp_path / "copy").stat().st_size
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_a_copy_of_a_database_in_use_is_of_one_moment(tmp_path: Path) -> None:
    """A writer keeps two rows equal; no copy ever shows them different."""
    source, stop = _database(tmp_path / "one", 0, 0), threading.Event()

    def write() -> None:
        connection = sqlite3.connect(source, timeout=30, isolation_level=None)
        while not stop.is_set():
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("UPDATE number SET value = value + 1")
            connection.execute("COMMIT")
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(10):
            back_up(source, tmp_path / f"copy-{number}")
    finally:
        stop.set()
        writer.join()
    assert all(len(set(_numbers(tmp_path / f"copy-{number}"))) == 1 for number in range(10))


def test_a_backup_is_never_overwritten(tmp_path: Path) -> None:
    source = _database(tmp_path / "one", 1)
    back_up(source, tmp_path / "copy")
    with pytest.raises(TargetExistsError, match="exists already"):
        back_up(source, tmp_path / "copy")


def test_the_old_file_is_kept_when_a_backup_is_put_back(tmp_path: Path) -> None:
    place, backup = _database(tmp_path / "place", 7), _database(tmp_path / "backup", 1)
    kept = put_back(backup, place, tables=TABLES, now=NOW)
    assert kept is not None
    assert (_numbers(place), _numbers(kept)) == ([1], [7])
    assert _numbers(backup) == [1]


def test_a_journal_that_was_not_rolled_back_goes_with_the_old_file(tmp_path: Path) -> None:
    place, backup = _database(tmp_path / "place", 7), _database(tmp_path / "backup", 1)
    (tmp_path / "place-journal").write_bytes(b"what a crash left")
    kept = put_back(backup, place, tables=TABLES, now=NOW)
    assert kept is not None
    assert kept.with_name(f"{kept.name}-journal").read_bytes() == b"what a crash left"
    assert not (tmp_path / "place-journal").exists()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\x00" * 4000])
def test_what_is_no_sound_backup_changes_nothing(tmp_path: Path, content: bytes) -> None:
    place, backup = _database(tmp_path / "place", 7), tmp_path / "backup"
    backup.write_bytes(content)
    with pytest.raises(NotABackupError):
        put_back(backup, place, tables=TABLES)
    assert _numbers(place) == [7]


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    place, backup = _database(tmp_path / "place", 7), _database(tmp_path / "backup", 1)
    with pytest.raises(NotABackupError, match="not a backup of this kind"):
        put_back(backup, place, tables=frozenset({"message"}))
    assert _numbers(place) == [7]
