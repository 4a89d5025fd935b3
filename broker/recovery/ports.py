"""What a recovery needs from the log: topics by name, and their records in order."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from broker.stages.submission import Record


class TopicLog(Protocol):
    """Submit and inbox topics, read from a place to their present end."""

    async def facilities(self) -> Sequence[str]:
        """Every facility that has topics, also one that the database does not know. Raises LogUnavailableError."""

    def pages(self, topic: str, start: int) -> AsyncIterator[Sequence[Record]]:
        """Records from ``start`` (or the first one left) to the end that the topic had at the beginning, a few at once.

        Nothing for a topic that is not there, or ends before ``start``. Raises LogUnavailableError.
        """
