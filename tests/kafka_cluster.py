"""A Kafka cluster as the tests see it: where it is, who may connect, and which facilities it knows."""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.authority import Authority
from certs.keys import save_private_key, write_certificates
from certs.profiles import CertProfile
from certs.requests import make_request
from transport.kafka import KafkaLink
from transport.kafka_admin import create_facility_topics, grant
from transport.kafka_rights import ADMIN, facility_principal
from transport.local_kafka import LocalKafka
from transport.tls import client_context

BROKER = "broker-1"


class Identities:
    """TLS key and certificate files, made when first asked for, or only looked up where no authority is at hand.

    Names are principals: ``broker-1``, ``admin``, ``exchange``, ``24Z01.k1``.
    """

    def __init__(self, folder: Path, authority: Authority | None) -> None:
        self.folder = folder
        self.authority = authority

    @classmethod
    def new(cls, folder: Path) -> "Identities":
        return cls(folder, Authority.init(folder, "Tests", now=datetime.now(UTC)))

    @classmethod
    def given(cls, folder: Path) -> "Identities":
        """A folder from outside: with ``ca.key`` it can issue, without it holds what it holds."""
        return cls(folder, Authority.open(folder) if (folder / "ca.key").exists() else None)

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def file(self, principal: str) -> Path:
        """Key and certificate in one PEM file."""
        path = self.folder / f"{principal}.pem"
        if not path.exists():
            if self.authority is None:
                pytest.skip(f"the given TLS folder holds neither {path.name} nor an authority's key")
            _issue(self.authority, principal, path)
        return path


def _issue(authority: Authority, principal: str, path: Path) -> None:
    name, _, generation = principal.partition(".k")
    platform = CertProfile.BROKER if principal == BROKER else CertProfile.PLATFORM
    profile = CertProfile.TLS if generation else platform
    request = make_request(name, profile, int(generation or 1))
    certificate = authority.issue(request.pem, profile, name, now=datetime.now(UTC), generation=int(generation or 1))
    key = path.with_suffix(".key")
    save_private_key(key, request.key)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.read_bytes() + write_certificates([certificate]))


def _codes() -> Iterator[str]:
    """Facility codes that no sample and no other test uses."""
    return (f"T{number:04d}" for number in itertools.count(1))


class KafkaCluster:
    """What a test gets from the ``kafka`` fixture. ``node`` is None where the cluster is not ours to kill."""

    def __init__(self, bootstrap: str, identities: Identities, node: LocalKafka | None = None) -> None:
        self.bootstrap = bootstrap
        self.identities = identities
        self.node = node
        self._codes = _codes()

    @property
    def ca(self) -> Path:
        return self.identities.ca

    @property
    def authority(self) -> Authority:
        """The authority of this cluster's TLS, for tests that start processes with certificates of their own."""
        if self.identities.authority is None:
            pytest.skip("the given TLS folder holds no authority's key")
        return self.identities.authority

    def link(self, principal: str) -> KafkaLink:
        """A link as ``admin``, ``exchange`` or a facility's ``24Z01.k1``."""
        context = client_context(self.ca, self.identities.file(principal))
        return KafkaLink(self.bootstrap, context, client_id=f"test-{principal}")

    def facility(self, code: str, generation: int = 1) -> KafkaLink:
        """A link as a facility."""
        return self.link(facility_principal(code, generation))

    @property
    def admin(self) -> KafkaLink:
        return self.link(ADMIN)

    def fresh_codes(self, count: int) -> list[str]:
        """Facility codes that nobody has had on this cluster."""
        return list(itertools.islice(self._codes, count))

    async def admit(self, *codes: str, generation: int = 1) -> None:
        """Topics and rights for facilities."""
        await create_facility_topics(self.admin, codes)
        await grant(self.admin, {code: [generation] for code in codes})

    def own_node(self) -> LocalKafka:
        """The node, for tests that kill it."""
        if self.node is None:
            pytest.skip("this Kafka is not ours to kill (it was given, or runs in a container)")
        return self.node
