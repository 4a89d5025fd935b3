"""A database that refuses statements ends no process: tasks say so, alarm once, rest, and go on."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import broker.housekeeping as housekeeping_module
import broker.lanes as lanes_module
import broker.trouble as trouble_module
from broker.heads import Heads
from broker.housekeeping import Housekeeping
from broker.ports import LogUnavailableError
from broker.relay import PAUSE_MOST_S
from broker.store import tables
from broker.store.alarms import STORE_FAULT, AlarmTable
from broker.store.engine import CommitUnknownError, PassingError, PositionLostError, StoreError
from broker.store.inboxes import InboxTable
from broker.store.numbering import Batch, Settled
from broker.trouble import Trouble
from tests.broker.desk import STRANGER, Desk
from tests.broker.messages import message, new_case, sealed
from tests.schemas.bundles import DESTINATION, SENDER

REFUSED = StoreError("StatementError UndefinedColumn 42703")


class Told:
    """Alarms in memory, which may fail."""

    def __init__(self, *failures: Exception) -> None:
        self.rows: list[tuple[str, str | None]] = []
        self.failures = list(failures)

    async def raise_once(self, alarm: str, facility: str | None = None) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.rows.append((alarm, facility))
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble_module, "REST_FIRST_S", 0.001)
    monkeypatch.setattr(trouble_module, "REST_MOST_S", 0.002)


async def _until(condition: Callable[[], object]) -> None:
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not happen")


@pytest.mark.usefixtures("quick")
async def test_what_lasts_is_alarmed_once_and_what_passes_never() -> None:
    told, stop = Told(), asyncio.Event()
    trouble = Trouble("relay", told)
    for error in (PassingError("OperationalError"), PositionLostError("Lane"), LogUnavailableError("KafkaError")):
        await trouble.rest(error, stop)
    assert told.rows == []
    for _ in range(3):
        await trouble.rest(REFUSED, stop)
    assert told.rows == [(STORE_FAULT, None)]


async def test_what_was_mended_and_comes_again_is_told_again_for_its_facility() -> None:
    told = Told()
    trouble = Trouble("relay", told)
    for _ in range(2):
        for _ in range(2):
            await trouble.tell(REFUSED, facility=DESTINATION)
        trouble.over()
    assert told.rows == [(STORE_FAULT, DESTINATION)] * 2


async def test_the_rest_grows_up_to_its_limit_and_begins_anew_when_it_went_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[float] = []
    timeout = asyncio.timeout

    def measured(length: float) -> Any:
        lengths.append(length)
        return timeout(0)

    monkeypatch.setattr(trouble_module.asyncio, "timeout", measured)
    trouble, stop = Trouble("relay", Told()), asyncio.Event()
    for _ in range(8):
        await trouble.rest(PassingError("x"), stop)
    trouble.over()
    await trouble.rest(PassingError("x"), stop)
    assert lengths == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5]


@pytest.mark.usefixtures("quick")
async def test_an_unknown_commit_is_passed_on_and_an_alarm_that_failed_is_raised_again() -> None:
    told = Told(PassingError("OperationalError"))
    trouble, stop = Trouble("relay", told), asyncio.Event()
    with pytest.raises(CommitUnknownError):
        await trouble.rest(CommitUnknownError("OperationalError"), stop)
    await trouble.rest(REFUSED, stop)
    await trouble.rest(REFUSED, stop)
    assert told.rows == [(STORE_FAULT, None)]


def _failing(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The method refuses twice, then works as before; returns how often it was called."""
    original, calls = getattr(owner, name), list[int]()

    async def refusing(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) <= 2:
            raise REFUSED
        return await original(*args, **more)

    monkeypatch.setattr(owner, name, refusing)
    return calls


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("task", ["heads", "housekeeping", "second-look", "relay"])
async def test_a_refused_statement_ends_no_task(desk: Desk, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping_module, "EVERY_S", 0.01)
    told, stop = Told(), asyncio.Event()
    trouble, epochs, signer = Trouble(task, told), desk.lanes.epochs, desk.pipeline.signer
    if task == "heads":
        heads = Heads(InboxTable(desk.database), desk.inbox, signer, desk.clock, every_s=0, watched_s=0)
        calls, run = _failing(heads, "publish_due", monkeypatch), heads.run(epochs, 1, stop, trouble)
        monkeypatch.setattr("broker.heads.LOOK_EVERY_S", 0.01)
    elif task == "housekeeping":
        house = Housekeeping(desk.database, signer, desk.clock)
        calls, run = _failing(house, "keep_house", monkeypatch), house.run(epochs, stop, trouble)
    elif task == "second-look":
        monkeypatch.setattr("broker.second_look.LOOK_EVERY_S", 0.01)
        calls, run = _failing(desk.second_look, "look", monkeypatch), desk.second_look.run(epochs, stop, trouble)
    else:
        desk.relay._trouble = trouble
        calls, run = _failing(desk.relay, "step", monkeypatch), desk.relay.run(epochs, stop)
    running = asyncio.create_task(run)
    await _until(lambda: len(calls) >= 3)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert told.rows == [(STORE_FAULT, None)]


