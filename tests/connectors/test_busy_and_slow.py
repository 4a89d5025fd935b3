"""A database that is locked for a while, a link that flaps, more to send than goes at once: it goes on by itself."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from connectors import inbox, outbox, reporter
from connectors.handover import HandoverDesk
from connectors.inbox import Inbox
from connectors.link import Trouble
from connectors.outbox import Sender
from connectors.reporter import Reporter
from connectors.retry import RetryPolicy
from connectors.store import acks, handovers, outbox_rows
from connectors.store.database import Answer, CommitUnknownError, Question, Store
from connectors.store.outbox_rows import OutState
from schemas.topics import RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import make_bundle
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.handover_steps import FakeHis
from tests.connectors.inbox_steps import read_all
from tests.connectors.outbox_steps import enter, row_of, sent_ids
from tests.connectors.site_world import World, make_world, until


class BusyStore:
    """Another program holds the file: the next ``times`` questions meet it, reads or writes."""

    def __init__(self, inner: Store, *, writes: int = 0, reads: int = 0) -> None:
        self.inner = inner
        self.writes = writes
        self.reads = reads

    async def write(self, question: Question[Answer]) -> Answer:
        if self.writes:
            self.writes -= 1
            raise sqlite3.OperationalError("database is locked")
        return await self.inner.write(question)

    async def read(self, question: Question[Answer]) -> Answer:
        if self.reads:
            self.reads -= 1
            raise sqlite3.OperationalError("database is locked")
        return await self.inner.read(question)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policies are tried elsewhere; here only that there is a next time."""
    short = RetryPolicy(first_s=0.01, cap_s=0.05)
    for module in (inbox, outbox, reporter):
        monkeypatch.setattr(module, "LOCAL", short)
        monkeypatch.setattr(module, "CONNECT", short)


@pytest.fixture
async def sender_side(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "sender", ExchangeDouble(make_pki(tmp_path / "pki")), BAC_GIANG)
    made.introduce(BACH_MAI)
    await read_all(made)
    made.site.chance = lambda: 0.0
    yield made
    await made.close()


@pytest.fixture
async def receiver_side(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "receiver", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    made.introduce(BAC_GIANG)
    await read_all(made)
    made.site.chance = lambda: 0.0
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def running(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("writes", "reads"), [(2, 0), (0, 2), (1, 1)])
async def test_the_inbox_waits_for_a_locked_database(receiver_side: World, writes: int, reads: int) -> None:
    world = receiver_side
    for _ in range(3):
        world.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI))
    reader = Inbox(world.site, world.inbox)
    reading = await reader._resume()
    world.site.store = BusyStore(world.database, writes=writes)
    records = await world.inbox.read(16, 0)
    await reader._take(records, reading)
    world.site.store = BusyStore(world.database, reads=reads)
    with contextlib.suppress(sqlite3.OperationalError):  # the task is started again by its watcher
        await reader._resume()
    assert len(await world.database.read(handovers.waiting)) == 3


@pytest.mark.parametrize(("writes", "reads"), [(1, 0), (0, 1), (2, 2)])
async def test_the_sender_waits_for_a_locked_database_and_sends_nothing_twice_for_it(
    sender_side: World, writes: int, reads: int
) -> None:
    world = sender_side
    row = await enter(world, priority=Priority.STAT)
    world.site.store = BusyStore(world.database, writes=writes, reads=reads)

    async def sent() -> bool:
        return (await row_of(world, row.seq)).state == OutState.SENT

    async with running(Sender(world.site, world.submit).run):
        await until(sent, 20)
    assert set(sent_ids(world)) == {row.message_id}
    await read_all(world)
    assert len(world.exchange.inboxes[BACH_MAI]) == 1


async def test_the_reporter_waits_for_a_locked_database(receiver_side: World) -> None:
    world = receiver_side
    world.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI, priority=Priority.STAT))
    await read_all(world)
    world.site.store = BusyStore(world.database, writes=1, reads=1)

    async def told() -> bool:
        return await world.database.read(acks.open_count) == 0

    async with running(Reporter(world.site, world.submit).run):
        await until(told, 20)
    assert len(set(world.submit.of(RecordType.ACK))) == 1


