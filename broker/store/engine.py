"""Connections to the database, with every safety setting written out, and what a failure means.

Three kinds of failure, and nothing else comes out of here but errors of the program:

* ``PassingError``        nothing was committed; trying again may help (lock, lost connection, full disk)
* ``PositionLostError``   somebody else owns what this worker thought it owned; forget everything and read again
* ``CommitUnknownError``  COMMIT was sent and did not plainly succeed: publish nothing, end the process, read back

No text here quotes a statement, a parameter or a driver's message: those quote values.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from broker.store.one_writer import OneWriter

LOCK_TIMEOUT_MS: Final = 5_000  # a lock not had by then is a stuck neighbour: roll back and try again
STATEMENT_TIMEOUT_MS: Final = 30_000  # nothing this program asks takes long
POOL_SIZE: Final = 4  # pipeline, relay, lanes, housekeeping: each holds one connection for milliseconds
READERS: Final = 4  # for the pages and the status interface
CONNECT_TIMEOUT_S: Final = 5
_PREPARE_AFTER: Final = 3  # executions of one statement before PostgreSQL keeps its plan

_WARNING: Final = "WARNING"
_PASSING_STATES: Final = frozenset({"40001", "40P01", "55P03", "57014", "25P03"})  # conflict, deadlock, lock, timeouts
_PASSING_CLASSES: Final = ("08", "53", "57P", "58")  # connection, resources, shutdown, system


class StoreError(Exception):
    """The database did not do what it was asked. The text names a class of error, never a value."""


class PassingError(StoreError):
    """Nothing was committed; the same may succeed later."""


class PositionLostError(StoreError):
    """A position, lane or held message is not as this worker left it: another one owns it now."""


class CommitUnknownError(StoreError):
    """Whether the transaction is committed is not known."""


class UnsafeDatabaseError(StoreError):
    """The database runs with settings under which a confirmed commit can be lost. The text says which, in vi / en."""


class Database:
    """One database. ``write`` for what changes it, ``read`` for what only looks."""

    def __init__(self, url: str, *, application: str = "lienvien") -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._last_write: StoreError | None = None
        self._turns = OneWriter()  # SQLite has one anyway; who waits here is woken, who waits there polls
        if self.is_sqlite:
            self._writer = _sqlite_engine(parsed, "BEGIN EXCLUSIVE")  # meets a reader where waiting is harmless
            self._reader = _sqlite_engine(parsed, "BEGIN")
        else:
            self._writer = _postgresql_engine(parsed, application, POOL_SIZE)
            self._reader = _postgresql_engine(parsed, f"{application}-pages", READERS)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed when the block ends without an exception.

        Durable once the block is left. Raises PassingError, CommitUnknownError; other exceptions roll back and pass.
        """
        try:
            async with AsyncExitStack() as stack:
                if self.is_sqlite:
                    await _its_turn(stack, self._turns.writing())
                yield await stack.enter_async_context(self._transaction(self._writer))
        except (PassingError, CommitUnknownError) as error:
            self._last_write = error
            raise
        self._last_write = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for looking only; what is written through it is rolled back. Raises PassingError."""
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await _its_turn(stack, self._turns.reading())
            try:
                async with self._reader.connect() as connection:
                    yield connection
            except DBAPIError as error:
                raise _judged(error) from None
            except (OSError, PoolTimeoutError) as error:
                raise PassingError(type(error).__name__) from None

    async def takes_writes(self) -> bool:
        """False when the last write failed for a reason that may pass: a full disk can still be read."""
        return self._last_write is None

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()

    async def check_safety(self) -> None:
        """Refuse settings that lose confirmed commits. Raises UnsafeDatabaseError, PassingError."""
        async with self.read() as connection:
            if self.is_sqlite:
                synchronous = (await connection.execute(text("PRAGMA synchronous"))).scalar_one()
                journal = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
                unsafe = None if (synchronous, journal) == (2, "truncate") else "synchronous / journal_mode"
            else:
                rows = await connection.execute(
                    text(
                        "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
                        " AND setting = 'off'"
                    )
                )
                unsafe = next((str(name) for (name,) in rows), None)
        if unsafe:
            raise UnsafeDatabaseError(
                f"Cơ sở dữ liệu đang tắt {unsafe}; hãy bật rồi chạy lại. "
                f"/ The database runs with {unsafe} off; turn it on and start again."
            )

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await engine.connect()
        except DBAPIError as error:
            raise _judged(error) from None
        except (OSError, SQLAlchemyError) as error:
            raise PassingError(type(error).__name__) from None
        try:
            try:
                await connection.begin()
                yield connection
            except BaseException as error:
                await _roll_back(connection)
                if isinstance(error, DBAPIError):
                    raise _judged(error) from None
                raise
            await _commit(connection)
        finally:
            await _give_back(connection)


async def _its_turn(stack: AsyncExitStack, turn: AbstractAsyncContextManager[None]) -> None:
    try:
        await stack.enter_async_context(turn)
    except TimeoutError:
        raise PassingError("Busy") from None


async def _commit(connection: AsyncConnection) -> None:
    warnings: list[str] = connection.info.setdefault("warnings", [])
    warnings.clear()
    try:
        await connection.commit()
    except BaseException as error:  # a cancellation too: the statement may have arrived
        await connection.invalidate()
        raise CommitUnknownError(type(error).__name__) from None
    if warnings:  # a synchronous standby that was not waited for reports success with a warning
        raise CommitUnknownError("WarningAtCommit")


async def _roll_back(connection: AsyncConnection) -> None:
    try:
        await connection.rollback()
    except (DBAPIError, OSError, SQLAlchemyError):
        await connection.invalidate()


async def _give_back(connection: AsyncConnection) -> None:
    try:
        await connection.close()
    except (DBAPIError, OSError, SQLAlchemyError):
        await connection.invalidate()


def _judged(error: DBAPIError) -> Exception:
    """A passing error for what may pass; otherwise an error of the program, stripped of every value."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    kind_of_sqlite = getattr(error.orig, "sqlite_errorname", None)  # SQLITE_FULL, SQLITE_BUSY: what is to be done
    name = str(kind_of_sqlite or f"{type(error.orig).__name__} {state}".rstrip())
    if error.connection_invalidated or state in _PASSING_STATES or state.startswith(_PASSING_CLASSES):
        return PassingError(name)
    if not state and isinstance(error, OperationalError | InterfaceError):
        return PassingError(name)  # no state: the connection itself, or SQLite's lock, disk or file
    kind = "IntegrityError" if isinstance(error, IntegrityError) else "StatementError"
    return StoreError(f"{kind} {name}")


