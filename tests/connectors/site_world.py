"""A connector's insides without its process: store on disk, keys in memory, a clock that stands still."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from certs.directory import countersign, entry_certificates, sign_entry
from certs.keys import certificate_kid
from connectors.keyring import Keyring
from connectors.settings import ExchangeSection, FacilitySection, FoldersSection, ReceivingSection, Settings
from connectors.site import Site
from connectors.store.database import Answer, Database, Question, Store
from schemas.times import iso
from schemas.tokens.directory import DirectoryEntry, DutyPhone, FacilityCode
from schemas.topics import RecordType
from tests.certs.pki import EXCHANGE, TestPki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.memory_link import MemoryInboxLink, MemorySubmitLink


class TestClock:
    """Both clocks stand still until they are moved."""

    __test__ = False

    def __init__(self, now: datetime) -> None:
        self.wall = now
        self.ticks = 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


class CrashError(BaseException):  # a killed process catches nothing
    """The process dies here."""


class CrashingStore:
    """A store that dies at the n-th write: before doing it, or after it is durable."""

    def __init__(self, inner: Store, *, at: int, after: bool) -> None:
        self.inner = inner
        self.at = at
        self.after = after
        self.writes = 0

    async def write(self, question: Question[Answer]) -> Answer:
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise CrashError
        answer = await self.inner.write(question)
        if self.writes == self.at and self.after:
            raise CrashError
        return answer

    async def read(self, question: Question[Answer]) -> Answer:
        return await self.inner.read(question)


def make_settings(folder: Path, code: str, **sections: Any) -> Settings:
    """Settings as the file would give them."""
    folder.mkdir(parents=True, exist_ok=True)
    return Settings(
        facility=FacilitySection(code=code, name=f"Bệnh viện {code}", phone="0204 385 4500"),
        exchange=ExchangeSection(name=EXCHANGE, bootstrap="localhost:1"),
        folders=sections.pop("folders", FoldersSection(data=folder / "data")),
        receiving=sections.pop("receiving", ReceivingSection(folder=folder / "incoming")),
        **sections,
    )


def make_keyring(pki: TestPki, code: str) -> Keyring:
    me, exchange = pki.facility(code), pki.exchange
    return Keyring(
        facility=code,
        exchange=EXCHANGE,
        signing=me.signing,
        encryption_certificates=(me.encryption.certificate,),
        decryption_keys=me.decryption_keys,
        exchange_keys={exchange.signing.kid: exchange.signing.token_key.public_key},
        exchange_reader=exchange.encryption.certificate,
        trust=pki.trust(),
    )


def directory_entry(pki: TestPki, code: str, version: int = 1) -> DirectoryEntry:
    party = pki.facility(code)
    return DirectoryEntry(
        facility=code,
        version=version,
        at=iso(pki.now),
        name=f"Bệnh viện {code}",
        codes=(FacilityCode(code=code, valid_from="2019-01-01"),),
        phones=(DutyPhone(label="Trực", phone="024 3869 3731"),),
        signing_certificates=entry_certificates([party.signing.certificate]),
        encryption_certificates=entry_certificates([party.encryption.certificate]),
    )


@dataclass
class World:
    """One connector and the exchange around it."""

    folder: Path
    exchange: ExchangeDouble
    code: str
    site: Site
    database: Database
    submit: MemorySubmitLink
    inbox: MemoryInboxLink
    sections: dict[str, Any]

    @property
    def clock(self) -> TestClock:
        clock = self.site.clock
        assert isinstance(clock, TestClock)
        return clock

    def introduce(self, other: str, version: int = 1) -> None:
        """The exchange passes on another facility's directory entry."""
        pki = self.exchange.pki
        entry = sign_entry(directory_entry(pki, other, version), pki.facility(other).signing)
        token = countersign(entry, EXCHANGE, pki.exchange.signing.token_key, now=self.exchange.now)
        self.exchange.deliver(self.code, RecordType.DIRECTORY, token.encode())

    def kid_of(self, other: str) -> str:
        return certificate_kid(self.exchange.pki.facility(other).encryption.certificate)

    async def restart(self) -> None:
        """What a killed process leaves is on disk; the next one opens it."""
        await self.database.close()
        fresh = await make_world(self.folder, self.exchange, self.code, **self.sections)
        fresh.clock.wall = self.clock.wall
        fresh.submit.sent = self.submit.sent
        self.__dict__.update(fresh.__dict__)

    async def close(self) -> None:
        await self.database.close()


async def make_world(folder: Path, exchange: ExchangeDouble, code: str, **sections: Any) -> World:
    """Open (again) the connector whose files lie in ``folder``."""
    settings = make_settings(folder, code, **dict(sections))
    settings.folders.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    await database.open()
    keyring = make_keyring(exchange.pki, code)
    site = Site(settings, database, TestClock(exchange.now), keyring, chance=lambda: 0.5)
    await site.prepare()
    submit, inbox = MemorySubmitLink(exchange, code), MemoryInboxLink(exchange, code)
    return World(folder, exchange, code, site, database, submit, inbox, sections)


async def until(condition: Callable[[], Awaitable[bool]], patience_s: float = 60.0) -> None:
    """Wait for something that other tasks bring about; the patience is for machines with much else to do."""
    async with asyncio.timeout(patience_s):
        while not await condition():
            await asyncio.sleep(0.005)