async def test_the_hand_over_waits_for_a_locked_database(receiver_side: World) -> None:
    world = receiver_side
    world.exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI))
    await read_all(world)
    his = FakeHis()
    world.site.store = BusyStore(world.database, writes=1, reads=1)

    async def taken() -> bool:
        return bool(his.taken) and not await world.database.read(handovers.waiting)

    async with running(HandoverDesk(world.site, his).run):
        await until(taken, 20)
    assert len({parcel.message_id for parcel, _ in his.taken}) == 1


class UnknownStore(BusyStore):
    """The next commit has an unknown outcome."""

    async def write(self, question: Question[Answer]) -> Answer:
        raise CommitUnknownError


async def test_an_unknown_commit_is_never_swallowed(sender_side: World) -> None:
    world = sender_side
    await enter(world)
    world.site.store = UnknownStore(world.database)
    for work in (Sender(world.site, world.submit).run, Inbox(world.site, world.inbox).run):
        world.exchange.notice(BAC_GIANG, _expired())
        with pytest.raises(CommitUnknownError):
            await asyncio.wait_for(work(), 10)


def _expired() -> Any:
    from schemas.tokens.notice import NoticeKind

    return NoticeKind.EXPIRED


# --- a link that flaps ----------------------------------------------------------------------------------------------


async def test_every_message_arrives_once_over_a_link_that_flaps(sender_side: World) -> None:
    world = sender_side
    rows = [await enter(world, priority=priority) for priority in Priority for _ in range(3)]
    sender = Sender(world.site, world.submit)

    faults = ["fail_before", "fail_after"] * 3

    async def settled() -> bool:
        if faults and not world.submit.fail_before + world.submit.fail_after:
            setattr(world.submit, faults.pop(), 1)
        await read_all(world)
        world.clock.pass_(5)
        counts = await world.database.read(outbox_rows.counts)
        return counts.get("accepted", 0) == len(rows)

    async with running(sender.run):
        await until(settled, 60)
    envelopes = world.exchange.inboxes[BACH_MAI]
    assert len(envelopes) == len(rows)


async def test_trouble_is_shown_and_gone_when_it_is_over(sender_side: World) -> None:
    world = sender_side
    await enter(world)
    world.submit.fail_before, world.submit.trouble = 1, Trouble.NOT_ALLOWED
    seen: list[Trouble | None] = []

    async def sent() -> bool:
        seen.append(world.site.live.sending_trouble)
        return bool(world.submit.of(RecordType.ENVELOPE))

    async with running(Sender(world.site, world.submit).run):
        await until(sent, 20)
        await asyncio.sleep(0.05)
    assert Trouble.NOT_ALLOWED in seen
    assert world.site.live.sending_trouble is None


async def test_an_emergency_waits_for_one_record_at_most(sender_side: World) -> None:
    """Entered while a queue of routine messages drains: it is the next but one at the latest."""
    world = sender_side
    for _ in range(12):
        await enter(world, priority=Priority.ROUTINE)
    sender = Sender(world.site, world.submit)
    for _ in range(3):
        await sender.send_next()
    stat = await enter(world, priority=Priority.STAT)
    await sender.send_next()
    assert sent_ids(world)[3] == stat.message_id


async def test_many_messages_drain_in_the_order_of_their_urgency(sender_side: World) -> None:
    world = sender_side
    for number in range(30):
        await enter(world, priority=list(Priority)[number % 3])
    sender = Sender(world.site, world.submit)
    while await sender.send_next():
        pass
    rows = {row.message_id: row for row in await world.database.read(lambda c: outbox_rows.rows_in(c, list(OutState)))}
    order = [rows[message].priority for message in sent_ids(world)]
    assert order.count("stat") == order.count("urgent") == order.count("routine") == 10
    assert order[:9] == ["stat"] * 9
    assert order[9] == "routine"  # routine still gets a tenth
    assert order[-1] == "routine"
