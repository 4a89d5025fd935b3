"""Bring a database to the present tables; harmless to repeat, safe when several processes start at once.

Alembic is loaded only when there is something to do: a worker that finds its tables as they should be never needs it.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from broker.store.engine import Database, StoreError

HEAD: Final = "0001"  # the newest step in ``migrations/versions``
_VERSION_TABLE: Final = "alembic_version"
_FOLDER: Final = Path(__file__).with_name("migrations")
_LOCK: Final = 0x4C56_0001  # an advisory lock of PostgreSQL: one process migrates, the others wait


class DatabaseTooNewError(StoreError):
    """The database was made by a newer program; the text says so in Vietnamese and English."""


async def migrate(database: Database) -> None:
    """Run the steps that are missing, in one transaction.

    Raises:
        DatabaseTooNewError: an older program must not touch it.
        PassingError, CommitUnknownError: as every write.
    """
    async with database.read() as connection:
        if await connection.run_sync(_version) == HEAD:
            return
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_upgrade)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608
    return found


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  7 MiB that a running worker has no use for
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    there = _version(connection)
    if there is not None and there not in known:
        raise DatabaseTooNewError(
            "Cơ sở dữ liệu do phiên bản mới hơn tạo ra; hãy nâng cấp phần mềm. "
            "/ The database was made by a newer version; upgrade the program."
        )
    command.upgrade(config, "head")
