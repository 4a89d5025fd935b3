"""The operator's answer: how the exchange itself is, without a single case in it."""

from datetime import datetime, timedelta
from typing import Final

from broker.api.answers import Answer, ReasonAnswer
from broker.api.certificates import certificate_ends
from broker.queries import Queries
from broker.queries.views import OPERATOR, AlarmView, FacilityView, JunkView, QuarantineView
from schemas.times import iso

RECENT: Final = timedelta(hours=24)


class CertificateAnswer(Answer):
    """A certificate's purpose and the days it has left."""

    purpose: str
    days_left: int
    not_after: str


class FacilityAnswer(Answer):
    """One facility that takes part, its backlog and its signs of life."""

    facility: str
    name: str | None
    status: str
    lane: int
    last_submitted_at: str | None
    heard_at: str | None
    unpublished: int
    unconfirmed: int
    missing: int
    certificates: list[CertificateAnswer]


class LaneAnswer(Answer):
    """One lane; ``worker`` is null while nobody serves it."""

    lane: int
    worker: str | None
    epoch: int
    facilities: int


class QuarantineAnswer(Answer):
    """A record set aside as evidence."""

    topic: str
    offset: int
    record_type: str | None
    facility: str | None
    size: int | None
    reason: ReasonAnswer
    found_at: str


class JunkAnswer(Answer):
    """Records of one topic whose sender is not proven, counted over the last 24 hours."""

    topic: str
    reason: ReasonAnswer
    records: int
    last_minute: str


class AlarmAnswer(Answer):
    """Something that needs a person."""

    at: str
    alarm: str
    facility: str | None
    topic: str | None
    message_id: str | None


class CountsAnswer(Answer):
    """Numbers of the last 24 hours; held and alarms as of now."""

    transfers: dict[str, int]
    held: int
    refused: int
    quarantined: int
    junk: int
    alarms: int


class LogAnswer(Answer):
    """The audit log."""

    size: int
    checkpoint_at: str | None
    unnumbered: int


class OverviewAnswer(Answer):
    """The exchange at a glance."""

    now: str
    counts: CountsAnswer
    lanes: list[LaneAnswer]
    facilities: list[FacilityAnswer]
    quarantine: list[QuarantineAnswer]
    junk: list[JunkAnswer]
    alarms: list[AlarmAnswer]
    log: LogAnswer


async def overview(queries: Queries, now: datetime) -> OverviewAnswer:
    """Everything the operator's own page shows beside the cases."""
    since = now - RECENT
    counts, log = await queries.counts(OPERATOR, since), await queries.log()
    return OverviewAnswer(
        now=iso(now),
        counts=CountsAnswer(
            transfers=dict(counts.transfers),
            held=counts.held,
            refused=counts.refused,
            quarantined=counts.quarantined,
            junk=counts.junk,
            alarms=counts.alarms,
        ),
        lanes=[
            LaneAnswer(lane=view.lane, worker=view.worker, epoch=view.epoch, facilities=view.facilities)
            for view in await queries.lanes()
        ],
        facilities=[facility_answer(view, now) for view in await queries.facilities()],
        quarantine=[_quarantine(view) for view in await queries.quarantine(since)],
        junk=[_junk(view) for view in await queries.junk(since)],
        alarms=[_alarm(view) for view in await queries.alarms()],
        log=LogAnswer(size=log.size, checkpoint_at=_time(log.checkpoint_at), unnumbered=log.unnumbered),
    )


def facility_answer(view: FacilityView, now: datetime) -> FacilityAnswer:
    """One facility with its certificates."""
    ends = certificate_ends(view.directory) if view.directory else ()
    return FacilityAnswer(
        facility=view.facility,
        name=view.name,
        status=view.status,
        lane=view.lane,
        last_submitted_at=_time(view.last_submitted_at),
        heard_at=_time(view.heard_at),
        unpublished=view.unpublished,
        unconfirmed=view.unconfirmed,
        missing=view.missing,
        certificates=[
            CertificateAnswer(purpose=end.purpose, days_left=end.days_left(now), not_after=iso(end.not_after))
            for end in ends
        ],
    )


def _quarantine(view: QuarantineView) -> QuarantineAnswer:
    return QuarantineAnswer(
        topic=view.topic,
        offset=view.offset,
        record_type=view.record_type,
        facility=view.facility,
        size=view.size,
        reason=ReasonAnswer.of_code(view.reason),
        found_at=iso(view.found_at),
    )


def _junk(view: JunkView) -> JunkAnswer:
    reason = ReasonAnswer.of_code(view.reason)
    return JunkAnswer(topic=view.topic, reason=reason, records=view.records, last_minute=view.last_minute)


def _alarm(view: AlarmView) -> AlarmAnswer:
    return AlarmAnswer(
        at=iso(view.at), alarm=view.alarm, facility=view.facility, topic=view.topic, message_id=view.message_id
    )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
