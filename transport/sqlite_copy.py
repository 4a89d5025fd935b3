"""A copy of an SQLite database while its owner works on it, and the way back, which never destroys what was there.

Both end in one rename, so that whoever is killed half way leaves the old file as it was.
"""

import contextlib
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_BUSY_S: Final = 30.0
_OWNER_ONLY: Final = 0o600


class NotABackupError(Exception):
    """The file is no database, is damaged, or is another program's; the text says which, in Vietnamese and English."""


class TargetExistsError(Exception):
    """The backup's file is there already; it is not overwritten."""

    def __init__(self, target: Path) -> None:
        super().__init__(f"{target}: đã có, không ghi đè. / exists already and is not overwritten.")


def back_up(source: Path, target: Path) -> int:
    """Copy a database in use, consistent as of one moment; the copy's size in bytes.

    SQLite's own online copy in one step: writers wait for it, a second or so for a gigabyte.
    Raises TargetExistsError, NotABackupError (the copy is not sound), sqlite3.Error, OSError.
    """
    if target.exists():
        raise TargetExistsError(target)
    if not source.exists():
        raise FileNotFoundError(2, "no database", str(source))
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
    try:
        _copy(source, fresh)
        check_sound(fresh)
        _sync(fresh)
        os.link(fresh, target)  # unlike a rename, never over a file that has come meanwhile
    except FileExistsError:
        raise TargetExistsError(target) from None
    finally:
        fresh.unlink(missing_ok=True)
    _sync(target.parent)
    return target.stat().st_size


def put_back(backup: Path, place: Path, *, tables: frozenset[str], now: datetime | None = None) -> Path | None:
    """Put a copy of ``backup`` in the place of a database that nobody uses; returns where the old one is kept.

    ``tables`` must all be in it. Raises NotABackupError, sqlite3.Error, OSError; the old file is in place then.
    """
    check_sound(backup, tables)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = place.with_name(f".{place.name}.restoring")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
    _copy(backup, fresh)
    _sync(fresh)
    kept = _keep(place, now or datetime.now(UTC)) if place.exists() else None
    fresh.replace(place)
    _sync(place.parent)
    return kept


def check_sound(path: Path, tables: frozenset[str] = frozenset()) -> None:
    """Raises NotABackupError."""
    try:
        with contextlib.closing(_open(path)) as connection:
            sound = connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
            there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        sound, there = False, set()
    if not sound:
        raise NotABackupError(f"{path}: không đọc được hoặc bị hỏng. / cannot be read as a database, or is damaged.")
    if not tables <= there:
        raise NotABackupError(f"{path}: không phải bản sao lưu loại này. / is not a backup of this kind.")


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(_open(source)) as reading, contextlib.closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


def _keep(place: Path, now: datetime) -> Path:
    """The old file under a second name, together with a journal that has not been rolled back."""
    stamp = now.strftime("%Y%m%dT%H%M%S%fZ")
    kept = place.with_name(f"{place.name}.before-restore-{stamp}")
    journal = place.with_name(f"{place.name}-journal")
    os.link(place, kept)
    if journal.exists():
        if journal.stat().st_size:
            shutil.copyfile(journal, kept.with_name(f"{kept.name}-journal"))
        journal.unlink()
    return kept


def _sync(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
