"""Kafka clients with every option that matters for safety written out, each with its reason.

The log is only transport here: read positions live in our databases, so there are no consumer groups, no offset
commits and no Kafka transactions. Only gzip is understood besides plain batches: what needs cramjam cannot be
expanded and cannot fill the memory; ``bounded_gzip`` caps the rest.

Two habits of the client to know: ``assign`` on a topic that one may not describe yields nothing for ever, without an
error (call ``describe_topics`` first), and an idempotent send waits out any outage in silence (judge the link by the
age of its last answer).
"""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from schemas.limits import INBOX_TOPIC_MAX_BYTES, MIB, SUBMIT_TOPIC_MAX_BYTES
from transport import bounded_gzip
from transport.kafka_producer import Producer

REQUEST_TIMEOUT_MS: Final = 30_000  # one answer of the broker; half a minute tells a dead link from a slow disk
SLOW_LINE_REQUEST_TIMEOUT_MS: Final = 180_000  # 960 KiB at 64 kbit/s take 123 s; less would cut and repeat for ever
RETRY_BACKOFF_MS: Final = 200
METADATA_MAX_AGE_MS: Final = 120_000  # how long a moved leader or a new topic may stay unseen when nothing fails
CONNECTIONS_MAX_IDLE_MS: Final = 540_000  # below the broker's 600,000, so that it is we who close
STOP_WITHIN_S: Final = 2.0  # an answer that meets a closing TLS connection would keep it open for half a minute
FETCH_MAX_WAIT_MS: Final = 500  # an idle fetch waits this long at the broker; a new record ends the wait at once
FETCH_MIN_BYTES: Final = 1  # a lone emergency must not wait for company
FETCH_MAX_BYTES: Final = 8 * MIB  # one answer for all topics together: bounds memory, not progress
MAX_PARTITION_FETCH_BYTES: Final = INBOX_TOPIC_MAX_BYTES  # not below the largest record of any topic

bounded_gzip.install()


@dataclass(frozen=True, slots=True)
class KafkaLink:
    """How to reach the brokers, and as whom: the context's certificate is the principal.

    ``bootstrap`` is one or more ``host:port``, with commas. ``client_id`` stands in the broker's log.
    """

    bootstrap: str
    ssl_context: ssl.SSLContext
    client_id: str
    request_timeout_ms: int = REQUEST_TIMEOUT_MS

    def options(self) -> dict[str, Any]:
        """What every aiokafka client of this link takes: mutual TLS and the times."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "security_protocol": "SSL",
            "ssl_context": self.ssl_context,
            "client_id": self.client_id,
            "request_timeout_ms": self.request_timeout_ms,
            "retry_backoff_ms": RETRY_BACKOFF_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            "connections_max_idle_ms": CONNECTIONS_MAX_IDLE_MS,
        }


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """One topic as the broker tells it to us. ``error`` is empty, or the name of a Kafka error.

    A topic that does not exist and one that we may not describe look the same (TopicAuthorizationFailedError).
    """

    name: str
    partitions: int
    error: str

    @property
    def usable(self) -> bool:
        """Exists, may be described, and has its one partition."""
        return not self.error and self.partitions > 0


def make_producer(link: KafkaLink, *, max_record_bytes: int = SUBMIT_TOPIC_MAX_BYTES, linger_ms: int = 0) -> Producer:
    """A producer, not started, for topics whose ``max.message.bytes`` is ``max_record_bytes``.

    Needs a running event loop. One producer writes to topics of one kind only: a record that the broker finds too large
    spoils the producer, one that is found too large here does not.
    """
    return Producer(link.options(), max_record_bytes=max_record_bytes, linger_ms=linger_ms)


def make_consumer(
    link: KafkaLink,
    *,
    fetch_max_bytes: int = FETCH_MAX_BYTES,
    max_partition_fetch_bytes: int = MAX_PARTITION_FETCH_BYTES,
) -> AIOKafkaConsumer:
    """A consumer, not started, for ``assign`` and ``seek``: no group, no commits, never a silent reset.

    Needs a running event loop. A position outside the log raises OffsetOutOfRangeError from ``getmany``.
    """
    return AIOKafkaConsumer(
        **link.options(),
        group_id=None,  # who reads what is decided by lanes in the database
        enable_auto_commit=False,  # the position is in the transaction that reading caused
        auto_offset_reset="none",  # a lost position is an alarm, never a jump
        isolation_level="read_uncommitted",  # nobody may open a transaction here, so none can hold readers back
        check_crcs=True,  # damage on the way or on the disk must show
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        fetch_min_bytes=FETCH_MIN_BYTES,
        fetch_max_bytes=fetch_max_bytes,
        max_partition_fetch_bytes=max_partition_fetch_bytes,  # a larger batch still comes, whole and alone
        exclude_internal_topics=True,
    )


_stopping: set[asyncio.Task[None]] = set()


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, and wait for its connections no longer than ``STOP_WITHIN_S``; they end by themselves later.

    A fetch is under way nearly always, and when its answer comes after our goodbye, TLS waits 30 s for the broker's.
    """
    task = asyncio.ensure_future(_stop_whole(consumer))
    _stopping.add(task)
    task.add_done_callback(_stopping.discard)
    done, _ = await asyncio.wait([task], timeout=STOP_WITHIN_S)
    if done:
        task.result()


async def _stop_whole(consumer: AIOKafkaConsumer) -> None:
    """``stop``, whose own cancelling of a fetch that pauses after a failure comes out as if *we* were cancelled."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await consumer._client.close()  # what ``stop`` did not come to


async def describe_topics(link: KafkaLink, topics: Iterable[str]) -> Mapping[str, TopicDescription]:
    """What the broker says of each topic, by name; ask this before every ``assign``.

    Raises aiokafka.errors.KafkaError when no broker answers.
    """
    names = sorted(set(topics))
    if not names:  # an empty list would ask for every topic of the cluster
        return MappingProxyType({})
    admin = AIOKafkaAdminClient(**link.options())
    try:
        await admin.start()
        answers = await admin.describe_topics(names)
    finally:
        await admin.close()
    return MappingProxyType({answer["topic"]: _description(answer) for answer in answers})


def _description(answer: Mapping[str, Any]) -> TopicDescription:
    code = answer["error_code"]
    return TopicDescription(answer["topic"], len(answer["partitions"]), for_code(code).__name__ if code else "")
