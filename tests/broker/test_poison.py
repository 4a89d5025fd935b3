"""Records that break what looks at them: each is tried alone, counted before, and set aside; nobody else waits."""

from pathlib import Path
from typing import Any

import pytest

import broker.pipeline as pipeline_module
from broker.flight import FlightMarker
from broker.pipeline import LOG_BROKEN
from broker.stages.examining import Examined, Material, examine
from broker.stages.submission import Record
from broker.store import tables
from broker.store.engine import CommitUnknownError, PassingError
from broker.trial import survives
from schemas.reasons import ReasonCode
from schemas.tokens.receipt import Verdict
from tests.broker.desk import EPOCH_HEADERS, STRANGER, Desk
from tests.broker.messages import message, new_case, sealed
from tests.schemas.bundles import DESTINATION, SENDER

ACCEPTED = (Verdict.ACCEPTED, None)


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A value on which examining fails like a program, not like a judge."""

    def fragile(record: Record, material: Material, now: Any) -> Examined:
        if record.value == b"poison":
            raise ZeroDivisionError
        return examine(record, material, now)

    monkeypatch.setattr(pipeline_module, "examine", fragile)
    return b"poison"


async def test_a_record_that_fails_is_set_aside_and_its_neighbours_go_on(any_desk: Desk, poison: bytes) -> None:
    desk = any_desk
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    bad = desk.submit(SENDER, poison)
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.submit(STRANGER, sealed(desk.pki, message(new_case(STRANGER, DESTINATION))))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED]
    assert desk.verdicts(STRANGER) == [ACCEPTED]
    (row,) = await desk.rows(tables.quarantine)
    assert (row.topic, row.offset, row.reason) == (bad.topic, bad.offset, ReasonCode.PROCESSING_FAILED)
    assert row.record_sha256 is not None


async def test_attempts_are_counted_before_the_next_one(any_desk: Desk, poison: bytes) -> None:
    desk = any_desk
    bad = desk.submit(SENDER, poison)
    await desk.work()
    (row,) = await desk.rows(tables.attempt)
    assert (row.topic, row.offset, row.attempts) == (bad.topic, bad.offset, 1)


@pytest.mark.parametrize(("survived", "verdicts"), [(True, [ACCEPTED]), (False, [])])
async def test_a_record_that_killed_two_processes_is_tried_by_a_child(
    desk: Desk, *, survived: bool, verdicts: list[Any]
) -> None:
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    for _ in range(2):
        await desk.setbacks.count(record.topic, record.offset, "2026-11-22T09:00:00.000Z")
    desk.survivors[record.topic, record.offset] = survived
    await desk.follow([(record.topic, record.offset)])
    await desk.work()
    assert desk.verdicts(SENDER) == verdicts
    assert [row.reason for row in await desk.rows(tables.quarantine)] == ([] if survived else [ReasonCode.POISON])


async def test_an_attempt_that_ends_its_process_counts_once(desk: Desk) -> None:
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    at, place = "2026-11-22T09:00:00.000Z", (record.topic, record.offset)
    await desk.setbacks.count_first(*place, at)  # the first process died on it, in a batch
    assert await desk.setbacks.count(*place, at) == 2  # the second tries it alone, counts before, and dies
    await desk.setbacks.count_first(*place, at)  # as the third finds it
    tried: list[tuple[str, int]] = []

    async def survives(one: Record) -> bool:
        tried.append((one.topic, one.offset))
        return True

    desk.pipeline.survives = survives
    await desk.follow([place])
    await desk.work()
    assert (tried, desk.verdicts(SENDER)) == ([place], [ACCEPTED])


async def test_a_record_that_even_a_child_did_not_betray_is_set_aside_in_the_end(desk: Desk) -> None:
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    for _ in range(3):
        await desk.setbacks.count(record.topic, record.offset, "2026-11-22T09:00:00.000Z")
    await desk.follow([(record.topic, record.offset)])
    await desk.work()
    assert [row.reason for row in await desk.rows(tables.quarantine)] == [ReasonCode.POISON]


async def test_the_child_looks_at_a_record_and_comes_back(desk: Desk, tmp_path: Path) -> None:
    record = Record("xfer.submit.24Z01", 0, 0, b"\0 anything", EPOCH_HEADERS, desk.clock.now())
    assert await survives(record, tmp_path / "exchange" / "exchange.toml")
    assert not await survives(record, tmp_path / "no-such.toml")


def test_the_marker_names_the_record_that_a_dead_process_was_looking_at(tmp_path: Path) -> None:
    marker = FlightMarker(tmp_path / "flight")
    assert marker.interrupted() is None
    marker.look_at("xfer.submit.24Z01", 4711)
    assert FlightMarker(tmp_path / "flight").interrupted() == ("xfer.submit.24Z01", 4711)
    marker.close()
    assert FlightMarker(tmp_path / "flight").interrupted() is None


@pytest.mark.parametrize("content", [b"", b"x" * 64, b"xfer.submit.24Z01 minus".ljust(64), b"\xff" * 64, b"short"])
def test_a_marker_file_of_any_content_is_no_obstacle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "flight"
    path.write_bytes(content)
    assert FlightMarker(path).interrupted() is None


async def test_a_batch_that_cannot_be_expanded_costs_one_record_at_a_time(any_desk: Desk) -> None:
    desk = any_desk
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    bad = desk.submit(SENDER, b"zstd")
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.log.unreadable.add((bad.topic, bad.offset))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED]
    (row,) = await desk.rows(tables.quarantine)
    assert (row.offset, row.reason, row.record_sha256) == (1, ReasonCode.RECORD_UNREADABLE, None)
    (position,) = await desk.rows(tables.source_position, topic=bad.topic)
    assert (position.next_offset, position.anchor_offset) == (3, 2)


async def test_a_database_that_is_away_for_a_moment_costs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, failures = desk.pipeline.store.commit, iter([True, True, False])

    async def flaky(*args: Any, **more: Any) -> Any:
        if next(failures, False):
            raise PassingError("OperationalError")
        return await commit(*args, **more)

    monkeypatch.setattr(desk.pipeline.store, "commit", flaky)
    monkeypatch.setattr(pipeline_module, "RETRY_FIRST_S", 0.01)
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED]
    assert await desk.rows(tables.attempt) == []


async def test_a_database_that_goes_away_again_and_again_makes_no_record_a_suspect(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.setbacks.count(record.topic, record.offset, "2026-11-22T09:00:00.000Z")

    async def away(*_: Any, **__: Any) -> Any:
        raise PassingError("OperationalError")

    with monkeypatch.context() as patch:
        patch.setattr(desk.pipeline.store, "commit", away)
        patch.setattr(pipeline_module, "RETRIES", 1)
        for _ in range(pipeline_module.SET_ASIDE_AFTER + 1):
            await desk.follow([(record.topic, record.offset)])
            with pytest.raises(PassingError):
                await desk.pipeline.turn()
    await desk.follow([(record.topic, record.offset)])
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED]
    assert await desk.rows(tables.quarantine) == []
    assert [row.attempts for row in await desk.rows(tables.attempt)] == [2]


async def test_an_unknown_commit_ends_the_process_and_publishes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*_: Any, **__: Any) -> Any:
        raise CommitUnknownError("OperationalError")

    monkeypatch.setattr(desk.pipeline.store, "commit", unknown)
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    with pytest.raises(CommitUnknownError):
        await desk.pipeline.turn()
    assert desk.received(SENDER) == []


async def test_another_log_under_the_same_name_is_read_again_from_its_start(any_desk: Desk) -> None:
    desk = any_desk
    first = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    other = desk.log.append(SENDER, sealed(desk.pki, message(new_case())))
    desk.log.replace(SENDER, [Record(first.topic, 0, 0, other.value, other.headers, other.appended_at)])
    await desk.follow()
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED]
    (alarm,) = await desk.rows(tables.alarm)
    assert (alarm.alarm, alarm.topic) == (LOG_BROKEN, first.topic)


async def test_reading_again_from_the_start_doubles_nothing(any_desk: Desk) -> None:
    desk = any_desk
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    desk.log.replace(SENDER, [record])
    await desk.follow()
    await desk.work()
    assert len(desk.envelopes(DESTINATION)) == 2 + 1  # repaired: not acknowledged yet, marked as a possible repeat
    assert desk.envelopes(DESTINATION)[2].stamp.possible_duplicate
    first, _, again = desk.received(SENDER)
    assert first.value == again.value
    assert len(await desk.rows(tables.transfer)) == 2


async def test_an_anchor_that_retention_took_is_no_alarm(any_desk: Desk) -> None:
    desk = any_desk
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    desk.log.starts[record.topic], desk.log.topics[record.topic] = 1, []
    await desk.follow()
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    assert desk.verdicts(SENDER) == [ACCEPTED, ACCEPTED]
    assert await desk.rows(tables.alarm) == []


async def test_a_lost_connection_proves_the_anchor_again(desk: Desk) -> None:
    record = desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    await desk.work()
    changed = sealed(desk.pki, message(new_case()))
    desk.log.replace(SENDER, [Record(record.topic, 0, 0, changed, record.headers, record.appended_at)])
    desk.log.reconnect()
    await desk.work()
    assert [alarm.alarm for alarm in await desk.rows(tables.alarm)] == [LOG_BROKEN]


def test_an_attempt_that_was_counted_before_is_not_counted_again(tmp_path: Path) -> None:
    FlightMarker(tmp_path / "flight").look_at("xfer.submit.24Z01", 4711, counted=True)
    assert FlightMarker(tmp_path / "flight").interrupted() is None
