"""Kafka topics and record headers: two topics per facility, nothing of the content in clear."""

from enum import StrEnum
from typing import Final

from schemas.ids import is_facility_id

SUBMIT_PREFIX: Final = "xfer.submit."
INBOX_PREFIX: Final = "xfer.inbox."

HEADER_RECORD_TYPE: Final = "record_type"  # on both topics
HEADER_STAMP: Final = "stamp"  # on inbox topics: compact JWS by the exchange


class RecordType(StrEnum):
    """What a record's value is. Submit topics carry envelope, ack, inbox-status and directory only."""

    ENVELOPE = "envelope"
    RECEIPT = "receipt"
    ACK = "ack"
    NOTICE = "notice"
    VOID = "void"
    HEAD = "head"
    DIRECTORY = "directory"
    INBOX_STATUS = "inbox-status"


SUBMITTED_TYPES: Final = frozenset({RecordType.ENVELOPE, RecordType.ACK, RecordType.INBOX_STATUS, RecordType.DIRECTORY})


def submit_topic(facility: str) -> str:
    """The topic that this facility alone may write."""
    return SUBMIT_PREFIX + facility


def inbox_topic(facility: str) -> str:
    """The topic that this facility alone may read (the exchange reads it only to recover)."""
    return INBOX_PREFIX + facility


def facility_of_topic(topic: str) -> str:
    """The facility that owns a submit or inbox topic. Raises ValueError for any other topic name."""
    for prefix in (SUBMIT_PREFIX, INBOX_PREFIX):
        if topic.startswith(prefix) and is_facility_id(topic.removeprefix(prefix)):
            return topic.removeprefix(prefix)
    raise ValueError("not a facility's topic")
