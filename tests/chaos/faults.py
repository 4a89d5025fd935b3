"""Does to the stage what the plan says, and writes down what was really done."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from certs.profiles import CertProfile
from lienvien.enrolment import KeyFolder
from tests.chaos.ledgers import Ledger, now_text, read_lines
from tests.chaos.plan import EVERY_WORKER, Fault
from tests.chaos.stage import Stage
from transport import failpoints, kafka_admin

POINT_WAITS_S: Final = 60.0  # what is not passed by then will not be
REPLY_WAITS_S: Final = 15.0  # for a Produce on one line
FIRST_GENERATION: Final = (1,)


class Saboteur:
    """One run's faults."""

    def __init__(self, stage: Stage, ledger: Ledger) -> None:
        self._stage = stage
        self._ledger = ledger
        self._servers = asyncio.Lock()  # Kafka and PostgreSQL are killed and started one at a time
        self._doing: set[asyncio.Task[None]] = set()
        self._wanted: dict[str, list[str]] = {}  # failpoints that are armed now, by group of processes
        self.failed: list[str] = []
        self.done: dict[str, int] = {}

    async def run(self, plan: Iterable[Fault]) -> None:
        """All of them, each at its time; returns when the last has passed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for fault in plan:
            await asyncio.sleep(max(0.0, began + fault.at_s - loop.time()))
            task = asyncio.create_task(self._do(fault))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)
        while self._doing:
            await asyncio.wait(self._doing)

    async def _do(self, fault: Fault) -> None:
        act = _ACTS[fault.kind.partition("-")[0] if fault.kind.startswith(("his-", "line-")) else fault.kind]
        try:
            await act(self, fault)
        except Exception as error:  # what could not be done is no fault of the run, and is not counted
            self.failed.append(f"{fault.kind} {fault.target}: {error!r}")
            print(f"    {fault.kind} {fault.target}: {error!r}", file=sys.stderr, flush=True)

    def _tell(self, fault: Fault, note: str = "") -> None:
        self._ledger.write(kind=fault.kind, target=fault.target, until=None, note=note or fault.note)
        self.done[fault.kind] = self.done.get(fault.kind, 0) + 1

    def _told_after(self, fault: Fault, began: str, note: str = "") -> None:
        self._ledger.write(at=began, kind=fault.kind, target=fault.target, until=now_text(), note=note or fault.note)
        self.done[fault.kind] = self.done.get(fault.kind, 0) + 1

    # --- processes ----------------------------------------------------------------------------------------------------

    async def _kill(self, fault: Fault) -> None:
        if _signal(self._stage, fault.target, signal.SIGKILL):
            self._tell(fault)

    async def _leave(self, fault: Fault) -> None:
        """Asked to stop; its supervisor starts it again, so one leaves and one joins."""
        if _signal(self._stage, fault.target, signal.SIGTERM):
            self._tell(fault)

    async def _stop(self, fault: Fault) -> None:
        """Stands still beyond its lease, then goes on as if nothing had happened: a zombie."""
        pid = self._stage.pid(fault.target)
        if pid is None or not _signal(self._stage, fault.target, signal.SIGSTOP):
            return
        began = now_text()
        await asyncio.sleep(fault.lasts_s)
        woke = self._stage.pid(fault.target) == pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        if woke:
            self._told_after(fault, began)

    async def _fail_at(self, fault: Fault) -> None:
        """Arms a failpoint in every process that has it; the first that passes dies there, and it is disarmed."""
        stage = self._stage
        group = stage.workers if fault.target == EVERY_WORKER else [f"connector-{code}" for code in stage.facilities]
        before = {one: len(failpoints.died_at(stage.points(one))) for one in group}
        wanted = self._wanted.setdefault(fault.target, [])
        wanted.append(fault.note)
        give_up = asyncio.get_running_loop().time() + POINT_WAITS_S
        died: list[str] = []
        while not died and asyncio.get_running_loop().time() < give_up:
            for one in group:  # who died took his away, whatever else was in it
                _arm(stage.points(one), wanted)
            await asyncio.sleep(0.2)
            died = [one for one in group if fault.note in failpoints.died_at(stage.points(one))[before[one] :]]
        wanted.remove(fault.note)
        for one in group:
            _arm(stage.points(one), wanted)

    def tell_of_points(self) -> None:
        """Every death at a failpoint, when it was and whose; more than one process may have passed at once."""
        for folder in sorted((self._stage.world.folder / "points").iterdir()):
            for line in read_lines(folder / failpoints.HITS):
                self._ledger.write(at=line["at"], kind="failpoint", target=folder.name, until=None, note=line["name"])
                self.done["failpoint"] = self.done.get("failpoint", 0) + 1

    # --- servers ------------------------------------------------------------------------------------------------------

    async def _kill_postgresql(self, fault: Fault) -> None:
        async with self._servers:
            began = now_text()
            self._stage.postgresql.kill()
            await asyncio.sleep(fault.lasts_s)
            await self._stage.postgresql.start()
        self._told_after(fault, began)

    async def _kill_kafka(self, fault: Fault) -> None:
        kafka = self._stage.world.kafka
        async with self._servers:
            began = now_text()
            kafka.kill()
            for line in self._stage.lines.values():  # nobody listens at the other end, so nobody does at this one
                line.shut()
            await asyncio.sleep(fault.lasts_s)
            await kafka.start()
            await kafka.ready(self._stage.world.link("chaos"))
            for line in self._stage.lines.values():
                await line.listen()
        self._told_after(fault, began)

    async def _withdraw(self, fault: Fault) -> None:
        """The facility's rights on its topics are denied on live connections, and given back."""
        link = self._stage.world.link("chaos")
        async with self._servers:  # an administrator needs a broker
            began = now_text()
            await kafka_admin.block(link, fault.target, FIRST_GENERATION)
            try:
                await asyncio.sleep(fault.lasts_s)
            finally:
                await kafka_admin.unblock(link, fault.target, FIRST_GENERATION)
        self._told_after(fault, began)

    async def _swap_certificate(self, fault: Fault) -> None:
        """A connector's TLS certificate is replaced by a new one of the same key, and its connections are cut."""
        site = self._stage.world.hospitals[fault.target]
        self._stage.world.certify(site.folder, "tls", CertProfile.TLS, fault.target)
        self._stage.lines[fault.target].new_identity(KeyFolder(site.folder / "keys").identity("tls"))
        self._tell(fault)

    async def _step_clock(self, fault: Fault) -> None:
        """One connector's wall clock jumps, and jumps back."""
        began = now_text()
        self._stage.clock_of(fault.target, int(fault.note))
        await asyncio.sleep(fault.lasts_s)
        self._stage.clock_of(fault.target, 0)
        self._told_after(fault, began)

    async def _fill_disk(self, fault: Fault) -> None:
        """One connector's data folder has not a byte left, and then has again."""
        disk, began = self._stage.disks[fault.target], now_text()
        async with self._servers:
            try:
                await asyncio.to_thread(disk.fill)
                await asyncio.sleep(fault.lasts_s)
            finally:
                await asyncio.to_thread(disk.make_room)
        self._told_after(fault, began)

    # --- neighbours ---------------------------------------------------------------------------------------------------

    async def _his(self, fault: Fault) -> None:
        began = now_text()
        self._stage.mood(fault.target, fault.kind.removeprefix("his-"))
        await asyncio.sleep(fault.lasts_s)
        self._stage.mood(fault.target, None)
        self._told_after(fault, began)

    async def _line(self, fault: Fault) -> None:
        line, began = self._stage.lines[fault.target], now_text()
        lost_before = line.replies_lost
        line.begin(fault.kind.removeprefix("line-"))
        await asyncio.sleep(fault.lasts_s)
        if fault.kind == "line-cut-reply":  # it is none until there was a reply to lose
            await _until(lambda: line.replies_lost > lost_before, REPLY_WAITS_S)
        await line.end()
        if fault.kind != "line-cut-reply" or line.replies_lost > lost_before:
            self._told_after(fault, began)


