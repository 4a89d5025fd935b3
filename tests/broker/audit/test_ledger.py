"""The Ledger on real databases, and a whole log from decision to verified export."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from broker.audit import export_files
from broker.audit.entry import AuditEntry
from broker.audit.export import AUDITOR, export_lines
from broker.audit.ledger import DatabaseLedger
from broker.audit.merkle import Frontier
from broker.audit.note import NoteVerifier, split_notes
from broker.audit.numbering import Anchor
from broker.audit.ports import NumberTakenError, StoredCheckpoint, Unnumbered
from broker.audit.publishing import CheckpointFile
from broker.audit.verify import verify_export
from broker.store.engine import Database
from broker.store.tables import audit_entry, metadata
from schemas.times import iso
from tests.broker.audit.logs import BEGUN, ORIGIN, SIGNER, entry

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'exchange.db'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An exchange database with its tables."""
    made = Database(url)
    async with made.write() as connection:
        await connection.run_sync(metadata.create_all)
    yield made
    await made.close()


async def _commit(database: Database, entries: dict[str, AuditEntry], parties: str = "24Z01 01001") -> None:
    rows = [
        {
            "entry_id": entry_id,
            "salt": made.salt,
            "entry": made.entry,
            "leaf_hash": made.leaf_hash,
            "at": iso(BEGUN),
            "parties": parties,
        }
        for entry_id, made in entries.items()
    ]
    async with database.write() as connection:
        await connection.execute(insert(audit_entry), rows)


async def test_an_empty_log(database: Database) -> None:
    ledger = DatabaseLedger(database)
    assert await ledger.frontier() == Frontier()
    assert await ledger.unnumbered(10) == []
    assert await ledger.last_checkpoint() is None
    assert [item async for item in ledger.numbered(0, 5)] == []


async def test_numbers_follow_the_given_order_and_survive(database: Database) -> None:
    ledger = DatabaseLedger(database)
    entries = {f"{n:032x}": entry(n) for n in range(7)}
    await _commit(database, entries)
    waiting = await ledger.unnumbered(5)
    assert [item.entry_id for item in waiting] == list(entries)[:5]
    grown = Frontier().extended(bytes.fromhex(item.leaf_hash) for item in waiting)
    await ledger.number(Frontier(), grown, waiting)
    assert await ledger.frontier() == grown
    assert [item.entry_id for item in await ledger.unnumbered(5)] == list(entries)[5:]
    found = [item async for item in ledger.numbered(0, 5)]
    assert [item.index for item in found] == list(range(5))
    assert [item.entry for item in found] == [entry(n) for n in range(5)]
    assert found[0].parties == ("24Z01", "01001")
    assert [item.index async for item in ledger.numbered(2, 4)] == [2, 3]


async def test_a_size_that_has_moved_on_changes_nothing(database: Database) -> None:
    ledger = DatabaseLedger(database)
    await _commit(database, {f"{n:032x}": entry(n) for n in range(4)})
    first, second = (await ledger.unnumbered(4))[:2], (await ledger.unnumbered(4))[2:]
    grown = Frontier().extended(bytes.fromhex(item.leaf_hash) for item in first)
    await ledger.number(Frontier(), grown, first)
    with pytest.raises(NumberTakenError):
        await ledger.number(Frontier(), grown, second)
    with pytest.raises(NumberTakenError):
        await ledger.number(Frontier(3, (b"a" * 32, b"b" * 32)), grown, second)
    assert await ledger.frontier() == grown
    assert len(await ledger.unnumbered(4)) == 2


async def test_an_entry_that_is_not_there_rolls_everything_back(database: Database) -> None:
    ledger = DatabaseLedger(database)
    await _commit(database, {"0" * 32: entry(0)})
    ghost = Unnumbered("f" * 32, entry(9).leaf_hash)
    waiting = [*await ledger.unnumbered(4), ghost]
    grown = Frontier().extended(bytes.fromhex(item.leaf_hash) for item in waiting)
    with pytest.raises(NumberTakenError):
        await ledger.number(Frontier(), grown, waiting)
    assert await ledger.frontier() == Frontier()
    assert len(await ledger.unnumbered(4)) == 1


