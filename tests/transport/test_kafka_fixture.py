"""The three sources of the tests' Kafka: which one is taken, how the container is set up, what a skip says."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from docker.errors import DockerException
from testcontainers.core import container as testcontainers_container

from tests import fixtures_kafka
from tests.kafka_cluster import BROKER, Identities
from tests.kafka_container import IMAGE, plan, prepare
from transport.local_kafka import JarsUnavailableError


def test_plan_uses_the_nodes_own_settings(tmp_path: Path) -> None:
    wanted = plan(tmp_path, 21_000)
    settings = dict(line.split("=", 1) for line in wanted.settings.splitlines())
    assert wanted.image == IMAGE == "apache/kafka:4.4.0"
    assert settings["listeners"] == "SSL://0.0.0.0:21000,CONTROLLER://0.0.0.0:21001"
    assert settings["advertised.listeners"].startswith("SSL://localhost:21000,")
    assert settings["ssl.client.auth"] == "required"
    assert settings["ssl.keystore.location"] == "/lienvien/broker-1.pem"
    assert "kafka-storage.sh format --ignore-formatted" in wanted.command[-1]
    assert wanted.command[-1].endswith("kafka-server-start.sh /lienvien/server.properties")


class NoEngine:
    """In place of testcontainers' Docker client, which connects when it is made."""

    def __init__(self, **_: Any) -> None:
        pass


def test_container_has_the_settings_the_keys_and_the_same_port_inside_and_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testcontainers_container, "DockerClient", NoEngine)
    identities = Identities.new(tmp_path / "tls")
    wanted = plan(tmp_path / "mounted", 21_000)
    container = prepare(wanted, identity=identities.file(BROKER), ca=identities.ca)
    assert container.image == IMAGE
    assert {int(inside): outside for inside, outside in container.ports.items()} == {21_000: 21_000}
    assert container.volumes == {str(tmp_path / "mounted"): {"bind": "/lienvien", "mode": "ro"}}
    assert container._kwargs["entrypoint"] == list(wanted.command)
    assert (wanted.mounted / "server.properties").read_text() == wanted.settings
    for name in ("broker-1.pem", "ca.pem"):
        assert (wanted.mounted / name).stat().st_mode & 0o777 == 0o644


def test_given_cluster_needs_given_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(fixtures_kafka.TLS_VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match=fixtures_kafka.TLS_VARIABLE):
        fixtures_kafka._given("localhost:1")
    Identities.new(tmp_path)
    monkeypatch.setenv(fixtures_kafka.TLS_VARIABLE, str(tmp_path))
    cluster = fixtures_kafka._given("localhost:1")
    assert cluster.link("24Z01.k1").bootstrap == "localhost:1"
    with pytest.raises(pytest.skip.Exception, match="not ours to kill"):
        cluster.own_node()


def test_container_is_tried_when_the_jars_cannot_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fixtures_kafka, "_from_jars", _raise(JarsUnavailableError("no mirror")))
    monkeypatch.setattr(fixtures_kafka, "_in_container", lambda *_: "the container")
    with ExitStack() as cleanup:
        assert fixtures_kafka._started(tmp_path, cleanup) == "the container"  # type: ignore[comparison-overlap]


def test_skip_says_what_was_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fixtures_kafka, "_from_jars", _raise(JarsUnavailableError("no mirror")))
    monkeypatch.setattr(fixtures_kafka, "_in_container", _raise(DockerException("no socket")))
    with ExitStack() as cleanup, pytest.raises(pytest.skip.Exception, match=r"no mirror.*no engine runs"):
        fixtures_kafka._started(tmp_path, cleanup)


def _raise(error: Exception) -> Any:
    def fail(*_: Any) -> None:
        raise error

    return fail
