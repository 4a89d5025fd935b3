"""Record batches that no honest client makes, written straight to a topic."""

import gzip
import struct

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from transport.kafka import KafkaLink

GZIP, ZSTD = 1, 4
_RECORDS_FROM = 61  # after the header
_CHECKED_FROM = 21  # what the checksum covers begins at the attributes


def plain(values: list[bytes]) -> bytes:
    """An ordinary uncompressed batch."""
    builder = DefaultRecordBatchBuilder(2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
                                        batch_size=1 << 31)  # fmt: skip
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=0, key=None, value=value, headers=[]) is not None
    return bytes(builder.build())


def compressed(values: list[bytes], codec: int) -> bytes:
    """The same, compressed: with gzip well, with zstd as raw blocks (its format allows that, no library is needed)."""
    batch = plain(values)
    records = batch[_RECORDS_FROM:]
    packed = gzip.compress(records, 9) if codec == GZIP else _zstd(records)
    body = struct.pack(">h", codec) + batch[_CHECKED_FROM + 2 : _RECORDS_FROM] + packed
    length = _CHECKED_FROM - 12 + len(body)
    head = batch[:8] + struct.pack(">iib", length, 0, 2)
    return head + struct.pack(">I", calc_crc32c(body)) + body


def _zstd(data: bytes) -> bytes:
    """RFC 8878 section 3: one frame, single segment, four bytes of content size, raw blocks of 64 KiB."""
    frame = struct.pack("<IBI", 0xFD2FB528, 0b1010_0000, len(data))
    for start in range(0, len(data), 65_536):
        block = data[start : start + 65_536]
        last = start + 65_536 >= len(data)
        frame += (len(block) << 3 | last).to_bytes(3, "little") + block
    return frame


async def write_batch(link: KafkaLink, topic: str, batch: bytes) -> int:
    """Put one batch on a topic, as it is; returns its first offset."""
    client = AIOKafkaClient(**link.options())
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        node = client.cluster.leader_for_partition(TopicPartition(topic, 0))
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(0, batch)])]
        )
        response = await client.send(node, request)
    finally:
        await client.close()
    _, error, offset, *_ = response.topics[0][1][0]
    if error:
        raise for_code(error)
    return int(offset)
