"""How much one facility may send: a bucket of tokens for each, filled at a steady rate. In memory only: it guards the
others' share, not a promise.
"""

from dataclasses import dataclass, field


@dataclass
class Quota:
    """``per_minute`` records, and ``burst`` of them at once after a silence."""

    per_minute: float
    burst: float
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # facility → tokens, as of

    def spend(self, facility: str, records: int, now: float) -> None:
        """Some records of a facility were read at ``now`` (monotonic seconds)."""
        self._buckets[facility] = (max(self._level(facility, now) - records, -self.burst), now)

    def over(self, now: float) -> frozenset[str]:
        """The facilities that have spent what they had."""
        return frozenset(facility for facility in self._buckets if self._level(facility, now) < 0)

    def _level(self, facility: str, now: float) -> float:
        tokens, since = self._buckets.get(facility, (self.burst, now))
        return min(self.burst, tokens + (now - since) * self.per_minute / 60)
