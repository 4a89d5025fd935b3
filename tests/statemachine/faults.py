"""The ports of a worker, each call of which may be the last one of its process, or the moment of a takeover."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.recording.ledger import Ledger
from broker.recording.writes import Writes
from broker.store.numbering import Numbering, Outgoing, Settled
from broker.store.setbacks import Setbacks
from broker.store.turns import Turns
from tests.broker.memory_log import MemoryInbox, MemoryLog


class CrashError(BaseException):  # a killed process catches nothing
    """The process dies here."""


class DisagreementError(BaseException):  # the product must not take it for a fault of a record
    """What was committed is not what the model allows."""


@dataclass
class Fuse:
    """Counts the places where a process can die; at zero it does. ``meet`` happens once, at the named place."""

    left: int | None = None
    passed: list[str] = field(default_factory=list)
    meet: tuple[str, Callable[[], Awaitable[None]]] | None = None

    def here(self, place: str) -> None:
        """A place where the process may die. Raises CrashError."""
        self.passed.append(place)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise CrashError(place)

    async def stop(self, place: str) -> None:
        """The same, where others may act in between."""
        if self.meet is not None and self.meet[0] == place:
            _, act = self.meet
            self.meet = None
            await act()
        self.here(place)


class FusedLog(MemoryLog):
    """The submit topics, as one process reads them."""

    fuse: Fuse = Fuse()

    async def read(self, wait_s: float, last: Collection[str] = ()) -> Sequence[Any]:
        self.fuse.here("read")
        return await super().read(wait_s, last)

    async def fetch(self, pointers: Collection[Any]) -> Mapping[Any, bytes | None]:
        self.fuse.here("fetch")
        return await super().fetch(pointers)


class FusedTurns:
    """The transaction of a turn. ``told`` hears of every one that is durable, and how deliveries stood before it."""

    def __init__(self, inner: Turns, fuse: Fuse, look: Callable[[], Any], told: Callable[..., None]) -> None:
        self._inner, self._fuse, self._look, self._told = inner, fuse, look, told

    async def commit(self, moves: Sequence[Any], questions: Any, record: Any, *, guard: Any = None) -> Writes:
        await self._fuse.stop("commit")
        before = self._look()

        def decided(ledger: Ledger, now: datetime) -> Writes:
            writes: Writes = record(ledger, now)
            self._fuse.here("inside the transaction")
            return writes

        writes = await self._inner.commit(moves, questions, decided, guard=guard)
        try:
            self._told(moves, before)
        except Exception as error:
            raise DisagreementError from error
        self._fuse.here("after the commit")
        return writes


class FusedSetbacks:
    """Attempts."""

    def __init__(self, inner: Setbacks, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def count(self, topic: str, offset: int, at: str) -> int:
        self._fuse.here("count")
        return await self._inner.count(topic, offset, at)


class FusedNumbering:
    """The relay's transaction."""

    def __init__(self, inner: Numbering, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def step(self, epochs: Mapping[int, int], settled: Settled, busy: Collection[str]) -> Sequence[Any]:
        await self._fuse.stop("step")
        found = await self._inner.step(epochs, settled, busy)
        self._fuse.here("after the step")
        return found

    async def has_work(self, epochs: Mapping[int, int]) -> bool:
        return await self._inner.has_work(epochs)


class FusedInbox:
    """The inbox topics: a process may die between any two records."""

    def __init__(self, inner: MemoryInbox, fuse: Fuse) -> None:
        self._inner, self._fuse = inner, fuse

    async def publish(self, destination: str, records: Sequence[tuple[Outgoing, bytes]]) -> int:
        await self._fuse.stop("publish")
        done = 0
        for record in records:
            taken = await self._inner.publish(destination, [record])
            self._fuse.here("published, not marked")
            done += taken
            if not taken:
                break
        return done

    async def publish_head(self, destination: str, token: str, stamp: str) -> bool:
        return await self._inner.publish_head(destination, token, stamp)
