"""I5: at least once into the HIS, and never silently twice."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import Final

from tests.judge.opened import Opened
from tests.judge.reading import Fault, HandedOver, Run, moment
from tests.judge.verdict import Invariant, Verdict

_ALL: Final = ("every", "all")  # a fault of all connectors, or of all hospitals
UNANSWERED: Final = "his-unanswered"  # a receiver's own note of a hand-over without an answer; ``note`` is its key
_SLACK: Final = timedelta(seconds=2)  # between the clocks and buffers of two ledgers of one machine


def judge_hand_over(run: Run, _: Opened, verdict: Verdict) -> None:
    """Same key, marked, after a recorded fault or an answer that was none."""
    law = verdict["I5"]
    by_key: dict[tuple[str, str], list[HandedOver]] = defaultdict(list)
    for one in run.handed_over:
        by_key[one.facility, one.key].append(one)
    faults: dict[str, list[Fault]] = defaultdict(list)
    for fault in run.faults:
        for code in run.facilities:
            if code in fault.target or fault.target.startswith(_ALL):
                faults[code].append(fault)
    for (facility, key), attempts in by_key.items():
        _attempts(attempts, [one for one in faults[facility] if one.kind != UNANSWERED or one.note == key], law)
    _one_key(run, law)


def _attempts(attempts: list[HandedOver], faults: list[Fault], law: Invariant) -> None:
    first = attempts[0]
    text = f"{first.facility}: {first.key}"
    marked = not first.possible_duplicate or _fault_before(first, faults)
    law.see(marked, f"{text}: marked as a repeat without an earlier attempt or fault", first.place)
    unclear = False
    for before, now in pairwise(attempts):
        unclear = unclear or not before.clearly_not_taken
        law.see(before.sha256 == now.sha256, f"{text}: other bytes under the same key", before.place, now.place)
        law.see(now.possible_duplicate or not unclear, f"{text}: repeated without the mark", before.place, now.place)
        if before.taken:
            excused = any(_between(before, fault, now) for fault in faults)
            law.see(excused, f"{text}: repeated after it was taken, and no fault to blame", before.place, now.place)


def _fault_before(one: HandedOver, faults: list[Fault]) -> bool:
    return any(moment(fault.at) <= moment(one.at) + _SLACK for fault in faults)


def _between(before: HandedOver, fault: Fault, now: HandedOver) -> bool:
    """The fault lay between the yes and the repeat, or lasted into that time."""
    ended = moment(fault.until) if fault.until else moment(fault.at)
    return moment(fault.at) <= moment(now.at) + _SLACK and ended >= moment(before.at) - _SLACK


def _one_key(run: Run, law: Invariant) -> None:
    """The same signed bytes have one key."""
    known: dict[tuple[str, str], HandedOver] = {}
    for one in run.handed_over:
        first = known.setdefault((one.facility, one.sha256), one)
        text = f"{one.facility}: the same bytes under {first.key} and {one.key}"
        law.see(first.key == one.key, text, first.place, one.place)
