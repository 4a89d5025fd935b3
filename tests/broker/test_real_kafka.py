"""The exchange on a real Kafka, through real certificates and rights."""

from pathlib import Path

import pytest

from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType
from tests.broker.kafka_world import KafkaWorld
from tests.broker.messages import message, new_case, sealed
from tests.certs.pki import TestPki
from tests.kafka_cluster import KafkaCluster

pytestmark = pytest.mark.kafka


async def test_one_envelope_in_one_receipt_and_one_delivery_out(
    tmp_path: Path, pki: TestPki, kafka: KafkaCluster, database_url: str
) -> None:
    sender, destination = kafka.fresh_codes(2)
    world = await KafkaWorld.build(tmp_path / "exchange", pki, kafka, (sender, destination), database_url)
    made = message(new_case(sender, destination))
    envelope = sealed(pki, made)
    async with world.running():
        await world.submit(sender, envelope)
        (receipt,) = await world.receipts(sender, 1)
        (delivered,) = await world.inbox(destination, 1, RecordType.ENVELOPE)
    assert (receipt.verdict, receipt.message_id) == (Verdict.ACCEPTED, made.message_id)
    assert delivered.value == envelope
    assert delivered.stamp.sender == sender
