"""A seed and a length in, a list of faults out. Pure: the same seed gives the same plan, on any machine."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from transport.failpoints import CONNECTOR_NAMES, EXCHANGE_NAMES

QUIET_START_S: Final = 1.0
EVERY_WORKER: Final = "every-worker"
EVERY_CONNECTOR: Final = "every-connector"
BEYOND_LEASE_S: Final = 18.0  # a lane may be taken after 15 s without a sign of life
HIS_MOODS: Final = ("slow", "silent", "garbage", "reset", "refuses")
LINE_TROUBLES: Final = ("delay", "cut", "cut-reply", "half-open", "throttle")
# Those of the folder hand-over have a test of their own (tests/process/test_failpoints.py): here all hand over by HTTP.
OF_THE_FOLDER: Final = frozenset({"handover.written", "handover.renamed"})
POINTS: Final = tuple(name for name in (*EXCHANGE_NAMES, *CONNECTOR_NAMES) if name not in OF_THE_FOLDER)
CHIEF_POINTS: Final = ("relay.after-publish", "outbox.after-send", "handover.delivered")


@dataclass(frozen=True, slots=True)
class Fault:
    """At ``at_s`` seconds do ``kind`` to ``target``; some last for a while."""

    at_s: float
    kind: str
    target: str
    lasts_s: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a kind comes: once every so many seconds on average, and at least so often in a run long enough."""

    every_s: float
    shortest_run_s: float = 0.0
    lasts_s: tuple[float, float] = (0.0, 0.0)


KINDS: Final = {
    "kill-worker": Rate(15),
    "kill-connector": Rate(4),
    "kill-postgresql": Rate(35, 15, (1.0, 3.0)),
    "kill-kafka": Rate(60, 15, (1.0, 3.0)),
    "worker-leaves": Rate(30),
    "stop-worker": Rate(60, 45, (BEYOND_LEASE_S, BEYOND_LEASE_S + 3)),
    "failpoint": Rate(4),
    **{f"his-{mood}": Rate(20, 0, (2.0, 5.0)) for mood in HIS_MOODS},
    **{f"line-{trouble}": Rate(15, 0, (2.0, 6.0)) for trouble in LINE_TROUBLES},
    "rights-withdrawn": Rate(40, 20, (2.0, 5.0)),
    "certificate-swapped": Rate(30),
    "clock-stepped": Rate(20, 0, (3.0, 8.0)),
    "disk-full": Rate(30, 0, (3.0, 8.0)),
}
ONE_SITE: Final = {"clock-stepped": -1, "disk-full": -2}  # which of the facilities is prepared for it
CLOCK_STEPS_S: Final = (240, 120, -120, -240)  # a message of the future is held at 300 s


def make_plan(
    seed: int, seconds: float, workers: Sequence[str], facilities: Sequence[str], without: Collection[str] = ()
) -> list[Fault]:
    """The faults of a run, in order of time.

    ``workers`` and ``facilities`` are names; a connector's process is named ``connector-<facility>``. ``without``:
    kinds that cannot be done on this machine.
    """
    chance = random.Random(seed)
    faults: list[Fault] = []
    for kind, rate in KINDS.items():
        if seconds < rate.shortest_run_s or kind in without:
            continue
        count = max(1, round(seconds / rate.every_s))
        points = _points(chance, count) if kind == "failpoint" else [""] * count
        if kind == "clock-stepped":
            points = [f"{chance.choice(CLOCK_STEPS_S):+d}" for _ in range(count)]
        for number in range(count):
            lasts = chance.uniform(*rate.lasts_s)
            slot = (seconds - QUIET_START_S - lasts) / count  # one in each slot: they do not all come at once
            at = QUIET_START_S + slot * (number + chance.random())
            target = _target(chance, kind, points[number], workers, facilities)
            faults.append(Fault(round(max(0.0, at), 2), kind, target, round(lasts, 2), points[number]))
    return sorted(faults, key=lambda fault: (fault.at_s, fault.kind))


def minimums(plan: Sequence[Fault]) -> dict[str, int]:
    """How often each kind must really have been done for the run to count: some targets may just be down."""
    planned: dict[str, int] = {}
    for fault in plan:
        planned[fault.kind] = planned.get(fault.kind, 0) + 1
    return {kind: max(1, count // 2) for kind, count in sorted(planned.items())}


def _points(chance: random.Random, count: int) -> list[str]:
    """The chief ones first; then every name once before any comes twice."""
    names = list(CHIEF_POINTS)
    while len(names) < count:
        names += chance.sample(POINTS, len(POINTS))
    return names[:count]


def _target(chance: random.Random, kind: str, point: str, workers: Sequence[str], facilities: Sequence[str]) -> str:
    if kind == "failpoint":
        return EVERY_WORKER if point in EXCHANGE_NAMES else EVERY_CONNECTOR  # the first that passes dies
    if kind in ("kill-postgresql", "kill-kafka"):
        return kind.removeprefix("kill-")
    if kind == "kill-connector":
        return f"connector-{chance.choice(facilities)}"
    if kind in ONE_SITE:
        return facilities[ONE_SITE[kind]]
    if kind.startswith(("certificate-", "his-", "line-", "rights-")):
        return chance.choice(facilities)
    return chance.choice(workers)
