"""One Kafka for the whole test run, from the first source that works.

1. ``LIENVIEN_TEST_BOOTSTRAP`` (``host:port``) with ``LIENVIEN_TEST_TLS``, a folder with ``ca.pem`` and either the
   authority's ``ca.key`` or one PEM file per principal (``admin.pem``, ``exchange.pem``, ``24Z01.k1.pem``…);
2. a node of our own from pinned jars;
3. a container, where Docker runs.

Where none works, the tests that need it are skipped, and the skip says what was tried.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docker.errors import DockerException

from tests.kafka_cluster import BROKER, Identities, KafkaCluster
from tests.kafka_container import plan, prepare
from transport.free_ports import free_ports
from transport.kafka import KafkaLink
from transport.kafka_rights import ADMIN
from transport.local_kafka import JarsUnavailableError, LocalKafka, LocalKafkaError
from transport.local_kafka.node import wait_until_ready
from transport.tls import client_context

BOOTSTRAP_VARIABLE = "LIENVIEN_TEST_BOOTSTRAP"
TLS_VARIABLE = "LIENVIEN_TEST_TLS"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A running cluster with mutual TLS and default deny. Admit facilities of your own (``fresh_codes``)."""
    given = os.environ.get(BOOTSTRAP_VARIABLE)
    folder = tmp_path_factory.mktemp("kafka")
    with ExitStack() as cleanup:
        yield _given(given) if given else _started(folder, cleanup)


def _given(bootstrap: str) -> KafkaCluster:
    tls = os.environ.get(TLS_VARIABLE)
    if not tls:
        pytest.skip(f"{BOOTSTRAP_VARIABLE} is set but {TLS_VARIABLE} is not: no certificate to connect with")
    return KafkaCluster(bootstrap, Identities.given(Path(tls)))


def _started(folder: Path, cleanup: ExitStack) -> KafkaCluster:
    identities = Identities.new(folder / "tls")
    try:
        return _from_jars(folder, identities, cleanup)
    except (JarsUnavailableError, LocalKafkaError) as no_jars:
        try:
            return _in_container(folder, identities, cleanup)
        except DockerException as no_docker:
            pytest.skip(f"no Kafka here: jars: {no_jars}; container: no engine runs ({type(no_docker).__name__})")


def _from_jars(folder: Path, identities: Identities, cleanup: ExitStack) -> KafkaCluster:
    node = LocalKafka(folder / "node", identity=identities.file(BROKER), ca=identities.ca)
    cleanup.callback(lambda: asyncio.run(node.stop()))
    asyncio.run(node.start())
    cluster = KafkaCluster(node.bootstrap, identities, node)
    asyncio.run(node.ready(cluster.admin))
    return cluster


def _in_container(folder: Path, identities: Identities, cleanup: ExitStack) -> KafkaCluster:
    (port,) = free_ports(1)
    container = prepare(plan(folder / "mounted", port), identity=identities.file(BROKER), ca=identities.ca)
    cleanup.enter_context(container)
    admin = KafkaLink(f"localhost:{port}", client_context(identities.ca, identities.file(ADMIN)), "test-admin")
    asyncio.run(wait_until_ready(admin, limit_s=60.0))
    return KafkaCluster(admin.bootstrap, identities)
