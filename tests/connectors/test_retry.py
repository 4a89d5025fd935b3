"""The retry policy: capped, jittered, never shrinking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.retry import CONNECT, LOCAL, RetryPolicy, repeat_policy
from schemas.urgency import Priority

POLICIES = [CONNECT, LOCAL, *(repeat_policy(priority) for priority in Priority)]


@pytest.mark.parametrize("policy", POLICIES)
@given(attempt=st.integers(min_value=-5, max_value=10**9), chance=st.floats(min_value=0, max_value=0.999999))
def test_every_pause_is_positive_and_capped(policy: RetryPolicy, attempt: int, chance: float) -> None:
    assert 0 < policy.pause(attempt, chance) <= policy.cap_s * (1 + policy.jitter)


@pytest.mark.parametrize("policy", POLICIES)
@given(attempt=st.integers(min_value=1, max_value=100))
def test_pauses_never_shrink(policy: RetryPolicy, attempt: int) -> None:
    assert policy.pause(attempt + 1, 0.5) >= policy.pause(attempt, 0.5)


def test_the_middle_of_the_jitter_is_the_plain_pause() -> None:
    policy = RetryPolicy(first_s=2.0, cap_s=100.0)
    assert [policy.pause(attempt, 0.5) for attempt in (1, 2, 3, 7)] == [2.0, 4.0, 8.0, 100.0]


def test_jitter_spreads_both_ways() -> None:
    policy = RetryPolicy(first_s=10.0, cap_s=100.0, jitter=0.2)
    assert policy.pause(1, 0.0) == pytest.approx(8.0)
    assert policy.pause(1, 0.999999) == pytest.approx(12.0, abs=0.001)


def test_more_urgent_messages_are_repeated_sooner() -> None:
    stat, urgent, routine = (repeat_policy(priority).pause(3, 0.5) for priority in Priority)
    assert stat < urgent < routine
