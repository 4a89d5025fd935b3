"""What lay in a submit topic, and what it claims to be."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.limits import ENVELOPE_MAX_BYTES, TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused
from schemas.topics import HEADER_RECORD_TYPE, SUBMITTED_TYPES, RecordType, facility_of_topic


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the log gave it. ``appended_at`` is the broker's clock (LogAppendTime), aware UTC."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where bytes lie and what they must be: digest (lower-case hex) and size in bytes."""

    topic: str
    partition: int
    offset: int
    record_sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A record of a facility's submit topic, of a known type and a lawful size; nothing is proven yet."""

    record: Record
    pointer: Pointer
    facility: str  # who owns the topic, and alone may write it
    record_type: RecordType


_MAX_BYTES: Final = dict.fromkeys(SUBMITTED_TYPES, TOKEN_MAX_BYTES) | {RecordType.ENVELOPE: ENVELOPE_MAX_BYTES}


def pointer_to(record: Record) -> Pointer:
    """The record's place and digest."""
    digest = hashlib.sha256(record.value).hexdigest()
    return Pointer(record.topic, record.partition, record.offset, digest, len(record.value))


def take(record: Record, pointer: Pointer) -> Submission:
    """The submission behind a record.

    Raises:
        Refused: RECORD_TYPE_UNKNOWN (none, several, or not one that a facility may submit), RECORD_TOO_LARGE.
        ValueError: not a facility's topic, an error of the program.
    """
    facility = facility_of_topic(record.topic)
    record_type = _record_type(record.headers)
    if len(record.value) > _MAX_BYTES[record_type]:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    return Submission(record, pointer, facility, record_type)


def _record_type(headers: tuple[tuple[str, bytes], ...]) -> RecordType:
    found = [value for name, value in headers if name == HEADER_RECORD_TYPE]
    if len(found) == 1 and found[0] is not None:
        for record_type in SUBMITTED_TYPES:
            if found[0] == record_type.value.encode():
                return record_type
    raise Refused(ReasonCode.RECORD_TYPE_UNKNOWN, HEADER_RECORD_TYPE)
