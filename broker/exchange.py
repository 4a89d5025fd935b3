"""One worker of an exchange, put together: its parts, and who wakes whom."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from broker.flight import FlightMarker
from broker.heads import Heads
from broker.kafka_inbox import KafkaInboxWriter
from broker.kafka_log import KafkaRecordLog
from broker.kafka_reader import KafkaRecordReader, RecentBytes
from broker.known_signers import signers_from
from broker.lanes import LaneKeeper
from broker.material import CurrentMaterial, ExchangeKeys
from broker.pipeline import Pipeline
from broker.ports import TopicBatch
from broker.quota import Quota
from broker.recording.stamping import sign_stamp
from broker.recording.writes import Writes
from broker.relay import Relay
from broker.second_look import SecondLook
from broker.settings import ExchangeSettings
from broker.store import positions
from broker.store.alarms import AlarmTable
from broker.store.directory import DirectoryTable
from broker.store.engine import Database
from broker.store.heldback import HeldBack
from broker.store.inboxes import InboxTable
from broker.store.lanes import LaneTable
from broker.store.losses import LossTable
from broker.store.numbering import Numbering
from broker.store.positions import Position
from broker.store.setbacks import Setbacks
from broker.store.turns import Turns
from broker.trial import survives
from broker.trouble import TROUBLES, Trouble
from schemas.topics import facility_of_topic
from transport.clock import Clock
from transport.kafka import KafkaLink
from transport.logs import get_logger

LOOK_FOR_TOPICS_S: Final = 1.0  # a facility that was just admitted is followed after this
WAIT_FOR_LANES_S: Final = 0.5


@dataclass(frozen=True)
class Surroundings:
    """What a worker is given."""

    settings: ExchangeSettings
    database: Database
    link: KafkaLink
    keys: ExchangeKeys
    clock: Clock
    instance: str
    generation: int


class Exchange:
    """The parts of one worker."""

    def __init__(self, given: Surroundings) -> None:
        settings, database, clock, signer = given.settings, given.database, given.clock, given.keys.signer
        self._given = given
        self._database = database
        self._log = get_logger(__name__)
        self._changed = asyncio.Event()
        self._recent = RecentBytes()
        self._reader = KafkaRecordReader(given.link, self._recent)
        self._source = _Source(self._reader, DirectoryTable(database))
        self._writer = KafkaInboxWriter(given.link)
        self._record_log = KafkaRecordLog(given.link)
        self._setbacks = Setbacks(database)
        self._marker = FlightMarker(settings.folders.data / f"{settings.exchange.worker_id}.flight")
        self.material = CurrentMaterial(settings, given.keys)
        self.lanes = LaneKeeper(
            LaneTable(database),
            given.instance,
            clock=clock,
            alone=database.is_sqlite,
            on_change=self._changed.set,
        )
        sign = partial(_sign, generation=given.generation, keys=given.keys)
        losses = LossTable(database, signer, clock, given.generation)
        self._alarms = AlarmTable(database, signer, clock)
        self.relay = Relay(
            Numbering(database, clock, sign),
            self._writer,
            self._source,
            losses,
            clock=clock,
            trouble=self.trouble("relay"),
        )
        self.heads = Heads(
            InboxTable(database),
            self._writer,
            signer,
            clock,
            every_s=settings.clocks.head_s,
            watched_s=settings.clocks.head_watched_s,
        )
        turns = Turns(database, clock)
        self.second_look = SecondLook(
            HeldBack(database),
            turns,
            self._reader,
            self.material,
            signer,
            clock=clock,
            losses=losses,
            again_after_s=settings.clocks.held_s,
            on_committed=self._committed,
        )
        self.pipeline = Pipeline(
            log=self._record_log,
            store=turns,
            setbacks=self._setbacks,
            material=self.material,
            signer=signer,
            quota=Quota(settings.quota.records_per_minute, settings.quota.burst),
            marker=self._marker,
            clock=clock,
            survives=partial(survives, config=settings.config),
            on_committed=self._committed,
        )

    def trouble(self, stage: str) -> Trouble:
        """What a task of this worker does when its database or log does not do what it should."""
        return Trouble(stage, self._alarms)

    async def count_interrupted(self, at: str) -> None:
        """A record that the last process was looking at when it died has had an attempt."""
        interrupted = self._marker.interrupted()
        if interrupted is not None:
            await self._setbacks.count_first(*interrupted, at)
            self._marker.clear()

    async def run_pipeline(self, stop: asyncio.Event, trouble: Trouble) -> None:
        """Turns until ``stop``; positions are read again whenever lanes or topics change. Raises CommitUnknownError."""
        followed: dict[str, int] | None = None
        looked_at = float("-inf")
        while not stop.is_set():
            try:
                now = self._given.clock.monotonic()
                if followed is None or self._changed.is_set() or now - looked_at > LOOK_FOR_TOPICS_S:
                    self._changed.clear()
                    looked_at = now
                    followed = await self._follow(followed)
                if not followed:
                    await asyncio.sleep(WAIT_FOR_LANES_S)
                else:
                    await self.pipeline.turn()
                trouble.over()
            except TROUBLES as error:
                followed = None
                await trouble.rest(error, stop)

    async def close(self) -> None:
        """Close the connections to Kafka."""
        await self._record_log.close()
        await self._reader.close()
        await self._writer.close()
        self._marker.close()

    async def _follow(self, followed: Mapping[str, int] | None) -> dict[str, int]:
        """Follow the topics of the lanes owned now, unless they are followed already; topics with their epochs."""
        epochs = self.lanes.epochs()
        async with self._database.read() as connection:
            found = await positions.of_lanes(connection, epochs) if epochs else []
        mine = [one for one in found if epochs.get(one.lane) == one.epoch]
        topics = {one.topic: one.epoch for one in mine}
        if topics == followed:
            return topics
        await self._know_signers(mine)
        suspects = [
            (one.topic, offset)
            for one in mine
            for offset in await self._setbacks.of_topic(one.topic)
            if offset >= one.next_offset
        ]
        await self.pipeline.follow(mine, suspects)
        self._log.info("pipeline.follows", count=len(topics))
        return topics

    async def _know_signers(self, mine: Sequence[Position]) -> None:
        facilities = [facility_of_topic(one.topic) for one in mine]
        new = [facility for facility in facilities if facility not in self.material.signers]
        if new:
            entries = await DirectoryTable(self._database).newest_entries(new)
            now: datetime = self._given.clock.now()
            self.material.signers.update(signers_from(entries, self.material.current().trust, now))

    def _committed(self, batches: Sequence[TopicBatch], writes: Writes) -> None:
        epochs = self.lanes.epochs()
        wanted = {(row["topic"], row["offset"]) for row in writes.new_outbox if row["lane"] in epochs}
        for batch in batches:  # what goes out through another worker would only push out what this one needs
            self._recent.keep_all([one for one in batch.records if (one.topic, one.offset) in wanted])
        if writes.new_outbox or writes.resend or writes.repointed:
            self.relay.wake()
        self.heads.want(writes.heads)


class _Source:
    """Bytes from the log, and tokens from the table of shared ones."""

    def __init__(self, reader: KafkaRecordReader, directory: DirectoryTable) -> None:
        self.fetch = reader.fetch
        self.shared_tokens = directory.shared_tokens


def _sign(facts: str, delivery_seq: int, *, generation: int, keys: ExchangeKeys) -> str:
    return sign_stamp(facts, delivery_seq, generation, keys.signer)
