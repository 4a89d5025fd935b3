"""``python -m tests.chaos --seed 7 --seconds 120``: the run, its folder, and the judge's word as exit code."""

import argparse
import asyncio
import logging
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

from lienvien.world.build import EXCHANGE
from tests.chaos import collect
from tests.chaos.faults import Saboteur
from tests.chaos.his_sender import SendingHospitals
from tests.chaos.ledgers import Ledger, now_text
from tests.chaos.plan import CHIEF_POINTS, Fault, make_plan, minimums
from tests.chaos.quiet import settled
from tests.chaos.stage import Stage, codes_of, on_stage

WARM_WITHIN_S: Final = 120.0  # everybody's keys must have reached everybody before the first fault
QUIET_WITHIN_S: Final = 120.0
LONG_ENOUGH_S: Final = 60.0  # for the chief failpoints to be passed whatever else goes on
MADE_BY_KIND: Final = {"line-cut": "connection-cut", "line-cut-reply": "produce-reply-lost"}
_ROOT: Final = Path(__file__).parents[2]


async def _run(given: argparse.Namespace, run: Path) -> bool:
    """One run; True when everything became quiet. The folder is written either way."""
    began_at, started = now_text(), time.monotonic()
    work = Path(tempfile.mkdtemp(prefix="lv-chaos-"))
    _say(f"seed {given.seed}, {given.seconds:.0f} s of faults, run folder {run}, processes in {work}")
    async with on_stage(work, run, given.connectors, given.workers, given.seed) as stage:
        _say(
            f"ready after {time.monotonic() - started:.0f} s: "
            f"{len(stage.workers)} workers, {len(stage.facilities)} connectors"
        )
        plan = make_plan(given.seed, given.seconds, stage.workers, stage.facilities, stage.cannot)
        exports = {code: site.export for code, site in stage.world.hospitals.items()}
        sending = SendingHospitals(run / "sender", exports, given.seed)
        for sender, destination in pairwise([*stage.facilities, stage.facilities[0]]):
            sending.export_new(sender, destination)
        left = await settled(stage, sending.slips, WARM_WITHIN_S)
        _say(f"in peace, {sending.count} slips after {time.monotonic() - started:.0f} s: {left or 'all delivered'}")
        saboteur = await _trouble(stage, plan, sending, given)
        faults_ended_at = now_text()
        _say(
            f"faults over: {sum(saboteur.done.values())} done of {len(plan)}, {sending.count} slips; waiting for quiet"
        )
        left = await settled(stage, sending.slips, given.quiet)
        _say("quiet" if not left else f"NOT quiet: {left}")
        await stage.running.supervisor.stop()
        collect.believed(stage)
        collect.unanswered(stage)
        collect.database(stage)
        collect.topics(stage)
        await collect.audit(stage)
        collect.trust(stage)
        collect.write_run(run, {
            "commit": _commit(),
            "seed": given.seed,
            "machine": f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
            "started_at": began_at,
            "faults_ended_at": faults_ended_at,
            "ended_at": now_text(),
            "exchange": EXCHANGE,
            "facilities": stage.facilities,
            "slips": sending.count,
            "pending": left,
            "faults": saboteur.done,
            "faults_failed": saboteur.failed,
            "restarts": _counted(stage),
            "minimums": {"faults": minimums(plan), **_rare(plan, given.seconds)},
            "failpoints": collect.passed_points(stage),
            "situations": collect.situations(stage),
        })  # fmt: skip
        shutil.copytree(work / "world" / "logs", run / "logs")
        _say(f"written after {time.monotonic() - started:.0f} s")
    if left:
        _say(f"what the processes left behind stays in {work}")
    else:
        shutil.rmtree(work, ignore_errors=True)
    return not left


async def _trouble(stage: Stage, plan: list[Fault], sending: SendingHospitals, given: argparse.Namespace) -> Saboteur:
    ledger, enough = Ledger(stage.run / "faults.jsonl"), asyncio.Event()
    saboteur = Saboteur(stage, ledger)
    exporting = asyncio.create_task(sending.run(given.rate, enough))
    try:
        await saboteur.run(plan)
        left = given.seconds - (plan[-1].at_s if plan else 0)
        await asyncio.sleep(max(0.0, min(left, 2.0)))
        saboteur.tell_of_points()
    finally:
        enough.set()
        await exporting
        ledger.close()
        sending.close()
    return saboteur


def _rare(plan: list[Fault], seconds: float) -> dict[str, dict[str, int]]:
    """Failpoints and situations that must have come: what is planned twice, or is what the run is for."""
    points = Counter(fault.note for fault in plan if fault.kind == "failpoint")
    sure = {name for name, times in points.items() if times >= 2 or (name in CHIEF_POINTS and seconds >= LONG_ENOUGH_S)}
    made = [collect.MADE_BY_POINT[name] for name in sure if name in collect.MADE_BY_POINT]
    made += [situation for kind, situation in MADE_BY_KIND.items() if any(fault.kind == kind for fault in plan)]
    return {"failpoints": dict.fromkeys(sorted(sure), 1), "situations": dict.fromkeys(sorted(made), 1)}


def _counted(stage: Stage) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, code in stage.ended:
        key = f"{'connector' if name.startswith('connector-') else 'worker'} {code}"
        found[key] = found.get(key, 0) + 1
    return found


def _commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=_ROOT, capture_output=True, check=False)
    return found.stdout.decode().strip() or "unknown"


def _judged(run: Path) -> int:
    """The judge's exit code; it is another program and knows nothing of this one."""
    command = [sys.executable, "-m", "tests.judge", str(run), "--save", str(run / "verdict.json")]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


def _say(words: str) -> None:
    print(words, flush=True)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos")
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--seconds", type=float, default=120.0, help="of faults, in each round")
    arguments.add_argument("--hours", type=float, default=0.0, help="round after round, seeds counted up")
    arguments.add_argument("--connectors", type=int, default=12)
    arguments.add_argument("--workers", type=int, default=3)
    arguments.add_argument("--rate", type=float, default=4.0, help="slips a second")
    arguments.add_argument("--quiet", type=float, default=QUIET_WITHIN_S, help="seconds to wait for quiet")
    arguments.add_argument("--folder", type=Path, default=_ROOT / "build" / "chaos")
    arguments.add_argument("--plan", action="store_true", help="show the plan, do nothing")
    return arguments.parse_args()


def main() -> int:
    """The first exit code that is not 0, or 0."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of our own looks at a Kafka that is down
    given = _arguments()
    if given.seed is None:
        given.seed = random.SystemRandom().randrange(1_000_000)
    if given.plan:
        workers = ["exchange", *(f"worker-{number}" for number in range(2, given.workers + 1))]
        for fault in make_plan(given.seed, given.seconds, workers, codes_of(given.connectors)):
            _say(f"{fault.at_s:7.2f} s  {fault.kind:16} {fault.target:18} {fault.lasts_s:5.1f} s  {fault.note}")
        return 0
    until, worst = time.monotonic() + given.hours * 3600, 0
    while True:
        run = given.folder / f"{given.seed}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        run.mkdir(parents=True)
        asyncio.run(_run(given, run))
        worst = worst or _judged(run)
        if time.monotonic() >= until:
            return worst
        given.seed += 1


if __name__ == "__main__":
    sys.exit(main())
