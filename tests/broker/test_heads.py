"""Signs of life: when a head is due, and what it says."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

import broker.heads as heads_module
from broker.heads import Heads
from broker.material import load_keys
from broker.store.inboxes import WATCHED_WITHIN, InboxSeen, InboxTable
from certs.unseal import verify_token
from schemas.times import iso
from schemas.tokens.delivery import Head
from schemas.tokens.stamp import Stamp
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk, StoppedClock, digest, today
from tests.broker.exchange_files import write_exchange
from tests.broker.memory_log import MemoryInbox
from tests.broker.messages import message, new_case, sealed, status
from tests.certs.pki import TestPki
from tests.schemas.bundles import DESTINATION, SENDER

LANES = {0: 1}


class Inboxes:
    def __init__(self, *seen: InboxSeen) -> None:
        self.seen = list(seen)

    async def of_lanes(self, lanes: Iterable[int], now: str) -> list[InboxSeen]:
        return self.seen


def _heads(folder: Path, pki: TestPki, *seen: InboxSeen) -> tuple[Heads, MemoryInbox, StoppedClock]:
    signer = load_keys(write_exchange(folder / "exchange", pki)).signer
    writer, clock = MemoryInbox(), StoppedClock(today())
    return Heads(Inboxes(*seen), writer, signer, clock, every_s=300, watched_s=30), writer, clock


async def test_a_head_names_the_last_number_and_is_signed(tmp_path: Path, pki: TestPki) -> None:
    heads, writer, _ = _heads(tmp_path, pki, InboxSeen(DESTINATION, 41, False))
    assert await heads.publish_due(LANES, 2) == 1
    (published,) = writer.inboxes[DESTINATION]
    keys = {pki.exchange.signing.kid: pki.exchange.signing.private_key.public_key()}
    head = Head.decode(verify_token(published.value, typ=Head.TYP, keys=keys))
    assert (head.recipient, head.last, head.generation) == (DESTINATION, 41, 2)
    stamp = Stamp.decode(verify_token(published.signed_stamp, typ=Stamp.TYP, keys=keys))
    assert (stamp.record_type, stamp.delivery_seq) == (RecordType.HEAD, None)
    assert stamp.record_sha256 == digest(published.value)


async def test_heads_come_every_five_minutes_and_every_half_where_a_board_is_watched(
    tmp_path: Path, pki: TestPki
) -> None:
    heads, writer, clock = _heads(tmp_path, pki, InboxSeen(DESTINATION, 1, True), InboxSeen(SENDER, 1, False))
    for _ in range(61):
        await heads.publish_due(LANES, 1)
        clock.pass_by(5)
    assert len(writer.inboxes[DESTINATION]) == 11
    assert len(writer.inboxes[SENDER]) == 2


async def test_a_facility_that_is_back_gets_a_head_at_once(tmp_path: Path, pki: TestPki) -> None:
    heads, writer, clock = _heads(tmp_path, pki, InboxSeen(DESTINATION, 1, False), InboxSeen(SENDER, 1, False))
    await heads.publish_due(LANES, 1)
    clock.pass_by(1)
    heads.want([SENDER])
    assert await heads.publish_due(LANES, 1) == 1
    assert len(writer.inboxes[SENDER]) == 2


async def test_one_dead_inbox_delays_no_other_head(
    tmp_path: Path, pki: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads_module, "WAIT_FOR_SLOW_S", 0.02)
    heads, writer, clock = _heads(tmp_path, pki, InboxSeen(DESTINATION, 1, True), InboxSeen(SENDER, 1, True))
    publish, revived = writer.publish_head, asyncio.Event()

    async def dead(destination: str, token: str, stamp: str) -> bool:
        if destination == DESTINATION:
            await revived.wait()
        return await publish(destination, token, stamp)

    monkeypatch.setattr(writer, "publish_head", dead)
    for _ in range(3):
        assert await heads.publish_due(LANES, 1) == 1
        clock.pass_by(31)
    assert len(writer.inboxes[SENDER]) == 3
    revived.set()
    await asyncio.sleep(0.01)
    assert len(writer.inboxes[DESTINATION]) == 1, "never two at once for one inbox"


async def test_a_wanted_head_that_failed_is_tried_again_soon(
    tmp_path: Path, pki: TestPki, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads, writer, clock = _heads(tmp_path, pki, InboxSeen(SENDER, 1, False))
    assert await heads.publish_due(LANES, 1) == 1
    publish = writer.publish_head

    async def fails(*_: str) -> bool:
        return False

    clock.pass_by(1)
    monkeypatch.setattr(writer, "publish_head", fails)
    heads.want([SENDER])
    assert await heads.publish_due(LANES, 1) == 0
    monkeypatch.setattr(writer, "publish_head", publish)
    clock.pass_by(1)
    assert await heads.publish_due(LANES, 1) == 0, "not at once"
    clock.pass_by(heads_module.AGAIN_AFTER_S)
    assert await heads.publish_due(LANES, 1) == 1


async def test_the_database_knows_the_last_number_and_who_watches(any_desk: Desk) -> None:
    desk = any_desk
    desk.submit(SENDER, sealed(desk.pki, message(new_case())))
    desk.introduce(DESTINATION)
    desk.submit(DESTINATION, status(desk.pki, DESTINATION, 0), RecordType.INBOX_STATUS)
    await desk.work()
    table, now = InboxTable(desk.database), desk.clock.now()
    soon = {one.destination: one for one in await table.of_lanes(range(64), iso(now))}
    assert soon[DESTINATION] == InboxSeen(DESTINATION, 1, True)
    assert soon[SENDER] == InboxSeen(SENDER, 1, False)
    assert soon[STRANGER] == InboxSeen(STRANGER, 0, False)
    later = await table.of_lanes(range(64), iso(now + WATCHED_WITHIN + timedelta(hours=1)))
    assert not any(one.watched for one in later)
