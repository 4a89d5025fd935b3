"""The store: one owner, durable answers, unknown commits told apart, one process per folder."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.sources.seen_files import FileIdentity, Outcome, SeenFiles, SeenFilesInMemory
from connectors.store import alarms, directory_rows, inbox_rows, meta, numbers, tables
from connectors.store.database import CommitUnknownError, Database
from connectors.store.files import StoredSeenFiles
from connectors.store.folder_lock import AlreadyRunningError, FolderLock
from connectors.store.inbox_rows import QuarantineRow
from connectors.store.meta import Position, PositionMovedError
from connectors.store.tables import VERSION, NewerDatabaseError, bring_up_to_date
from schemas.times import iso

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "connector.sqlite")
    await made.open()
    yield made
    await made.close()


def memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    bring_up_to_date(connection)
    connection.row_factory = sqlite3.Row
    return connection


# --- the owner ------------------------------------------------------------------------------------------------------


async def test_the_file_is_for_its_owner_and_durable_by_the_contract(database: Database, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "connector.sqlite").stat().st_mode) == 0o600
    found = await database.read(
        lambda c: [c.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert found == ["truncate", 2]


async def test_a_failed_question_changes_nothing(database: Database) -> None:
    def question(c: sqlite3.Connection) -> None:
        meta.put_fact(c, "x", "1")
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="a fault of ours"):
        await database.write(question)
    assert await database.read(lambda c: meta.fact(c, "x")) is None


async def test_questions_never_mix(database: Database) -> None:
    def count(c: sqlite3.Connection) -> int:
        return meta.next_counter(c)

    numbers_given = await asyncio.gather(*(database.write(count) for _ in range(50)))
    assert sorted(numbers_given) == list(range(1, 51))


class _FailingCommit:
    """A connection whose COMMIT fails after or before it happened."""

    def __init__(self, real: sqlite3.Connection, *, after: bool) -> None:
        self._real = real
        self._after = after

    def execute(self, statement: str, *rest: Any) -> Any:
        if statement != "COMMIT":
            return self._real.execute(statement, *rest)
        if self._after:
            self._real.execute("COMMIT")
        raise sqlite3.OperationalError("disk I/O error")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("after", [False, True])
async def test_a_failed_commit_is_an_unknown_outcome_and_the_next_start_reads_back(tmp_path: Path, after: bool) -> None:
    first = Database(tmp_path / "c.sqlite")
    await first.open()
    real = first._connection
    assert real is not None
    first._connection = _FailingCommit(real, after=after)  # type: ignore[assignment]
    with pytest.raises(CommitUnknownError):
        await first.write(lambda c: meta.put_fact(c, "x", "1"))
    with pytest.raises(CommitUnknownError):  # nothing more is answered from a state that nobody knows
        await first.read(lambda c: meta.fact(c, "x"))
    first._connection = real
    await first.close()
    second = Database(tmp_path / "c.sqlite")
    await second.open()
    assert (await second.read(lambda c: meta.fact(c, "x")) == "1") is after
    await second.close()


async def test_another_program_that_holds_the_file_is_met_before_anything_happens(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(tmp_path / "connector.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM meta").fetchall()  # a reader, as a backup tool
    connection = database._connection
    assert connection is not None
    await database.read(lambda c: c.execute("PRAGMA busy_timeout = 50").fetchall())
    with pytest.raises(sqlite3.OperationalError):
        await database.write(lambda c: meta.put_fact(c, "x", "1"))
    other.execute("COMMIT")
    other.close()
    await database.write(lambda c: meta.put_fact(c, "x", "1"))


async def test_a_full_disk_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.sqlite")
    await database.open()
    pages = await database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchall())
    kept = 0
    try:
        while True:
            await database.write(partial(_fill, kept))
            kept += 1
    except sqlite3.OperationalError as full:
        assert "full" in str(full)  # noqa: PT017  how many fit is what matters
    assert kept > 0
    await database.close()
    again = Database(tmp_path / "c.sqlite")
    await again.open()
    found = await again.read(lambda c: c.execute("SELECT count(*) FROM meta WHERE name LIKE 'k%'").fetchone()[0])
    assert found == kept
    await again.close()


def _fill(number: int, c: sqlite3.Connection) -> None:
    meta.put_fact(c, f"k{number}", "x" * 3000)


async def test_a_newer_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    database = Database(path)
    with pytest.raises(NewerDatabaseError):
        await database.open()


def test_opening_twice_changes_nothing() -> None:
    connection = memory()
    meta.put_fact(connection, "x", "1")
    bring_up_to_date(connection)
    assert meta.fact(connection, "x") == "1"


# --- one process per folder -----------------------------------------------------------------------------------------

_CHILD = """
import sys
from pathlib import Path
from connectors.store.folder_lock import AlreadyRunningError, FolderLock
try:
    with FolderLock(Path(sys.argv[1])):
        print("taken", flush=True)
        sys.stdin.read()
