"""The bench's own sums. What it measures is asserted nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.arithmetic import per_second, percentile, shares

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


def test_percentiles_by_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile(values, 99)) == (50.0, 95.0, 99.0)
    assert percentile([7.0], 1) == percentile([7.0], 100) == 7.0


@given(VALUES, st.integers(1, 100))
def test_enough_values_lie_at_or_below_a_percentile(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert 100 * sum(value <= found for value in values) >= percent * len(values)
    assert 100 * sum(value < found for value in values) < percent * len(values)


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_of_nothing_is_none(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, percent)


def test_a_rate_needs_time() -> None:
    assert per_second(10, 4) == 2.5
    with pytest.raises(ValueError, match="time"):
        per_second(10, 0)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 10**6), max_size=5))
def test_shares_make_a_whole(counts: dict[str, int]) -> None:
    found = shares(counts)
    assert found.keys() == counts.keys()
    assert sum(found.values()) == pytest.approx(1.0 if any(counts.values()) else 0.0)
