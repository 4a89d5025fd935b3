"""Clocks: which disagreement is one, and that it holds refusals but no care."""

from datetime import timedelta

from broker.clock_guard import ClockGuard
from broker.store import tables
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from tests.broker.desk import Desk, today
from tests.broker.messages import message, new_case, sealed
from tests.schemas.bundles import SENDER

NOW = today()
MINUTE = timedelta(seconds=60)
MORE = timedelta(seconds=61)


def test_clocks_within_a_minute_agree() -> None:
    guard = ClockGuard()
    assert not guard.disagree(NOW, NOW + MINUTE, 5.0, NOW + MINUTE)
    assert not guard.disagree(NOW + MINUTE, NOW, 65.0, None)


def test_old_records_are_normal_and_records_from_the_future_are_not() -> None:
    guard = ClockGuard()
    assert not guard.disagree(NOW, NOW, 5.0, NOW - timedelta(days=9))
    assert guard.disagree(NOW, NOW, 5.0, NOW + MORE)


def test_database_and_wall_clock_apart() -> None:
    assert ClockGuard().disagree(NOW, NOW + MORE, 5.0, None)
    assert ClockGuard().disagree(NOW, NOW - MORE, 5.0, None)


def test_all_wall_clocks_jumping_together_are_found_by_the_monotonic_one() -> None:
    guard = ClockGuard()
    assert not guard.disagree(NOW, NOW, 5.0, None)
    later = NOW + timedelta(hours=1)
    assert guard.disagree(later, later, 6.0, later)
    assert not guard.disagree(NOW, NOW, 6.0, NOW), "it came back"


async def test_while_clocks_disagree_a_time_is_not_refused_but_held(desk: Desk) -> None:
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    desk.clock.moment += timedelta(hours=1)
    for _ in range(2):
        early = sealed(desk.pki, message(new_case()), at=desk.clock.now() + timedelta(minutes=6))
        desk.submit(SENDER, early)
        await desk.work()
    assert desk.verdicts(SENDER)[1:] == [(Verdict.HELD, ReasonCode.CLOCK_DISAGREEMENT)] * 2
    (alarm,) = await desk.rows(tables.alarm)
    assert alarm.alarm == ReasonCode.CLOCK_DISAGREEMENT
