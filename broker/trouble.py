"""What goes wrong in a background task: told, waited for, and never the end of the process.

Two things end a process, and they are not met here: a commit whose outcome is unknown, which is passed on, and errors
of the program. Everything else that the database or the log does is said once, and tried again after longer and longer.
"""

import asyncio
from typing import Final, Protocol

from broker.ports import LogUnavailableError
from broker.store.alarms import STORE_FAULT
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError, StoreError
from transport.logs import get_logger

REST_FIRST_S: Final = 0.5
REST_MOST_S: Final = 30.0

TROUBLES: Final = (StoreError, LogUnavailableError)  # what a task catches and hands over to ``rest``


class Alarms(Protocol):
    """Where the operator sees something."""

    async def raise_once(self, alarm: str, facility: str | None = None) -> bool:
        """See ``store.alarms.AlarmTable.raise_once``."""


class Trouble:
    """The troubles of one task. ``stage`` names it in the log."""

    def __init__(self, stage: str, alarms: Alarms) -> None:
        self._stage = stage
        self._alarms = alarms
        self._length = REST_FIRST_S
        self._alarmed: set[str | None] = set()  # the facilities, None for all, whose alarm stands
        self._log = get_logger(__name__)

    def over(self) -> None:
        """It went well."""
        self._length = REST_FIRST_S
        self._alarmed.clear()  # what comes again is told again; a standing alarm is not doubled

    async def rest(self, error: StoreError | LogUnavailableError, stop: asyncio.Event) -> None:
        """Say what went wrong, and wait; longer each time until ``over``. Raises CommitUnknownError as it is."""
        await self.tell(error)
        length, self._length = self._length, min(2 * self._length, REST_MOST_S)
        try:
            async with asyncio.timeout(length):
                await stop.wait()
        except TimeoutError:
            return

    async def tell(
        self, error: StoreError | LogUnavailableError, *, facility: str | None = None, lane: int | None = None
    ) -> None:
        """Into the log; and an alarm, once, when it will not pass by itself. Raises CommitUnknownError as it is."""
        if isinstance(error, CommitUnknownError):
            raise error
        said = (str(error).split() or [""])[0]  # a class of the driver's, never a value
        self._log.warning(
            "task.waits", stage=self._stage, error=type(error).__name__, cause=said, facility=facility, lane=lane
        )
        lasting = isinstance(error, StoreError) and not isinstance(error, PassingError | PositionLostError)
        if lasting and facility not in self._alarmed:
            await self._alarm(facility)

    async def _alarm(self, facility: str | None) -> None:
        try:
            await self._alarms.raise_once(STORE_FAULT, facility)
        except CommitUnknownError:
            raise
        except StoreError as error:
            self._log.error("task.alarm-failed", stage=self._stage, error=type(error).__name__)
            return
        self._alarmed.add(facility)
