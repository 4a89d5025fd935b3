"""Which lanes this worker owns: taken when free or left by the dead, given back when others have too few."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from broker.store.engine import PassingError, PositionLostError, StoreError
from broker.store.lanes import LaneSeen, LaneTable, WorkerSeen
from broker.trouble import Trouble
from schemas.limits import LANE_OWNER_STOPS_AFTER, LANE_STILL_BEFORE_TAKEOVER, LANES
from transport.clock import Clock
from transport.logs import get_logger

RENEW_EVERY_S: Final = 2.0  # several times within the 10 s after which an owner stops


@dataclass
class Watch:
    """When each worker's counter was last seen to move, by our own monotonic clock."""

    seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def look(self, workers: Sequence[WorkerSeen], now: float) -> frozenset[str]:
        """The workers whose counter has stood still for so long that their lanes may be taken."""
        for worker in workers:
            before = self.seen.get(worker.instance)
            if before is None or before[0] != worker.renewals:
                self.seen[worker.instance] = (worker.renewals, now)
        there = {worker.instance for worker in workers}
        self.seen = {instance: seen for instance, seen in self.seen.items() if instance in there}
        still = LANE_STILL_BEFORE_TAKEOVER.total_seconds()
        return frozenset(instance for instance, (_, since) in self.seen.items() if now - since >= still)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker does about its lanes now."""

    take: tuple[LaneSeen, ...] = ()
    release: tuple[int, ...] = ()


def plan(instance: str, workers: Collection[str], dead: Collection[str], lanes: Sequence[LaneSeen]) -> Plan:
    """An even share for every living worker.

    A lane without an owner is taken at once; one whose owner is dead, or unknown, too; one of a living worker never.
    """
    living = sorted({instance, *workers} - set(dead))
    share, more = divmod(LANES, len(living))
    target = share + (living.index(instance) < more)
    own = [one for one in lanes if one.owner == instance]
    if len(own) > target:
        return Plan(release=tuple(one.lane for one in own[target:]))
    free = [one for one in lanes if one.owner is None or one.owner in dead or one.owner not in {instance, *workers}]
    return Plan(take=tuple(free[: target - len(own)]))


class LaneKeeper:
    """Keeps this worker's lanes. ``on_change`` is called whenever they have changed."""

    def __init__(
        self, table: LaneTable, instance: str, *, clock: Clock, alone: bool, on_change: Callable[[], None]
    ) -> None:
        self._table = table
        self._instance = instance
        self._clock = clock
        self._alone = alone  # SQLite: one process by its file lock, so every other owner is dead
        self._on_change = on_change
        self._watch = Watch()
        self._owned: dict[int, int] = {}
        self._renewed_at = float("-inf")
        self._log = get_logger(__name__)

    def epochs(self) -> Mapping[int, int]:
        """The lanes owned now, with their epochs; none when the last renewal is too long ago."""
        stale = self._clock.monotonic() - self._renewed_at > LANE_OWNER_STOPS_AFTER.total_seconds()
        return {} if stale else self._owned

    async def begin(self, worker_id: str, started_at: str) -> None:
        """Enrol, and take what may be taken at once. Raises PassingError, CommitUnknownError."""
        await self._table.enrol(self._instance, worker_id, started_at)
        await self.renew()

    async def run(self, stop: asyncio.Event, trouble: Trouble) -> None:
        """Renew until ``stop``. Raises CommitUnknownError, and PositionLostError when declared dead.

        What else the database does is told, and met by the next renewal; without one ``epochs`` is empty soon.
        """
        while not stop.is_set():
            try:
                async with asyncio.timeout(RENEW_EVERY_S):
                    await stop.wait()
            except TimeoutError:
                pass
            try:
                await self.renew()
                trouble.over()
            except PositionLostError:
                raise
            except StoreError as error:
                await trouble.tell(error)  # no longer rest than usual: others would take the lanes

    async def leave(self) -> None:
        """Give everything back."""
        try:
            await self._table.leave(self._instance)
        except (PassingError, PositionLostError):
            return  # the others will see that this one stands still
        finally:
            self._owned = {}

    async def renew(self) -> None:
        """One sign of life, and what follows from those of the others."""
        asked_at = self._clock.monotonic()
        workers, lanes = await self._table.renew(self._instance)
        self._renewed_at = asked_at
        others = {worker.instance for worker in workers} - {self._instance}
        dead = frozenset(others) if self._alone else self._watch.look(workers, asked_at) - {self._instance}
        owned = {one.lane: one.epoch for one in lanes if one.owner == self._instance}
        next_step = plan(self._instance, others, dead, lanes)
        if next_step.release:
            await self._table.release(self._instance, next_step.release)
            owned = {lane: epoch for lane, epoch in owned.items() if lane not in next_step.release}
        if next_step.take:
            owned |= await self._table.take(self._instance, next_step.take)
        await self._table.forget(dead)
        self._become(owned)

    def _become(self, owned: dict[int, int]) -> None:
        if owned != self._owned:
            self._owned = owned
            self._log.info("lanes.changed", count=len(owned))
            self._on_change()
