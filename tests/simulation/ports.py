"""The network of the simulation: logs in memory, links that fail before, during and after what they do."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from broker.ports import TopicBatch
from broker.store.numbering import Outgoing
from connectors.link import LinkDownError, LogBounds, Trouble
from connectors.link import Outgoing as Submitted
from connectors.receive import InboxRecord
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic
from tests.broker.memory_log import MemoryInbox, MemoryLog, Published

QUIET_S = 240.0  # how long a reader waits for more; real ones ask more often and find as little


@dataclass
class Net:
    """What lies between a site and the exchange."""

    chance: random.Random
    trace: Callable[..., None]
    up: bool = True
    calm: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    lost: int = 0

    async def travel(self) -> None:
        """A way through the network. Raises LinkDownError."""
        await asyncio.sleep(self.chance.uniform(0.005, 0.4))
        if not self.up:
            raise LinkDownError(Trouble.UNREACHABLE)

    def loses(self, share: float) -> bool:
        """Whether this one is lost."""
        gone = not self.calm and self.chance.random() < share
        self.lost += gone
        return gone

    def turn(self, *, up: bool) -> None:
        """Cut or mend."""
        self.up = up
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass
class Topics:
    """All submit topics and inboxes; they outlive every process."""

    submitted: dict[str, list[Any]] = field(default_factory=dict)
    inboxes: MemoryInbox = field(default_factory=MemoryInbox)
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: dict[str, asyncio.Event] = field(default_factory=dict)

    def tell(self, facility: str) -> None:
        """An inbox has grown."""
        if facility in self.arrived:
            self.arrived.pop(facility).set()


class SimLog(MemoryLog):
    """As one exchange process reads: it waits for what is not there yet."""

    world: Topics

    async def read(self, wait_s: float, last: Collection[str] = ()) -> Sequence[TopicBatch]:
        found = await super().read(wait_s, last)
        if not found:
            self.world.grown.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await self.world.grown.wait()
        return found


class SimInboxWriter:
    """The exchange's way into the inboxes."""

    def __init__(self, topics: Topics, net: Net) -> None:
        self._topics, self._net = topics, net

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        done = 0
        for record in records:
            await asyncio.sleep(self._net.chance.uniform(0.001, 0.02))
            if self._net.loses(0.02):
                break
            await self._topics.inboxes.publish(destination, [record])
            self._net.trace("published", destination, record[0].delivery_seq)
            self._topics.tell(destination)
            if self._net.loses(0.02):
                break  # it is there, and the answer is lost
            done += 1
        return done

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        await self._topics.inboxes.publish_head(destination, token, stamp)
        self._topics.tell(destination)
        return True


class SimSubmitLink:
    """A site's way to its submit topic."""

    def __init__(self, topics: Topics, net: Net, facility: str, sent: Callable[[bytes], None]) -> None:
        self._topics, self._net, self._facility, self._sent = topics, net, facility, sent

    async def send(self, record: Submitted) -> None:
        await self._net.travel()
        if self._net.loses(0.02):
            raise LinkDownError(Trouble.LOST)
        for _ in range(2 if self._net.loses(0.02) else 1):
            MemoryLog(topics=self._topics.submitted).append(self._facility, record.value, record.record_type)
        self._net.trace("submitted", self._facility, record.record_type.value)
        if record.record_type is RecordType.ENVELOPE:
            self._sent(record.value)
        self._topics.grown.set()
        if self._net.loses(0.03):
            raise LinkDownError(Trouble.LOST)

    async def close(self) -> None:
        pass


class SimInboxLink:
    """A site reading its inbox."""

    def __init__(self, topics: Topics, net: Net, facility: str) -> None:
        self._topics, self._net, self._facility = topics, net, facility
        self._next = 0

    @property
    def topic(self) -> str:
        return inbox_topic(self._facility)

    @property
    def _log(self) -> list[Published]:
        return self._topics.inboxes.inboxes.setdefault(self._facility, [])

    async def connect(self) -> LogBounds:
        await self._net.travel()
        return LogBounds(0, len(self._log))

    async def record_at(self, offset: int) -> InboxRecord | None:
        await self._net.travel()
        return self._record(offset) if offset < len(self._log) else None

    async def seek(self, offset: int) -> None:
        self._next = offset

    async def read(self, max_records: int, patience_s: float) -> list[InboxRecord]:
        if self._next >= len(self._log):
            await self._wait()
        await self._net.travel()
        upto = min(len(self._log), self._next + max_records)
        found = [self._record(offset) for offset in range(self._next, upto)]
        self._next = upto
        if self._net.loses(0.01):
            raise LinkDownError(Trouble.LOST)
        return found

    async def end(self) -> int:
        await self._net.travel()
        return len(self._log)

    async def close(self) -> None:
        pass

    async def _wait(self) -> None:
        arrived = self._topics.arrived.setdefault(self._facility, asyncio.Event())
        waits = [asyncio.ensure_future(one.wait()) for one in (arrived, self._net.changed)]
        try:
            await asyncio.wait(waits, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def _record(self, offset: int) -> InboxRecord:
        one = self._log[offset]
        headers = ((HEADER_RECORD_TYPE, one.record_type.value.encode()), (HEADER_STAMP, one.signed_stamp.encode()))
        return InboxRecord(self.topic, offset, one.value, headers)
