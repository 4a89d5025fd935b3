"""Looking into the export folders, one file after the other; the folders are never written to or locked."""

import asyncio
import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from connectors.alarm_words import AlarmCode
from connectors.intake import Intake
from connectors.intake_bundles import BundleIntake
from connectors.retry import LOCAL
from connectors.settings import ExportFolder
from connectors.site import Site
from connectors.sources import bundles
from connectors.sources.folder import (
    FileRefused,
    FilesLeftOut,
    FolderSource,
    FolderUnavailableError,
    SourceEvent,
    SourceFile,
)
from connectors.sources.own_folder import NotOurFolderError, move_taken
from connectors.sources.source_folder import LocalFolder
from connectors.sources.xml13 import envelope
from connectors.store import alarms
from connectors.store.database import CommitUnknownError
from connectors.store.files import StoredSeenFiles
from schemas.limits import MIB
from schemas.reasons import ReasonCode
from schemas.urgency import Priority
from transport.logs import get_logger

_log = get_logger(__name__)
_OF_THE_FILE: Final = (sqlite3.IntegrityError, sqlite3.DataError)  # what it holds does not fit, today or tomorrow
DISK_KEPT_FREE: Final = 64 * MIB  # for sending and for marking sent: taking nothing new is the first thing to go


@dataclass(frozen=True)
class _Folder:
    path: Path
    source: FolderSource
    move: bool
    at_least: Priority | None
    holds_bundles: bool


class Scanner:
    """Scans for ever. One per process."""

    def __init__(self, site: Site, intake: Intake, ready: BundleIntake) -> None:
        self._site = site
        self._intake = intake
        self._ready = ready
        folders = site.settings.folders
        self._disk_alarm: bool | None = None  # whether the alarm is open; None: not known
        self._folders = [
            *(self._folder(export, holds_bundles=False) for export in folders.exports),
            *(self._folder(ExportFolder(path=path), holds_bundles=True) for path in folders.bundles),
        ]

    def _folder(self, export: ExportFolder, *, holds_bundles: bool) -> _Folder:
        site = self._site
        source = FolderSource(
            LocalFolder(export.path),
            StoredSeenFiles(site.store),
            site.clock,
            suffix=".json" if holds_bundles else ".xml",
            is_whole=bundles.is_whole if holds_bundles else envelope.is_whole,
            leave_out_older_than=timedelta(days=site.settings.folders.first_start_days),
        )
        return _Folder(export.path, source, export.take == "move", export.priority, holds_bundles)

    async def run(self) -> None:
        """Look into every folder, again and again.

        Raises:
            CommitUnknownError: the process must end; its next start reads back.
        """
        failures = 0
        while True:
            self._site.wakes.scan.clear()
            pause = self._site.settings.clocks.scan_s
            try:
                await self.scan_all()
                failures = 0
            except (sqlite3.OperationalError, OSError):
                failures += 1
                _log.warning("scan.failed", exc_info=True, attempt=failures)
                pause = LOCAL.pause(failures, self._site.chance())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._site.wakes.scan.wait()

    async def scan_all(self) -> None:
        """One pass over every folder; one that cannot be read stops no other."""
        if await self._disk_is_full():
            return
        for folder in self._folders:
            if not folder.holds_bundles and not self._site.book.knows_who_exists:
                continue  # without a directory every destination would be refused as unknown
            try:
                async for event in folder.source.scan():
                    await self._handle(folder, event)
                await self._folder_alarm(folder, there=True)
            except FolderUnavailableError:
                await self._folder_alarm(folder, there=False)

    async def _handle(self, folder: _Folder, event: SourceEvent) -> None:
        if isinstance(event, FilesLeftOut):
            await self._intake.left_out(event)
        elif isinstance(event, FileRefused):
            await self._intake.refused(event)
        else:
            await self._take(folder, event)

    async def _take(self, folder: _Folder, file: SourceFile) -> None:
        """One file; what is in it must stop no other file."""
        try:
            if folder.holds_bundles:
                await self._ready.take(file)
            else:
                await self._intake.take(file, folder.at_least)
        except (sqlite3.Error, OSError, CommitUnknownError) as error:
            if not isinstance(error, _OF_THE_FILE):
                raise
            await self._failed(file)
        except Exception:
            await self._failed(file)
        else:
            if folder.move:
                await self._move(folder, file.relative)

    async def _failed(self, file: SourceFile) -> None:
        _log.error("file.failed", exc_info=True)
        await self._intake.refused(FileRefused(file.identity, ReasonCode.PROCESSING_FAILED))

    async def _move(self, folder: _Folder, relative: str) -> None:
        """Only from a folder that we made; where it fails the file stays, recorded as taken."""
        try:
            await asyncio.to_thread(move_taken, folder.path, relative)
        except (NotOurFolderError, OSError):
            _log.warning("file.not_moved", exc_info=True)

    async def _disk_is_full(self) -> bool:
        site = self._site
        free = shutil.disk_usage(site.settings.folders.data).free
        full = free < DISK_KEPT_FREE
        if full != site.live.disk_full:
            _log.warning("disk.full" if full else "disk.has-room")
        site.live.disk_full = full
        if full != self._disk_alarm:  # unknown after a start, and when the disk was too full to say that it is full
            with contextlib.suppress(sqlite3.OperationalError):
                await site.store.write(partial(_set_disk_alarm, full, site.clock.now()))
                self._disk_alarm = full
        return full

    async def _folder_alarm(self, folder: _Folder, *, there: bool) -> None:
        site, place = self._site, str(folder.path)
        known = place in site.live.folders_missing
        if there != known:
            return
        now = site.clock.now()
        if there:
            site.live.folders_missing.discard(place)
            await site.store.write(lambda c: alarms.clear_alarm(c, AlarmCode.FOLDER_MISSING.value, place, now))
        else:
            site.live.folders_missing.add(place)
            await site.store.write(lambda c: alarms.raise_alarm(c, AlarmCode.FOLDER_MISSING.value, place, now))


def _set_disk_alarm(full: bool, now: datetime, c: sqlite3.Connection) -> None:
    if full:
        alarms.raise_alarm(c, AlarmCode.DISK_FULL.value, "data", now)
    else:
        alarms.clear_alarm(c, AlarmCode.DISK_FULL.value, "data", now)
