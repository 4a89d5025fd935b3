"""Who owns which lane: an even share, taken only from the free and the dead. No wall clock anywhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.lanes import LaneKeeper, Watch, plan
from broker.sharding import lane_of
from broker.store import facilities, positions, tables
from broker.store.engine import Database, PositionLostError
from broker.store.lanes import LaneSeen, LaneTable, WorkerSeen
from broker.store.migrating import migrate
from schemas.limits import LANE_OWNER_STOPS_AFTER, LANE_STILL_BEFORE_TAKEOVER, LANES
from tests.broker.desk import StoppedClock, today

NAMES = [f"0000000{number}-0000-4000-8000-000000000000" for number in range(1, 6)]
STILL = LANE_STILL_BEFORE_TAKEOVER.total_seconds()


def test_a_facility_keeps_its_lane_for_ever() -> None:
    assert [lane_of(code) for code in ("24Z01", "01929", "01Z97")] == [48, 9, 7]
    assert {lane_of(f"{number:05d}") for number in range(2_000)} == set(range(LANES))


def test_a_counter_must_stand_still_for_the_whole_time_by_our_own_clock() -> None:
    watch = Watch()
    assert watch.look([WorkerSeen("a", 1)], 100.0) == frozenset()
    assert watch.look([WorkerSeen("a", 1)], 100.0 + STILL - 0.1) == frozenset()
    assert watch.look([WorkerSeen("a", 1)], 100.0 + STILL) == {"a"}
    assert watch.look([WorkerSeen("a", 2)], 100.0 + STILL + 1) == frozenset()


def test_an_owner_stops_before_anybody_may_take_over() -> None:
    assert LANE_OWNER_STOPS_AFTER < LANE_STILL_BEFORE_TAKEOVER


OWNERS = st.lists(st.sampled_from([None, *NAMES]), min_size=LANES, max_size=LANES)


@given(OWNERS, st.sets(st.sampled_from(NAMES), min_size=1), st.sets(st.sampled_from(NAMES)))
def test_nobody_takes_from_the_living_and_nobody_takes_too_much(
    owners: list[str | None], there: set[str], dead: set[str]
) -> None:
    me = min(there)
    dead -= {me}
    lanes = [LaneSeen(number, owner, 7) for number, owner in enumerate(owners)]
    made = plan(me, there - {me}, dead, lanes)
    for one in made.take:
        assert one.owner is None or one.owner in dead or one.owner not in there
        assert one.owner != me
    mine = {one.lane for one in lanes if one.owner == me}
    assert set(made.release) <= mine
    assert not (made.take and made.release)
    after = len(mine) + len(made.take) - len(made.release)
    living = len(there - dead | {me})
    assert after <= max(-(-LANES // living), 0)


@given(st.integers(1, 5))
def test_all_together_take_every_lane(count: int) -> None:
    workers = set(NAMES[:count])
    lanes = [LaneSeen(number, None, 0) for number in range(LANES)]
    for me in sorted(workers):
        taken = {one.lane for one in plan(me, workers - {me}, set(), lanes).take}
        lanes = [LaneSeen(one.lane, me if one.lane in taken else one.owner, 1) for one in lanes]
    assert None not in {one.owner for one in lanes}
    shares = [sum(one.owner == me for one in lanes) for me in workers]
    assert max(shares) - min(shares) <= 1


def _keeper(database: Database, instance: str, clock: StoppedClock, *, alone: bool = False) -> LaneKeeper:
    return LaneKeeper(LaneTable(database), instance, clock=clock, alone=alone, on_change=lambda: None)


@pytest.fixture
async def database(postgresql_url: str) -> Database:
    opened = Database(postgresql_url)
    await migrate(opened)
    return opened


@pytest.mark.postgresql
async def test_two_workers_share_and_one_takes_over_from_the_dead(database: Database) -> None:
    clock = StoppedClock(today())
    one, two = (_keeper(database, name, clock) for name in NAMES[:2])
    await one.begin("worker-1", "2026-11-22T09:00:00.000Z")
    assert len(one.epochs()) == LANES
    await two.begin("worker-2", "2026-11-22T09:00:00.000Z")
    await one.renew()
    await two.renew()
    assert (len(one.epochs()), len(two.epochs())) == (LANES // 2, LANES // 2)
    assert not set(one.epochs()) & set(two.epochs())
    former = dict(one.epochs())
    for _ in range(8):
        clock.pass_by(STILL / 8 + 0.1)
        await two.renew()
    assert one.epochs() == {}, "it has stopped by itself"
    assert len(two.epochs()) == LANES
    assert all(two.epochs()[lane] > epoch for lane, epoch in former.items())
    with pytest.raises(PositionLostError):
        await one.renew()
    await database.close()


@pytest.mark.postgresql
async def test_a_takeover_moves_the_epoch_of_every_position(database: Database) -> None:
    clock = StoppedClock(today())
    one = _keeper(database, NAMES[0], clock)
    await one.begin("worker-1", "2026-11-22T09:00:00.000Z")
    async with database.write() as connection:
        await facilities.admit(connection, "24Z01", [1], "2026-11-22T09:00:00.000Z")
    lane = lane_of("24Z01")
    async with database.read() as connection:
        (before,) = await positions.of_lanes(connection, [lane])
    assert before.epoch == one.epochs()[lane]
    await one.leave()
    two = _keeper(database, NAMES[1], clock)
    await two.begin("worker-2", "2026-11-22T09:00:00.000Z")
    async with database.read() as connection:
        (after,) = await positions.of_lanes(connection, [lane])
    assert after.epoch == two.epochs()[lane] > before.epoch
    with pytest.raises(PositionLostError):
        async with database.write() as connection:
            await positions.lock(connection, [positions.Move(before, before)], sqlite=False)
    await database.close()


@pytest.mark.postgresql
async def test_a_takeover_ends_the_sessions_of_the_former_owner(postgresql_url: str) -> None:
    from sqlalchemy import text

    from broker.store.engine import PassingError
    from broker.store.lanes import session_name

    dead, living = Database(postgresql_url, application=session_name(NAMES[0])), Database(postgresql_url)
    await migrate(living)
    await LaneTable(dead).enrol(NAMES[0], "worker-1", "2026-11-22T09:00:00.000Z")
    lane = LaneSeen(0, None, 0)
    taken = await LaneTable(dead).take(NAMES[0], [lane])
    await LaneTable(living).enrol(NAMES[1], "worker-2", "2026-11-22T09:00:00.000Z")

    async def work_on_while_the_lane_is_taken() -> None:
        async with dead.write() as connection:
            await connection.execute(text("SELECT 1"))
            await LaneTable(living).take(NAMES[1], [LaneSeen(0, NAMES[0], taken[0])])
            await connection.execute(text("SELECT 1"))

    with pytest.raises(PassingError):
        await work_on_while_the_lane_is_taken()
    await dead.close()
    await living.close()


async def test_on_sqlite_the_next_process_takes_everything_at_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    await migrate(database)
    clock = StoppedClock(today())
    killed = _keeper(database, NAMES[1], clock, alone=True)
    await killed.begin("worker-1", "2026-11-22T09:00:00.000Z")
    following = _keeper(database, NAMES[0], clock, alone=True)
    await following.begin("worker-1", "2026-11-22T09:00:00.000Z")
    assert len(following.epochs()) == LANES
    from sqlalchemy import select

    async with database.read() as connection:
        rows = (await connection.execute(select(tables.worker.c.instance))).scalars().all()
    assert list(rows) == [NAMES[0]], "the dead are forgotten"
    await database.close()
