"""Is this database older than what it has already said? Asked once, before any work.

A restored backup knows fewer numbers than its inbox topics hold, and would give them out again for other messages. The
tail of each inbox tells: the last number there, and the last head. Numbers that the database knows and the topic does
not are normal: they are published next. A published checkpoint larger than the database's tree means the same.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from sqlalchemy import func, select

from broker.audit.checkpoint import log_origin, open_checkpoint
from broker.audit.log_key import load_log_key
from broker.audit.note import NoteError
from broker.audit.publishing import CheckpointFile
from broker.ports import LogUnavailableError
from broker.settings import ExchangeSettings
from broker.store import counters, tables
from broker.store.engine import Database
from certs.base64url import decode
from schemas.reasons import Refused
from schemas.tokens.delivery import Head
from schemas.tokens.stamp import Stamp
from schemas.topics import HEADER_STAMP, RecordType, inbox_topic
from transport.kafka import KafkaLink, make_consumer, stop_consumer

TAIL_RECORDS: Final = (
    20  # numbers sent again may stand last; among so many records the newest number or a head is found
)
TAIL_WITHIN_MS: Final = 5_000
SILENT_POLLS: Final = 6  # so often may nothing come before Kafka counts as not reachable; half a tail proves nothing
COMMAND: Final = "lienvien exchange recover"
_PARTITION: Final = 0


class DatabaseIsOlderError(Exception):
    """The database is a backup older than its log; the text says what to do, in Vietnamese and English."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Cơ sở dữ liệu cũ hơn những gì trục đã gửi ({what}); không được chạy tiếp. Hãy chạy: {COMMAND}. "
            f"/ The database is older than what the exchange has sent ({what}); it must not run. Run first: {COMMAND}."
        )


async def refuse_older_database(settings: ExchangeSettings, database: Database, link: KafkaLink) -> None:
    """Compare the database with the tails of its inbox topics, and with the checkpoint that was published.

    Raises DatabaseIsOlderError, PassingError, LogUnavailableError.
    """
    await _compare_checkpoint(settings, database)
    facilities, _ = await _known(database)
    if not facilities:
        return
    tails = await _tails(link, sorted(facilities))
    known, generation = await _known(database)  # after the tails: another worker may be giving out numbers now
    for facility, (number, seen_generation) in tails.items():
        if seen_generation > generation:
            raise DatabaseIsOlderError(f"generation {seen_generation} > {generation}")
        if number > known[facility]:
            raise DatabaseIsOlderError(f"{inbox_topic(facility)}: {number} > {known[facility]}")


async def _known(database: Database) -> tuple[dict[str, int], int]:
    facility, counter = tables.facility.c, tables.inbox_counter.c
    statement = select(facility.facility_id, func.coalesce(counter.next_seq, 1) - 1).join_from(
        tables.facility, tables.inbox_counter, counter.destination == facility.facility_id, isouter=True
    )
    async with database.read() as connection:
        known = dict((await connection.execute(statement)).all())
        return known, await counters.value_of(connection, counters.GENERATION)


async def _compare_checkpoint(settings: ExchangeSettings, database: Database) -> None:
    try:
        note = await CheckpointFile(Path(settings.folders.data)).published()
        if note is None:
            return
        signer = load_log_key(settings.key("audit"), log_origin(settings.exchange.name))
        head = open_checkpoint(note, signer.verifier)
    except (NoteError, Refused, OSError):
        return  # the audit task reports it; an audit fault never blocks a transfer
    async with database.read() as connection:
        size = (await connection.execute(select(tables.audit_state.c.size))).scalar_one_or_none() or 0
    if head.size > size:
        raise DatabaseIsOlderError(f"checkpoint {head.size} > {size}")


async def _tails(link: KafkaLink, facilities: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The highest number and generation found at the end of each inbox; inboxes that are empty are left out."""
    consumer = make_consumer(link)
    try:
        await consumer.start()
        partitions = {TopicPartition(inbox_topic(one), _PARTITION): one for one in facilities}
        consumer.assign(list(partitions))
        starts = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
        for partition in partitions:
            consumer.seek(partition, max(starts[partition], ends[partition] - TAIL_RECORDS))
        records = await _read_to(consumer, ends)
    except (KafkaError, OSError) as error:
        raise LogUnavailableError(type(error).__name__) from None
    finally:
        await stop_consumer(consumer)
    found: dict[str, tuple[int, int]] = {}
    for partition, record in records:
        number, generation = _said(record)
        before = found.get(partitions[partition], (0, 0))
        found[partitions[partition]] = (max(before[0], number), max(before[1], generation))
    return found


async def _read_to(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> list[tuple[TopicPartition, ConsumerRecord[bytes, bytes]]]:
    """Every record up to all the ends. Raises LogUnavailableError when nothing comes any more before that."""
    found: list[tuple[TopicPartition, ConsumerRecord[bytes, bytes]]] = []
    silent = 0
    while open_ends := [partition for partition, end in ends.items() if await consumer.position(partition) < end]:
        came = await consumer.getmany(*open_ends, timeout_ms=TAIL_WITHIN_MS)
        silent = 0 if came else silent + 1
        if silent == SILENT_POLLS:
            raise LogUnavailableError("NothingComes")
        found += [(partition, record) for partition, records in came.items() for record in records]
    return found


def _said(record: ConsumerRecord[bytes, bytes]) -> tuple[int, int]:
    """Number and generation of an inbox record; nothing from one that cannot be read."""
    try:
        (stamp,) = (value for name, value in record.headers if name == HEADER_STAMP)
        facts = Stamp.decode(decode(stamp.split(b".")[1]))
        if facts.record_type is RecordType.HEAD:
            return Head.decode(decode((record.value or b"").split(b".")[1])).last, facts.generation
        return facts.delivery_seq or 0, facts.generation
    except (ValueError, IndexError, Refused):
        return 0, 0