except AlreadyRunningError as error:
    print(error)
    sys.exit(3)
"""


def child(folder: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


def test_a_second_process_is_told_so_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    first = child(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "taken\n"
    second = child(tmp_path)
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 3
    assert "đang chạy" in said
    assert "already running" in said
    first.kill()
    first.communicate(timeout=30)
    with FolderLock(tmp_path):
        pass


def test_the_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(AlreadyRunningError), FolderLock(tmp_path):
        pass
    with FolderLock(tmp_path):
        pass


# --- positions, counters, serials, alarms ---------------------------------------------------------------------------


def test_a_position_moves_by_compare_and_swap() -> None:
    c = memory()
    meta.move_position(c, "t", None, Position(5, "a" * 64))
    for wrong in (None, 4, 6):
        with pytest.raises(PositionMovedError):
            meta.move_position(c, "t", wrong, Position(9, None))
    meta.move_position(c, "t", 5, Position(9, None))
    assert meta.position(c, "t") == Position(9, None)


def test_serials_count_per_day() -> None:
    c = memory()
    days = [date(2026, 11, 22), date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 22)]
    assert [meta.next_serial(c, day) for day in days] == [1, 2, 1, 3]


def test_an_incarnation_is_chosen_once() -> None:
    c = memory()
    assert meta.incarnation(c, lambda: "first") == "first"
    assert meta.incarnation(c, lambda: "second") == "first"


def test_an_alarm_is_counted_while_open_and_opens_anew_when_cleared() -> None:
    c = memory()
    for _ in range(3):
        alarms.raise_alarm(c, "inbox-gap", "1-2", NOW)
    (alarm,) = alarms.open_alarms(c)
    assert alarm.times == 3
    assert alarms.clear_alarm(c, "inbox-gap", "1-2", NOW)
    assert not alarms.clear_alarm(c, "inbox-gap", "1-2", NOW)
    alarms.raise_alarm(c, "inbox-gap", "1-2", NOW)
    assert [a.times for a in alarms.open_alarms(c)] == [1]


def test_a_register_is_used_when_all_its_pages_are_here_and_the_newest_wins() -> None:
    c = memory()

    def page(version: int, number: int, pages: int) -> None:
        content = f"{version}.{number}".encode()
        directory_rows.store_register_page(c, version=version, page=number, pages=pages, payload=content, now=NOW)

    page(1, 1, 2)
    assert directory_rows.register_pages(c) == []
    page(1, 2, 2)
    assert directory_rows.register_pages(c) == [b"1.1", b"1.2"]
    page(2, 1, 2)
    assert directory_rows.register_version(c) == 1
    page(2, 2, 2)
    assert directory_rows.register_pages(c) == [b"2.1", b"2.2"]
    page(1, 1, 2)
    assert directory_rows.register_pages(c) == [b"2.1", b"2.2"]


# --- numbers: a law -------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.integers(min_value=1, max_value=25),
            st.tuples(st.just("head"), st.integers(min_value=0, max_value=30)),
        ),
        max_size=40,
    )
)
def test_numbers_agree_with_a_plain_set(steps: list[Any]) -> None:
    c = memory()
    seen: set[int] = set()
    expected = 0
    for step in steps:
        if isinstance(step, tuple):
            numbers.expect_up_to(c, step[1], NOW)
            expected = max(expected, step[1])
        else:
            numbers.note(c, step, "a" * 64, NOW)
            seen.add(step)
    top = max(seen, default=0)
    held = numbers.held(c, NOW)
    assert held.highest == top
    assert held.missing == tuple(sorted(set(range(1, top + 1)) - seen))
    late = numbers.held(c, NOW + timedelta(seconds=61))
    assert late.missing == tuple(sorted(set(range(1, max(top, expected) + 1)) - seen))
    assert late.complete_to == (late.missing[0] - 1 if late.missing else top)


def test_a_gap_of_millions_is_one_row() -> None:
    c = memory()
    numbers.note(c, 5_000_000, "a" * 64, NOW)
    held = numbers.held(c, NOW)
    assert held.complete_to == 0
    assert len(held.missing) == 1000
    assert c.execute("SELECT count(*) FROM missing_range").fetchone()[0] == 1


# --- seen files: one suite for memory and store ---------------------------------------------------------------------


@pytest.fixture(params=["memory", "store"])
async def seen(request: pytest.FixtureRequest, database: Database) -> SeenFiles:
    return SeenFilesInMemory() if request.param == "memory" else StoredSeenFiles(database)


async def test_a_folders_start_is_fixed_at_the_first_call(seen: SeenFiles) -> None:
    first = await seen.begin("/a", NOW)
    again = await seen.begin("/a", NOW + timedelta(days=3))
    assert first == again
    assert not first.first_pass_done
    await seen.end_first_pass("/a")
    assert (await seen.begin("/a", NOW)).first_pass_done
    assert not (await seen.begin("/b", NOW)).first_pass_done


async def test_a_file_is_judged_by_path_size_and_time(seen: SeenFiles) -> None:
    identity = FileIdentity("/a/x.xml", 10, 5, "a" * 64)
    await seen.record(identity, Outcome.REFUSED, NOW)
    others = [identity.key._replace(size=11), identity.key._replace(mtime_ns=6), identity.key._replace(path="/a/y.xml")]
    assert await seen.judged([identity.key, *others]) == {identity.key}


async def test_content_is_taken_only_when_it_was_recorded_so(seen: SeenFiles) -> None:
    identity = FileIdentity("/a/x.xml", 10, 5, "a" * 64)
    await seen.record(identity, Outcome.REFUSED, NOW)
    assert not await seen.is_taken("a" * 64)
    await seen.record(identity, Outcome.TAKEN, NOW)
    assert await seen.is_taken("a" * 64)
    assert not await seen.is_taken("b" * 64)


# --- what was set aside ---------------------------------------------------------------------------------------------


def aside(record_sha256: str, reason: str = "poison", delivery_seq: int | None = None) -> QuarantineRow:
    return QuarantineRow("xfer.inbox.01929", 5, record_sha256, reason, "", True, "envelope", "24001", "m", delivery_seq)


def test_another_record_at_the_same_place_of_a_new_log_leaves_the_old_evidence() -> None:
    c = memory()
    inbox_rows.quarantine(c, aside("a" * 64, delivery_seq=5), NOW, b"parked", b"stamp")
    inbox_rows.quarantine(c, aside("b" * 64, delivery_seq=9), NOW + timedelta(days=1))
    inbox_rows.quarantine(c, aside("a" * 64, delivery_seq=12), NOW + timedelta(days=2))  # sent again, its stamp anew
    assert [(row.record_sha256[0], row.delivery_seq) for row in inbox_rows.quarantined(c)] == [
        ("a", 12),
        ("b", 9),
        ("a", 5),
    ]
    (parked,) = inbox_rows.parked(c)
    assert (parked.offset, parked.value) == (5, b"parked")
    inbox_rows.unpark(c, parked.id, NOW)
    assert inbox_rows.parked(c) == []
    assert len(inbox_rows.quarantined(c)) == 2


def test_the_same_record_read_again_is_set_aside_once_under_its_latest_reason() -> None:
    c = memory()
    inbox_rows.quarantine(c, aside("a" * 64, "key-unknown"), NOW)
    inbox_rows.quarantine(c, aside("a" * 64, "processing-failed"), NOW + timedelta(days=1))
    (row,) = inbox_rows.quarantined(c)
    assert row.reason == "processing-failed"
    assert c.execute("SELECT at FROM quarantine").fetchone()[0] == iso(NOW)


def test_what_an_older_program_set_aside_is_still_there() -> None:
    c = sqlite3.connect(":memory:", isolation_level=None)
    c.executescript(f"{tables._VERSION_1}; PRAGMA user_version = 1")
    c.execute(
        "INSERT INTO quarantine VALUES ('t', 5, 'a', 'key-unknown', '', 1, 'envelope', '24001', 'm', 7, ?, ?, ?, NULL)",
        (iso(NOW), b"value", b"stamp"),
    )
    bring_up_to_date(c)
    (parked,) = inbox_rows.parked(c)
    assert (parked.topic, parked.offset, parked.value, parked.stamp) == ("t", 5, b"value", b"stamp")


async def test_a_database_put_back_is_another_one_and_never_gives_a_printed_code_again(database: Database) -> None:
    ids = iter(("before", "after"))
    await database.write(lambda c: meta.incarnation(c, lambda: next(ids)))
    await database.write(meta.next_counter)
    printed = await database.write(lambda c: meta.next_serial(c, NOW.date()))
    await database.write(lambda c: meta.came_back(c, NOW.date()))
    assert await database.write(lambda c: meta.incarnation(c, lambda: next(ids))) == "after"
    assert await database.write(meta.next_counter) == 1
    assert await database.write(lambda c: meta.next_serial(c, NOW.date())) == printed + meta.SERIALS_LEFT_OUT + 1


async def test_what_lay_in_the_inbox_when_it_was_put_back_stays_doubtful_over_restarts(database: Database) -> None:
    assert await database.write(lambda c: meta.doubtful_before(c, 7)) == 0
    await database.write(lambda c: meta.came_back(c, NOW.date()))
    assert await database.write(lambda c: meta.doubtful_before(c, 7)) == 7
    assert await database.write(lambda c: meta.doubtful_before(c, 12)) == 7