async def test_the_lanes_are_renewed_again_when_the_database_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "RENEW_EVERY_S", 0.001)
    calls, told, stop = _failing(desk.lanes, "renew", monkeypatch), Told(), asyncio.Event()
    running = asyncio.create_task(desk.lanes.run(stop, Trouble("lanes", told)))
    await _until(lambda: len(calls) >= 4 or running.done())
    stop.set()
    await asyncio.wait_for(running, 5)
    assert told.rows == [(STORE_FAULT, None)]
    assert desk.lanes.epochs()


@pytest.mark.parametrize("end", [PositionLostError("Worker"), CommitUnknownError("OperationalError")])
async def test_only_lost_lanes_and_an_unknown_commit_end_the_renewing(
    desk: Desk, end: StoreError, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost() -> None:
        raise end

    monkeypatch.setattr(lanes_module, "RENEW_EVERY_S", 0.001)
    monkeypatch.setattr(desk.lanes, "renew", lost)
    with pytest.raises(type(end)):
        await asyncio.wait_for(desk.lanes.run(asyncio.Event(), Trouble("lanes", Told())), 5)


async def _submit(desk: Desk) -> None:
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.submit(STRANGER, sealed(desk.pki, message(new_case(STRANGER, SENDER))))
    while await desk.pipeline.turn():
        pass


async def test_the_relay_isolates_the_lane_whose_rows_the_database_refuses(
    any_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = any_desk
    await _submit(desk)
    (row,) = await desk.rows(tables.outbox, destination=DESTINATION)
    step, asked = desk.relay._store.step, list[int]()

    async def refusing(epochs: Mapping[int, int], settled: Settled, busy: Any) -> Any:
        asked.append(len(epochs))
        if row.lane in epochs:
            raise REFUSED
        return await step(epochs, settled, busy)

    monkeypatch.setattr(desk.relay._store, "step", refusing)
    await desk.carry()
    assert desk.received(DESTINATION) == []
    assert len(desk.received(SENDER)) == 2, "its receipt and its envelope"
    assert [alarm.alarm for alarm in await desk.rows(tables.alarm)] == [STORE_FAULT]
    before = len(asked)
    await desk.carry()
    assert asked[before:] == [63], "the lane waits"
    monkeypatch.setattr(desk.relay._store, "step", step)
    await desk.pass_by(1.0)
    await desk.carry()
    assert len(desk.received(DESTINATION)) == 1


async def test_a_refusal_of_everything_is_not_hidden(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refusing(*_: Any) -> list[Batch]:
        raise REFUSED

    monkeypatch.setattr(desk.relay._store, "step", refusing)
    with pytest.raises(StoreError):
        await desk.relay.step(desk.lanes.epochs())


async def test_what_the_log_acknowledged_is_not_forgotten_with_a_refusal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgotten, it would be published once more."""

    async def refusing(*_: Any) -> list[Batch]:
        raise REFUSED

    monkeypatch.setattr(desk.relay._store, "step", refusing)
    desk.relay._settled = Settled(published_through={DESTINATION: 7})
    with pytest.raises(StoreError):
        await desk.relay.step(desk.lanes.epochs())
    assert desk.relay._settled.published_through == {DESTINATION: 7}


async def test_a_loss_that_cannot_be_written_pauses_its_destination_and_is_told(
    any_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = any_desk
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    while await desk.pipeline.turn():
        pass
    topic, tries = f"xfer.submit.{SENDER}", list[int]()
    desk.log.topics[topic] = desk.log.topics[topic][:1]  # the second one's bytes are gone

    async def refusing(*_: Any) -> None:
        tries.append(1)
        raise REFUSED

    monkeypatch.setattr(desk.relay._losses, "lost", refusing)
    await desk.carry()
    assert len(desk.received(DESTINATION)) == 1, "what comes before goes out"
    assert len(desk.receipts(SENDER)) == 2
    assert len(tries) == 1
    await desk.carry()
    assert len(tries) == 1, "not at full rate"
    for _ in range(3):
        await desk.pass_by(PAUSE_MOST_S / 4)
        await desk.carry()
    assert len(tries) <= 4
    alarms = [(alarm.alarm, alarm.facility) for alarm in await desk.rows(tables.alarm)]
    assert alarms == [(STORE_FAULT, DESTINATION)]


async def test_the_alarm_of_a_task_stands_in_the_database(desk: Desk) -> None:
    trouble = Trouble("heads", AlarmTable(desk.database, desk.pipeline.signer, desk.clock))
    await trouble.tell(REFUSED)
    await trouble.tell(REFUSED)
    assert [row.alarm for row in await desk.rows(tables.alarm)] == [STORE_FAULT]
