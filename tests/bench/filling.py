"""Submit topics filled in advance, with everything on the broker's disk before the clock starts."""

import asyncio
from collections.abc import Sequence

from schemas.topics import HEADER_RECORD_TYPE, RecordType, submit_topic
from tests.bench.sealing import Sealed
from transport.kafka import KafkaLink, make_producer

ENVELOPE = [(HEADER_RECORD_TYPE, RecordType.ENVELOPE.value.encode())]
_AT_ONCE = 24  # of different senders: each hospital's record comes alone, as its own batch


async def fill(link: KafkaLink, records: Sequence[Sealed]) -> None:
    """Write every record into its sender's topic. Raises whatever Kafka raises."""
    async with make_producer(link) as producer:
        for start in range(0, len(records), _AT_ONCE):
            part = records[start : start + _AT_ONCE]
            sent = [await producer.send(submit_topic(one.sender), one.value, headers=ENVELOPE) for one in part]
            await asyncio.gather(*sent)
