"""Kafka in a container, for machines where the jars cannot be had but Docker runs: the same settings, mounted.

``plan`` is pure data, so that it can be tested where no engine runs.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from testcontainers.core.container import DockerContainer

from transport.local_kafka.properties import NodePlace, node_settings, render

IMAGE = "apache/kafka:4.4.0"
_INSIDE = "/lienvien"
_CLUSTER_ID = "LienVienTestsContainer"
_PROGRAMS = "/opt/kafka/bin"


@dataclass(frozen=True)
class ContainerPlan:
    """What the container is started with. ``mounted`` is the folder on this machine that it sees as ``/lienvien``."""

    image: str
    mounted: Path
    port: int
    settings: str
    command: tuple[str, ...]


def plan(mounted: Path, port: int) -> ContainerPlan:
    """A node that listens on every address inside and is known as localhost on the same port outside."""
    place = NodePlace(
        data="/tmp/kafka-data",
        identity=f"{_INSIDE}/broker-1.pem",
        ca=f"{_INSIDE}/ca.pem",
        port=port,
        controller_port=port + 1,
        listen="0.0.0.0",
    )
    settings = f"{_INSIDE}/server.properties"
    script = (
        f"{_PROGRAMS}/kafka-storage.sh format --ignore-formatted -t {_CLUSTER_ID} -c {settings}"
        f" && exec {_PROGRAMS}/kafka-server-start.sh {settings}"
    )
    return ContainerPlan(IMAGE, mounted, port, render(node_settings(place)), ("bash", "-c", script))


def prepare(wanted: ContainerPlan, *, identity: Path, ca: Path) -> DockerContainer:
    """Write the mounted folder and describe the container; nothing runs yet.

    The image's user is not ours, so the copied key must be readable for everybody inside; outside, the folder's parent
    (a private temporary folder) keeps others away.
    """
    wanted.mounted.mkdir(parents=True, exist_ok=True)
    (wanted.mounted / "server.properties").write_text(wanted.settings, encoding="ascii")
    for source, name in ((identity, "broker-1.pem"), (ca, "ca.pem")):
        copy = wanted.mounted / name
        shutil.copyfile(source, copy)
        copy.chmod(0o644)
    container = DockerContainer(wanted.image).with_bind_ports(wanted.port, wanted.port)
    container.with_volume_mapping(str(wanted.mounted), _INSIDE, "ro")
    return container.with_kwargs(entrypoint=list(wanted.command))
