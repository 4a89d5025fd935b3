"""Backup and restore of a connector's database, as the commands do them."""

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from connectors.settings import Settings
from connectors.sources.xml13.dates import VIETNAM
from connectors.store import meta
from connectors.store.folder_lock import FolderLock, Holder
from connectors.store.tables import bring_up_to_date
from transport import sqlite_copy

TABLES: Final = frozenset({"meta", "outbox", "inbox", "transfer", "position", "day_serial"})


def back_up(settings: Settings, target: Path) -> dict[str, Any]:
    """Copy the database, whether the connector runs or not. Raises as ``sqlite_copy.back_up``."""
    size = sqlite_copy.back_up(settings.database, target)
    return {"backup": str(target), "bytes": size, "not_in_it": [str(settings.keys.folder)]}


def restore(settings: Settings, backup: Path, *, now: datetime | None = None) -> dict[str, Any]:
    """Put a backup in place, as a database of its own: what it sends is nobody's clone, what it reads may be known.

    Raises as ``sqlite_copy.put_back``, AlreadyRunningError, NewerDatabaseError.
    """
    now = now or datetime.now(UTC)
    with FolderLock(settings.folders.data, Holder.COMMAND):
        sqlite_copy.check_sound(backup, TABLES)
        prepared = settings.folders.data / ".connector.prepared"
        prepared.unlink(missing_ok=True)
        try:
            sqlite_copy.back_up(backup, prepared)
            _mark(prepared, now)
            kept = sqlite_copy.put_back(prepared, settings.database, tables=TABLES, now=now)
        finally:
            prepared.unlink(missing_ok=True)
    return {"restored": str(settings.database), "kept": str(kept) if kept else None}


def _mark(database: Path, now: datetime) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        bring_up_to_date(connection)
        connection.execute("BEGIN EXCLUSIVE")
        meta.came_back(connection, now.astimezone(VIETNAM).date())
        connection.execute("COMMIT")
