"""Looking at one stored batch of records without expanding it: for stepping over a batch that cannot be read.

A batch with an unknown compression, or one that becomes too large, makes ``getmany`` raise on every call. Stepping over
it one offset at a time would cost one failure per record it claims to hold, up to a hundred thousand; stepping by guess
would lose good records. The batch's own header, which is never compressed, says where it ends.

How to use it: when ``getmany`` raises UnsupportedCodecError, read with ``max_records=1`` until it raises again (good
records may stand before the bad batch), take ``batch_at`` of that position, note it, ``seek`` to its ``next_offset``.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from transport.kafka import MAX_PARTITION_FETCH_BYTES, KafkaLink

# Kafka protocol, record batch of magic 2: base offset, length of the rest, leader epoch, magic, checksum, attributes,
# last offset delta, two timestamps, producer id and epoch, base sequence, record count.
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_LENGTH_COUNTS_FROM: Final = 12  # the first two members are not in the length
_CODEC_BITS: Final = 0b111
_CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
_MAGIC: Final = 2
_FETCH_WAIT_MS: Final = 500
_NO_ISOLATION: Final = 0


class NotABatchError(ValueError):
    """Bytes that are no record batch of the present format."""


@dataclass(frozen=True, slots=True)
class BatchSpan:
    """Where a stored batch begins and ends. ``claimed_records`` is what it says of itself; ``sha256`` is of its
    bytes.
    """

    first_offset: int
    next_offset: int
    codec: str
    claimed_records: int
    stored_bytes: int
    sha256: str


def read_span(stored: bytes) -> BatchSpan:
    """The span of the first batch in fetched bytes. Raises NotABatchError."""
    if len(stored) < _HEADER.size:
        raise NotABatchError
    first, length, _, magic, _, attributes, last_delta, *_, records = _HEADER.unpack_from(stored)
    size = _LENGTH_COUNTS_FROM + length
    if magic != _MAGIC or last_delta < 0 or not _HEADER.size <= size <= len(stored):
        raise NotABatchError
    codec = attributes & _CODEC_BITS
    return BatchSpan(
        first_offset=first,
        next_offset=first + last_delta + 1,
        codec=_CODECS[codec] if codec < len(_CODECS) else "unknown",
        claimed_records=records,
        stored_bytes=size,
        sha256=hashlib.sha256(stored[:size]).hexdigest(),
    )


async def batch_at(link: KafkaLink, topic: str, offset: int) -> BatchSpan:
    """The stored batch that holds ``offset``. Raises NotABatchError when there is none, and KafkaError."""
    client = AIOKafkaClient(**link.options())
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        node = client.cluster.leader_for_partition(TopicPartition(topic, 0))
        if node is None or node < 0:
            raise KafkaError
        wanted = [(topic, [(0, offset, MAX_PARTITION_FETCH_BYTES)])]
        request = FetchRequest(_FETCH_WAIT_MS, 1, MAX_PARTITION_FETCH_BYTES, _NO_ISOLATION, wanted, rack_id="")
        response = await client.send(node, request)
    finally:
        await client.close()
    _, error, *_, stored = response.topics[0][1][0]
    if error:
        raise for_code(error)
    return read_span(stored or b"")
