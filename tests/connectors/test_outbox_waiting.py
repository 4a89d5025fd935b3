"""What waits, for a key or a person, and what a crash leaves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.link import LinkDownError, Trouble
from connectors.outbox import Sender
from connectors.store import outbox_rows
from connectors.store.outbox_rows import OutState
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_steps import read_all
from tests.connectors.outbox_steps import drain, enter, row_of, sent_ids
from tests.connectors.site_world import CrashError, CrashingStore, World, make_world, until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BAC_GIANG)
    made.introduce(BACH_MAI)
    await read_all(made)
    yield made
    await made.close()


async def test_a_message_waits_for_the_destinations_key(world: World) -> None:
    fresh = await make_world(world.folder / "fresh", world.exchange, BAC_GIANG)
    row = await enter(fresh, state=OutState.WAITING_KEY)
    task = asyncio.create_task(Sender(fresh.site, fresh.submit).run())
    await asyncio.sleep(0.05)
    assert fresh.submit.sent == []
    await read_all(fresh)  # the directory entry comes

    async def sent() -> bool:
        return bool(fresh.submit.sent)

    await until(sent)
    task.cancel()
    assert sent_ids(fresh) == [row.message_id]
    await fresh.close()


async def test_a_message_that_waits_for_a_person_is_not_sent(world: World) -> None:
    row = await enter(world, state=OutState.WAITING_PERSON)
    await drain(world)
    assert world.submit.sent == []
    assert await world.database.write(lambda c: outbox_rows.discard(c, row.seq))
    assert (await row_of(world, row.seq)).state == OutState.DISCARDED


async def test_what_was_sent_cannot_be_discarded(world: World) -> None:
    row = await enter(world)
    await drain(world)
    assert not await world.database.write(lambda c: outbox_rows.discard(c, row.seq))


async def test_a_record_the_broker_will_never_take_is_refused_and_stops_nobody(world: World) -> None:
    first = await enter(world, priority=Priority.STAT)
    second = await enter(world)
    world.submit.fail_before, world.submit.trouble = 1, Trouble.TOO_LARGE
    await drain(world)
    assert (await row_of(world, first.seq)).state == OutState.REFUSED
    assert sent_ids(world) == [second.message_id]


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_failed_send_is_repeated_with_the_same_id(world: World, lost: str) -> None:
    row = await enter(world)
    setattr(world.submit, f"fail_{lost}", 1)
    sender = Sender(world.site, world.submit)
    with pytest.raises(LinkDownError):
        await sender.send_next()
    await drain(world, sender)
    assert set(sent_ids(world)) == {row.message_id}
    await read_all(world)
    assert (await row_of(world, row.seq)).state == OutState.ACCEPTED
    assert len(world.exchange.inboxes[BACH_MAI]) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 8))
async def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(world: World, at: int, after: bool) -> None:
    rows = [await enter(world, priority=priority) for priority in Priority for _ in range(7)]
    world.site.store = CrashingStore(world.database, at=at, after=after)
    with pytest.raises(CrashError):
        await drain(world)
    await world.restart()
    sender = await drain(world)
    world.clock.pass_(3600)
    await drain(world, sender)
    await read_all(world)
    assert [(await row_of(world, row.seq)).state for row in rows] == [OutState.ACCEPTED] * 21
    assert len(world.exchange.inboxes[BACH_MAI]) == 21
