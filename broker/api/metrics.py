"""Prometheus text. Labels are ``facility`` and ``state``, nothing else: no id of a case, no patient, no free text."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from broker.api.overview import RECENT
from broker.queries import Queries
from broker.queries.views import FacilityView, LaneView, LogView, Tallies
from schemas.topics import facility_of_topic
from transport.clock import Clock
from transport.logs import dropped_fields, lost_lines

MoreMetrics = Callable[[], Iterable[Metric]]
KEPT_FOR: Final = timedelta(seconds=5)  # so that several scrapers cost one look at the database


class _Ready:
    """What ``generate_latest`` calls a registry: metrics that are there already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def metrics_routes(queries: Queries, clock: Clock, more: MoreMetrics | None = None) -> APIRouter:
    """``/metrics``. ``more``: what the process itself counts, in the same two labels."""
    router = APIRouter()
    process = ProcessCollector(registry=None)
    kept: tuple[float, bytes] | None = None
    one_at_a_time = asyncio.Lock()

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response)
    async def metrics() -> Response:
        nonlocal kept
        async with one_at_a_time:
            moment = clock.monotonic()
            if kept is None or moment - kept[0] > KEPT_FOR.total_seconds():
                families = [*await gathered(queries, clock.now()), *process.collect(), *(more() if more else ())]
                kept = (moment, generate_latest(_Ready(families)))
        return Response(kept[1], media_type=CONTENT_TYPE_LATEST)

    return router


async def gathered(queries: Queries, now: datetime) -> list[Metric]:
    """Everything that the database knows in numbers."""
    since = now - RECENT
    junk = [(facility_of_topic(view.topic), view.records) for view in await queries.junk(since)]
    return [
        *_cases(await queries.tallies(since), junk),
        *_inboxes(await queries.facilities(), now),
        *_exchange(await queries.lanes(), await queries.log(), now),
        _plain("quarantined_records_24h", "Records set aside", len(await queries.quarantine(since))),
        _plain("alarms", "Alarms that nobody has ticked off", len(await queries.alarms())),
        _plain("log_fields_dropped", "Fields that were kept out of the log", dropped_fields()),
        _plain("log_lines_lost", "Log lines that could not be written", lost_lines()),
    ]


def _cases(tallies: Tallies, junk: Sequence[tuple[str, int]]) -> Iterable[Metric]:
    transfers = GaugeMetricFamily(
        "lienvien_transfers_24h", "Transfers by sender and decision", labels=("facility", "state")
    )
    for (sender, decision), number in sorted(tallies.transfers.items()):
        transfers.add_metric((sender, decision), number)
    summed: dict[str, int] = {}
    for facility, records in junk:
        summed[facility] = summed.get(facility, 0) + records
    return (
        transfers,
        _by_facility("refused_24h", "Refused messages that nothing has resolved", tallies.refused.items()),
        _by_facility("held", "Messages that wait", tallies.held.items()),
        _by_facility("junk_records_24h", "Records whose sender is not proven", summed.items()),
    )


def _inboxes(views: Sequence[FacilityView], now: datetime) -> Iterable[Metric]:
    heard = [(view.facility, (now - view.heard_at).total_seconds()) for view in views if view.heard_at]
    return (
        _by_facility(
            "facility_active", "1 while not suspended", [(v.facility, int(v.status == "active")) for v in views]
        ),
        _by_facility(
            "inbox_unpublished", "Records that wait for an inbox", [(v.facility, v.unpublished) for v in views]
        ),
        _by_facility("inbox_unconfirmed", "Published, not confirmed", [(v.facility, v.unconfirmed) for v in views]),
        _by_facility("inbox_missing", "Numbers a connector misses", [(v.facility, v.missing) for v in views]),
        _by_facility("inbox_silent_seconds", "Since a connector's last inbox-status", heard),
    )


def _exchange(lanes: Sequence[LaneView], log: LogView, now: datetime) -> Iterable[Metric]:
    served = sum(1 for view in lanes if view.worker is not None)
    family = GaugeMetricFamily("lienvien_lanes", "Lanes by whether a worker serves them", labels=("state",))
    family.add_metric(("served",), served)
    family.add_metric(("unserved",), len(lanes) - served)
    yield family
    yield _plain("audit_size", "Leaves in the audit log", log.size)
    yield _plain("audit_unnumbered", "Audit entries without a number yet", log.unnumbered)
    if log.checkpoint_at is not None:
        age = (now - log.checkpoint_at).total_seconds()
        yield _plain("audit_checkpoint_age_seconds", "Since the last checkpoint", age)


def _plain(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lienvien_{name}", text, value=value)


def _by_facility(name: str, text: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"lienvien_{name}", text, labels=("facility",))
    for facility, value in sorted(values):
        family.add_metric((facility,), value)
    return family