def _sqlite_engine(url: URL, begin: str) -> AsyncEngine:
    if not url.database:
        raise ValueError("an SQLite database needs a file")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"), hide_parameters=True, connect_args={"timeout": LOCK_TIMEOUT_MS / 1000}
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours: two writers never meet half way, nor a reader at COMMIT
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = TRUNCATE",  # no WAL: its corruption bug is in every library before 3.51.3
        "synchronous = FULL",  # with TRUNCATE the directory entry never changes, so FULL is enough
        f"busy_timeout = {LOCK_TIMEOUT_MS}",
        "mmap_size = 0",  # a fault on a mapped page would be a signal, not an error
        "temp_store = MEMORY",
        "cache_size = -16384",  # KiB
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _postgresql_engine(url: URL, application: str, pool_size: int) -> AsyncEngine:
    settings = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "synchronous_commit": "on",
        "timezone": "UTC",
        "jit": "off",  # statements are short; compiling them is not
    }
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,  # a dead connection is a passing error like any other
        connect_args={
            "application_name": application,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "prepare_threshold": _PREPARE_AFTER,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
    )
    event.listen(engine.sync_engine, "connect", _listen_for_warnings)
    return engine


def _listen_for_warnings(connection: Any, record: Any) -> None:
    warnings: list[str] = record.info.setdefault("warnings", [])

    def note(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == _WARNING:
            warnings.append(str(diagnostic.sqlstate))

    connection.driver_connection.add_notice_handler(note)


def sync_engine(database: Database) -> Engine:
    """The writer's synchronous face, for inspection by tests."""
    return database._writer.sync_engine
