"""What belongs to a row but stands in other tables: how far a message was carried, a facility's signs of life."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, and_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.queries.views import HandedOn
from broker.store import bulk
from broker.store.tables import (
    directory_entry,
    facility,
    inbox_counter,
    inbox_status,
    known_facility,
    message,
    outbox,
    source_position,
)
from schemas.topics import RecordType, submit_topic

Key = tuple[str, str]  # message_id, sender


async def carried(connection: AsyncConnection, keys: Sequence[Key]) -> Mapping[Key, HandedOn]:
    """How far the newest outbox row of each message is; nothing for those whose rows are gone."""
    if not keys:
        return {}
    query = (
        select(
            outbox.c.message_id,
            outbox.c.sender,
            outbox.c.delivery_seq,
            inbox_counter.c.published_through,
            inbox_status.c.complete_to,
        )
        .outerjoin(inbox_counter, inbox_counter.c.destination == outbox.c.destination)
        .outerjoin(inbox_status, inbox_status.c.destination == outbox.c.destination)
        .where(outbox.c.record_type == RecordType.ENVELOPE, bulk.among(connection, outbox.c.message_id, "ids"))
        .order_by(outbox.c.id)
    )
    ids = bulk.listed(connection, sorted({message_id for message_id, _ in keys}))
    rows = await connection.execute(query, {"ids": ids})
    return {(row.message_id, row.sender): _step(*row[2:]) for row in rows}


def _step(number: int | None, published_through: int | None, complete_to: int | None) -> HandedOn:
    if number is None:
        return HandedOn.QUEUED
    if number <= (complete_to or 0):
        return HandedOn.CONFIRMED
    return HandedOn.PUBLISHED if number <= (published_through or 0) else HandedOn.NUMBERED


async def ack_reasons(connection: AsyncConnection, unreadable: Sequence[Row[Any]]) -> Mapping[Key, str | None]:
    """Why destinations could not read the newest slips of these transfers."""
    if not unreadable:
        return {}
    ids = bulk.listed(connection, [row.slip_message_id for row in unreadable])
    query = select(message.c.message_id, message.c.sender, message.c.ack_reason)
    rows = await connection.execute(query.where(bulk.among(connection, message.c.message_id, "ids")), {"ids": ids})
    return {(row.message_id, row.sender): row.ack_reason for row in rows}


async def names(connection: AsyncConnection, codes: Collection[str]) -> Mapping[str, str]:
    """The newest name of each facility code that the register knows."""
    if not codes:
        return {}
    query = select(known_facility.c.code, known_facility.c.name).order_by(known_facility.c.valid_from)
    wanted = query.where(bulk.among(connection, known_facility.c.code, "codes"))
    return {row.code: row.name for row in await connection.execute(wanted, {"codes": bulk.listed(connection, codes)})}


def facilities() -> Select[Any]:
    """One row a facility, with its newest name, its newest directory entry, its backlog and its last signs of life."""
    code = facility.c.facility_id
    known = select(known_facility.c.name).where(known_facility.c.code == code)
    name = known.order_by(known_facility.c.valid_from.desc()).limit(1).scalar_subquery()
    versions = select(func.max(directory_entry.c.version)).where(directory_entry.c.facility == code)
    newest = versions.correlate(facility).scalar_subquery()
    backlog = (
        select(func.count())
        .select_from(outbox)
        .where(outbox.c.lane == facility.c.lane, outbox.c.destination == code, outbox.c.delivery_seq.is_(None))
    )
    directory = and_(directory_entry.c.facility == code, directory_entry.c.version == newest)
    topic = source_position.c.topic == literal(submit_topic("")).concat(code)
    return (
        select(
            *facility.c,
            name.label("name"),
            directory_entry.c.countersigned,
            source_position.c.appended_at,
            backlog.scalar_subquery().label("unpublished"),
            inbox_counter.c.published_through,
            inbox_status.c.complete_to,
            inbox_status.c.missing_count,
            inbox_status.c.received_at,
        )
        .outerjoin(directory_entry, directory)
        .outerjoin(source_position, topic)
        .outerjoin(inbox_counter, inbox_counter.c.destination == code)
        .outerjoin(inbox_status, inbox_status.c.destination == code)
        .order_by(code)
    )


async def count(connection: AsyncConnection, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many rows."""
    return int((await connection.execute(select(func.count()).select_from(table).where(*conditions))).scalar_one())


async def total(connection: AsyncConnection, column: ColumnElement[int], condition: ColumnElement[bool]) -> int:
    """The sum of a column; 0 of no rows."""
    return int((await connection.execute(select(func.coalesce(func.sum(column), 0)).where(condition))).scalar_one())
