"""The walking skeleton on a real Kafka: a file in a folder becomes an envelope; an inbox record becomes a hand-over."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from certs.directory import countersign, sign_entry
from certs.facility_token import verify_facility_token
from certs.unseal import open_envelope
from certs.verify_message import verify_message
from connectors.receive import InboxRecord
from connectors.run import run
from connectors.settings import load
from schemas import strict_json
from schemas.limits import INBOX_TOPIC_MAX_BYTES
from schemas.message import read_facts
from schemas.tokens.delivery import Ack, InboxStatus
from schemas.topics import HEADER_RECORD_TYPE, RecordType, inbox_topic, submit_topic
from schemas.urgency import Priority
from tests.certs.pki import EXCHANGE, TestPki, make_pki
from tests.connectors.bundles import make_bundle
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.exports import export
from tests.connectors.site_files import write_site
from tests.connectors.site_world import directory_entry, until
from tests.kafka_cluster import KafkaCluster
from transport.kafka import make_consumer, make_producer
from transport.kafka_producer import Producer

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@dataclass
class Wire:
    """The exchange's side of two real topics."""

    double: ExchangeDouble
    producer: Producer
    consumer: AIOKafkaConsumer
    facility: str
    passed_over: list[tuple[bytes, bytes]] = field(
        default_factory=list
    )  # kind and value, read while another was awaited

    async def publish(self) -> None:
        """Everything in the double's inbox that is not on the topic yet."""
        log = self.double.inboxes[self.facility]
        while log:
            record: InboxRecord = log.pop(0)
            await self.producer.send_and_wait(inbox_topic(self.facility), record.value, headers=list(record.headers))

    async def submitted(self, kind: RecordType, patience_s: float = 90.0) -> bytes:
        """The next record of a kind on the submit topic, whichever other kinds came before it."""
        wanted = kind.value.encode()
        for place, (passed, value) in enumerate(self.passed_over):
            if passed == wanted:
                del self.passed_over[place]
                return value
        async with asyncio.timeout(patience_s):
            while True:
                record = await self.consumer.getone()
                assert record.value is not None
                found = dict(record.headers)[HEADER_RECORD_TYPE]
                if found == wanted:
                    return bytes(record.value)
                self.passed_over.append((found, bytes(record.value)))


@pytest.fixture
def pki(tmp_path: Path) -> TestPki:
    return make_pki(tmp_path / "pki", facilities=())


@contextlib.asynccontextmanager
async def wired(kafka: KafkaCluster, pki: TestPki, facility: str) -> AsyncIterator[Wire]:
    link = kafka.link("exchange")
    producer = make_producer(link, max_record_bytes=INBOX_TOPIC_MAX_BYTES)
    await producer.start()
    consumer = make_consumer(link)
    await consumer.start()
    partition = TopicPartition(submit_topic(facility), 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    yield Wire(ExchangeDouble(pki, datetime.now(UTC)), producer, consumer, facility)
    await consumer.stop()
    await producer.stop()


@contextlib.asynccontextmanager
async def running(config: Path) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run(load(config), stop=stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await task


def introduce(wire: Wire, pki: TestPki, other: str) -> None:
    entry = sign_entry(directory_entry(pki, other), pki.facility(other).signing)
    token = countersign(entry, EXCHANGE, pki.exchange.signing.token_key, now=datetime.now(UTC))
    wire.double.deliver(wire.facility, RecordType.DIRECTORY, token.encode())


async def site(kafka: KafkaCluster, pki: TestPki, folder: Path, facility: str, **sections: Any) -> Path:
    await kafka.admit(facility)
    kafka.facility(facility)
    tls = (kafka.ca, kafka.identities.file(f"{facility}.k1"))
    return write_site(folder, pki, facility, kafka.bootstrap, tls, **sections)


async def test_a_file_in_the_folder_becomes_an_envelope_on_the_submit_topic(
    kafka: KafkaCluster, pki: TestPki, tmp_path: Path
) -> None:
    sender, destination = kafka.fresh_codes(2)
    config = await site(kafka, pki, tmp_path / "site", sender)
    async with wired(kafka, pki, sender) as wire:
        introduce(wire, pki, destination)
        wire.double.register(sender, [sender, destination])
        await wire.publish()
        data = export(datetime.now(UTC), sender, destination)
        (tmp_path / "site" / "xuat" / "phieu.xml").write_bytes(data)
        async with running(config):
            value = await wire.submitted(RecordType.ENVELOPE)
        verified = verify_message(
            open_envelope(value, pki.exchange.decryption_keys), pki.trust(), now=datetime.now(UTC), owner=sender
        )
        facts = read_facts(strict_json.loads(verified.payload))
        assert (facts.sender, facts.recipient) == (sender, destination)
        assert open_envelope(value, pki.facility(destination).decryption_keys)
    assert (tmp_path / "site" / "xuat" / "phieu.xml").read_bytes() == data


async def test_an_inbox_record_becomes_a_folder_and_an_ack(kafka: KafkaCluster, pki: TestPki, tmp_path: Path) -> None:
    me, other = kafka.fresh_codes(2)
    config = await site(kafka, pki, tmp_path / "site", me)
    async with wired(kafka, pki, me) as wire, running(config):
        wire.double.envelope(other, me, make_bundle(other, me, priority=Priority.STAT))
        await wire.publish()
        incoming = tmp_path / "site" / "incoming"

        async def handed_over() -> bool:
            return bool(list(incoming.glob("stat-*/01-transfer-submit/bundle.json")))

        token = await wire.submitted(RecordType.ACK)
        await until(handed_over)
        key = pki.facility(me).signing
        verified = verify_facility_token(
            token,
            typ=Ack.TYP,
            signers={key.kid: key.certificate},
            trust=pki.trust(),
            now=datetime.now(UTC),
            owner=me,
        )
        (said,) = Ack.decode(verified.payload).acknowledged
        (bundle,) = incoming.glob("stat-*/01-transfer-submit/bundle.json")
        assert hashlib.sha256(bundle.read_bytes()).hexdigest() == said.payload_sha256
        status = await wire.submitted(RecordType.INBOX_STATUS)
        assert InboxStatus.TYP.encode() not in status  # it is a token, not its payload
