"""The two ports of the link in memory, on the exchange double. They fail in both ways: before, and after doing it."""

import asyncio
from dataclasses import replace

from connectors.link import LinkDownError, LogBounds, Outgoing, Trouble, UnexpandableError
from connectors.receive import InboxRecord
from schemas.topics import RecordType, inbox_topic
from tests.connectors.exchange_double import ExchangeDouble


class MemorySubmitLink:
    """What was sent is taken by the exchange at once, and kept in ``sent``."""

    def __init__(self, exchange: ExchangeDouble, facility: str, *, answered: bool = True) -> None:
        self.exchange = exchange
        self.facility = facility
        self.answered = answered
        self.sent: list[Outgoing] = []
        self.fail_before = 0
        self.fail_after = 0
        self.trouble = Trouble.LOST

    async def send(self, record: Outgoing) -> None:
        await asyncio.sleep(0)
        if self.fail_before:
            self.fail_before -= 1
            raise LinkDownError(self.trouble)
        self.sent.append(record)
        if self.answered and record.record_type is RecordType.ENVELOPE:
            self.exchange.take(self.facility, record.value)
        if self.fail_after:
            self.fail_after -= 1
            raise LinkDownError(self.trouble)

    async def close(self) -> None:
        pass

    def of(self, record_type: RecordType) -> list[bytes]:
        return [record.value for record in self.sent if record.record_type is record_type]


class MemoryInboxLink:
    """Reads the double's list. ``start`` is the oldest offset still there; ``unexpandable`` offsets cannot be read."""

    def __init__(self, exchange: ExchangeDouble, facility: str) -> None:
        self.exchange = exchange
        self.facility = facility
        self.start = 0
        self.next: int | None = None
        self.down = 0
        self.unexpandable: set[int] = set()
        self.connects = 0
        self.emptied_at: int | None = None  # where a reader asked for more and there was none

    @property
    def topic(self) -> str:
        return inbox_topic(self.facility)

    @property
    def _log(self) -> list[InboxRecord]:
        return self.exchange.inboxes[self.facility]

    async def connect(self) -> LogBounds:
        self._may_fail()
        self.connects += 1
        self.next = self.start
        return LogBounds(self.start, len(self._log))

    async def record_at(self, offset: int) -> InboxRecord | None:
        await self.seek(offset)
        found = await self.read(1, 0)
        return found[0] if found else None

    async def seek(self, offset: int) -> None:
        self.next = offset

    async def read(self, max_records: int, patience_s: float) -> list[InboxRecord]:
        await asyncio.sleep(0)
        self._may_fail()
        assert self.next is not None
        if self.next in self.unexpandable and self.next < len(self._log):
            raise UnexpandableError(self.next)
        upto = min([self.next + max_records, *(o for o in self.unexpandable if o > self.next)])
        found = [replace(record, offset=self.next + place) for place, record in enumerate(self._log[self.next : upto])]
        self.next += len(found)
        if not found:
            self.emptied_at = self.next
            await asyncio.sleep(min(patience_s, 0.005))
        return found

    async def end(self) -> int:
        self._may_fail()
        return len(self._log)

    async def close(self) -> None:
        self.next = None

    def _may_fail(self) -> None:
        if self.down:
            self.down -= 1
            raise LinkDownError(Trouble.UNREACHABLE)
