"""A limit on what one compressed batch of records may become.

aiokafka expands a batch whole, without any cap: 1 MiB of gzip can become 1 GiB in the memory of a worker.
``install`` puts a bounded decoder in its place. A batch that grows too large, or is no gzip at all, then fails like
one whose compression is unknown: UnsupportedCodecError, on every ``getmany``, until whoever reads steps over it.
"""

import importlib
import zlib
from typing import Final

from aiokafka.errors import UnsupportedCodecError
from aiokafka.record import default_records

from schemas.limits import INBOX_TOPIC_MAX_BYTES

# A lawful batch holds records that were each below the topic's limit before they were compressed, and together not much
# more, since sealed content does not shrink.
EXPANDED_MAX_BYTES: Final = 4 * INBOX_TOPIC_MAX_BYTES
_DECODER: Final = "gzip_decode"  # the name under which aiokafka looks it up
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # RFC 1952 header and trailer expected


class BatchNotExpandableError(UnsupportedCodecError):  # type: ignore[misc]  # aiokafka is untyped
    """A gzip batch that becomes larger than allowed, ends too early, or is not gzip."""


def gunzip(data: bytes, limit: int = EXPANDED_MAX_BYTES) -> bytes:
    """Expand one or more gzip members to at most ``limit`` bytes. Raises BatchNotExpandableError."""
    expanded = bytearray()
    rest = bytes(data)
    while rest:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            expanded += member.decompress(rest, limit - len(expanded) + 1)
        except zlib.error as cause:
            raise BatchNotExpandableError from cause
        if len(expanded) > limit or not member.eof:
            raise BatchNotExpandableError
        rest = member.unused_data.lstrip(b"\0")  # zero padding between members is lawful
    return bytes(expanded)


def install() -> None:
    """Make aiokafka expand gzip with ``gunzip``. Doing it again changes nothing."""
    reader = importlib.import_module(default_records.DefaultRecordBatch.__module__)  # compiled, or its Python twin
    for module in (reader, default_records):
        if not hasattr(module, _DECODER):
            raise ImportError("aiokafka has moved its gzip decoder; the bound on batches would be lost")
        setattr(module, _DECODER, gunzip)