async def _until(happened: Callable[[], bool], patience_s: float) -> None:
    give_up = asyncio.get_running_loop().time() + patience_s
    while not happened() and asyncio.get_running_loop().time() < give_up:
        await asyncio.sleep(0.05)


def _arm(folder: Path, names: Sequence[str]) -> None:
    armed, text = folder / failpoints.ARMED, ",".join(f"{name}:1" for name in sorted(set(names)))
    if not text:
        armed.unlink(missing_ok=True)
        return
    try:
        there = armed.read_text("ascii")
    except FileNotFoundError:
        there = ""
    if there != text:
        fresh = folder / "new"
        fresh.write_text(text, "ascii")
        fresh.replace(armed)


def _signal(stage: Stage, process: str, number: signal.Signals) -> bool:
    """False when it is just dead."""
    pid = stage.pid(process)
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


Act = Callable[[Saboteur, Fault], Awaitable[None]]
_ACTS: Final[dict[str, Act]] = {
    "kill-worker": Saboteur._kill,
    "kill-connector": Saboteur._kill,
    "worker-leaves": Saboteur._leave,
    "stop-worker": Saboteur._stop,
    "failpoint": Saboteur._fail_at,
    "kill-postgresql": Saboteur._kill_postgresql,
    "kill-kafka": Saboteur._kill_kafka,
    "rights-withdrawn": Saboteur._withdraw,
    "certificate-swapped": Saboteur._swap_certificate,
    "clock-stepped": Saboteur._step_clock,
    "disk-full": Saboteur._fill_disk,
    "his": Saboteur._his,
    "line": Saboteur._line,
}
