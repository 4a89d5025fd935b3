"""The inbox topics: records in number order, one batch without acknowledgement for each destination."""

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import KafkaError

from broker.store.numbering import Outgoing
from schemas.limits import INBOX_TOPIC_MAX_BYTES
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic
from transport.kafka import KafkaLink, make_producer
from transport.kafka_producer import Producer

SEND_WITHIN_S: Final = 30.0  # without an answer by then the fate is unknown, and the same is sent again


class KafkaInboxWriter:
    """One idempotent producer; after any failure it is thrown away, since what follows could overtake what failed."""

    def __init__(self, link: KafkaLink) -> None:
        self._link = link
        self._producer: Producer | None = None
        self._starting = asyncio.Lock()

    async def close(self) -> None:
        """Close the producer."""
        await self._discard(self._producer)

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        """See ``ports.InboxWriter.publish``."""
        topic, sent = inbox_topic(destination), []
        producer = None
        try:
            producer = await self._started()
            for record, value in records:
                headers = [
                    (HEADER_RECORD_TYPE, record.record_type.value.encode()),
                    (HEADER_STAMP, record.stamp.encode("ascii")),
                ]
                key = record.case_id.encode("ascii") if record.case_id else None
                sent.append(await producer.send(topic, value, key=key, headers=headers))
        except (KafkaError, OSError):
            await self._discard(producer)
        return await self._acknowledged(producer, sent)

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        """Write a head, which has no number. True when every replica has it."""
        head = Outgoing(0, destination, RecordType.HEAD, 0, stamp, None, None, None, "", len(token), token)
        return await self.publish(destination, [(head, token.encode("ascii"))]) == 1

    async def _acknowledged(self, producer: Producer | None, sent: Sequence[asyncio.Future[object]]) -> int:
        if not sent:
            return 0
        await asyncio.wait(sent, timeout=SEND_WITHIN_S)
        count = 0
        for future in sent:
            if not future.done() or future.cancelled() or future.exception() is not None:
                break
            count += 1
        if count < len(sent):
            await self._discard(producer)
            for future in sent[count:]:
                if future.done() and not future.cancelled():
                    future.exception()  # seen
        return count

    async def _started(self) -> Producer:
        async with self._starting:
            if self._producer is None or self._producer.spent:
                await self._discard(self._producer)
                producer = make_producer(self._link, max_record_bytes=INBOX_TOPIC_MAX_BYTES)
                await producer.start()
                self._producer = producer
            return self._producer

    async def _discard(self, producer: Producer | None) -> None:
        if producer is None:
            return
        if self._producer is producer:
            self._producer = None
        await producer.stop(grace_s=0)
