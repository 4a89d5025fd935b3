"""The questions. Whose cases a viewer may see is decided here and nowhere else (``_own``, ``_seen``).

Every method opens one short connection and answers with values of ``views``. Raises PassingError when the
database cannot be asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from broker.queries import gathering
from broker.queries import rows as views_of
from broker.queries.views import (
    OPERATOR,
    AlarmView,
    Counts,
    FacilityView,
    HeldView,
    JunkView,
    LaneView,
    LogView,
    MessageView,
    QuarantineView,
    Tallies,
    TransferFilter,
    TransferView,
    Viewer,
)
from broker.store.engine import Database
from broker.store.tables import (
    alarm,
    audit_entry,
    audit_state,
    checkpoint,
    facility,
    held,
    junk_counter,
    lane,
    message,
    quarantine,
    transfer,
    worker,
)
from schemas.events import Event
from schemas.ids import is_case_code, is_uuid
from schemas.lifecycle import Decision, Delivery, Journey
from schemas.times import iso, parse_iso
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority

PAGE: Final = 100  # rows of a list, unless asked otherwise
LOOK_BACK: Final = timedelta(days=30)  # an open transfer older than that is no longer news; its own page still shows it
_MESSAGES_OF_ONE: Final = 500  # shown of one transfer
_UNDECIDED: Final = (Decision.OPEN, Decision.UNDER_REVIEW, Decision.AWAITING_INFORMATION)
_NOT_THERE: Final = (Delivery.SUBMITTED, Delivery.UNREADABLE, Delivery.UNDELIVERABLE)


class Queries:
    """Questions to one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def transfers(self, viewer: Viewer, wanted: TransferFilter, limit: int = PAGE) -> list[TransferView]:
        """Newest first."""
        parties = {viewer.facility, wanted.facility} - {None}
        queries = [_newest(_filtered(wanted, sides), limit) for sides in _sides(parties)]
        query = queries[0]
        if len(queries) > 1:  # each side has its own index; together they have none
            either = union_all(*(part.subquery().select() for part in queries)).subquery()
            query = select(either).order_by(either.c.submitted_at.desc(), either.c.transfer_id.desc()).limit(limit)
        return await self._transfers(query)

    async def named(self, viewer: Viewer, name: str) -> list[TransferView]:
        """The transfers that a case code, case id, transfer id or message id means; none for any other text."""
        for found in _meanings(name):  # one after another: each has its index, together they would have none
            views = await self._transfers(_newest([found, *_own(viewer, transfer)], PAGE))
            if views:
                return views
        return []

    async def unsettled(
        self, viewer: Viewer, now: datetime, wanted: TransferFilter | None = None, limit: int = 500
    ) -> list[TransferView]:
        """Transfers for which somebody may have to do something; urgent first, then oldest."""
        wanted = replace(wanted or TransferFilter(), before=None)
        party = transfer.c.sender == wanted.facility, transfer.c.destination == wanted.facility
        chosen = _filtered(wanted, [or_(*party)] if wanted.facility else [])
        waiting = and_(
            transfer.c.decision.in_(_UNDECIDED),
            transfer.c.journey == Journey.NOT_DEPARTED,
            or_(transfer.c.delivery != Delivery.OPENED, transfer.c.priority != Priority.ROUTINE),
        )
        travelling = and_(
            transfer.c.delivery.in_(_NOT_THERE),
            transfer.c.journey == Journey.DEPARTED,
        )
        undelivered = and_(transfer.c.delivery.in_(_NOT_THERE), transfer.c.decision == Decision.ACCEPTED)
        recent = transfer.c.submitted_at >= iso(now - LOOK_BACK)
        query = select(transfer).where(recent, or_(waiting, travelling, undelivered), *chosen, *_own(viewer, transfer))
        urgency = case({p.value: p.rank for p in Priority}, value=transfer.c.priority)
        return await self._transfers(query.order_by(urgency, transfer.c.submitted_at).limit(limit))

    async def messages(self, viewer: Viewer, of: TransferView) -> list[MessageView]:
        """The messages of one transfer, in the order of their decisions; refused ones only to who sent them."""
        parties = (of.sender, of.destination)
        wanted = [message.c.transfer_id == of.transfer_id, message.c.sender.in_(parties), *_seen(viewer)]
        return await self._messages(select(message).where(*wanted).order_by(message.c.decided_at), _MESSAGES_OF_ONE)

    async def message(self, viewer: Viewer, message_id: str) -> list[MessageView]:
        """A message by its id, also one that belongs to no transfer."""
        return await self._messages(select(message).where(message.c.message_id == message_id, *_seen(viewer)), PAGE)

    async def refusals(self, viewer: Viewer, since: datetime, limit: int = PAGE) -> list[MessageView]:
        """Refused messages, newest first, without slips that were accepted later under another id."""
        query = select(message).where(*_refused(viewer, since)).order_by(message.c.decided_at.desc())
        return await self._messages(query, limit)

    async def held(self, viewer: Viewer, limit: int = PAGE) -> list[HeldView]:
        """Messages that wait, oldest first."""
        mine = [] if viewer.facility is None else [held.c.sender == viewer.facility]
        query = select(held).where(*mine).order_by(held.c.held_at).limit(limit)
        return [views_of.held_view(row) for row in await self._rows(query)]

    async def quarantine(self, since: datetime, limit: int = PAGE) -> list[QuarantineView]:
        """Records set aside, newest first."""
        query = select(quarantine).where(quarantine.c.found_at >= iso(since)).order_by(quarantine.c.found_at.desc())
        return [views_of.quarantine_view(row) for row in await self._rows(query.limit(limit))]

    async def junk(self, since: datetime) -> list[JunkView]:
        """Counts of unauthenticated records by topic and reason."""
        total, last = func.sum(junk_counter.c.records), func.max(junk_counter.c.minute)
        query = (
            select(junk_counter.c.topic, junk_counter.c.reason, total.label("records"), last.label("last"))
            .where(junk_counter.c.minute >= iso(since)[:16])
            .group_by(junk_counter.c.topic, junk_counter.c.reason)
            .order_by(total.desc())
        )
        return [views_of.junk_view(row) for row in await self._rows(query)]

    async def alarms(self, limit: int = PAGE) -> list[AlarmView]:
        """Alarms that nobody has ticked off, newest first."""
        query = select(alarm).where(alarm.c.seen_at.is_(None)).order_by(alarm.c.id.desc()).limit(limit)
        return [views_of.alarm_view(row) for row in await self._rows(query)]

    async def lanes(self) -> list[LaneView]:
        """Every lane, its worker, and how many facilities it serves."""
        members = func.count(facility.c.facility_id).label("members")
        query = (
            select(lane.c.lane, lane.c.epoch, worker.c.worker_id, members)
            .outerjoin(worker, worker.c.instance == lane.c.owner)
            .outerjoin(facility, facility.c.lane == lane.c.lane)
            .group_by(lane.c.lane, lane.c.epoch, worker.c.worker_id)
            .order_by(lane.c.lane)
        )
        return [LaneView(row.lane, row.worker_id, row.epoch, row.members) for row in await self._rows(query)]

    async def facilities(self) -> list[FacilityView]:
        """Every facility that takes part, by code."""
        return [views_of.facility_view(row) for row in await self._rows(gathering.facilities())]

    async def names(self, codes: Collection[str]) -> Mapping[str, str]:
        """The names of facilities, as far as the register has them."""
        async with self._database.read() as connection:
            return await gathering.names(connection, codes)

    async def admitted(self, code: str) -> tuple[str, frozenset[str]] | None:
        """Status of a facility, and the generations of its TLS certificate that are let in; None where unknown."""
        rows = await self._rows(select(facility.c.status, facility.c.generations).where(facility.c.facility_id == code))
        return (rows[0].status, frozenset(rows[0].generations.split(","))) if rows else None

    async def log(self) -> LogView:
        """How far the audit log is."""
        async with self._database.read() as connection:
            last = (await connection.execute(select(func.max(checkpoint.c.at)))).scalar_one()
            size = (await connection.execute(select(audit_state.c.size))).scalar_one_or_none()
            waiting = select(func.count()).select_from(audit_entry).where(audit_entry.c.log_index.is_(None))
            unnumbered = (await connection.execute(waiting)).scalar_one()
        return LogView(size or 0, None if last is None else parse_iso(last), unnumbered)

    async def counts(self, viewer: Viewer, since: datetime) -> Counts:
        """Numbers for the tiles."""
        at = iso(since)
        mine = _own(viewer, transfer)
        by_decision = select(transfer.c.decision, func.count()).where(transfer.c.submitted_at >= at, *mine)
        waiting = [] if viewer.facility is None else [held.c.sender == viewer.facility]
        async with self._database.read() as connection:
            decisions = {row[0]: row[1] for row in await connection.execute(by_decision.group_by(transfer.c.decision))}
            return Counts(
                transfers=decisions,
                held=await gathering.count(connection, held, waiting),
                refused=await gathering.count(connection, message, _refused(viewer, since)),
                quarantined=await gathering.count(connection, quarantine, [quarantine.c.found_at >= at]),
                junk=await gathering.total(connection, junk_counter.c.records, junk_counter.c.minute >= at[:16]),
                alarms=await gathering.count(connection, alarm, [alarm.c.seen_at.is_(None)]),
            )

    async def tallies(self, since: datetime) -> Tallies:
        """Numbers by facility, for metrics."""
        at, count = iso(since), func.count()
        decided = select(transfer.c.sender, transfer.c.decision, count).where(transfer.c.submitted_at >= at)
        refused = select(message.c.sender, count).where(*_refused(OPERATOR, since)).group_by(message.c.sender)
        waiting = select(held.c.sender, count).group_by(held.c.sender)
        async with self._database.read() as connection:
            decisions = await connection.execute(decided.group_by(transfer.c.sender, transfer.c.decision))
            return Tallies(
                transfers={(row[0], row[1]): row[2] for row in decisions},
                refused={row[0]: row[1] for row in await connection.execute(refused)},
                held={row[0]: row[1] for row in await connection.execute(waiting)},
            )

    async def answers(self) -> bool:
        """True when the database answers at all. Raises PassingError otherwise."""
        return bool(await self._rows(select(literal(1))))

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            found: Sequence[Row[Any]] = (await connection.execute(query)).all()
        return found

    async def _transfers(self, query: Select[Any]) -> list[TransferView]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
            carried = await gathering.carried(connection, [(row.slip_message_id, row.sender) for row in rows])
            reasons = await gathering.ack_reasons(
                connection, [row for row in rows if row.delivery == Delivery.UNREADABLE]
            )
        keys = [(row, (row.slip_message_id, row.sender)) for row in rows]
        return [views_of.transfer_view(row, carried.get(key), reasons.get(key)) for row, key in keys]

    async def _messages(self, query: Select[Any], limit: int) -> list[MessageView]:
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit))).all()
            carried = await gathering.carried(connection, [(row.message_id, row.sender) for row in rows])
        return [views_of.message_view(row, carried.get((row.message_id, row.sender))) for row in rows]


