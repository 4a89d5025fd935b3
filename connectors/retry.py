"""When to try again: a pure policy. Every pause is capped and jittered; chance and time come in as arguments."""

from dataclasses import dataclass
from typing import Final

from schemas.urgency import Priority


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Pauses that double from ``first_s`` to ``cap_s`` seconds, each spread by ``jitter`` (0.2 = a fifth) both ways."""

    first_s: float
    cap_s: float
    jitter: float = 0.2

    def pause(self, attempt: int, chance: float) -> float:
        """Seconds to wait after the ``attempt``-th failure (1, 2, …); ``chance`` is a random number in [0, 1)."""
        doublings = min(max(attempt, 1) - 1, 40)  # beyond that every cap is reached; and no float overflows
        plain = min(self.first_s * 2.0**doublings, self.cap_s)
        return plain * (1.0 + self.jitter * (2.0 * chance - 1.0))


# A connection that fails: quick at first, because most cuts are short; never more than half a minute, because a
# stat case may be waiting behind it.
CONNECT: Final = RetryPolicy(first_s=0.5, cap_s=30.0)

# A message that is confirmed by the broker but holds no receipt yet is sent again, unasked.
_REPEAT: Final = {
    Priority.STAT: RetryPolicy(first_s=10.0, cap_s=120.0),
    Priority.URGENT: RetryPolicy(first_s=20.0, cap_s=600.0),
    Priority.ROUTINE: RetryPolicy(first_s=60.0, cap_s=1800.0),
}

# A local step that failed (a full disk, a busy file, an HIS that is down).
LOCAL: Final = RetryPolicy(first_s=1.0, cap_s=60.0)


def repeat_policy(priority: Priority) -> RetryPolicy:
    """How soon a message without a receipt is sent again. The exchange answers a repeat from store."""
    return _REPEAT[priority]
