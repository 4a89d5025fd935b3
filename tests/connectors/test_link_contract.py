"""What every link must keep, in memory and on a real Kafka alike."""

import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiokafka.consumer import fetcher

from connectors.kafka_link import KafkaInboxLink, KafkaSubmitLink
from connectors.link import InboxLink, LinkDownError, Outgoing, SubmitLink, Trouble, UnexpandableError
from connectors.receive import InboxRecord
from schemas.limits import INBOX_TOPIC_MAX_BYTES
from schemas.topics import HEADER_RECORD_TYPE, HEADER_STAMP, RecordType, inbox_topic
from tests.certs.pki import make_pki
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.memory_link import MemoryInboxLink, MemorySubmitLink
from tests.kafka_cluster import KafkaCluster
from transport.kafka import KafkaLink, make_producer
from transport.kafka_admin import block, unblock


class OtherSide(Protocol):
    """The exchange's end."""

    async def publish(self, record: InboxRecord) -> None: ...


@dataclass
class Ends:
    submit: SubmitLink
    inbox: InboxLink
    exchange: OtherSide


class _InMemory:
    def __init__(self, double: ExchangeDouble, facility: str) -> None:
        self._log = double.inboxes[facility]

    async def publish(self, record: InboxRecord) -> None:
        self._log.append(replace(record, offset=len(self._log)))


class _OnKafka:
    def __init__(self, link: KafkaLink, facility: str) -> None:
        self._link = link
        self._topic = inbox_topic(facility)

    async def publish(self, record: InboxRecord) -> None:
        async with make_producer(self._link, max_record_bytes=INBOX_TOPIC_MAX_BYTES) as producer:
            await producer.send_and_wait(self._topic, record.value, headers=list(record.headers))


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def cluster(request: pytest.FixtureRequest) -> KafkaCluster | None:
    """The real cluster, or None for the links in memory; asked for outside the event loop."""
    found: KafkaCluster | None = request.getfixturevalue("kafka") if request.param == "kafka" else None
    return found


@pytest.fixture
async def ends(cluster: KafkaCluster | None, tmp_path: Path) -> AsyncIterator[Ends]:
    if cluster is None:
        double = ExchangeDouble(make_pki(tmp_path, facilities=()))
        submit, inbox = MemorySubmitLink(double, "24001", answered=False), MemoryInboxLink(double, "24001")
        yield Ends(submit, inbox, _InMemory(double, "24001"))
        return
    (code,) = cluster.fresh_codes(1)
    await cluster.admit(code)
    link = cluster.facility(code)
    made = Ends(KafkaSubmitLink(link, code), KafkaInboxLink(link, code), _OnKafka(cluster.link("exchange"), code))
    yield made
    await made.submit.close()
    await made.inbox.close()


def record(number: int, size: int = 10) -> InboxRecord:
    headers = ((HEADER_RECORD_TYPE, b"notice"), (HEADER_STAMP, f"stamp {number}".encode()))
    return InboxRecord("", 0, f"value {number}".encode().ljust(size), headers)


async def read_some(inbox: InboxLink, count: int) -> list[InboxRecord]:
    found: list[InboxRecord] = []
    for _ in range(40):
        found += await inbox.read(16, 0.5)
        if len(found) >= count:
            break
    return found


async def test_records_come_in_order_with_headers_and_offsets(ends: Ends) -> None:
    for number in range(5):
        await ends.exchange.publish(record(number))
    bounds = await ends.inbox.connect()
    assert (bounds.start, bounds.end) == (0, 5)
    await ends.inbox.seek(0)
    found = await read_some(ends.inbox, 5)
    assert [(r.offset, r.value, r.headers) for r in found] == [
        (number, record(number).value, record(number).headers) for number in range(5)
    ]


async def test_reading_begins_where_it_is_told(ends: Ends) -> None:
    for number in range(5):
        await ends.exchange.publish(record(number))
    await ends.inbox.connect()
    await ends.inbox.seek(3)
    assert [r.offset for r in await read_some(ends.inbox, 2)] == [3, 4]


async def test_one_record_can_be_looked_at_and_reading_goes_on_after_a_seek(ends: Ends) -> None:
    for number in range(4):
        await ends.exchange.publish(record(number))
    await ends.inbox.connect()
    looked = await ends.inbox.record_at(1)
    assert looked is not None
    assert looked.value == record(1).value
    await ends.inbox.seek(2)
    assert [r.offset for r in await read_some(ends.inbox, 2)] == [2, 3]


async def test_an_empty_inbox_yields_nothing_and_knows_its_end(ends: Ends) -> None:
    bounds = await ends.inbox.connect()
    assert (bounds.start, bounds.end) == (0, 0)
    await ends.inbox.seek(0)
    assert await ends.inbox.read(16, 0.2) == []
    await ends.exchange.publish(record(1))
    assert await ends.inbox.end() == 1