def _meanings(name: str) -> list[ColumnElement[bool]]:
    """What a code or id can mean, most likely first; nothing for any other text."""
    if is_case_code(name):
        return [and_(transfer.c.sender == name[:5], transfer.c.case_code == name)]
    if not is_uuid(name):
        return []
    named = select(message.c.transfer_id, message.c.sender, message.c.destination).where(message.c.message_id == name)
    sent = named.where(message.c.transfer_id.is_not(None)).subquery()
    its = tuple_(transfer.c.transfer_id, transfer.c.sender)
    return [
        transfer.c.transfer_id == name,
        transfer.c.case_id == name,
        its.in_(select(sent.c.transfer_id, sent.c.sender)),
        its.in_(select(sent.c.transfer_id, sent.c.destination)),
    ]


def _own(viewer: Viewer, table: Table) -> list[ColumnElement[bool]]:
    """A facility sees what it sent and what was sent to it; the operator sees all."""
    code = viewer.facility
    return [] if code is None else [or_(table.c.sender == code, table.c.destination == code)]


def _seen(viewer: Viewer) -> list[ColumnElement[bool]]:
    """Messages: a refused one is known to its sender alone."""
    code = viewer.facility
    if code is None:
        return []
    came = and_(message.c.destination == code, message.c.verdict == Verdict.ACCEPTED)
    return [or_(message.c.sender == code, came)]


