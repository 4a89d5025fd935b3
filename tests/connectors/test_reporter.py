"""What is owed to the exchange: acks in time, an inbox-status after every change, the own directory entry."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certs.directory import verify_entry
from certs.facility_token import verify_facility_token
from connectors.alarm_words import AlarmCode
from connectors.link import LinkDownError
from connectors.reporter import Reporter
from connectors.store import acks, alarms, numbers
from schemas.times import iso
from schemas.tokens.delivery import Ack, Acknowledged, AckVerdict, InboxStatus
from schemas.topics import RecordType
from tests.certs.pki import BAC_GIANG, BACH_MAI, make_pki
from tests.connectors.bundles import new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.site_world import CrashError, CrashingStore, World, make_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await make_world(tmp_path / "site", ExchangeDouble(make_pki(tmp_path / "pki")), BACH_MAI)
    yield made
    await made.close()


async def owe(world: World, *, urgent: bool = False, recipient: str = BAC_GIANG, number: int = 1) -> Acknowledged:
    item = Acknowledged(
        message_id=new_id(),
        payload_sha256="a" * 64,
        delivery_seq=number,
        verdict=AckVerdict.DELIVERED,
        at=iso(world.clock.now()),
    )
    await world.database.write(lambda c: acks.owe(c, recipient, item, urgent=urgent))
    return item


def verified(world: World, kind: type[Ack] | type[InboxStatus], token: bytes) -> bytes:
    me = world.exchange.pki.facility(BACH_MAI).signing
    return verify_facility_token(
        token,
        typ=kind.TYP,
        signers={me.kid: me.certificate},
        trust=world.exchange.trust,
        now=world.clock.now(),
        owner=BACH_MAI,
    ).payload


def acks_of(world: World) -> list[Ack]:
    return [Ack.decode(verified(world, Ack, token)) for token in world.submit.of(RecordType.ACK)]


def statuses(world: World) -> list[InboxStatus]:
    tokens = world.submit.of(RecordType.INBOX_STATUS)
    return [InboxStatus.decode(verified(world, InboxStatus, token)) for token in tokens]


async def turn(reporter: Reporter) -> None:
    await reporter.sign_acks()
    await reporter.send_acks()
    await reporter.status()


async def test_a_stat_ack_goes_at_once_and_takes_the_others_for_its_sender_along(world: World) -> None:
    urgent, calm = await owe(world, urgent=True), await owe(world)
    await owe(world, recipient="01Z99")
    await turn(Reporter(world.site, world.submit))
    (ack,) = acks_of(world)
    assert (ack.facility, ack.recipient) == (BACH_MAI, BAC_GIANG)
    assert {item.message_id for item in ack.acknowledged} == {urgent.message_id, calm.message_id}


async def test_the_others_wait_two_seconds_at_most(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await owe(world)
    await turn(reporter)
    assert acks_of(world) == []
    await owe(world, number=2)
    world.clock.pass_(2)
    await turn(reporter)
    (ack,) = acks_of(world)
    assert len(ack.acknowledged) == 2


async def test_an_ack_is_sent_again_with_the_same_bytes_until_the_broker_has_it(world: World) -> None:
    await owe(world, urgent=True)
    reporter = Reporter(world.site, world.submit)
    world.submit.fail_after = 1
    with pytest.raises(LinkDownError):
        await turn(reporter)
    await turn(reporter)
    first, second = world.submit.of(RecordType.ACK)
    assert first == second
    await turn(reporter)
    assert len(world.submit.of(RecordType.ACK)) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2])
async def test_a_crash_loses_no_ack(world: World, at: int, after: bool) -> None:
    item = await owe(world, urgent=True)
    world.site.store = CrashingStore(world.database, at=at, after=after)
    with pytest.raises(CrashError):
        await turn(Reporter(world.site, world.submit))
    await world.restart()
    await turn(Reporter(world.site, world.submit))
    assert item.message_id in {one.message_id for ack in acks_of(world) for one in ack.acknowledged}
    assert await world.database.read(acks.open_count) == 0


async def test_many_acks_fit_into_several_tokens(world: World) -> None:
    for number in range(1, 251):
        await owe(world, urgent=True, number=number)
    reporter = Reporter(world.site, world.submit)
    await turn(reporter)
    await turn(reporter)
    assert [len(ack.acknowledged) for ack in acks_of(world)] == [200, 50]


async def test_a_status_follows_a_change_and_not_a_standstill(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await turn(reporter)  # the first one ever
    await turn(reporter)
    assert len(statuses(world)) == 1
    await world.database.write(lambda c: numbers.note(c, 1, "a" * 64, world.clock.now()))
    await turn(reporter)
    world.clock.pass_(60)
    await turn(reporter)
    assert [(s.complete_to, s.highest) for s in statuses(world)] == [(0, 0), (1, 1)]


async def test_a_status_is_sent_once_a_day_without_any_change(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await turn(reporter)
    world.clock.pass_(23 * 3600)
    await turn(reporter)
    assert len(statuses(world)) == 1
    world.clock.pass_(2 * 3600)
    await turn(reporter)
    assert len(statuses(world)) == 2


async def test_back_is_said_once_after_a_reconnect(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await turn(reporter)
    world.site.live.back_due = True
    world.submit.fail_before = 1
    with pytest.raises(LinkDownError):
        await turn(reporter)
    await turn(reporter)
    await turn(reporter)
    assert [status.back for status in statuses(world)] == [False, True]


async def test_missing_numbers_are_named_and_alarmed_after_a_minute(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await world.database.write(lambda c: numbers.note(c, 3, "a" * 64, world.clock.now()))
    await turn(reporter)
    assert statuses(world)[-1].missing == (1, 2)
    assert await world.database.read(alarms.open_alarms) == []
    world.clock.pass_(61)
    await turn(reporter)
    (alarm,) = await world.database.read(alarms.open_alarms)
    assert (alarm.code, alarm.place) == (AlarmCode.GAP, "1-2")
    for number in (1, 2):
        await world.database.write(lambda c, n=number: numbers.note(c, n, "b" * 64, world.clock.now()))  # type: ignore[misc]
    world.clock.pass_(61)
    await turn(reporter)
    assert await world.database.read(alarms.open_alarms) == []


async def test_the_own_entry_is_sent_when_it_changed_and_only_then(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    await reporter.own_entry()
    await reporter.own_entry()
    (token,) = world.submit.of(RecordType.DIRECTORY)
    entry = verify_entry(token, world.exchange.trust, now=world.clock.now(), known={}, owner=BACH_MAI)
    assert entry.entry.phones[0].phone == "0204 385 4500"
    assert len(entry.readers) == 1
    world.site.settings = world.site.settings.model_copy(
        update={"facility": world.site.settings.facility.model_copy(update={"phone": "0204 385 4599"})}
    )
    await Reporter(world.site, world.submit).own_entry()  # a changed configuration is read at a new start
    first, second = world.submit.of(RecordType.DIRECTORY)
    known = {BACH_MAI: verify_entry(first, world.exchange.trust, now=world.clock.now(), known={}, owner=None).known}
    newer = verify_entry(second, world.exchange.trust, now=world.clock.now(), known=known, owner=None)
    assert newer.entry.version > entry.entry.version


async def test_after_a_time_without_connection_the_same_entry_is_sent_once_more(world: World) -> None:
    """What lay in the topic while we were suspended, or while the exchange had no fresh list, had no effect."""
    reporter = Reporter(world.site, world.submit)
    await reporter.own_entry()
    world.site.live.back_due = True
    world.clock.pass_(10)
    await reporter.own_entry()
    await reporter.status()
    world.clock.pass_(10)
    await reporter.own_entry()
    first, second = world.submit.of(RecordType.DIRECTORY)
    assert first == second, "byte for byte: nobody has to be told anything new"


async def test_an_entry_that_was_not_confirmed_is_sent_again_under_a_higher_version(world: World) -> None:
    reporter = Reporter(world.site, world.submit)
    world.submit.fail_after = 1
    with pytest.raises(LinkDownError):
        await reporter.own_entry()
    await reporter.own_entry()
    first, second = (
        verify_entry(token, world.exchange.trust, now=world.clock.now(), known={}, owner=None).entry.version
        for token in world.submit.of(RecordType.DIRECTORY)
    )
    assert second > first


async def test_the_loop_reports_by_itself_and_outlives_a_dead_link(world: World) -> None:
    world.submit.fail_before = 1
    world.site.chance = lambda: 0.0
    task = asyncio.create_task(Reporter(world.site, world.submit).run())
    await owe(world, urgent=True)
    world.site.wakes.report.set()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if acks_of(world):
            break
    task.cancel()
    assert len(acks_of(world)) == 1
