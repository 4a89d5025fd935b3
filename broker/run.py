"""One process of an exchange, from start to clean stop."""

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from broker import memory
from broker.audit.checkpoint import log_origin
from broker.audit.ledger import DatabaseLedger
from broker.audit.log_key import load_log_key
from broker.audit.numbering import Anchor, Fault, run_anchor
from broker.audit.publishing import CheckpointFile
from broker.backup_guard import refuse_older_database
from broker.exchange import Exchange, Surroundings
from broker.housekeeping import Housekeeping
from broker.material import load_keys
from broker.ports import LogUnavailableError
from broker.run_lock import RunLock
from broker.settings import ExchangeSettings
from broker.store import counters
from broker.store.alarms import AlarmTable
from broker.store.engine import CommitUnknownError, Database, PositionLostError
from broker.store.lanes import session_name
from broker.store.migrating import migrate
from schemas.times import iso
from transport.clock import Clock, SystemClock
from transport.kafka import KafkaLink
from transport.logs import get_logger
from transport.tls import client_context

WAIT_FOR_KAFKA_S: Final = 2.0
ANCHOR_LANE: Final = 0  # its owner numbers the audit log

Web = Callable[[ExchangeSettings, Database, Exchange, asyncio.Event], Awaitable[None]]


async def run(settings: ExchangeSettings, *, web: Web | None = None, clock: Clock | None = None) -> None:
    """Run until SIGTERM or SIGINT.

    ``web`` serves pages and interfaces beside the work, until the event that it is given is set.

    Raises:
        AlreadyRunningError, Refused (certificates, keys but the audit log's), TlsFileError, UnsafeDatabaseError,
            DatabaseTooNewError, DatabaseIsOlderError: at the start, with what to do.
        CommitUnknownError, PositionLostError: the process must end at once, and be started again.
    """
    clock = clock or SystemClock()
    with RunLock(settings.folders.data):
        instance = str(uuid.uuid4())
        database = Database(settings.database_url, application=session_name(instance))
        try:
            await migrate(database)
            await database.check_safety()
            given = await _surroundings(settings, database, clock, instance)
            exchange = Exchange(given)
            try:
                await _work(given, exchange, web)
            finally:
                await exchange.close()
        finally:
            await database.close()


async def _surroundings(settings: ExchangeSettings, database: Database, clock: Clock, instance: str) -> Surroundings:
    async with database.write() as connection:
        await counters.ensure(connection)
        generation = await counters.value_of(connection, counters.GENERATION)
    context = client_context(settings.keys.ca, settings.identity("tls"))
    link = KafkaLink(settings.kafka.bootstrap, context, f"exchange-{settings.exchange.worker_id}")
    return Surroundings(settings, database, link, load_keys(settings), clock, instance=instance, generation=generation)


async def _work(given: Surroundings, exchange: Exchange, web: Web | None) -> None:
    settings, clock, stop = given.settings, given.clock, asyncio.Event()
    _stop_on_signals(stop)
    if not await _is_current(given, stop):
        return
    started_at = iso(clock.now())
    await exchange.count_interrupted(started_at)
    await exchange.lanes.begin(settings.exchange.worker_id, started_at)
    memory.settle()
    log = get_logger(__name__)
    log.info("exchange.started", exchange=settings.exchange.name)
    alarms = AlarmTable(given.database, given.keys.signer, clock)
    tasks: list[Awaitable[None]] = [
        exchange.lanes.run(stop, exchange.trouble("lanes")),
        exchange.run_pipeline(stop, exchange.trouble("pipeline")),
        exchange.relay.run(exchange.lanes.epochs, stop),
        exchange.heads.run(exchange.lanes.epochs, given.generation, stop, exchange.trouble("heads")),
        exchange.second_look.run(exchange.lanes.epochs, stop, exchange.trouble("second-look")),
        Housekeeping(given.database, given.keys.signer, clock).run(
            exchange.lanes.epochs, stop, exchange.trouble("housekeeping")
        ),
        run_anchor(
            partial(_anchor, settings, given.database),
            clock,
            stop=stop,
            holds_lease=lambda: ANCHOR_LANE in exchange.lanes.epochs(),
            alarm=partial(_audit_fault, alarms),
        ),
    ]
    if web is not None:
        tasks.append(web(settings, given.database, exchange, stop))
    await _together(tasks, stop)
    await exchange.lanes.leave()
    log.info("exchange.stopped", exchange=settings.exchange.name)


async def _is_current(given: Surroundings, stop: asyncio.Event) -> bool:
    """Compare the database with the log, as soon as the log can be read; False when told to stop before that."""
    while not stop.is_set():
        try:
            await refuse_older_database(given.settings, given.database, given.link)
        except LogUnavailableError as error:
            get_logger(__name__).warning("exchange.waits-for-kafka", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_FOR_KAFKA_S):
                    await stop.wait()
        else:
            return True
    return False


async def _together(tasks: list[Awaitable[None]], stop: asyncio.Event) -> None:
    """All until they end; when one fails, none goes on."""
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(_as_coroutine(task))
    except* CommitUnknownError as unknown:
        raise unknown.exceptions[0] from None
    except* PositionLostError as lost:
        raise lost.exceptions[0] from None
    except* OSError as full:  # the door could not be written down: a full disk, most often
        raise full.exceptions[0] from None
    finally:
        stop.set()


async def _as_coroutine(task: Awaitable[None]) -> None:
    await task


def _anchor(settings: ExchangeSettings, database: Database) -> Anchor:
    """Raises Refused while the key cannot be used."""
    key = load_log_key(settings.key("audit"), log_origin(settings.exchange.name))
    return Anchor(DatabaseLedger(database), key, CheckpointFile(settings.folders.data))


async def _audit_fault(alarms: AlarmTable, fault: Fault) -> None:
    """Into the log, and before the operator's eyes. Transfers go on."""
    get_logger(__name__).error("audit.fault", state=fault.alarm)
    await alarms.raise_once(fault.alarm)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, ValueError):  # Windows; a loop outside the main thread
            loop.add_signal_handler(number, stop.set)