async def test_at_most_so_many_records_come_at_once(ends: Ends) -> None:
    for number in range(7):
        await ends.exchange.publish(record(number))
    await ends.inbox.connect()
    await ends.inbox.seek(0)
    assert len(await ends.inbox.read(3, 2.0)) <= 3


async def test_the_largest_record_passes(ends: Ends) -> None:
    await ends.exchange.publish(record(1, size=983_040 + 20_000))
    await ends.inbox.connect()
    await ends.inbox.seek(0)
    (found,) = await read_some(ends.inbox, 1)
    assert len(found.value) == 983_040 + 20_000


async def test_connecting_again_starts_a_new_conversation(ends: Ends) -> None:
    await ends.exchange.publish(record(1))
    for _ in range(2):
        await ends.inbox.connect()
        await ends.inbox.seek(0)
        assert len(await read_some(ends.inbox, 1)) == 1


async def test_what_was_sent_is_confirmed_and_a_closed_link_can_send_again(ends: Ends) -> None:
    outgoing = Outgoing(RecordType.INBOX_STATUS, "", b"token")
    await ends.submit.send(outgoing)
    await ends.submit.close()
    await ends.submit.send(outgoing)


@dataclass
class _Damaged:
    """What a consumer finds in an answer of the broker; the batch at one offset lost a bit on the disk."""

    at: int
    real: Callable[[bytes], Any] = fetcher.MemoryRecords

    def __call__(self, fetched: bytes) -> Any:
        data, place = bytearray(fetched), 0
        while place + 12 <= len(data):
            first, length = struct.unpack_from(">qi", data, place)
            if first == self.at and place + 12 + length <= len(data):
                data[place + 11 + length] ^= 1
            place += 12 + length
        return self.real(bytes(data))


@pytest.mark.kafka
async def test_a_damaged_batch_is_named_and_the_good_records_around_it_come_out(
    kafka: KafkaCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    inbox = KafkaInboxLink(kafka.facility(code), code)
    for number in range(5):
        await _OnKafka(kafka.link("exchange"), code).publish(record(number))
    monkeypatch.setattr(fetcher, "MemoryRecords", _Damaged(2))
    try:
        await inbox.connect()
        await inbox.seek(0)
        assert [r.offset for r in await read_some(inbox, 2)] == [0, 1]
        with pytest.raises(UnexpandableError) as named:
            await read_some(inbox, 1)
        assert named.value.offset == 2
        await inbox.seek(3)
        assert [r.offset for r in await read_some(inbox, 2)] == [3, 4]
    finally:
        await inbox.close()


# --- faults that only a real broker has -----------------------------------------------------------------------------


@pytest.mark.kafka
async def test_a_blocked_facility_is_told_so_and_goes_on_when_let_in_again(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    submit, inbox = KafkaSubmitLink(kafka.facility(code), code), KafkaInboxLink(kafka.facility(code), code)
    outgoing = Outgoing(RecordType.ACK, "", b"token")
    await submit.send(outgoing)
    await inbox.connect()
    await inbox.seek(0)
    await block(kafka.admin, code, [1])
    with pytest.raises(LinkDownError) as refused:
        await submit.send(outgoing)
    assert refused.value.trouble is Trouble.NOT_ALLOWED
    with pytest.raises(LinkDownError) as unread:
        await read_some(inbox, 1)
    assert unread.value.trouble is Trouble.NOT_ALLOWED
    with pytest.raises(LinkDownError):
        await inbox.connect()
    await unblock(kafka.admin, code, [1])
    await submit.send(outgoing)
    await inbox.connect()
    await submit.close()
    await inbox.close()


@pytest.mark.kafka
async def test_a_record_too_large_for_the_topic_harms_nothing(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    submit = KafkaSubmitLink(kafka.facility(code), code)
    with pytest.raises(LinkDownError) as refused:
        await submit.send(Outgoing(RecordType.ENVELOPE, "", b"x" * (1_048_576 + 1)))
    assert refused.value.trouble is Trouble.TOO_LARGE
    await submit.send(Outgoing(RecordType.ENVELOPE, "", b"x"))
    await submit.close()


@pytest.mark.kafka
async def test_a_facility_without_topics_is_not_left_waiting_in_silence(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    inbox = KafkaInboxLink(kafka.facility(code), code)
    with pytest.raises(LinkDownError) as refused:
        await inbox.connect()
    assert refused.value.trouble is Trouble.NOT_ALLOWED


@pytest.mark.kafka
async def test_nobody_at_the_address_is_unreachable(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    nowhere = replace(kafka.facility(code), bootstrap="localhost:1")
    with pytest.raises(LinkDownError) as refused:
        await KafkaInboxLink(nowhere, code).connect()
    assert refused.value.trouble is Trouble.UNREACHABLE
    with pytest.raises(LinkDownError) as unsent:
        await KafkaSubmitLink(nowhere, code).send(Outgoing(RecordType.ACK, "", b"x"))
    assert unsent.value.trouble is Trouble.UNREACHABLE