def _refused(viewer: Viewer, since: datetime) -> list[ColumnElement[bool]]:
    """Refused, and still open: no slip of that transfer was accepted under another id."""
    later = exists().where(transfer.c.transfer_id == message.c.transfer_id, transfer.c.sender == message.c.sender)
    resolved = func.coalesce(and_(message.c.event == Event.SUBMIT, later), False)
    return [message.c.verdict != Verdict.ACCEPTED, message.c.decided_at >= iso(since), ~resolved, *_seen(viewer)]


def _sides(parties: set[str | None]) -> list[list[ColumnElement[bool]]]:
    """Conditions for "all of these take part", as one list for each way in which they can."""
    codes = sorted(code for code in parties if code is not None)
    if not codes:
        return [[]]
    if len(codes) == 1:
        return [[transfer.c.sender == codes[0]], [transfer.c.destination == codes[0]]]
    one, other = codes
    return [
        [transfer.c.sender == one, transfer.c.destination == other],
        [transfer.c.sender == other, transfer.c.destination == one],
    ]


def _filtered(wanted: TransferFilter, side: list[ColumnElement[bool]]) -> list[ColumnElement[bool]]:
    columns = transfer.c
    exact = {
        "sender": wanted.sender,
        "destination": wanted.destination,
        "priority": wanted.priority,
        "decision": wanted.decision,
        "journey": wanted.journey,
    }
    conditions = [columns[name] == value for name, value in exact.items() if value is not None]
    if wanted.before is not None:
        conditions.append(tuple_(columns.submitted_at, columns.transfer_id) < tuple_(*wanted.before))
    return [*side, *conditions]


def _newest(conditions: Sequence[ColumnElement[bool]], limit: int) -> Select[Any]:
    order = (transfer.c.submitted_at.desc(), transfer.c.transfer_id.desc())
    return select(transfer).where(*conditions).order_by(*order).limit(limit)
