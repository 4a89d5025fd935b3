"""The two topics of a facility and their settings: pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from schemas.ids import is_facility_id
from schemas.limits import INBOX_RETENTION, INBOX_TOPIC_MAX_BYTES, SUBMIT_RETENTION, SUBMIT_TOPIC_MAX_BYTES
from schemas.topics import INBOX_PREFIX, inbox_topic, submit_topic

_COMMON: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.bytes": "-1",  # by time only: a flood must not push out what nobody has read yet
    "message.timestamp.type": "LogAppendTime",  # a hospital's clock decides nothing, and none is refused for being fast
    "compression.type": "producer",  # the broker never expands and packs again
    "unclean.leader.election.enable": "false",  # a replica that missed records never becomes the log
    "segment.index.bytes": "262144",  # the default of 10 MiB costs 28 ms of kernel time per topic at its second record
}


def topics_of_facility(facility: str) -> tuple[str, str]:
    """(submit topic, inbox topic). Raises ValueError for what is no facility code."""
    if not is_facility_id(facility):
        raise ValueError("not a facility code")
    return submit_topic(facility), inbox_topic(facility)


def settings_of_topic(topic: str, replicas: int) -> dict[str, str]:
    """Kafka's settings for a submit or inbox topic that is kept on ``replicas`` brokers.

    A lone copy is flushed at every record; with several, two must have a record before it is confirmed.
    """
    is_inbox = topic.startswith(INBOX_PREFIX)
    return {
        **_COMMON,
        "retention.ms": _milliseconds(INBOX_RETENTION if is_inbox else SUBMIT_RETENTION),
        "max.message.bytes": str(INBOX_TOPIC_MAX_BYTES if is_inbox else SUBMIT_TOPIC_MAX_BYTES),
        "min.insync.replicas": str(min(replicas, 2)),
        **({"flush.messages": "1"} if replicas == 1 else {}),
    }


def _milliseconds(period: timedelta) -> str:
    return str(period // timedelta(milliseconds=1))
