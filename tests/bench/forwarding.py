"""The ceiling: one process that reads the same records over mutual TLS and writes them elsewhere, and does nothing
else: no check, no database, no receipt. The same clients with the same safety settings.
"""

import asyncio
import time
from collections.abc import Sequence

from aiokafka import TopicPartition

from schemas.topics import inbox_topic, submit_topic
from tests.bench.arithmetic import per_second
from tests.bench.site import Site
from transport.kafka import make_consumer, make_producer

_WITHIN_S = 120.0


async def measure(site: Site, sources: Sequence[str], targets: Sequence[str], count: int) -> float:
    """Records in a second: the first ``count`` of the sources' submit topics, to the targets' inboxes in turn."""
    consumer = make_consumer(site.link)
    await consumer.start()
    try:
        async with make_producer(site.link) as producer, asyncio.timeout(_WITHIN_S):
            partitions = [TopicPartition(submit_topic(code), 0) for code in sources]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            began = time.perf_counter()
            sent: list[asyncio.Future[object]] = []
            while len(sent) < count:
                for records in (await consumer.getmany(timeout_ms=500, max_records=200)).values():
                    for record in records:
                        topic = inbox_topic(targets[len(sent) % len(targets)])
                        sent.append(await producer.send(topic, record.value))
            await asyncio.gather(*sent)
            return per_second(len(sent), time.perf_counter() - began)
    finally:
        await consumer.stop()
