"""The plan of faults: the same for the same seed, everything in it, nothing outside its time."""

import pytest

from tests.chaos.plan import HIS_MOODS, KINDS, POINTS, make_plan, minimums

WORKERS = ["exchange", "worker-2", "worker-3"]
FACILITIES = [f"1C{number:03d}" for number in range(12)]


def test_the_same_seed_gives_the_same_plan() -> None:
    plans = [make_plan(seed, 120, WORKERS, FACILITIES) for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


@pytest.mark.parametrize("seed", range(20))
def test_two_minutes_hold_every_kind_and_every_failpoint(seed: int) -> None:
    plan = make_plan(seed, 120, WORKERS, FACILITIES)
    assert {fault.kind for fault in plan} == set(KINDS)
    assert {fault.note for fault in plan if fault.kind == "failpoint"} == set(POINTS)
    assert minimums(plan).keys() == set(KINDS)


@pytest.mark.parametrize("seconds", [20, 60, 120])
def test_nothing_begins_too_late_to_end_in_time(seconds: int) -> None:
    plan = make_plan(3, seconds, WORKERS, FACILITIES)
    assert plan == sorted(plan, key=lambda fault: (fault.at_s, fault.kind))
    assert all(fault.at_s >= 0 and fault.at_s + fault.lasts_s <= seconds + 0.1 for fault in plan)


def test_what_a_machine_cannot_do_is_left_out_and_not_promised() -> None:
    plan = make_plan(3, 120, WORKERS, FACILITIES, without={"disk-full"})
    assert "disk-full" not in {fault.kind for fault in plan}
    assert "disk-full" not in minimums(plan)


def test_every_mood_is_one_that_the_receiving_software_knows() -> None:
    assert {kind.removeprefix("his-") for kind in KINDS if kind.startswith("his-")} == set(HIS_MOODS)
