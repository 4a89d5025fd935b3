"""Signs of life: the last number given out, signed, into each inbox. Unnumbered, and no row of the outbox.

Every few minutes; more often where a board is watched, which shows by an inbox-status at least every other minute; and
at once for a facility that says it is back.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from broker.recording.signer import Signer
from broker.store.inboxes import InboxSeen
from broker.trouble import TROUBLES, Trouble
from certs.seal import sign_token
from schemas.times import iso
from schemas.tokens.delivery import Head
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from transport.clock import Clock
from transport.logs import get_logger

LOOK_EVERY_S: Final = 1.0
WAIT_FOR_SLOW_S: Final = 1.0  # then the next look is due, whoever has not answered yet
AGAIN_AFTER_S: Final = 10.0  # an inbox whose head could not be written
AT_ONCE: Final = 16
DOUBTFUL_AT_ONCE: Final = 4  # of those that failed last time, so that they never take the others' places


class HeadWriter(Protocol):
    """Where heads go."""

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        """True when every replica has it."""


class Inboxes(Protocol):
    """What the database knows of inboxes."""

    async def of_lanes(self, lanes: Iterable[int], watched_since: str) -> list[InboxSeen]:
        """Every inbox of some lanes."""


class Heads:
    """The heads of one worker's inboxes."""

    def __init__(
        self, inboxes: Inboxes, writer: HeadWriter, signer: Signer, clock: Clock, *, every_s: float, watched_s: float
    ) -> None:
        self._inboxes = inboxes
        self._writer = writer
        self._signer = signer
        self._clock = clock
        self._every_s = every_s
        self._watched_s = watched_s
        self._last: dict[str, float] = {}
        self._failed_at: dict[str, float] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._trusted = asyncio.Semaphore(AT_ONCE)
        self._doubtful = asyncio.Semaphore(DOUBTFUL_AT_ONCE)
        self._wanted: set[str] = set()
        self._woken = asyncio.Event()
        self._log = get_logger(__name__)

    def want(self, facilities: Iterable[str]) -> None:
        """These inboxes get a head at once."""
        before = len(self._wanted)
        self._wanted.update(facilities)
        if len(self._wanted) > before:
            self._woken.set()

    async def run(
        self, epochs: Callable[[], Mapping[int, int]], generation: int, stop: asyncio.Event, trouble: Trouble
    ) -> None:
        """Until ``stop``. Raises CommitUnknownError."""
        try:
            while not stop.is_set():
                try:
                    await self.publish_due(epochs(), generation)
                    trouble.over()
                except TROUBLES as error:
                    await trouble.rest(error, stop)
                try:
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            await self._abandon()

    async def publish_due(self, epochs: Mapping[int, int], generation: int) -> int:
        """Publish every head that is wanted or due, side by side; returns how many are out.

        One that takes long goes on by itself, and its inbox gets no other one meanwhile. Raises StoreError.
        """
        self._woken.clear()
        now = self._clock.monotonic()
        if not self._wanted and not self._failed_at and self._all_fresh(now):
            return 0
        at = self._clock.now()
        seen = await self._inboxes.of_lanes(epochs, iso(at))
        mine = {inbox.destination for inbox in seen}
        self._failed_at = {one: when for one, when in self._failed_at.items() if one in mine}
        due = [inbox for inbox in seen if self._is_due(inbox, now)]
        self._wanted &= set(self._running)  # the others are due, or not this worker's
        tasks = [self._begin(inbox, generation, iso(at), now) for inbox in due]
        if tasks:
            await asyncio.wait(tasks, timeout=WAIT_FOR_SLOW_S)
        return sum(1 for inbox in due if self._last.get(inbox.destination) == now)

    def _all_fresh(self, now: float) -> bool:
        return bool(self._last) and all(now - last < self._watched_s for last in self._last.values())

    def _is_due(self, inbox: InboxSeen, now: float) -> bool:
        destination = inbox.destination
        if destination in self._running:
            return False
        failed_at = self._failed_at.get(destination)
        if failed_at is not None:  # not at once again, but not only when the next one would be due
            return now - failed_at >= AGAIN_AFTER_S
        every_s = self._watched_s if inbox.watched else self._every_s
        return destination in self._wanted or now - self._last.get(destination, float("-inf")) >= every_s

    def _begin(self, inbox: InboxSeen, generation: int, at: str, now: float) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._publish(inbox, generation, at, now), name=f"head-{inbox.destination}")
        self._running[inbox.destination] = task
        return task

    async def _publish(self, inbox: InboxSeen, generation: int, at: str, now: float) -> None:
        destination = inbox.destination
        slots = self._doubtful if destination in self._failed_at else self._trusted
        done = False
        try:
            async with slots:
                token, stamp = self._signed(inbox, generation, at)
                done = await self._writer.publish_head(destination, token, stamp)
        except Exception as error:  # of the program; the other inboxes go on
            self._log.error("head.failed", facility=destination, error=type(error).__name__)
        finally:
            self._running.pop(destination, None)
            if done:
                self._last[destination] = now
                self._failed_at.pop(destination, None)
            else:
                self._failed_at[destination] = self._clock.monotonic()

    async def _abandon(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _signed(self, inbox: InboxSeen, generation: int, at: str) -> tuple[str, str]:
        head = Head(
            exchange=self._signer.urn, recipient=inbox.destination, generation=generation, last=inbox.last, at=at
        )
        token = self._signer.sign(head)
        stamp = Stamp(
            exchange=self._signer.urn,
            recipient=inbox.destination,
            record_type=RecordType.HEAD,
            record_sha256=hashlib.sha256(token.encode("ascii")).hexdigest(),
            generation=generation,
            accepted_at=at,
        )
        return token, sign_token(stamp.encode(), Stamp.TYP, self._signer.key)
