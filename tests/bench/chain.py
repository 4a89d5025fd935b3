"""The whole way: submit topics → open, verify, gate, decide and commit, audit, receipt, stamp → inbox topics."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from broker.settings import ExchangeSettings
from broker.store.engine import Database
from tests.bench.arithmetic import per_second, shares
from tests.bench.cast import Cast
from tests.bench.filling import fill
from tests.bench.inboxes import Arrived, Inboxes
from tests.bench.machine import busy_s
from tests.bench.sealing import Sealed
from tests.bench.site import Site
from tests.bench.watching import all_own_lanes, audit_numbered, decided_by_worker, first_decision
from tests.bench.workers import Workers, processor_s, running

_DONE_WITHIN_S = 150.0
_LOOK_EVERY_S = 0.5


class BenchFaultError(Exception):
    """What arrived is not what was sent: the figures would mean nothing."""


@dataclass(frozen=True)
class ChainResult:
    """One run. Rates are records in a second."""

    count: int
    per_s: float
    seconds: float
    worker_shares: dict[str, float]
    processor_ms: dict[str, float]  # of each process, for one record
    peak_mib: float
    audit_entries: int
    published_again: int
    cores_of_others: float  # processors that were busy meanwhile with what is not part of the run


async def run_chain(
    site: Site, cast: Cast, configurations: Sequence[ExchangeSettings], records: Sequence[Sealed], logs: Path
) -> ChainResult:
    """Fill the topics, start the workers, admit the hospitals once every worker owns its lanes, and wait for the last
    record; then compare. Raises BenchFaultError.

    The clock runs from the first decision, by the database, to the last envelope in an inbox, by the broker; what was
    decided together with the first one does not count.
    """
    await site.make_topics(cast.codes)
    await fill(site.link, records)
    inboxes = await Inboxes.open(site.link, cast.codes)
    database = Database(configurations[0].database_url, application="bench")
    try:
        before = await inboxes.marks()
        async with running(configurations, logs) as workers:
            await all_own_lanes(database, len(configurations))
            idle, busy, started = _processor_s(workers, site.servers), busy_s(), time.monotonic()
            await site.admit(database, cast.codes)
            await _arrive(inboxes, sum(before.values()) + 2 * len(records), workers)
            used = {name: seconds - idle[name] for name, seconds in _processor_s(workers, site.servers).items()}
            others = (busy_s() - busy - sum(used.values())) / (time.monotonic() - started)
            peak = workers.peak_mib()
            decided = await decided_by_worker(database, cast.senders)
            workers.check()
            entries = await audit_numbered(database)
        began, together = await first_decision(database, cast.senders)
        arrived = await inboxes.since(before)
    finally:
        await inboxes.close()
        await database.close()
    _compare(records, arrived)
    assert arrived.last is not None
    seconds = (arrived.last - began) / timedelta(seconds=1)
    return ChainResult(
        count=len(records),
        per_s=per_second(len(records) - together, seconds),
        seconds=seconds,
        worker_shares=shares(decided),
        processor_ms={name: 1000 * used_s / len(records) for name, used_s in used.items()},
        peak_mib=peak,
        audit_entries=entries,
        published_again=arrived.again,
        cores_of_others=others,
    )


async def _arrive(inboxes: Inboxes, count: int, workers: Workers) -> None:
    """Until so many records lie in the inboxes (an envelope and a receipt for each), and no more come."""
    there = last = -1
    async with asyncio.timeout(_DONE_WITHIN_S):
        while there < count or there != last:
            await asyncio.sleep(_LOOK_EVERY_S)
            workers.check()
            last, there = there, sum((await inboxes.marks()).values())


def _processor_s(workers: Workers, servers: Mapping[str, int]) -> dict[str, float]:
    return workers.processor_s() | {name: processor_s(pid) for name, pid in servers.items()}


def _compare(records: Sequence[Sealed], arrived: Arrived) -> None:
    sent, there = {record.sha256 for record in records}, set(arrived.envelopes)
    if there != sent:
        raise BenchFaultError(
            f"{len(sent)} records were sent, {len(there & sent)} of them arrived, and {len(there)} in all"
        )
    answered = Counter((recipient, message) for _, recipient, message, _ in set(arrived.receipts))
    accepted = {(recipient, message) for _, recipient, message, verdict in arrived.receipts if verdict == "accepted"}
    if len(accepted) != len(sent) or answered.total() != len(sent):
        raise BenchFaultError(
            f"{len(sent)} records were sent, {len(accepted)} were accepted with {answered.total()} receipts"
        )
