"""The clocks of the contract, written out once more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.api.deadlines import DEADLINES, VIETNAM, decided_by, delivered_by, next_working_morning, opened_by
from schemas.urgency import Kind, Priority
from tests.broker.api.cases import NOON

M, H = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("priority", "delivered", "opened", "decided"),
    [
        (Priority.STAT, M, 3 * M, 10 * M),
        (Priority.URGENT, 10 * M, 30 * M, 60 * M),
        (Priority.ROUTINE, 4 * H, None, None),
    ],
)
def test_spans(priority: Priority, delivered: timedelta, opened: timedelta | None, decided: timedelta | None) -> None:
    assert delivered_by(priority, NOON) == NOON + delivered
    assert opened_by(priority, NOON) == (datetime(2026, 11, 24, 3, 0, tzinfo=UTC) if opened is None else NOON + opened)
    assert decided_by(priority, Kind.EMERGENCY, NOON) == (None if decided is None else NOON + decided)


def test_what_the_sender_times_itself() -> None:
    assert [DEADLINES[p].received for p in Priority] == [timedelta(seconds=10), M, None]


@pytest.mark.parametrize("kind", [*Kind, None])
def test_decisions_are_timed_for_emergencies_inpatients_and_the_unknown(kind: Kind | None) -> None:
    timed = kind in {Kind.EMERGENCY, Kind.INPATIENT, None}
    assert (decided_by(Priority.STAT, kind, NOON) is not None) == timed


@pytest.mark.parametrize(
    ("delivered", "morning"),
    [
        ((2026, 11, 23, 12), (2026, 11, 24)),  # Monday noon -> Tuesday
        ((2026, 11, 23, 23), (2026, 11, 24)),
        ((2026, 11, 24, 0), (2026, 11, 25)),  # after midnight counts as that day
        ((2026, 11, 27, 9), (2026, 11, 30)),  # Friday -> Monday
        ((2026, 11, 28, 9), (2026, 11, 30)),
        ((2026, 11, 29, 23), (2026, 11, 30)),  # Sunday
    ],
)
def test_next_working_morning(delivered: tuple[int, ...], morning: tuple[int, int, int]) -> None:
    moment = datetime(*delivered, tzinfo=VIETNAM)
    expected = datetime(*morning, 10, tzinfo=VIETNAM)
    assert next_working_morning(moment) == expected
    assert next_working_morning(moment.astimezone(UTC)) == expected


@given(st.integers(0, 20 * 366 * 24 * 60))
def test_a_working_morning_is_always_ahead_and_never_on_a_weekend(minutes: int) -> None:
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    morning = next_working_morning(moment)
    assert timedelta(0) < morning - moment <= timedelta(days=3, hours=10)
    assert morning.astimezone(VIETNAM).weekday() < 5
    assert morning.astimezone(VIETNAM).hour == 10
