"""A desk whose database is lost and comes back as it was at some earlier moment, its log as it is now."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from broker.recovery.recover import Outcome, Recovery, Step
from broker.stages.submission import Record
from broker.store import tables
from broker.store.engine import Database
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, facility_of_topic, inbox_topic
from tests.broker.desk import Desk
from tests.broker.memory_log import MemoryInbox, MemoryLog

PUBLISHED_AT = datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)


@dataclass
class MemoryTopics:
    """Both kinds of topics of a desk. ``lost``: offsets of inbox topics that are gone."""

    log: MemoryLog
    inbox: MemoryInbox
    lost: set[tuple[str, int]] = field(default_factory=set)

    async def facilities(self) -> Sequence[str]:
        return sorted({*self.inbox.inboxes, *(facility_of_topic(topic) for topic in self.log.topics)})

    async def pages(self, topic: str, start: int) -> AsyncIterator[Sequence[Record]]:
        records = self._inbox(topic) if topic.startswith("xfer.inbox.") else self.log.topics.get(topic, [])
        for record in records:
            if record.offset >= start and (topic, record.offset) not in self.lost:
                yield [record]

    def _inbox(self, topic: str) -> list[Record]:
        published = self.inbox.inboxes.get(facility_of_topic(topic), [])
        return [
            Record(
                topic,
                0,
                offset,
                one.value,
                ((HEADER_RECORD_TYPE, one.record_type.encode()), (HEADER_STAMP, one.signed_stamp.encode())),
                PUBLISHED_AT,
            )
            for offset, one in enumerate(published)
        ]


@dataclass
class Restorable:
    """A desk on SQLite with a copy of its database."""

    desk: Desk
    folder: Path
    topics: MemoryTopics
    told: list[tuple[Step, int, int]] = field(default_factory=list)

    @classmethod
    def around(cls, desk: Desk, folder: Path) -> "Restorable":
        return cls(desk, folder, MemoryTopics(desk.log, desk.inbox))

    @property
    def file(self) -> Path:
        return self.folder / "data" / "exchange.sqlite"

    def back_up(self) -> None:
        """A copy, as between two transactions."""
        shutil.copyfile(self.file, self.folder / "backup.sqlite")

    async def restore(self) -> None:
        """The copy takes the place of the database; what the process remembered is gone with it."""
        await self.desk.database.close()
        shutil.copyfile(self.folder / "backup.sqlite", self.file)

    async def forget_everything(self) -> None:
        """The database as it was when the facilities were admitted."""
        emptied = (tables.message, tables.transfer, tables.outbox, tables.held, tables.audit_entry, tables.alarm)
        async with self.desk.database.write() as connection:
            for table in emptied:
                await connection.execute(table.delete())
            await connection.execute(tables.inbox_counter.update().values(next_seq=1, published_through=0))
            start = {"next_offset": 0, "anchor_offset": None, "anchor_sha256": None}
            await connection.execute(tables.source_position.update().values(**start))

    def recovery(self, database: Database, *, published: int = 0) -> Recovery:
        desk = self.desk
        signer = desk.pipeline.signer
        return Recovery(
            database=database,
            log=self.topics,
            material=desk.material.current(),
            keys={signer.key.kid: signer.key.public_key},
            signer=signer,
            clock=desk.clock,
            data=self.folder / "data",
            published=published,
            actor="operator",
            tell=lambda *said: self.told.append(said),
        )

    async def recover(self, *, dry_run: bool = False, published: int = 0) -> Outcome:
        return await self.recovery(self.desk.database, published=published).run(dry_run=dry_run)

    def inbox_lengths(self) -> dict[str, int]:
        return {facility: len(found) for facility, found in self.desk.inbox.inboxes.items()}

    @staticmethod
    def topic(facility: str) -> str:
        return inbox_topic(facility)
