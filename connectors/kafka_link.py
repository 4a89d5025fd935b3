"""The two ports of ``link`` on a real Kafka."""

import asyncio
import contextlib
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedCodecError,
)

from connectors.link import LinkDownError, LogBounds, Outgoing, Trouble, UnexpandableError
from connectors.receive import InboxRecord
from schemas.topics import HEADER_RECORD_TYPE, inbox_topic, submit_topic
from transport.kafka import KafkaLink, describe_topics, make_consumer, make_producer, stop_consumer
from transport.kafka_producer import Producer

SEND_PATIENCE_S: Final = 240.0  # 960 KiB at 64 kbit/s take 123 s; an idempotent send waits out any outage in silence
ASK_PATIENCE_S: Final = 20.0  # a question to the broker
_STOP_GRACE_S: Final = 3.0
_NOT_ALLOWED: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, UnknownTopicOrPartitionError)
_UNREADABLE: Final = (UnsupportedCodecError, CorruptRecordException)  # again and again: the batch itself is at fault


def _trouble(error: BaseException) -> Trouble:
    if isinstance(error, MessageSizeTooLargeError):
        return Trouble.TOO_LARGE
    if isinstance(error, _NOT_ALLOWED):
        return Trouble.NOT_ALLOWED
    return Trouble.LOST


class KafkaSubmitLink:
    """One idempotent producer at a time; after any failed send it is thrown away."""

    def __init__(self, link: KafkaLink, facility: str) -> None:
        self._link = link
        self._topic = submit_topic(facility)
        self._producer: Producer | None = None
        self._turn = asyncio.Lock()

    async def send(self, record: Outgoing) -> None:
        """See ``link.SubmitLink``."""
        async with self._turn:
            producer = await self._started()
            try:
                async with asyncio.timeout(SEND_PATIENCE_S):
                    await producer.send_and_wait(
                        self._topic,
                        record.value,
                        key=record.key.encode() or None,
                        headers=[(HEADER_RECORD_TYPE, record.record_type.value.encode())],
                    )
            except (KafkaError, TimeoutError) as error:
                await self._discard()
                raise LinkDownError(_trouble(error)) from error
            except BaseException:  # cancelled in the middle: nobody knows
                await asyncio.shield(self._discard())
                raise

    async def close(self) -> None:
        """See ``link.SubmitLink``."""
        async with self._turn:
            await self._discard()

    async def _started(self) -> Producer:
        if self._producer is None:
            producer = make_producer(self._link)
            try:
                await producer.start()
            except KafkaError as error:
                not_allowed = isinstance(error, _NOT_ALLOWED)
                raise LinkDownError(Trouble.NOT_ALLOWED if not_allowed else Trouble.UNREACHABLE) from error
            self._producer = producer
        return self._producer

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                await producer.stop(_STOP_GRACE_S)


class KafkaInboxLink:
    """One consumer at a time, assigned by hand: no group, no commits."""

    def __init__(self, link: KafkaLink, facility: str) -> None:
        self._link = link
        self._partition = TopicPartition(inbox_topic(facility), 0)
        self._consumer: AIOKafkaConsumer | None = None

    @property
    def topic(self) -> str:
        """See ``link.InboxLink``."""
        return str(self._partition.topic)

    async def connect(self) -> LogBounds:
        """See ``link.InboxLink``. A topic that may not be described would yield nothing for ever: it is asked first."""
        await self.close()
        try:
            described = await describe_topics(self._link, [self.topic])
        except (KafkaError, TimeoutError) as error:
            raise LinkDownError(Trouble.UNREACHABLE) from error
        if not described[self.topic].usable:
            raise LinkDownError(Trouble.NOT_ALLOWED)
        self._consumer = make_consumer(self._link)
        await self._ask(self._consumer.start())
        self._consumer.assign([self._partition])
        start = await self._ask(self._consumer.beginning_offsets([self._partition]))
        return LogBounds(start[self._partition], await self.end())

    async def record_at(self, offset: int) -> InboxRecord | None:
        """See ``link.InboxLink``."""
        await self.seek(offset)
        found = await self.read(1, ASK_PATIENCE_S)
        return found[0] if found and found[0].offset == offset else None

    async def seek(self, offset: int) -> None:
        """See ``link.InboxLink``."""
        self._connected().seek(self._partition, offset)

    async def read(self, max_records: int, patience_s: float) -> list[InboxRecord]:
        """See ``link.InboxLink``."""
        consumer = self._connected()
        try:
            got = await consumer.getmany(self._partition, timeout_ms=int(patience_s * 1000), max_records=max_records)
        except _UNREADABLE:
            return await self._one_by_one(consumer)
        except OffsetOutOfRangeError as error:  # the caller looks at the bounds again
            raise LinkDownError(Trouble.LOST) from error
        except KafkaError as error:
            raise LinkDownError(_trouble(error)) from error
        return [self._record(record) for record in got.get(self._partition, [])]

    async def end(self) -> int:
        """See ``link.InboxLink``."""
        found = await self._ask(self._connected().end_offsets([self._partition]))
        return int(found[self._partition])

    async def close(self) -> None:
        """See ``link.InboxLink``."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError):
                await stop_consumer(consumer)

    async def _one_by_one(self, consumer: AIOKafkaConsumer) -> list[InboxRecord]:
        """Good records before the bad batch come out one at a time; then its first offset is named.

        The client fetches anew in between, so that damage on the way heals by itself.
        """
        try:
            got = await consumer.getmany(self._partition, timeout_ms=1000, max_records=1)
        except _UNREADABLE:
            raise UnexpandableError(await self._ask(consumer.position(self._partition))) from None
        except KafkaError as error:
            raise LinkDownError(_trouble(error)) from error
        return [self._record(record) for record in got.get(self._partition, [])]

    async def _ask(self, question: Any) -> Any:
        try:
            async with asyncio.timeout(ASK_PATIENCE_S):
                return await question
        except (KafkaError, TimeoutError) as error:
            raise LinkDownError(_trouble(error)) from error

    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise LinkDownError(Trouble.LOST)
        return self._consumer

    def _record(self, record: Any) -> InboxRecord:
        headers = tuple((str(name), b"" if value is None else bytes(value)) for name, value in record.headers)
        return InboxRecord(self.topic, record.offset, record.value or b"", headers)
