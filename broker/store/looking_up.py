"""What is known of the ids that one turn names, read under lock.

Messages and facilities are read plainly: of one sender's messages only this worker writes any, because they come from
one topic. Only a facility that is suspended is locked, so that its return misses nothing. Transfers belong to two
facilities and therefore perhaps to two workers: they are locked, in sorted order.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.recording.ledger import Ledger
from broker.recording.rows import TRANSFER_TIMES
from broker.stages.known import Delivery, HeldMessage, Standing, StoredMessage, Transfer
from broker.store import tables
from broker.store.bulk import among, listed
from schemas.events import Event
from schemas.lifecycle import Decision, Journey, Loop, TransferState
from schemas.lifecycle import Delivery as DeliveryState
from schemas.reasons import ReasonCode
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.urgency import Kind, Priority

_VIETNAM: Final = timedelta(hours=7)  # a code ends at midnight there


@dataclass
class Questions:
    """The ids that a turn is about."""

    message_ids: set[str] = field(default_factory=set)
    bundle_ids: set[str] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)
    duplicate_keys: set[str] = field(default_factory=set)
    transfer_ids: set[str] = field(default_factory=set)
    case_ids: set[str] = field(default_factory=set)
    facilities: set[str] = field(default_factory=set)
    entries_of: set[str] = field(default_factory=set)  # facilities that submit a directory entry


async def look_up(connection: AsyncConnection, questions: Questions, now: datetime) -> Ledger:
    """Answer the questions; the transfers found stay locked until the transaction ends."""
    ledger = Ledger()
    await _messages(connection, questions, ledger)
    locked = questions.transfer_ids | {one.transfer_id for one in ledger.messages.values() if one.transfer_id}
    locked |= {one.transfer_id for one in ledger.contents.values() if one.transfer_id}
    await _transfers(connection, locked, ledger)
    await _standings(connection, questions.facilities, now, ledger)
    await _held(connection, questions.case_ids, ledger)
    await _deliveries(connection, [key[1] for key in ledger.messages], ledger)
    await _entries(connection, questions.entries_of, ledger)
    return ledger


_MESSAGE: Final = tables.message.c
_MESSAGE_COLUMNS: Final = (
    _MESSAGE.message_id,
    _MESSAGE.sender,
    _MESSAGE.bundle_id,
    _MESSAGE.destination,
    _MESSAGE.event,
    _MESSAGE.priority,
    _MESSAGE.case_id,
    _MESSAGE.transfer_id,
    _MESSAGE.origin,
    _MESSAGE.payload_sha256,
    _MESSAGE.content_sha256,
    _MESSAGE.duplicate_key,
    _MESSAGE.record_sha256,
    _MESSAGE.verdict,
    _MESSAGE.event_seq,
    _MESSAGE.receipt,
    _MESSAGE.ack,
)


async def _messages(connection: AsyncConnection, questions: Questions, ledger: Ledger) -> None:
    asked = {
        "message_ids": (_MESSAGE.message_id, questions.message_ids),
        "bundle_ids": (_MESSAGE.bundle_id, questions.bundle_ids),
        "origins": (_MESSAGE.origin, questions.origins),
        "duplicate_keys": (_MESSAGE.duplicate_key, questions.duplicate_keys),
    }
    if not any(values for _, values in asked.values()):
        return
    found = select(*_MESSAGE_COLUMNS).where(
        or_(*(among(connection, column, name) for name, (column, _) in asked.items()))
    )
    parameters = {name: listed(connection, values) for name, (_, values) in asked.items()}
    in_order = found.order_by(_MESSAGE.decided_at, _MESSAGE.offset)  # those of one turn share their time
    for row in (await connection.execute(in_order, parameters)).all():
        _remember(row, questions, ledger)


def _remember(row: Any, questions: Questions, ledger: Ledger) -> None:
    stored = StoredMessage(
        sender=row.sender,
        message_id=row.message_id,
        payload_sha256=row.payload_sha256,
        content_sha256=row.content_sha256,
        verdict=Verdict(row.verdict),
        receipt=row.receipt,
        destination=row.destination,
        event=Event(row.event) if row.event else None,
        transfer_id=row.transfer_id,
        case_id=row.case_id,
        priority=Priority(row.priority) if row.priority else None,
        event_seq=row.event_seq,
        record_sha256=row.record_sha256,
        ack=AckVerdict(row.ack) if row.ack else None,
    )
    if row.message_id in questions.message_ids:
        ledger.messages[row.sender, row.message_id] = stored
    if row.bundle_id in questions.bundle_ids:
        ledger.bundles[row.sender, row.bundle_id] = stored
    if row.origin in questions.origins:
        ledger.origins.setdefault((row.sender, row.origin), row.message_id)
    if row.duplicate_key in questions.duplicate_keys:
        ledger.contents[row.duplicate_key] = stored


async def _transfers(connection: AsyncConnection, transfer_ids: Collection[str], ledger: Ledger) -> None:
    if not transfer_ids:
        return
    columns = tables.transfer.c
    found = (
        select(tables.transfer)
        .where(among(connection, columns.transfer_id, "ids"))
        .order_by(columns.transfer_id, columns.sender)
        .with_for_update()
    )
    for row in (await connection.execute(found, {"ids": listed(connection, transfer_ids)})).all():
        ledger.transfers[row.sender, row.transfer_id] = transfer_of(row)


def transfer_of(row: Row[Any]) -> Transfer:
    """The transfer behind a row of its table."""
    return Transfer(
        sender=row.sender,
        transfer_id=row.transfer_id,
        destination=row.destination,
        case_id=row.case_id,
        case_code=row.case_code,
        kind=Kind(row.kind) if row.kind else None,
        priority=Priority(row.priority),
        unclassified=bool(row.unclassified),
        incomplete=bool(row.incomplete),
        state=TransferState(DeliveryState(row.delivery), Decision(row.decision), Journey(row.journey), Loop(row.loop)),
        event_seq=row.event_seq,
        decision_seq=row.decision_seq,
        slip_message_id=row.slip_message_id,
        times={name: value for name in TRANSFER_TIMES if (value := getattr(row, name)) is not None},
    )


async def _standings(connection: AsyncConnection, facilities: Collection[str], now: datetime, ledger: Ledger) -> None:
    if not facilities:
        return
    admitted, known = tables.facility.c, tables.known_facility.c
    statement = select(admitted.facility_id, admitted.status).where(among(connection, admitted.facility_id, "ids"))
    asked = {"ids": listed(connection, facilities)}
    rows = (await connection.execute(statement, asked)).all()
    if any(row.status != Standing.ACTIVE for row in rows):
        # A facility's return waits for this turn, or this turn for it: what is set aside is seen by who lets it in.
        locked = statement.order_by(admitted.facility_id).with_for_update(read=True)
        rows = (await connection.execute(locked, asked)).all()
    for facility, status in rows:
        ledger.standings[facility] = Standing(status)
    others = [facility for facility in facilities if facility not in ledger.standings]
    if not others:
        return
    today = (now + _VIETNAM).date().isoformat()
    statement = select(known.code, known.valid_to).where(among(connection, known.code, "ids"))
    for code, valid_to in (await connection.execute(statement, {"ids": listed(connection, others)})).all():
        is_open = valid_to is None or valid_to >= today
        if is_open or code not in ledger.standings:
            ledger.standings[code] = Standing.NOT_CONNECTED if is_open else Standing.CLOSED


async def _held(connection: AsyncConnection, case_ids: Collection[str], ledger: Ledger) -> None:
    if not case_ids:
        return
    statement = select(tables.held).where(among(connection, tables.held.c.case_id, "ids"))
    for row in (await connection.execute(statement, {"ids": listed(connection, case_ids)})).all():
        held = HeldMessage(
            row.sender,
            row.message_id,
            row.case_id,
            row.payload_sha256,
            ReasonCode(row.reason),
            row.receipt,
            row.offset,
            row.record_sha256,
            row.held_at,
        )
        ledger.held.setdefault((row.sender, row.case_id), []).append(held)


async def _deliveries(connection: AsyncConnection, message_ids: Collection[str], ledger: Ledger) -> None:
    """The newest delivery of each message that came before: a repeat may repair it."""
    if not message_ids:
        return
    columns = tables.outbox.c
    statement = (
        select(columns.id, columns.message_id, columns.sender, columns.stamp, columns.facts, columns.priority_rank)
        .where(among(connection, columns.message_id, "ids"), columns.record_type == "envelope")
        .order_by(columns.id)
        .with_for_update()
    )
    for row in (await connection.execute(statement, {"ids": listed(connection, message_ids)})).all():
        numbered = row.stamp is not None
        delivery = Delivery(row.id, numbered, row.stamp if numbered else row.facts, row.priority_rank)
        ledger.deliveries[row.sender, row.message_id] = delivery


async def _entries(connection: AsyncConnection, facilities: Collection[str], ledger: Ledger) -> None:
    if not facilities:
        return
    entry, facility = tables.directory_entry.c, tables.facility.c
    statement = (
        select(entry.facility, entry.version, entry.entry_sha256)
        .where(among(connection, entry.facility, "ids"))
        .order_by(entry.version)
    )
    for row in (await connection.execute(statement, {"ids": listed(connection, facilities)})).all():
        ledger.entries[row.facility] = (row.version, row.entry_sha256)
    active = select(facility.facility_id).where(facility.status == Standing.ACTIVE).order_by(facility.facility_id)
    ledger.active = tuple((await connection.execute(active)).scalars())