async def test_one_checkpoint_per_size_for_ever(database: Database) -> None:
    ledger = DatabaseLedger(database)
    one, other = StoredCheckpoint(3, b"r" * 32, "— note\n".encode()), StoredCheckpoint(3, b"s" * 32, b"other")
    assert await ledger.keep_checkpoint(one, NOW) == one
    assert await ledger.keep_checkpoint(other, NOW) == one
    later = StoredCheckpoint(8, b"t" * 32, b"later")
    await ledger.keep_checkpoint(later, NOW)
    assert await ledger.last_checkpoint() == later
    assert [item async for item in ledger.checkpoints(8)] == [one, later]
    assert [item async for item in ledger.checkpoints(7)] == [one]


async def test_two_anchors_at_once_make_one_log(database: Database, tmp_path: Path) -> None:
    ledger, folder = DatabaseLedger(database), CheckpointFile(tmp_path)
    anchors = [Anchor(ledger, SIGNER, folder), Anchor(DatabaseLedger(database), SIGNER, folder)]
    for round_ in range(5):
        await _commit(database, {f"{round_:016x}{n:016x}": entry(100 * round_ + n) for n in range(20)})
        results = await asyncio.gather(*(anchor.turn(NOW) for anchor in anchors), return_exceptions=True)
        assert all(isinstance(result, int | NumberTakenError) for result in results), results
    await anchors[0].turn(NOW)
    size = (await ledger.frontier()).size
    assert size == 100
    entries = [item async for item in ledger.numbered(0, size)]
    notes = [item.note async for item in ledger.checkpoints(size)]
    for reader, opened in ((AUDITOR, 100), ("24Z01", 100), ("99999", 0)):
        report = verify_export(export_lines(ORIGIN, size, entries, reader), notes, SIGNER.verifier)
        assert (report.size, report.opened) == (100, opened)
    assert await folder.published() == notes[-1]


async def test_an_export_as_files_is_what_verification_reads(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "PAGE_ROWS", 4)
    ledger, folder = DatabaseLedger(database), tmp_path / "handed" / "out"
    assert await export_files.write_export(ledger, folder, SIGNER.verifier, AUDITOR) == 0
    anchor = Anchor(ledger, SIGNER, CheckpointFile(tmp_path))
    for round_ in range(3):
        await _commit(database, {f"{round_:016x}{n:016x}": entry(10 * round_ + n) for n in range(3)})
        await anchor.turn(NOW)
    await _commit(database, {"f" * 32: entry(99)}, parties="")
    assert await export_files.write_export(ledger, folder, SIGNER.verifier, "24Z01") == 9
    notes = list(split_notes((folder / export_files.CHECKPOINTS).read_bytes()))
    key = NoteVerifier.decode((folder / export_files.KEY).read_text())
    with (folder / export_files.ENTRIES).open("rb") as lines:
        report = verify_export(lines, notes, key)
    assert (report.size, report.opened, report.checkpoints) == (9, 9, (3, 6, 9))


async def test_numbering_costs_little(database: Database, tmp_path: Path) -> None:
    """500 entries a second may cost 5 % of a core; the bound here is twenty times as wide, against accidents only."""
    ledger = DatabaseLedger(database)
    anchor = Anchor(ledger, SIGNER, CheckpointFile(tmp_path))
    await _commit(database, {f"{n:032x}": entry(n) for n in range(2_000)})
    begun = time.process_time()
    assert await anchor.turn(NOW) == 2_000
    spent = time.process_time() - begun
    async with database.read() as connection:
        numbers = await connection.execute(select(func.count(), func.max(audit_entry.c.log_index)))
        assert numbers.one() == (2_000, 1_999)
    assert spent < 4, f"{spent * 1e6 / 2_000:.0f} µs an entry"
    print(f"{database.is_sqlite=} {spent * 1e6 / 2_000:.0f} µs of this process for an entry")


async def test_the_checkpoint_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path)
    assert await file.published() is None
    await file.publish(b"one")
    await file.publish(b"two")
    assert await file.published() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    with pytest.raises(OSError, match="No such file"):
        await CheckpointFile(tmp_path / "absent").publish(b"x")
