"""The exchange double on a real Kafka: reads submit topics, answers into inboxes. For tests with real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from aiokafka import TopicPartition

from certs.directory import countersign, verify_entry
from certs.facility_token import verify_facility_token
from schemas.limits import INBOX_TOPIC_MAX_BYTES
from schemas.tokens.delivery import Ack, InboxStatus
from schemas.topics import HEADER_RECORD_TYPE, RecordType, facility_of_topic, inbox_topic, submit_topic
from tests.certs.pki import EXCHANGE, TestPki
from tests.connectors.exchange_double import ExchangeDouble
from tests.kafka_cluster import KafkaCluster
from transport.kafka import make_consumer, make_producer


class Bridge:
    """One task that plays the exchange for a few facilities. ``statuses``: the last inbox-status of each."""

    def __init__(self, kafka: KafkaCluster, pki: TestPki, facilities: Sequence[str]) -> None:
        self.double = ExchangeDouble(pki, datetime.now(UTC))
        self.statuses: dict[str, InboxStatus] = {}
        self._kafka = kafka
        self._pki = pki
        self._facilities = facilities

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Bridge"]:
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        link = self._kafka.link("exchange")
        producer = make_producer(link, max_record_bytes=INBOX_TOPIC_MAX_BYTES)
        consumer = make_consumer(link)
        await producer.start()
        await consumer.start()
        partitions = [TopicPartition(submit_topic(facility), 0) for facility in self._facilities]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        for facility in self._facilities:
            self.double.register(facility, self._facilities)
        try:
            while True:
                found = await consumer.getmany(timeout_ms=200, max_records=50)
                for partition, records in found.items():
                    for record in records:
                        kind = RecordType(dict(record.headers)[HEADER_RECORD_TYPE].decode())
                        self._answer(facility_of_topic(partition.topic), kind, bytes(record.value or b""))
                for facility in self._facilities:
                    log = self.double.inboxes[facility]
                    while log:
                        answer = log.pop(0)
                        await producer.send_and_wait(inbox_topic(facility), answer.value, headers=list(answer.headers))
        finally:
            await consumer.stop()
            await producer.stop()

    def _answer(self, facility: str, kind: RecordType, value: bytes) -> None:
        self.double.now = datetime.now(UTC)
        if kind is RecordType.ENVELOPE:
            self.double.take(facility, value)
        elif kind is RecordType.ACK:
            ack = Ack.decode(self._token(facility, Ack.TYP, value))
            self.double.deliver(ack.recipient, RecordType.ACK, value, sender=facility)
        elif kind is RecordType.INBOX_STATUS:
            status = InboxStatus.decode(self._token(facility, InboxStatus.TYP, value))
            self.statuses[facility] = status
            if status.back:
                self.double.head(facility)
        else:
            self._pass_on(value)

    def _token(self, facility: str, typ: str, value: bytes) -> bytes:
        key = self._pki.facility(facility).signing
        verified = verify_facility_token(
            value,
            typ=typ,
            signers={key.kid: key.certificate},
            trust=self.double.trust,
            now=self.double.now,
            owner=facility,
        )
        return verified.payload

    def _pass_on(self, value: bytes) -> None:
        verify_entry(value, self.double.trust, now=self.double.now, known={}, owner=None)
        key = self._pki.exchange.signing.token_key
        token = countersign(value.decode(), EXCHANGE, key, now=self.double.now).encode()
        for facility in self._facilities:
            self.double.deliver(facility, RecordType.DIRECTORY, token)
