"""The settings of a single Kafka node with mutual TLS on every listener: pure, each setting with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.limits import INBOX_TOPIC_MAX_BYTES, SOCKET_REQUEST_MAX_BYTES
from transport.kafka_rights import ADMIN

BROKER: Final = "broker-1"  # principal of the node itself

# Subjects as Java prints them (RFC 2253, CN first). No DEFAULT at the end: a subject that fits neither rule is refused,
# and so are the signing and encryption certificates, whose OUs are not here.
PRINCIPAL_RULES: Final = (
    r"RULE:^CN=([0-9A-Z]{5}),OU=(k[0-9]+),O=Lien Vien,C=VN$/$1.$2/,"
    r"RULE:^CN=([a-z0-9-]+),OU=(broker|platform),O=Lien Vien,C=VN$/$1/"
)


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where one node lives. Paths are as the node sees them; ``listen`` is its own address, ``name`` what clients
    use.
    """

    data: str
    identity: str
    ca: str
    port: int
    controller_port: int
    listen: str = "localhost"
    name: str = "localhost"


def node_settings(place: NodePlace) -> dict[str, str]:
    """Every setting of the node, by its Kafka name."""
    return {**_listeners(place), **_tls(place), **_rights(), **_durability(place), **_limits(), **_one_small_node()}


def render(settings: Mapping[str, str]) -> str:
    """A Java properties file (ISO 8859-1: everything else as escapes)."""
    return "".join(f"{key}={_escaped(value)}\n" for key, value in settings.items())


def _listeners(place: NodePlace) -> dict[str, str]:
    listen = f"SSL://{place.listen}:{place.port},CONTROLLER://{place.listen}:{place.controller_port}"
    named = f"SSL://{place.name}:{place.port},CONTROLLER://{place.name}:{place.controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{place.name}:{place.controller_port}",
        "listeners": listen,
        "advertised.listeners": named,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "SSL",
        # The controller too: without TLS the broker would be User:ANONYMOUS there.
        "listener.security.protocol.map": "SSL:SSL,CONTROLLER:SSL",
    }


def _tls(place: NodePlace) -> dict[str, str]:
    return {
        "ssl.client.auth": "required",
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": place.identity,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": place.ca,
        "ssl.principal.mapping.rules": PRINCIPAL_RULES,
    }


def _rights() -> dict[str, str]:
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER};User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",  # clients always ask for it in their metadata requests
    }


def _durability(place: NodePlace) -> dict[str, str]:
    return {
        "log.dirs": place.data,
        "log.flush.interval.messages": "1",  # a lone node has no replica: acknowledged means flushed
        "log.message.timestamp.type": "LogAppendTime",
        "log.retention.bytes": "-1",
        "unclean.leader.election.enable": "false",
        "offsets.topic.num.partitions": "1",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


def _limits() -> dict[str, str]:
    return {
        "message.max.bytes": str(INBOX_TOPIC_MAX_BYTES),  # topics set their own, none a larger one
        "socket.request.max.bytes": str(SOCKET_REQUEST_MAX_BYTES),
        "compression.type": "producer",  # on another codec the broker would hold every expanded record
    }


def _one_small_node() -> dict[str, str]:
    return {
        "num.partitions": "1",
        "log.index.size.max.bytes": "262144",  # 10 MiB, the default, costs 28 ms per topic at its second record
        "broker.session.timeout.ms": "3000",  # a restart after a crash waits this long for the dead one's session
        "broker.heartbeat.interval.ms": "500",
        "group.initial.rebalance.delay.ms": "0",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.cleaner.threads": "1",
        "log.cleaner.dedupe.buffer.size": "8388608",
    }


def _escaped(value: str) -> str:
    """Backslash, and every character beyond ASCII as UTF-16 units, as java.util.Properties reads them."""
    escaped = []
    for character in value.replace("\\", "\\\\"):
        if character.isascii():
            escaped.append(character)
        else:
            units = character.encode("utf-16-be").hex()
            escaped += [f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]
    return "".join(escaped)
