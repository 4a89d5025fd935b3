"""The log behind the inbox: cut, grown again, expired, unexpandable, or cut off in the middle of a write."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.alarm_words import AlarmCode
from connectors.inbox import Inbox
from connectors.store import inbox_rows, numbers
from schemas.reasons import ReasonCode
from tests.certs.pki import BACH_MAI, make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.inbox_looks import count, open_codes, send
from tests.connectors.inbox_steps import read_all
from tests.connectors.site_world import CrashError, CrashingStore, World, make_world, until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    yield made
    await made.close()


async def test_reading_resumes_where_it_was(world: World) -> None:
    send(world)
    await read_all(world)
    await world.restart()
    send(world)
    await read_all(world)
    assert await count(world, "inbox") == 2
    assert await open_codes(world) == set()


async def test_a_log_that_ends_before_our_position_is_alarmed_and_read_again(world: World) -> None:
    send(world)
    send(world)
    await read_all(world)
    world.exchange.inboxes[BACH_MAI].pop()
    await world.restart()
    await read_all(world)
    assert AlarmCode.LOG_SHORTER in await open_codes(world)
    assert await count(world, "inbox") == 2


async def test_a_log_that_was_cut_and_grew_again_is_found_out(world: World) -> None:
    send(world)
    await read_all(world)
    world.exchange.inboxes[BACH_MAI].clear()
    world.exchange.numbers[BACH_MAI] = 1
    send(world)
    send(world)
    await world.restart()
    await read_all(world)
    assert AlarmCode.LOG_CHANGED in await open_codes(world)
    assert await count(world, "inbox") == 3


async def test_a_beginning_removed_by_age_is_no_gap_for_a_new_database(world: World) -> None:
    for _ in range(4):
        send(world)
    world.inbox.start = 2
    await read_all(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert (held.complete_to, held.missing) == (4, ())


async def test_records_that_expired_unread_are_alarmed(world: World) -> None:
    for _ in range(4):
        send(world)
    await read_all(world)
    for _ in range(2):
        send(world)
    world.inbox.start = 5
    await world.restart()
    world.inbox.start = 5
    await read_all(world)
    assert AlarmCode.LOG_EXPIRED in await open_codes(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert held.missing == (5,)


async def test_an_unexpandable_batch_is_passed_and_the_good_records_around_it_are_not(world: World) -> None:
    for _ in range(4):
        send(world)
    world.inbox.unexpandable = {2}
    await read_all(world)
    assert await count(world, "inbox") == 3
    assert AlarmCode.BATCH_UNEXPANDABLE in await open_codes(world)
    held = await world.database.read(lambda c: numbers.held(c, world.clock.now()))
    assert len(held.missing) == 1  # so that the exchange sends it again
    (row,) = await world.database.read(inbox_rows.quarantined)
    assert (row.offset, row.reason, row.proven) == (2, ReasonCode.POISON.value, False)


async def test_a_dead_link_is_tried_again(world: World) -> None:
    send(world)
    world.inbox.down = 2
    world.site.chance = lambda: 0.0
    await read_all(world)
    assert await count(world, "inbox") == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_crash_at_any_write_loses_and_doubles_nothing(world: World, at: int, after: bool) -> None:
    for _ in range(20):
        send(world)
    world.site.store = CrashingStore(world.database, at=at, after=after)
    with pytest.raises(CrashError):
        await Inbox(world.site, world.inbox).run()
    await world.restart()
    await read_all(world)
    assert await count(world, "inbox") == 20
    assert await count(world, "handover") == 20
    assert await count(world, "ack_due") == 20
    digests = {hashlib.sha256(record.value).hexdigest() for record in world.exchange.inboxes[BACH_MAI]}
    assert len(digests) == 20


async def test_all_is_here_only_after_a_head_written_since_we_connected(world: World) -> None:
    send(world)
    world.exchange.head(BACH_MAI)
    task = asyncio.create_task(Inbox(world.site, world.inbox).run())
    try:

        async def read() -> bool:
            return world.site.live.head_at is not None

        await until(read)
        assert not world.site.live.caught_up
        assert world.site.live.back_due
        world.exchange.head(BACH_MAI)

        async def here() -> bool:
            return world.site.live.caught_up

        await until(here)
        assert world.site.live.drift_s == 0.0
    finally:
        task.cancel()
