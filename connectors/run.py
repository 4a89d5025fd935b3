"""One running connector: lock, store, keys, links, and a handful of named tasks that are watched.

A task that fails by accident is started again after a pause. An outcome that nobody knows (a failed commit, a position
that somebody else moved) ends the process: its next start reads back what happened. A stop lets what was begun finish,
within a few seconds; whatever is cut then is repeated at the next start.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connectors.control import ControlDoor, Extension
from connectors.handover import HandoverDesk, Target
from connectors.handover_folder import FolderTarget
from connectors.handover_http import HttpTarget
from connectors.housekeeping import Housekeeping
from connectors.inbox import Inbox
from connectors.intake import Intake
from connectors.intake_bundles import BundleIntake
from connectors.kafka_link import KafkaInboxLink, KafkaSubmitLink
from connectors.keyring import TLS_FILE, load_keyring
from connectors.outbox import Sender
from connectors.papers import Papers
from connectors.reporter import Reporter
from connectors.retry import LOCAL
from connectors.scanning import Scanner
from connectors.settings import Settings
from connectors.site import Site
from connectors.store.database import CommitUnknownError, Database
from connectors.store.folder_lock import AlreadyRunningError, FolderLock, Holder
from connectors.store.meta import PositionMovedError
from connectors.workshop.client import Workshop
from transport.clock import Clock, SystemClock
from transport.kafka import SLOW_LINE_REQUEST_TIMEOUT_MS, KafkaLink
from transport.logs import get_logger
from transport.tls import client_context

_log = get_logger(__name__)
_STOP_PATIENCE_S: Final = 8.0
_LEAVES_WITHIN_S: Final = {Holder.PROCESS: 0.5, Holder.COMMAND: 15.0}  # longer than a command needs
_LOOK_AGAIN_S: Final = 0.05
_STEADY_AFTER_S: Final = 60.0  # a task that ran this long starts with a short pause again

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Connector:
    """The parts of a connector that is set up, for its tasks, its door, and the command line."""

    site: Site
    intake: Intake
    ready: BundleIntake
    workshop: Workshop


@asynccontextmanager
async def opened(
    settings: Settings, clock: Clock | None = None, *, holder: Holder = Holder.PROCESS
) -> AsyncIterator[Connector]:
    """A connector without its links: what the command line uses when nothing runs, and what ``run`` builds on.

    Raises:
        AlreadyRunningError: somebody else owns the data folder and keeps it.
        Refused, TlsFileError, OSError, sqlite3.Error, NewerDatabaseError: it cannot be set up.
    """
    clock = clock or SystemClock()
    data = settings.folders.data
    async with _owned(data, holder, clock):
        database = Database(settings.database)
        await database.open()
        try:
            site = Site(settings, database, clock, load_keyring(settings, clock.now()))
            await site.prepare()
            papers = Papers(data)
            async with Workshop() as workshop:
                yield Connector(site, Intake(site, workshop, papers), BundleIntake(site, papers), workshop)
        finally:
            await database.close()


@asynccontextmanager
async def _owned(data: Path, holder: Holder, clock: Clock) -> AsyncIterator[None]:
    """The data folder is ours alone; one who is about to leave is waited for. Raises AlreadyRunningError."""
    began = clock.monotonic()
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(FolderLock(data, holder))
                break
            except AlreadyRunningError as held:
                if clock.monotonic() - began >= _LEAVES_WITHIN_S[held.holder]:
                    raise
            await asyncio.sleep(_LOOK_AGAIN_S)
        yield


async def run(settings: Settings, *, stop: asyncio.Event | None = None, extension: Extension | None = None) -> None:
    """Run until SIGTERM, SIGINT or ``stop``.

    ``extension`` adds pages to the local door.

    Raises:
        CommitUnknownError, PositionMovedError: start again.
        As ``opened``; transport.http_server.HttpServerError.
    """
    stop = stop or asyncio.Event()
    with _signals(stop):
        async with opened(settings) as connector:
            tls = client_context(settings.keys.ca, settings.keys.folder / TLS_FILE)
            link = KafkaLink(
                settings.exchange.bootstrap,
                tls,
                client_id=f"connector-{settings.facility.code}",
                request_timeout_ms=SLOW_LINE_REQUEST_TIMEOUT_MS,
            )
            submit = KafkaSubmitLink(link, settings.facility.code)
            inbox_link = KafkaInboxLink(link, settings.facility.code)
            target = _target(settings)
            inbox = Inbox(connector.site, inbox_link)
            scanner = Scanner(connector.site, connector.intake, connector.ready)
            work: dict[str, Work] = {
                "receive": inbox.run,
                "send": Sender(connector.site, submit).run,
                "report": Reporter(connector.site, submit).run,
                "hand-over": HandoverDesk(connector.site, target).run,
                "scan": scanner.run,
                "housekeeping": Housekeeping(connector.site, inbox, tls).run,
            }
            try:
                async with ControlDoor(connector, extension):
                    await _watch(work, stop, connector.site)
            finally:
                for closing in (submit.close(), inbox_link.close(), target.close()):
                    with contextlib.suppress(Exception):
                        await closing


def _target(settings: Settings) -> Target:
    receiving = settings.receiving
    if receiving.url:
        return HttpTarget(receiving.url, timeout_s=receiving.timeout_s, ca=receiving.url_ca)
    return FolderTarget(receiving.folder)


async def _watch(work: dict[str, Work], stop: asyncio.Event, site: Site) -> None:
    """Run the tasks until the stop, or until one meets an unknown outcome."""
    tasks = {asyncio.create_task(_again_and_again(name, one, site), name=name) for name, one in work.items()}
    stopping = asyncio.create_task(stop.wait(), name="stop")
    _log.info("connector.started", facility=site.facility, incarnation=site.incarnation)
    try:
        done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            task.result()  # raises what ended it
    finally:
        stopping.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.wait({*tasks, stopping}, timeout=_STOP_PATIENCE_S)
        _log.info("connector.stopped", facility=site.facility)


async def _again_and_again(name: str, work: Work, site: Site) -> None:
    """A task's life: whatever it stumbles over, it gets up again, unless nobody knows what is durable."""
    failures = 0
    while True:
        began = site.clock.monotonic()
        try:
            await work()
            raise RuntimeError("a task that never ends has ended")
        except (CommitUnknownError, PositionMovedError):
            _log.error("task.outcome_unknown", stage=name, exc_info=True)
            raise
        except Exception:
            failures = 1 if site.clock.monotonic() - began > _STEADY_AFTER_S else failures + 1
            _log.error("task.failed", stage=name, attempt=failures, exc_info=True)
            await asyncio.sleep(LOCAL.pause(failures, site.chance()))


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Any:
    """SIGTERM and SIGINT ask for a clean stop; on systems without these handlers Ctrl-C ends the loop."""
    if os.name != "posix":
        yield
        return
    loop = asyncio.get_running_loop()
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    except (RuntimeError, ValueError):  # not the main thread: whoever runs us there stops us by the event
        yield
        return
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
