"""The bench's own sums: plain numbers in, plain numbers out."""

import math
from collections.abc import Mapping, Sequence

MIB = 1024 * 1024


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of all values do not exceed (nearest rank). Raises ValueError."""
    if not values or not 0 < percent <= 100:
        raise ValueError("a percentile needs values, and a percentage above 0 up to 100")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def per_second(count: int, seconds: float) -> float:
    """How many in one second. Raises ValueError when no time has passed."""
    if seconds <= 0:
        raise ValueError("a rate needs time")
    return count / seconds


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Each one's part of the whole, between 0 and 1; all 0 where there is no whole."""
    whole = sum(counts.values())
    return {name: count / whole if whole else 0.0 for name, count in counts.items()}
