"""Who gets a connection at all: certificates that Kafka maps to nobody, and clients that are no peers of ours."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from certs.keys import save_private_key, write_certificates
from certs.profiles import CertProfile
from certs.requests import make_request
from schemas.topics import inbox_topic, submit_topic
from tests.kafka_cluster import KafkaCluster
from tests.transport.pki_minimal import Pki
from transport.kafka import KafkaLink, TopicDescription, describe_topics, make_producer
from transport.kafka_admin import create_facility_topics, describe_settings, list_topics, topic_ids
from transport.kafka_topics import settings_of_topic
from transport.tls import client_context

pytestmark = pytest.mark.kafka


async def connects(link: KafkaLink) -> bool:
    try:
        await describe_topics(link, ["xfer.submit.00000"])
    except KafkaError:
        return False
    return True


def identity_of(kafka: KafkaCluster, folder: Path, profile: CertProfile, name: str) -> Path:
    """A certificate of the cluster's own authority that is meant for something else."""
    request = make_request(name, profile)
    certificate = kafka.authority.issue(request.pem, profile, name, now=datetime.now(UTC))
    key = folder / f"{profile.value}.key"
    save_private_key(key, request.key)
    path = folder / f"{profile.value}.pem"
    path.touch(mode=0o600)
    path.write_bytes(key.read_bytes() + write_certificates([certificate]))
    return path


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (CertProfile.SIGN, "24Z01"),
        (CertProfile.ENC, "24Z01"),
        (CertProfile.EXCHANGE_SIGN, "exchange"),
        (CertProfile.EXCHANGE_ENC, "exchange"),
    ],
)
async def test_signing_and_encryption_certificates_open_no_connection(
    kafka: KafkaCluster, tmp_path: Path, profile: CertProfile, name: str
) -> None:
    context = client_context(kafka.ca, identity_of(kafka, tmp_path, profile, name))
    assert not await connects(KafkaLink(kafka.bootstrap, context, "test", request_timeout_ms=3_000))


async def test_tls_certificate_of_a_facility_does(kafka: KafkaCluster, tmp_path: Path) -> None:
    """The control of the test above: nothing but the purpose differs."""
    context = client_context(kafka.ca, identity_of(kafka, tmp_path, CertProfile.TLS, "24Z01"))
    assert await connects(KafkaLink(kafka.bootstrap, context, "test"))


STRANGERS: dict[str, Callable[[Pki], Path]] = {
    "same subject, other authority": lambda pki: pki.identity("a", "24Z01", "k1"),
    "administrator of another authority": lambda pki: pki.identity("b", "admin", "platform"),
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS.keys())
async def test_certificates_of_other_authorities_are_refused(
    kafka: KafkaCluster, tmp_path: Path, make: Callable[[Pki], Path]
) -> None:
    context = client_context(kafka.ca, make(Pki(tmp_path)))
    assert not await connects(KafkaLink(kafka.bootstrap, context, "test", request_timeout_ms=3_000))


async def test_no_certificate_and_no_tls_are_refused(kafka: KafkaCluster) -> None:
    anonymous = ssl.create_default_context(cafile=str(kafka.ca))
    assert not await connects(KafkaLink(kafka.bootstrap, anonymous, "test", request_timeout_ms=3_000))
    plain = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, security_protocol="PLAINTEXT", request_timeout_ms=3_000)
    with pytest.raises(KafkaConnectionError):
        await plain.start()
    await plain.stop()


async def test_tls_below_1_3_is_refused(kafka: KafkaCluster) -> None:
    link = kafka.admin
    link.ssl_context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert not await connects(replace(link, request_timeout_ms=3_000))


async def test_client_refuses_a_broker_of_another_authority(kafka: KafkaCluster, tmp_path: Path) -> None:
    other = Pki(tmp_path)
    context = client_context(other.ca, kafka.identities.file("admin"))
    assert not await connects(KafkaLink(kafka.bootstrap, context, "test", request_timeout_ms=3_000))


# --- topics as an administrator sees them ----------------------------------------------------------------------------


async def test_description_of_own_foreign_and_absent_topics(kafka: KafkaCluster) -> None:
    mine, other = kafka.fresh_codes(2)
    await kafka.admit(mine, other)
    names = [submit_topic(mine), inbox_topic(mine), submit_topic(other), "xfer.submit.00000"]
    found = await describe_topics(kafka.facility(mine), names)
    hidden = "TopicAuthorizationFailedError"
    assert found == {
        submit_topic(mine): TopicDescription(submit_topic(mine), 1, ""),
        inbox_topic(mine): TopicDescription(inbox_topic(mine), 1, ""),
        submit_topic(other): TopicDescription(submit_topic(other), 0, hidden),
        "xfer.submit.00000": TopicDescription("xfer.submit.00000", 0, hidden),
    }
    assert [found[name].usable for name in names] == [True, True, False, False]


async def test_describing_nothing_does_not_ask_for_everything(kafka: KafkaCluster) -> None:
    assert await describe_topics(replace(kafka.admin, bootstrap="localhost:1"), []) == {}


async def test_settings_on_the_broker_are_those_of_the_table(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    for topic in (submit_topic(code), inbox_topic(code)):
        assert await describe_settings(kafka.admin, topic) == settings_of_topic(topic, 1)


async def test_settings_that_were_changed_are_put_right_by_admitting_again(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    topic = submit_topic(code)
    await asyncio.to_thread(change_setting, kafka.admin, topic, "retention.bytes", "1048576")
    assert (await describe_settings(kafka.admin, topic))["retention.bytes"] == "1048576"
    await create_facility_topics(kafka.admin, [code])
    assert await describe_settings(kafka.admin, topic) == settings_of_topic(topic, 1)


async def test_deleted_and_remade_topic_has_another_id(kafka: KafkaCluster) -> None:
    (code,) = kafka.fresh_codes(1)
    await kafka.admit(code)
    topic = submit_topic(code)
    before = await topic_ids(kafka.admin, [topic, "xfer.submit.00000"])
    assert set(before) == {topic}
    assert await topic_ids(kafka.admin, [topic]) == before
    await asyncio.to_thread(delete_topic, kafka.admin, topic)
    await create_facility_topics(kafka.admin, [code])
    assert (await topic_ids(kafka.admin, [topic]))[topic] != before[topic]
    assert await topic_ids(kafka.admin, []) == {}


async def test_rights_and_records_survive_an_orderly_restart(kafka: KafkaCluster) -> None:
    node = kafka.own_node()
    mine, other = kafka.fresh_codes(2)
    await kafka.admit(mine, other)
    await node.stop()
    assert node.pid is None
    await node.start()
    await node.ready(kafka.admin)
    assert set(await list_topics(kafka.facility(mine))) == {submit_topic(mine), inbox_topic(mine)}
    async with make_producer(kafka.facility(mine)) as producer:
        await producer.send_and_wait(submit_topic(mine), b"x")
        with pytest.raises(KafkaError):
            await producer.send_and_wait(submit_topic(other), b"x")


def change_setting(link: KafkaLink, topic: str, name: str, value: str) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType

    with admin_client(link) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])


def delete_topic(link: KafkaLink, topic: str) -> None:
    with admin_client(link) as admin:
        admin.delete_topics([topic])


def admin_client(link: KafkaLink):  # type: ignore[no-untyped-def]  # kafka-python is untyped
    from kafka.admin import KafkaAdminClient

    return KafkaAdminClient(bootstrap_servers=link.bootstrap, security_protocol="SSL", ssl_context=link.ssl_context)
