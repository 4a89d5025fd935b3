"""Do the clocks agree? When they do not, what depends on time waits, and the operator is told.

Four clocks: the database's, which stamps acceptance; the broker's, which stamps records and must not be ahead; this
process's wall clock; and its monotonic one, which shows when the others jump together.
"""

from dataclasses import dataclass
from datetime import datetime

from schemas.limits import CLOCK_DISAGREEMENT


@dataclass
class ClockGuard:
    """The memory of one process. A clock that was set on purpose is believed after the next start."""

    _offset: float | None = None  # of the database's clock to the monotonic one, when the process began

    def disagree(self, database: datetime, wall: datetime, monotonic: float, newest: datetime | None) -> bool:
        """True when two of the clocks are more than 60 s apart.

        ``newest`` is the latest LogAppendTime just read, None without records: old records are normal, records from the
        future are not.
        """
        offset = database.timestamp() - monotonic
        if self._offset is None:
            self._offset = offset
        limit = CLOCK_DISAGREEMENT.total_seconds()
        jumped = abs(offset - self._offset) > limit
        apart = abs((database - wall).total_seconds()) > limit
        ahead = newest is not None and (newest - database).total_seconds() > limit
        return jumped or apart or ahead
