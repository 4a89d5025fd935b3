"""Export files that were judged, and what people must know about them."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.sources.seen_files import FileIdentity, FileKey, FolderStart, Outcome
from connectors.store.database import Store
from schemas.times import iso, parse_iso


def record(c: sqlite3.Connection, identity: FileIdentity, outcome: Outcome, at: datetime) -> None:
    """What became of a file, in the transaction of whoever acted on it."""
    c.execute(
        "INSERT OR REPLACE INTO seen_file VALUES (?, ?, ?, ?, ?, ?)",
        (identity.path, identity.size, identity.mtime_ns, identity.sha256, outcome.value, iso(at)),
    )


class StoredSeenFiles:
    """``sources.seen_files.SeenFiles`` on the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, folder: str, counts_from: datetime) -> FolderStart:
        """See the port."""

        def question(c: sqlite3.Connection) -> FolderStart:
            c.execute("INSERT OR IGNORE INTO folder_start VALUES (?, ?, 0)", (folder, iso(counts_from)))
            row = c.execute(
                "SELECT counts_from, first_pass_done FROM folder_start WHERE folder = ?", (folder,)
            ).fetchone()
            return FolderStart(parse_iso(row[0]), bool(row[1]))

        known = await self._store.read(
            lambda c: c.execute(
                "SELECT counts_from, first_pass_done FROM folder_start WHERE folder = ?", (folder,)
            ).fetchone()
        )
        if known is not None:  # at every pass but the first: no need to write
            return FolderStart(parse_iso(known[0]), bool(known[1]))
        return await self._store.write(question)

    async def end_first_pass(self, folder: str) -> None:
        """See the port."""
        await self._store.write(
            lambda c: c.execute("UPDATE folder_start SET first_pass_done = 1 WHERE folder = ?", (folder,))
        )

    async def judged(self, keys: Iterable[FileKey]) -> frozenset[FileKey]:
        """See the port."""
        asked = list(keys)

        def question(c: sqlite3.Connection) -> frozenset[FileKey]:
            statement = "SELECT 1 FROM seen_file WHERE path = ? AND size = ? AND mtime_ns = ?"
            return frozenset(key for key in asked if c.execute(statement, key).fetchone() is not None)

        return await self._store.read(question)

    async def is_taken(self, sha256: str) -> bool:
        """See the port."""
        statement = "SELECT 1 FROM seen_file WHERE sha256 = ? AND outcome = 'taken' LIMIT 1"
        return await self._store.read(lambda c: c.execute(statement, (sha256,)).fetchone() is not None)

    async def record(self, identity: FileIdentity, outcome: Outcome, at: datetime) -> None:
        """See the port."""
        await self._store.write(lambda c: record(c, identity, outcome, at))


@dataclass(frozen=True, slots=True)
class FileFinding:
    """What a person must know about a file (position 0) or a slip in it. ``findings``: reasons in words, no values."""

    path: str
    sha256: str
    position: int
    verdict: str  # refused | not-connected | noted (weighs nothing, for people)
    findings: tuple[dict[str, str], ...]
    slip_number: str | None = None
    case_code: str | None = None
    destination: str | None = None
    destination_name: str | None = None
    phone: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with its number and time."""

    id: int
    at: str
    finding: FileFinding


def add_finding(c: sqlite3.Connection, found: FileFinding, now: datetime) -> None:
    """Write what was found; the same file judged again replaces it."""
    c.execute(
        "INSERT OR REPLACE INTO file_finding (path, sha256, position, verdict, findings, slip_number, case_code,"
        " destination, destination_name, phone, document, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            found.path,
            found.sha256,
            found.position,
            found.verdict,
            json.dumps(found.findings, ensure_ascii=False),
            found.slip_number,
            found.case_code,
            found.destination,
            found.destination_name,
            found.phone,
            found.document,
            iso(now),
        ),
    )


def clear_findings(c: sqlite3.Connection, path: str, slip_number: str | None, now: datetime) -> None:
    """A good export came: what was found before, in that file or about that slip, is settled."""
    c.execute(
        "UPDATE file_finding SET cleared_at = ? WHERE cleared_at IS NULL AND verdict <> 'not-connected'"
        " AND (path = ? OR (slip_number = ? AND slip_number <> ''))",
        (iso(now), path, slip_number),
    )


def dismiss_findings(c: sqlite3.Connection, ids: Sequence[int], now: datetime) -> None:
    """A person has seen them."""
    c.executemany("UPDATE file_finding SET cleared_at = ? WHERE id = ?", [(iso(now), number) for number in ids])


def open_findings(c: sqlite3.Connection, limit: int = 200, *, noted: bool = False) -> list[StoredFinding]:
    """What waits for a person, or with ``noted`` what merely was noticed; newest first."""
    rows = c.execute(
        "SELECT id, at, path, sha256, position, verdict, findings, slip_number, case_code, destination,"
        " destination_name, phone, document FROM file_finding"
        " WHERE cleared_at IS NULL AND (verdict = 'noted') = ? ORDER BY id DESC LIMIT ?",
        (int(noted), limit),
    )
    return [StoredFinding(row["id"], row["at"], _finding(row)) for row in rows]


def _finding(row: sqlite3.Row) -> FileFinding:
    return FileFinding(
        path=row["path"],
        sha256=row["sha256"],
        position=row["position"],
        verdict=row["verdict"],
        findings=tuple(json.loads(row["findings"])),
        slip_number=row["slip_number"],
        case_code=row["case_code"],
        destination=row["destination"],
        destination_name=row["destination_name"],
        phone=row["phone"],
        document=row["document"],
    )


def file_counts(c: sqlite3.Connection) -> dict[str, int]:
    """How many files were judged, by outcome."""
    return {row[0]: row[1] for row in c.execute("SELECT outcome, count(*) FROM seen_file GROUP BY outcome")}


def finding_counts(c: sqlite3.Connection) -> dict[str, int]:
    """How many slips were ever refused here or had no connected destination, by verdict."""
    return {row[0]: row[1] for row in c.execute("SELECT verdict, count(*) FROM file_finding GROUP BY verdict")}
