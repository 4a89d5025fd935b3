"""What the tasks of one running connector share: memory, keys, directory, clock, wake-up calls, and live facts."""

import asyncio
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from connectors.directory_book import DirectoryBook, load_book
from connectors.keyring import Keyring
from connectors.link import Trouble
from connectors.settings import Settings
from connectors.sources.directory import Directory, DirectoryFileError, read_directory
from connectors.store import directory_rows, meta
from connectors.store.database import Store
from schemas.ids import exchange_urn
from schemas.reasons import Refused
from transport.clock import Clock
from transport.logs import get_logger

_log = get_logger(__name__)


def chance() -> float:
    """A random number in [0, 1) for jitter."""
    return secrets.randbelow(2**32) / 2**32


def random_id() -> str:
    """A random UUID, lower case."""
    return str(uuid.uuid4())


@dataclass
class Wakes:
    """Who is to look now instead of at the next tick."""

    send: asyncio.Event = field(default_factory=asyncio.Event)
    report: asyncio.Event = field(default_factory=asyncio.Event)
    hand_over: asyncio.Event = field(default_factory=asyncio.Event)
    scan: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class LiveFacts:
    """What is true now and nowhere written: the link, the last sign of life, the clock beside the exchange's."""

    connected: bool = False
    trouble: Trouble | None = None
    since: datetime | None = None
    last_answer: float | None = None  # monotonic
    caught_up: bool = False  # every number up to a head that was written after we connected is here
    head_at: str | None = None
    drift_s: float | None = None  # ours minus theirs
    back_due: bool = False  # the next inbox-status says that we are back
    sending_trouble: Trouble | None = None
    disk_full: bool = False
    crl_usable: bool = True
    folders_missing: set[str] = field(default_factory=set)

    def link_is(self, trouble: Trouble | None, now: datetime) -> bool:
        """Note the state of the link; True when it changed."""
        connected = trouble is None
        changed = connected != self.connected or trouble != self.trouble or self.since is None
        if changed:
            self.since = now
        self.connected, self.trouble = connected, trouble
        if not connected:
            self.caught_up = False
        return changed


@dataclass
class Site:
    """One connector at work. Tasks read it; only the owner of a field writes it."""

    settings: Settings
    store: Store
    clock: Clock
    keyring: Keyring
    book: DirectoryBook = field(default_factory=DirectoryBook)
    live: LiveFacts = field(default_factory=LiveFacts)
    wakes: Wakes = field(default_factory=Wakes)
    chance: Callable[[], float] = chance
    new_id: Callable[[], str] = random_id
    incarnation: str = ""
    generation: int = 1
    _crl_seen: tuple[int, int] | None = None

    @property
    def facility(self) -> str:
        """Our facility id."""
        return self.settings.facility.code

    @property
    def exchange(self) -> str:
        """The exchange's URN."""
        return exchange_urn(self.settings.exchange.name)

    async def prepare(self) -> None:
        """Load what the store knows: incarnation, generation, directory. Raises sqlite3.Error."""
        self.incarnation = await self.store.write(lambda c: meta.incarnation(c, self.new_id))
        self.generation = await self.store.read(meta.generation)
        await self.reload_book()

    async def reload_book(self) -> None:
        """Read the directory anew from the store."""
        rows = await self.store.read(directory_rows.peer_entries)
        pages = await self.store.read(directory_rows.register_pages)
        fallback = _fallback(self.settings.sending.facilities)
        self.book, bad = load_book(rows, pages, self.keyring.trust, self.clock.now(), fallback)
        for facility in bad:
            _log.warning("directory.entry_not_good", facility=facility)

    async def reload_crl(self) -> bool:
        """Take in a newer revocation list where its file changed. True when one was taken in."""
        path = self.settings.keys.crl
        try:
            found = path.stat()
            mark = (found.st_mtime_ns, found.st_size)
            if mark == self._crl_seen:
                return False
            self._crl_seen = mark
            self.keyring = self.keyring.with_crl(path.read_bytes())
        except (OSError, Refused):
            self.live.crl_usable = bool(self.keyring.trust.lists)
            return False
        self.live.crl_usable = True
        await self.reload_book()
        return True


def _fallback(path: Path | None) -> Directory | None:
    try:
        return read_directory(path.read_bytes()) if path else None
    except (OSError, DirectoryFileError):
        _log.warning("directory.file_not_readable")
        return None
