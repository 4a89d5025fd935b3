"""How long a sender waits for its receipt: from the moment its record is handed to Kafka until its own consumer holds
the receipt, at a steady pace, every hospital on connections of its own.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import HEADER_RECORD_TYPE, RecordType, inbox_topic, submit_topic
from tests.bench.filling import ENVELOPE
from tests.bench.inboxes import receipt_facts
from tests.bench.sealing import Sealed
from tests.bench.site import Site
from transport.kafka import make_consumer, make_producer
from transport.kafka_producer import Producer

_LAST_RECEIPT_WITHIN_S = 30.0
_RECEIPT = RecordType.RECEIPT.value.encode()


@dataclass
class Desk:
    """One hospital's two connections, and its receipts by the digest of the record that they answer."""

    producer: Producer
    consumer: AIOKafkaConsumer
    answered_at: dict[str, float] = field(default_factory=dict)

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            for records in (await self.consumer.getmany(timeout_ms=1000)).values():
                now = time.perf_counter()
                for record in records:
                    if dict(record.headers).get(HEADER_RECORD_TYPE) == _RECEIPT:
                        self.answered_at.setdefault(receipt_facts(record.value)["record_sha256"], now)


async def measure(site: Site, records: Sequence[Sealed], per_second: float) -> list[float]:
    """Milliseconds for each record, in order. Raises TimeoutError when a receipt does not come."""
    async with AsyncExitStack() as stack:
        desks = {code: await _desk(stack, site, code) for code in sorted({one.sender for one in records})}
        listening = [asyncio.create_task(desk.listen()) for desk in desks.values()]
        try:
            sent = await _send(desks, records, per_second)
            async with asyncio.timeout(_LAST_RECEIPT_WITHIN_S):
                while any(one.sha256 not in desks[one.sender].answered_at for one in records):
                    await asyncio.sleep(0.05)
        finally:
            for task in listening:
                task.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
    return [1000 * (desks[one.sender].answered_at[one.sha256] - sent[one.sha256]) for one in records]


async def _desk(stack: AsyncExitStack, site: Site, code: str) -> Desk:
    link = site.link_of(code)
    producer = await stack.enter_async_context(make_producer(link))
    consumer = make_consumer(link)
    await consumer.start()
    stack.push_async_callback(consumer.stop)
    partition = TopicPartition(inbox_topic(code), 0)
    consumer.assign([partition])
    consumer.seek(partition, (await consumer.end_offsets([partition]))[partition])
    return Desk(producer, consumer)


async def _send(desks: dict[str, Desk], records: Sequence[Sealed], per_second: float) -> dict[str, float]:
    began = time.perf_counter()
    sent: dict[str, float] = {}
    under_way = []
    for number, record in enumerate(records):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        sent[record.sha256] = time.perf_counter()
        topic = submit_topic(record.sender)
        under_way.append(await desks[record.sender].producer.send(topic, record.value, headers=ENVELOPE))
    await asyncio.gather(*under_way)
    return sent
