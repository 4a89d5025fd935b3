"""Handing messages over to the hospital's own software: urgent first, cases in order, tried until it says yes.

At least once, with the message id as key: an attempt is written down before it is made, so that whatever is repeated
after an outcome that nobody knows is marked as a possible duplicate, and nothing else is.
"""

import asyncio
import contextlib
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from connectors.alarm_words import AlarmCode
from connectors.parcel import Parcel, make_parcel
from connectors.retry import RetryPolicy
from connectors.site import Site
from connectors.store import alarms, handovers, inbox_rows
from connectors.store.handovers import Handover
from schemas.urgency import Priority, more_urgent
from transport import failpoints
from transport.logs import get_logger

_log = get_logger(__name__)
_LOOK_AGAIN_S: Final = 1.0
_PAUSE: Final = RetryPolicy(first_s=1.0, cap_s=300.0)
_ALARM_AFTER: Final = 3  # attempts; a HIS that restarts is no alarm


class NotTakenError(Exception):
    """The HIS does not have the message, or nobody knows (``outcome_known`` False). ``why`` is a short word or code."""

    def __init__(self, why: str, *, outcome_known: bool) -> None:
        super().__init__(why)
        self.why = why
        self.outcome_known = outcome_known


class Target(Protocol):
    """The hospital's own software. Not retried inside; called once at a time."""

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        """Returns only when the HIS has the message durably. Raises NotTakenError."""

    async def close(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True)
class _Next:
    message: Handover
    rank: int


class HandoverDesk:
    """Hands over for ever. One per process."""

    def __init__(self, site: Site, target: Target) -> None:
        self._site = site
        self._target = target
        self._due: dict[int, float] = {}  # inbox row → monotonic moment of the next attempt

    async def run(self) -> None:
        """Hand over what waits.

        Raises:
            CommitUnknownError: the process must end; its next start reads back.
        """
        while True:
            self._site.wakes.hand_over.clear()
            try:
                busy = await self.hand_over_next()
            except sqlite3.OperationalError:
                _log.warning("store.busy", exc_info=True)
                busy = False
            if not busy:
                await self._wait()

    async def hand_over_next(self) -> bool:
        """Try the one message whose turn it is. False when none is due."""
        now = self._site.clock.monotonic()
        waiting = await self._site.store.read(handovers.waiting)
        ready = [item for item in heads(waiting) if self._due.get(item.message.inbox_id, 0.0) <= now]
        if not ready:
            return False
        await self._attempt(ready[0].message)
        return True

    async def _attempt(self, message: Handover) -> None:
        store, clock = self._site.store, self._site.clock
        jws, stamp = await store.read(lambda c: inbox_rows.signed_and_stamp(c, message.inbox_id))
        duplicate = await store.write(lambda c: handovers.begin(c, message.inbox_id))
        failpoints.hit("handover.begun")
        try:
            await self._deliver(await _parcel(message, jws, stamp), duplicate)
        except NotTakenError as refused:
            attempts = message.attempts + 1
            self._due[message.inbox_id] = clock.monotonic() + _PAUSE.pause(attempts, self._site.chance())
            await store.write(partial(_note_failure, message, refused, clock.now()))
            _log.warning("handover.failed", message_id=message.message_id, attempt=attempts)
            return
        self._due.pop(message.inbox_id, None)
        failpoints.hit("handover.delivered")
        await store.write(partial(_note_success, message, clock.now()))
        failpoints.hit("handover.marked")
        _log.info("handover.done", message_id=message.message_id, transfer_event=message.event)

    async def _deliver(self, parcel: Parcel, duplicate: bool) -> None:
        try:
            await self._target.deliver(parcel, possible_duplicate=duplicate)
        except NotTakenError:
            raise
        except Exception as error:  # a fault of ours at the door of the HIS: nobody knows what it has
            _log.error("handover.target_failed", message_id=parcel.message_id, exc_info=True)
            raise NotTakenError(type(error).__name__, outcome_known=False) from error

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._site.wakes.hand_over.wait()


async def _parcel(message: Handover, jws: bytes, stamp: bytes) -> Parcel:
    """What a message of another software does to us must stop no other case."""
    try:
        return await asyncio.to_thread(make_parcel, message, jws, stamp)
    except Exception as error:
        _log.error("handover.parcel_failed", message_id=message.message_id, exc_info=True)
        raise NotTakenError(type(error).__name__, outcome_known=True) from error


def heads(waiting: list[Handover]) -> list[_Next]:
    """The oldest message of each case, the most urgent case first; the others wait for it. Pure."""
    first: dict[str, Handover] = {}
    urgency: dict[str, Priority] = {}
    for message in waiting:
        first.setdefault(message.case_id, message)
        known = urgency.get(message.case_id, Priority.ROUTINE)
        urgency[message.case_id] = more_urgent(known, Priority(message.priority))
    found = [_Next(message, urgency[case].rank) for case, message in first.items()]
    return sorted(found, key=lambda item: (item.rank, item.message.inbox_id))


def _note_failure(message: Handover, refused: NotTakenError, now: datetime, c: sqlite3.Connection) -> None:
    handovers.failed(c, message.inbox_id, refused.why, outcome_known=refused.outcome_known)
    if message.attempts + 1 >= _ALARM_AFTER:
        alarms.raise_alarm(c, AlarmCode.HANDOVER_FAILING.value, message.case_folder, now)


def _note_success(message: Handover, now: datetime, c: sqlite3.Connection) -> None:
    handovers.done(c, message.inbox_id, now)
    alarms.clear_alarm(c, AlarmCode.HANDOVER_FAILING.value, message.case_folder, now)
