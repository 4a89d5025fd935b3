"""Signs of life: the last number given out, signed, into each inbox. Unnumbered, and no row of the outbox.

Every few minutes; more often where a board is watched, which shows by an inbox-status at least every other minute; and
at once for a facility that says it is back.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from broker.recording.signer import Signer
from broker.store.engine import PassingError
from broker.store.inboxes import InboxSeen
from certs.seal import sign_token
from schemas.times import iso
from schemas.tokens.delivery import Head
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from transport.clock import Clock
from transport.logs import get_logger

LOOK_EVERY_S: Final = 1.0


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
        self._wanted: set[str] = set()
        self._woken = asyncio.Event()
        self._log = get_logger(__name__)

    def want(self, facilities: Iterable[str]) -> None:
        """These inboxes get a head at once."""
        before = len(self._wanted)
        self._wanted.update(facilities)
        if len(self._wanted) > before:
            self._woken.set()

    async def run(self, epochs: Callable[[], Mapping[int, int]], generation: int, stop: asyncio.Event) -> None:
        """Until ``stop``."""
        while not stop.is_set():
            try:
                await self.publish_due(epochs(), generation)
            except PassingError as error:
                self._log.warning("heads.wait", error=str(error).split()[0])
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def publish_due(self, epochs: Mapping[int, int], generation: int) -> int:
        """Publish every head that is wanted or due; returns how many."""
        self._woken.clear()
        wanted, self._wanted = self._wanted, set()
        now = self._clock.monotonic()
        if not wanted and all(now - last < self._watched_s for last in self._last.values()) and self._last:
            return 0
        count = 0
        at = self._clock.now()
        for inbox in await self._inboxes.of_lanes(epochs, iso(at)):
            every_s = self._watched_s if inbox.watched else self._every_s
            if inbox.destination in wanted or now - self._last.get(inbox.destination, float("-inf")) >= every_s:
                token, stamp = self._signed(inbox, generation, iso(at))
                if await self._writer.publish_head(inbox.destination, token, stamp):
                    self._last[inbox.destination] = now
                    count += 1
        return count

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
