"""The inbox topics: records in number order, one batch without acknowledgement for each destination.

All destinations share one producer while all is well. When the sending of one fails, that producer takes nothing new:
what others have under way in it is let to finish, then it is closed. The destination itself goes through a producer
made for each attempt, until one succeeds: it can do no more harm to the others, and nothing later of it can overtake.
Only a destination whose own records are not acknowledged has failed: who finds no room, because those of others are
not, goes on through a fresh producer that all share.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from broker.store.numbering import Outgoing
from schemas.limits import INBOX_TOPIC_MAX_BYTES
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic
from transport.kafka import KafkaLink, make_producer
from transport.kafka_producer import NoRoomError, Producer, ProducerSpentError

SEND_WITHIN_S: Final = 30.0  # without an answer by then the fate is unknown, and the same is sent again
ROOM_WITHIN_S: Final = 10.0  # then others clog the producer, and a fresh one is taken
APART_AT_ONCE: Final = 8  # destinations that are tried by themselves at one time; each costs connections
ROUNDS: Final = 4  # so often may others' failures interrupt one batch, before it counts as not sent
_PARTITION: Final = 0


@dataclass(eq=False)
class _Line:
    """A producer, and how many batches are under way in it."""

    producer: Producer
    users: int = 0


class KafkaInboxWriter:
    """Idempotent producers: one for all who have no trouble, and one for each attempt of a destination that has."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link
        self._shared: _Line | None = None
        self._lines: set[_Line] = set()  # not closed yet
        self._apart: set[str] = set()  # destinations whose last attempt failed
        self._attempts_apart = asyncio.Semaphore(APART_AT_ONCE)
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """Close every producer."""
        self._shared = None
        for line in list(self._lines):
            await self._close(line)

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        """See ``ports.InboxWriter.publish``."""
        if destination in self._apart:
            return await self._publish_apart(destination, records)
        done = 0
        for _ in range(ROUNDS):
            async with self._borrowed() as line:
                if line is None:
                    return done
                count, failed = await self._send(line.producer, destination, records[done:])
                if failed:
                    self._apart.add(destination)
                if done + count < len(records):  # it failed, or is clogged by others
                    self._retire(line)
            done += count
            if failed or done == len(records):
                break
        return done

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        """Write a head, which has no number. True when every replica has it."""
        head = Outgoing(0, destination, RecordType.HEAD, 0, stamp, None, None, None, "", len(token), token)
        return await self.publish(destination, [(head, token.encode("ascii"))]) == 1

    async def _publish_apart(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        async with self._attempts_apart:
            line = await self._open()
            if line is None:
                return 0
            try:
                done, failed = await self._send(line.producer, destination, records)
            finally:
                await self._close(line)
        if not failed:
            self._apart.discard(destination)
        return done

    async def _send(
        self, producer: Producer, destination: str, records: Sequence[tuple[Outgoing, bytes]]
    ) -> tuple[int, bool]:
        """How many records every replica has now, and whether this destination failed.

        Fewer than all without a failure: another destination failed or hangs, and the producer took no more.
        """
        topic, failed = inbox_topic(destination), False
        sent: list[asyncio.Future[object]] = []
        try:
            for record, value in records:
                async with asyncio.timeout(ROOM_WITHIN_S + SEND_WITHIN_S):  # for room, and for where the topic lies
                    future = await producer.send(
                        topic, value, key=_key(record), headers=_headers(record), room_within_s=ROOM_WITHIN_S
                    )
                    future.add_done_callback(lambda done: _stop_after(done, producer, topic))
                    sent.append(future)
        except (ProducerSpentError, NoRoomError):
            pass
        except (KafkaError, OSError, TimeoutError):
            failed = True
        count = await _acknowledged(sent)
        if failed or count < len(sent):
            _forget_waiting(producer, topic)
            return count, True
        return count, False

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[_Line | None]:
        """The producer that all share; None while none can be had."""
        async with self._starting:
            if self._shared is None or self._shared.producer.spent:
                former, self._shared = self._shared, await self._open()
                if former is not None and former.users == 0:
                    await self._close(former)
            line = self._shared
            if line is not None:
                line.users += 1
        try:
            yield line
        finally:
            if line is not None:
                line.users -= 1
                if line.users == 0 and (line is not self._shared or line.producer.spent):
                    self._retire(line)
                    await self._close(line)

    def _retire(self, line: _Line) -> None:
        """Nothing new goes through it; its last user closes it."""
        if self._shared is line:
            self._shared = None

    async def _open(self) -> _Line | None:
        line = _Line(make_producer(self._link, max_record_bytes=INBOX_TOPIC_MAX_BYTES))
        self._lines.add(line)
        try:
            await line.producer.start()
        except (KafkaError, OSError):
            self._lines.discard(line)
            return None
        except BaseException:
            await self._close(line)
            raise
        return line

    async def _close(self, line: _Line) -> None:
        if line in self._lines:
            self._lines.discard(line)
            await line.producer.stop(grace_s=0)


async def _acknowledged(sent: Sequence[asyncio.Future[object]]) -> int:
    """How many, from the first on, every replica has."""
    if not sent:
        return 0
    await asyncio.wait(sent, timeout=SEND_WITHIN_S)
    count = 0
    for future in sent:
        if not future.done() or future.cancelled() or future.exception() is not None:
            break
        count += 1
    return count


def _stop_after(sent: asyncio.Future[object], producer: Producer, topic: str) -> None:
    """After a record that failed, nothing later of its topic leaves. Runs before the client sends on."""
    if sent.cancelled() or sent.exception() is not None:
        _forget_waiting(producer, topic)


def _forget_waiting(producer: Producer, topic: str) -> None:
    """Fail what waits in a producer for one topic; what is on its way stays so."""
    waiting = producer._producer._message_accumulator._batches
    for batch in waiting.pop(TopicPartition(topic, _PARTITION), ()):
        batch.failure(ProducerSpentError())


def _key(record: Outgoing) -> bytes | None:
    return record.case_id.encode("ascii") if record.case_id else None


def _headers(record: Outgoing) -> list[tuple[str, bytes]]:
    return [
        (HEADER_RECORD_TYPE, record.record_type.value.encode()),
        (HEADER_STAMP, record.stamp.encode("ascii")),
    ]
