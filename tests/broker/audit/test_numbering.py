"""The anchor task: gap-free numbers, one root per size, stored before published, whatever fails in between."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.audit import numbering
from broker.audit.checkpoint import open_checkpoint, sign_checkpoint
from broker.audit.merkle import Frontier, root_of
from broker.audit.numbering import Anchor, Fault, LogFaultError, run_anchor
from broker.audit.ports import LedgerUnavailableError, NumberTakenError, StoredCheckpoint
from broker.audit.verify import verify_export
from broker.store.engine import CommitUnknownError, PassingError, StoreError
from schemas.reasons import ReasonCode, Refused
from tests.broker.audit.logs import SIGNER, entry, exported
from tests.broker.audit.memory_ledger import MemoryLedger, MemoryPublisher

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def _world() -> tuple[MemoryLedger, MemoryPublisher, Anchor]:
    ledger, publisher = MemoryLedger(), MemoryPublisher()
    return ledger, publisher, Anchor(ledger, SIGNER, publisher)


def _check(ledger: MemoryLedger, publisher: MemoryPublisher) -> None:
    """Every published checkpoint was stored, verifies over the log as it stands now, and never went back."""
    lines = exported(ledger.numbered())
    sizes = [open_checkpoint(note, SIGNER.verifier).size for note in publisher.history]
    assert sizes == sorted(sizes)
    assert set(publisher.history) <= {head.note for head in ledger.heads.values()}
    if publisher.history:
        verify_export(lines, publisher.history, SIGNER.verifier, allow_uncovered=True)


async def test_a_turn_numbers_what_is_committed_and_publishes_one_checkpoint() -> None:
    ledger, publisher, anchor = _world()
    entries = [entry(n) for n in range(5)]
    ledger.commit(*entries)
    assert await anchor.turn(NOW) == 5
    assert ledger.log == entries
    head = open_checkpoint(publisher.history[-1], SIGNER.verifier)
    assert (head.size, head.root) == (5, root_of(bytes.fromhex(item.leaf_hash) for item in entries))
    assert list(ledger.heads) == [5]
    _check(ledger, publisher)


async def test_a_quiet_turn_signs_and_publishes_nothing_new() -> None:
    ledger, publisher, anchor = _world()
    assert await anchor.turn(NOW) == 0
    assert len(publisher.history) == 1, "the empty log has a head too"
    ledger.commit(entry(1))
    await anchor.turn(NOW)
    assert await anchor.turn(NOW) == 0
    assert len(publisher.history) == 2
    assert len(ledger.heads) == 2


async def test_a_backlog_is_numbered_in_batches_under_one_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "BATCH_ENTRIES", 3)
    ledger, publisher, anchor = _world()
    ledger.commit(*(entry(n) for n in range(10)))
    assert await anchor.turn(NOW) == 10
    assert list(ledger.heads) == [10]
    _check(ledger, publisher)


STEPS = [
    ("frontier", "before"),
    ("unnumbered", "before"),
    ("number", "before"),
    ("number", "after"),
    ("last_checkpoint", "before"),
    ("keep_checkpoint", "before"),
    ("keep_checkpoint", "after"),
    ("publish", "before"),
    ("publish", "after"),
    ("published", "before"),
]


@pytest.mark.parametrize(("step", "when"), STEPS)
@pytest.mark.parametrize("restart", [False, True])
async def test_after_any_fault_the_next_turn_completes_the_story(step: str, when: str, restart: bool) -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0), entry(1))
    await anchor.turn(NOW)
    ledger.commit(entry(2), entry(3))
    ledger.faults, publisher.faults = {step: when}, {step: when}
    with pytest.raises((LedgerUnavailableError, OSError)):
        await anchor.turn(NOW)
    ledger.faults, publisher.faults = {}, {}
    if restart:
        anchor = Anchor(ledger, SIGNER, publisher)
    _check(ledger, publisher)
    await anchor.turn(NOW)
    assert ledger.log == [entry(n) for n in range(4)]
    assert open_checkpoint(publisher.history[-1], SIGNER.verifier).size == 4
    assert sorted(ledger.heads) == [2, 4]
    _check(ledger, publisher)


@given(
    story=st.lists(
        st.one_of(
            st.tuples(st.just("commit"), st.integers(1, 4)),
            st.tuples(st.sampled_from(STEPS), st.integers(0, 1)),
            st.tuples(st.just("turn"), st.integers(0, 1)),
            st.tuples(st.just("restart"), st.integers(0, 1)),
        ),
        max_size=30,
    )
)
@settings(deadline=None, max_examples=150)
def test_two_anchors_faults_and_restarts_never_make_two_histories(story: list[tuple[object, int]]) -> None:
    asyncio.run(_play(story))


async def _play(story: list[tuple[object, int]]) -> None:
    ledger, publisher, _ = _world()
    anchors = [Anchor(ledger, SIGNER, publisher), Anchor(ledger, SIGNER, publisher)]
    made = 0
    for act, number in story:
        if act == "commit":
            ledger.commit(*(entry(made + n) for n in range(number)))
            made += number
        elif act == "restart":
            anchors[number] = Anchor(ledger, SIGNER, publisher)
        elif act == "turn":
            with contextlib.suppress(LedgerUnavailableError, NumberTakenError, OSError):
                await anchors[number].turn(NOW)
        else:
            step, when = act
            (publisher if step in {"publish", "published"} else ledger).faults = {step: when}
        _check(ledger, publisher)
    ledger.faults, publisher.faults = {}, {}
    await anchors[0].turn(NOW)
    assert len(ledger.log) == made
    assert len({item.leaf_hash for item in ledger.log}) == made
    _check(ledger, publisher)


async def test_the_slower_of_two_anchors_writes_nothing() -> None:
    ledger, publisher, anchor = _world()
    other = Anchor(ledger, SIGNER, publisher)
    ledger.commit(entry(0))
    original = ledger.unnumbered

    async def overtaken(limit: int) -> object:
        found = await original(limit)
        ledger.unnumbered = original  # type: ignore[method-assign]
        await other.turn(NOW)
        return found

    ledger.unnumbered = overtaken  # type: ignore[method-assign, assignment]
    with pytest.raises(NumberTakenError):
        await anchor.turn(NOW)
    assert len(ledger.log) == 1
    _check(ledger, publisher)


# --- contradictions: the anchor stops, it never signs over them ---------------------------------------------------


async def test_a_database_behind_the_published_checkpoint_is_a_fault() -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0), entry(1))
    await anchor.turn(NOW)
    restored = MemoryLedger()  # a backup from before
    restored.commit(entry(7))
    with pytest.raises(LogFaultError, match="0 leaves, the published checkpoint 2"):
        await Anchor(restored, SIGNER, publisher).turn(NOW)
    assert restored.log == []


async def test_a_database_behind_its_own_checkpoint_is_a_fault() -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0), entry(1))
    await anchor.turn(NOW)
    publisher.history.clear()
    ledger.state = Frontier()
    with pytest.raises(LogFaultError, match="0 leaves, the stored checkpoint 2"):
        await anchor.turn(NOW)


async def test_another_root_for_a_signed_size_is_a_fault() -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0))
    await anchor.turn(NOW)
    ledger.state = Frontier().extended([bytes.fromhex(entry(9).leaf_hash)])
    with pytest.raises(LogFaultError, match="published checkpoint of size 1 has another root"):
        await anchor.turn(NOW)
    publisher.history.clear()
    with pytest.raises(LogFaultError, match="stored checkpoint of size 1 has another root"):
        await anchor.turn(NOW)


async def test_a_published_checkpoint_that_was_never_stored_is_a_fault() -> None:
    ledger, _, anchor = _world()
    ledger.commit(entry(0))
    await anchor.turn(NOW)
    ledger.heads.clear()
    with pytest.raises(LogFaultError, match="never stored"):
        await anchor.turn(NOW)


async def test_a_rubbish_checkpoint_file_is_a_fault() -> None:
    ledger, publisher, anchor = _world()
    publisher.history.append(b"rubbish")
    with pytest.raises(LogFaultError, match="cannot be read"):
        await anchor.turn(NOW)
    assert ledger.heads == {}


async def test_a_tree_that_shrinks_behind_our_back_is_a_fault() -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0))
    await anchor.turn(NOW)
    ledger.state, ledger.heads = Frontier(), {}
    publisher.history.clear()
    with pytest.raises(LogFaultError, match="1 were signed"):
        await anchor.turn(NOW)


async def test_a_stored_checkpoint_wins_over_a_new_signature() -> None:
    """Somebody else stored this size in the meantime, with another root: never sign over it."""
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0))
    original = ledger.keep_checkpoint

    async def meanwhile(checkpoint: StoredCheckpoint, at: datetime) -> StoredCheckpoint:
        foreign = bytes(32)
        ledger.heads[checkpoint.size] = StoredCheckpoint(1, foreign, sign_checkpoint(1, foreign, SIGNER))
        return await original(checkpoint, at)

    ledger.keep_checkpoint = meanwhile  # type: ignore[method-assign]
    with pytest.raises(LogFaultError, match="another root"):
        await anchor.turn(NOW)
    assert publisher.history == []


async def test_an_older_checkpoint_never_replaces_a_newer_one() -> None:
    ledger, publisher, anchor = _world()
    ledger.commit(entry(0))
    original = ledger.keep_checkpoint
    other = Anchor(ledger, SIGNER, publisher)

    async def meanwhile(checkpoint: StoredCheckpoint, at: datetime) -> StoredCheckpoint:
        stored = await original(checkpoint, at)
        ledger.keep_checkpoint = original  # type: ignore[method-assign]
        ledger.commit(entry(1))
        await other.turn(NOW)
        return stored

    ledger.keep_checkpoint = meanwhile  # type: ignore[method-assign]
    await anchor.turn(NOW)
    assert [open_checkpoint(note, SIGNER.verifier).size for note in publisher.history] == [2]


# --- the loop ------------------------------------------------------------------------------------------------------


class _Still:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


async def _until(condition: object) -> None:
    for _ in range(400):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not happen")


async def _loop(
    open_anchor: Callable[[], Anchor],
    stop: asyncio.Event,
    alarms: list[Fault],
    lease: Callable[[], bool] = lambda: True,
) -> None:
    async def alarm(fault: Fault) -> None:
        alarms.append(fault)

    await run_anchor(open_anchor, _Still(), stop=stop, holds_lease=lease, alarm=alarm)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "EVERY", timedelta(milliseconds=5))


@pytest.mark.usefixtures("quick")
async def test_the_loop_numbers_again_and_again_and_once_more_at_the_end() -> None:
    ledger, publisher, anchor = _world()
    stop, alarms = asyncio.Event(), list[Fault]()
    task = asyncio.create_task(_loop(lambda: anchor, stop, alarms))
    ledger.commit(entry(0))
    await _until(lambda: len(ledger.log) == 1)
    ledger.faults = {"number": "after"}
    ledger.commit(entry(1))
    await _until(lambda: not ledger.faults)
    await _until(lambda: 2 in ledger.heads)
    stop.set()
    ledger.commit(entry(2))
    await asyncio.wait_for(task, 5)
    assert len(ledger.log) == 3
    assert alarms == []
    _check(ledger, publisher)


@pytest.mark.usefixtures("quick")
async def test_without_the_lease_nothing_is_done() -> None:
    ledger, publisher, anchor = _world()
    stop, asked = asyncio.Event(), list[int]()

    def lease() -> bool:
        asked.append(1)
        return False

    task = asyncio.create_task(_loop(lambda: anchor, stop, [], lease))
    ledger.commit(entry(0))
    await _until(lambda: len(asked) > 3)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert ledger.log == []
    assert publisher.history == []


@pytest.mark.usefixtures("quick")
async def test_a_fault_is_told_once_and_the_loop_goes_on_when_it_is_repaired() -> None:
    ledger, publisher, anchor = _world()
    publisher.history.append(b"rubbish")
    stop, alarms = asyncio.Event(), list[Fault]()
    task = asyncio.create_task(_loop(lambda: anchor, stop, alarms))
    await _until(lambda: alarms)
    await asyncio.sleep(0.05)
    assert len(alarms) == 1
    publisher.history.clear()
    ledger.commit(entry(0))
    await _until(lambda: ledger.log)
    publisher.faults = {"published": "before"}
    await _until(lambda: len(alarms) == 2)
    assert alarms[1] == Fault(numbering.CHECKPOINT_FILE, "OSError")
    stop.set()
    await asyncio.wait_for(task, 5)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", [ZeroDivisionError(), StoreError("StatementError ProgrammingError 42P01")])
async def test_an_unforeseen_error_in_a_turn_alarms_once_and_the_loop_goes_on(error: Exception) -> None:
    ledger, _, anchor = _world()
    working, tries = ledger.unnumbered, list[int]()

    async def broken(limit: int) -> object:
        tries.append(limit)
        raise error

    ledger.unnumbered = broken  # type: ignore[method-assign, assignment]
    ledger.commit(entry(0))
    stop, alarms = asyncio.Event(), list[Fault]()
    task = asyncio.create_task(_loop(lambda: anchor, stop, alarms))
    await _until(lambda: len(tries) > 2)
    assert alarms == [Fault(numbering.FAILED, type(error).__name__)]
    ledger.unnumbered = working  # type: ignore[method-assign]
    await _until(lambda: ledger.log)
    stop.set()
    await asyncio.wait_for(task, 5)


@pytest.mark.usefixtures("quick")
async def test_a_commit_whose_outcome_is_unknown_ends_the_loop() -> None:
    ledger, _, anchor = _world()

    async def unknown(limit: int) -> object:
        raise CommitUnknownError("OperationalError")

    ledger.unnumbered = unknown  # type: ignore[method-assign, assignment]
    with pytest.raises(CommitUnknownError):
        await asyncio.wait_for(_loop(lambda: anchor, asyncio.Event(), []), 5)


@pytest.mark.usefixtures("quick")
async def test_without_a_usable_key_the_log_alarms_and_numbers_when_the_key_is_repaired() -> None:
    ledger, publisher, anchor = _world()
    usable = list[bool]()

    def open_anchor() -> Anchor:
        if not usable:
            raise Refused(ReasonCode.KEY_FILE_UNSAFE, "audit.key")
        return anchor

    stop, alarms = asyncio.Event(), list[Fault]()
    task = asyncio.create_task(_loop(open_anchor, stop, alarms))
    ledger.commit(entry(0), entry(1))
    await _until(lambda: alarms)
    await asyncio.sleep(0.03)
    assert alarms == [Fault(numbering.KEY_UNUSABLE, ReasonCode.KEY_FILE_UNSAFE)]
    usable.append(True)
    await _until(lambda: len(ledger.log) == 2)
    stop.set()
    await asyncio.wait_for(task, 5)
    _check(ledger, publisher)


@pytest.mark.usefixtures("quick")
async def test_an_alarm_that_could_not_be_written_is_raised_again() -> None:
    _, publisher, anchor = _world()
    publisher.history.append(b"rubbish")
    calls = list[Fault]()

    async def alarm(fault: Fault) -> None:
        calls.append(fault)
        if len(calls) == 1:
            raise PassingError("OperationalError")

    stop = asyncio.Event()
    task = asyncio.create_task(run_anchor(lambda: anchor, _Still(), stop=stop, holds_lease=lambda: True, alarm=alarm))
    await _until(lambda: len(calls) == 2)
    stop.set()
    await asyncio.wait_for(task, 5)
    assert len(calls) == 2
