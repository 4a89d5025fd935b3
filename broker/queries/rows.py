"""From database rows to views; the only place that knows both."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

from broker.queries.views import (
    AlarmView,
    FacilityView,
    HandedOn,
    HeldView,
    JunkView,
    MessageView,
    QuarantineView,
    Stage,
    TransferView,
)
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, Journey, Loop, TransferState
from schemas.reasons import ReasonCode
from schemas.times import parse_iso
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.urgency import Kind, Priority

STAGE_COLUMNS: Final[Mapping[Stage, str]] = {
    Stage.RECEIVED: "submitted_at",
    Stage.DELIVERED: "delivered_at",
    Stage.OPENED: "opened_at",
    Stage.DECIDED: "decided_at",
    Stage.DEPARTED: "departed_at",
    Stage.ARRIVED: "arrived_at",
    Stage.COMPLETED: "completed_at",
    Stage.CLOSED: "closed_at",
}


def transfer_view(row: Row[Any], handed_on: HandedOn | None, ack_reason: str | None) -> TransferView:
    """A row of ``transfer``."""
    columns = row._mapping
    times = {stage: columns[column] for stage, column in STAGE_COLUMNS.items()}
    return TransferView(
        transfer_id=row.transfer_id,
        case_id=row.case_id,
        case_code=row.case_code,
        sender=row.sender,
        destination=row.destination,
        kind=None if row.kind is None else Kind(row.kind),
        priority=Priority(row.priority),
        unclassified=row.unclassified,
        incomplete=row.incomplete,
        state=TransferState(Delivery(row.delivery), Decision(row.decision), Journey(row.journey), Loop(row.loop)),
        event_seq=row.event_seq,
        reached={stage: parse_iso(text) for stage, text in times.items() if text is not None},
        changed_at=parse_iso(row.changed_at),
        handed_on=handed_on,
        ack_reason=_reason(ack_reason),
    )


def message_view(row: Row[Any], handed_on: HandedOn | None) -> MessageView:
    """A row of ``message``."""
    return MessageView(
        message_id=row.message_id,
        sender=row.sender,
        destination=row.destination,
        event=None if row.event is None else Event(row.event),
        priority=None if row.priority is None else Priority(row.priority),
        transfer_id=row.transfer_id,
        case_id=row.case_id,
        verdict=Verdict(row.verdict),
        reason=_reason(row.reason),
        event_seq=row.event_seq,
        appended_at=parse_iso(row.appended_at),
        decided_at=parse_iso(row.decided_at),
        ack=None if row.ack is None else AckVerdict(row.ack),
        ack_reason=_reason(row.ack_reason),
        acked_at=_time(row.acked_at),
        handed_on=handed_on,
    )


def held_view(row: Row[Any]) -> HeldView:
    """A row of ``held``."""
    return HeldView(
        message_id=row.message_id,
        sender=row.sender,
        transfer_id=row.transfer_id,
        case_id=row.case_id,
        event=Event(row.event),
        priority=Priority(row.priority),
        reason=ReasonCode(row.reason),
        held_at=parse_iso(row.held_at),
        try_at=parse_iso(row.try_at),
    )


def quarantine_view(row: Row[Any]) -> QuarantineView:
    """A row of ``quarantine``."""
    return QuarantineView(
        topic=row.topic,
        offset=row.offset,
        record_type=row.record_type,
        facility=row.facility,
        reason=ReasonCode(row.reason),
        size=row.size,
        found_at=parse_iso(row.found_at),
    )


def junk_view(row: Row[Any]) -> JunkView:
    """A sum over ``junk_counter``: topic, reason, records, last."""
    return JunkView(row.topic, ReasonCode(row.reason), int(row.records), row.last)


def alarm_view(row: Row[Any]) -> AlarmView:
    """A row of ``alarm``."""
    return AlarmView(parse_iso(row.at), row.alarm, row.facility, row.topic, row.message_id)


def facility_view(row: Row[Any]) -> FacilityView:
    """A row of ``facility`` with what belongs to it: name, directory, counts, last signs of life."""
    return FacilityView(
        facility=row.facility_id,
        name=row.name,
        status=row.status,
        lane=row.lane,
        generations=row.generations,
        directory=row.countersigned,
        last_submitted_at=_time(row.appended_at),
        unpublished=row.unpublished,
        unconfirmed=max(0, (row.published_through or 0) - (row.complete_to or 0)),
        missing=row.missing_count or 0,
        heard_at=_time(row.received_at),
    )


def _reason(code: str | None) -> ReasonCode | None:
    return None if code is None else ReasonCode(code)


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_iso(text)
