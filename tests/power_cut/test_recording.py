"""The recording layer notes what really happens, and the model of a disk forgets what a disk may forget."""

import random
import sqlite3
from contextlib import closing
from itertools import groupby
from pathlib import Path

import pytest

from connectors.store.database import Database
from tests.power_cut.disk import SECTOR, Disk, Kind, Operation
from tests.power_cut.recording_vfs import Trace, recording

NAME = "connector.sqlite"


def _names(disk: Disk, kind: Kind, seed: int = 0) -> set[str]:
    return set(disk.image(kind, random.Random(seed)))


async def _write(database: Database, rows: int) -> None:
    await database.write(lambda c: c.executemany("INSERT INTO meta VALUES (hex(randomblob(8)), 'x')", [()] * rows))


async def test_what_was_recorded_is_what_lies_on_the_disk(tmp_path: Path) -> None:
    trace = Trace(NAME)
    with recording(tmp_path / NAME, trace):
        for rows in (3, 400):
            database = Database(tmp_path / NAME)
            await database.open()
            await _write(database, rows)
            await database.close()
    disk = Disk()
    for event in trace.events:
        assert isinstance(event, Operation)
        disk.play(event)
    assert disk.content(NAME) == (tmp_path / NAME).read_bytes()
    assert disk.content(f"{NAME}-journal") == (tmp_path / f"{NAME}-journal").read_bytes() == b""


async def test_a_transaction_is_journal_names_header_content_and_the_end_of_the_journal(tmp_path: Path) -> None:
    trace = Trace(NAME)
    with recording(tmp_path / NAME, trace):
        database = Database(tmp_path / NAME)
        await database.open()
        begin = len(trace.events)
        await _write(database, 1)
        end = len(trace.events)
        await database.close()
    calls = [(one.what, one.path.removeprefix(NAME)) for one in trace.events[begin:end] if isinstance(one, Operation)]
    assert [call for call, _ in groupby(calls)] == [
        ("write", "-journal"),
        ("flush", "-journal"),
        ("flush-names", "."),
        ("write", "-journal"),
        ("flush", "-journal"),
        ("write", ""),
        ("flush", ""),
        ("truncate", "-journal"),
        ("flush", "-journal"),
    ]


def test_other_databases_of_the_process_are_left_alone(tmp_path: Path) -> None:
    trace = Trace(NAME)
    with recording(tmp_path / NAME, trace), closing(sqlite3.connect(tmp_path / "other.sqlite")) as c:
        c.execute("CREATE TABLE t (x)")
    with closing(sqlite3.connect(tmp_path / NAME)) as c:
        c.execute("CREATE TABLE t (x)")
    assert trace.events == []


def test_a_file_that_outlives_the_recording_goes_on_unrecorded(tmp_path: Path) -> None:
    trace = Trace(NAME)
    with recording(tmp_path / NAME, trace):
        c = sqlite3.connect(tmp_path / NAME)
        c.execute("CREATE TABLE t (x)")
    before = len(trace.events)
    with closing(c):
        c.execute("CREATE TABLE u (x)")
    assert before == len(trace.events) > 0


def _play(*operations: Operation) -> Disk:
    disk = Disk()
    for operation in operations:
        disk.play(operation)
    return disk


def test_nothing_is_durable_before_its_flush_neither_bytes_nor_names() -> None:
    disk = _play(Operation("create", "a"), Operation("write", "a", 0, b"one"))
    assert _names(disk, Kind.NOTHING) == set()
    disk.play(Operation("flush-names", "."))
    assert disk.image(Kind.NOTHING, random.Random(0)) == {"a": b""}
    disk.play(Operation("flush", "a"))
    assert disk.is_settled
    assert disk.image(Kind.NOTHING, random.Random(0)) == {"a": b"one"}


def test_a_torn_write_ends_at_a_sector() -> None:
    disk = _play(Operation("create", "a"), Operation("write", "a", 0, b"\0" * 4 * SECTOR), Operation("flush", "a"))
    disk.play(Operation("write", "a", 100, b"\1" * 3 * SECTOR))
    seen = set()
    for seed in range(60):
        content = disk.image(Kind.TORN, random.Random(seed)).get("a")
        if content is not None:
            seen.add(content)
            places = [place for place in range(1, len(content)) if content[place] != content[place - 1]]
            assert all(place % SECTOR == 0 or place in (100, 100 + 3 * SECTOR) for place in places)
    assert len(seen) > 4


@pytest.mark.parametrize("seed", range(30))
def test_a_rename_never_loses_both_names(seed: int) -> None:
    disk = _play(
        Operation("mkdir", "in"), Operation("create", "a"), Operation("flush-names", "."),
        Operation("mkdir", "in/case"), Operation("rename", "a", data=b"in/case/a"),
        Operation("rename", "in/case", data=b"in/more"),
    )  # fmt: skip
    names = _names(disk, Kind.NAMES, seed)
    assert "a" in names or any(name.endswith("/a") for name in names) or "in/more" not in names
    disk.play(Operation("flush-names", "in/more"))
    disk.play(Operation("flush-names", "in"))
    assert "in/more/a" in _names(disk, Kind.NAMES, seed)
    disk.play(Operation("flush-names", "."))
    assert _names(disk, Kind.NOTHING) == {"in", "in/more", "in/more/a"}
