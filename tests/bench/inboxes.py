"""What arrived: every record of the inboxes, read back when the clock has stopped, and compared with what was sent."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import HEADER_RECORD_TYPE, RecordType, inbox_topic
from transport.kafka import KafkaLink, make_consumer

_READ_WITHIN_S = 120.0


@dataclass
class Arrived:
    """What lay in the inboxes after the marks that were set before."""

    envelopes: list[str] = field(default_factory=list)  # digests
    receipts: list[tuple[str, str, str, str]] = field(default_factory=list)  # digest, recipient, message id, verdict
    first: datetime | None = None  # append times of envelopes, by the broker's clock
    last: datetime | None = None

    @property
    def again(self) -> int:
        """Records published a second time, byte for byte, as happens when a lane changes hands; readers drop them."""
        every = [*self.envelopes, *(receipt[0] for receipt in self.receipts)]
        return len(every) - len(set(every))


@dataclass
class Inboxes:
    """One consumer over some inboxes, as the administrator."""

    consumer: AIOKafkaConsumer
    partitions: list[TopicPartition]

    @classmethod
    async def open(cls, link: KafkaLink, codes: Collection[str]) -> "Inboxes":
        """Connect."""
        consumer = make_consumer(link)
        await consumer.start()
        partitions = [TopicPartition(inbox_topic(code), 0) for code in codes]
        consumer.assign(partitions)
        return cls(consumer, partitions)

    async def close(self) -> None:
        """Disconnect."""
        await self.consumer.stop()

    async def marks(self) -> Mapping[TopicPartition, int]:
        """Where each inbox ends now. Reads nothing."""
        ends: Mapping[TopicPartition, int] = await self.consumer.end_offsets(self.partitions)
        return ends

    async def since(self, marks: Mapping[TopicPartition, int]) -> Arrived:
        """Everything between the marks and the ends of now."""
        ends = await self.marks()
        arrived = Arrived()
        for partition, offset in marks.items():
            self.consumer.seek(partition, offset)
        left = {partition for partition in self.partitions if ends[partition] > marks[partition]}
        async with asyncio.timeout(_READ_WITHIN_S):
            while left:
                for partition, records in (await self.consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        _take(arrived, record)
                    if records and records[-1].offset + 1 >= ends[partition]:
                        left.discard(partition)
        return arrived


def _take(arrived: Arrived, record: object) -> None:
    kind = dict(record.headers).get(HEADER_RECORD_TYPE)  # type: ignore[attr-defined]
    value: bytes = record.value  # type: ignore[attr-defined]
    if kind == RecordType.ENVELOPE.value.encode():
        at = datetime.fromtimestamp(record.timestamp / 1000, UTC)  # type: ignore[attr-defined]
        arrived.first = min(arrived.first or at, at)
        arrived.last = max(arrived.last or at, at)
        arrived.envelopes.append(hashlib.sha256(value).hexdigest())
    elif kind == RecordType.RECEIPT.value.encode():
        facts = receipt_facts(value)
        digest = hashlib.sha256(value).hexdigest()
        arrived.receipts.append((digest, facts["recipient"], facts["message_id"], facts["verdict"]))


def receipt_facts(token: bytes) -> dict[str, str]:
    """The members of a receipt; its signature is not the bench's business."""
    part = token.split(b".")[1]
    facts: dict[str, str] = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    return facts
