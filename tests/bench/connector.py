"""A hospital's own process at work: it sends the demonstration's transfers; how large does it become?"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from aiokafka import TopicPartition

from broker.settings import ExchangeSettings
from connectors.sources.xml13.dates import VIETNAM
from lienvien.demo_exports.cases import CASES
from lienvien.demo_exports.envelope import transfer_file
from lienvien.demo_exports.story import Drop, drop
from lienvien.supervisor import Supervisor
from lienvien.world import build
from lienvien.world.build import HospitalSite
from lienvien.world.facilities import DemoFacility
from tests.bench.inboxes import Inboxes
from tests.bench.site import Site
from tests.bench.workers import peak_mib, running

_AT_WORK_WITHIN_S = 45.0
_NEW_FILES_AFTER_S = 4.0  # what lies in a folder at the very first start is left alone


async def measure(
    site: Site, facilities: Sequence[DemoFacility], configurations: Sequence[ExchangeSettings], logs: Path
) -> tuple[float | None, str]:
    """Peak resident MiB of the largest of some connectors, and a remark.

    The first of them sends the demonstration's transfers, the others receive them.
    """
    package = build.welcome(site.world)
    hospitals = [build.add_hospital(site.world, facility, package) for facility in facilities]
    ended: list[str] = []
    supervisor = Supervisor(lambda name, code: ended.append(f"{name} ({code})"))
    inboxes = await Inboxes.open(site.link, [facility.code for facility in facilities])
    try:
        before = await inboxes.marks()
        async with running(configurations, logs):
            for hospital in hospitals:
                command = [sys.executable, "-m", "lienvien", "connector", "run", "--config", str(hospital.config)]
                await supervisor.start(
                    hospital.facility.code, command, logs / f"connector-{hospital.facility.code}.log"
                )
            await asyncio.sleep(_NEW_FILES_AFTER_S)
            sent = _export(hospitals[0])
            answered = await _answered(inboxes, before, sent, ended)
            if ended:
                return None, f"ended by itself: {ended[0]}"
            pids = [supervisor[facility.code].pid for facility in facilities]
            peaks = [peak_mib(pid) for pid in pids if pid is not None]
            return max(peaks), f"{answered} of {sent} transfers answered; peaks {[round(one, 1) for one in peaks]}"
    finally:
        await supervisor.stop()
        await inboxes.close()


def _export(hospital: HospitalSite) -> int:
    """What the HIS exports: every transfer of this hospital in the demonstration."""
    now = datetime.now(VIETNAM)
    own = [case for case in CASES if case.sender == hospital.facility.code]
    drop(hospital.export, [Drop(case.sender, f"{case.serial}.xml", transfer_file(case, now)) for case in own])
    return len(own)


async def _answered(inboxes: Inboxes, before: Mapping[TopicPartition, int], sent: int, ended: Sequence[str]) -> int:
    """How many receipts came in the time there is."""
    receipts: set[str] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(_AT_WORK_WITHIN_S):
            while len(receipts) < sent and not ended:
                await asyncio.sleep(1)
                receipts = {receipt[2] for receipt in (await inboxes.since(before)).receipts}
    return len(receipts)
