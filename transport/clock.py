"""The time, as a port: whatever decides takes ``now`` as an argument, whatever waits takes a ``Clock``."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks that must not be mixed: the wall clock is for records, the monotonic one for waiting."""

    def now(self) -> datetime:
        """Wall clock, aware, UTC. May jump, in both directions."""

    def monotonic(self) -> float:
        """Seconds since an unknown moment. Never goes back, means nothing in another process."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Wall clock of this machine, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Monotonic seconds of this machine; they stand still while it sleeps on some systems."""
        return time.monotonic()
