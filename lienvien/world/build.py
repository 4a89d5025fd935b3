"""Builds a world in a folder: authority, Kafka's identity, exchange, hospitals. Nothing runs yet but Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from certs.authority import Authority
from certs.keys import write_certificates
from certs.profiles import CertProfile
from lienvien.connector_setup import NewConnector, init_connector
from lienvien.enrolment import FACILITY_PURPOSES, KeyFolder
from lienvien.exchange_setup import init_exchange, welcome_package, write_settings
from lienvien.welcome import Welcome
from lienvien.world.facilities import FACILITIES, DemoFacility, write_facilities_csv
from schemas.codes.lists import LegalBasis
from transport.kafka import KafkaLink
from transport.local_kafka import LocalKafka
from transport.tls import client_context

EXCHANGE: Final = "trinh-dien"  # "demonstration"
_LEGAL: Final = {LegalBasis.LAW: "Người phụ trách (mô phỏng)", LegalBasis.EMERGENCY: "Người phụ trách (mô phỏng)"}


@dataclass(frozen=True)
class HospitalSite:
    """One hospital's place in the world. ``export`` belongs to its HIS, everything else to the connector."""

    facility: DemoFacility
    folder: Path

    @property
    def config(self) -> Path:
        """The connector's configuration."""
        return self.folder / "connector.toml"

    @property
    def export(self) -> Path:
        """Where the HIS exports to."""
        return self.folder.parent / "his-exports" / self.facility.code

    @property
    def incoming(self) -> Path:
        """Where the connector hands over."""
        return self.folder / "incoming"


@dataclass
class World:
    """A world: its folder, its authority, its Kafka, its exchange, its hospitals."""

    folder: Path
    authority: Authority
    kafka: LocalKafka
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of the exchange's configuration
    connector_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    hospitals: dict[str, HospitalSite] = field(default_factory=dict)

    @property
    def exchange(self) -> Path:
        """The exchange's folder."""
        return self.folder / "exchange"

    @property
    def exchange_config(self) -> Path:
        """The exchange's configuration."""
        return self.exchange / "exchange.toml"

    @property
    def facilities_csv(self) -> Path:
        """The register of facilities."""
        return self.folder / "facilities.csv"

    def link(self, client_id: str = "world") -> KafkaLink:
        """A link as the administrator."""
        identity = KeyFolder(self.exchange / "keys").identity("admin")
        return KafkaLink(self.kafka.bootstrap, client_context(self.exchange / "ca.pem", identity), client_id)

    def certify(self, folder: Path, purpose: str, profile: CertProfile, name: str) -> None:
        """The authority answers one request of a site, and the site installs the certificate."""
        keys = KeyFolder(folder / "keys")
        certificate = self.authority.issue(keys.request(purpose).read_bytes(), profile, name, now=datetime.now(UTC))
        keys.install(write_certificates([certificate]))


def lay_out(folder: Path, *, facilities: tuple[DemoFacility, ...] = FACILITIES) -> World:
    """The authority, Kafka's own identity and the register of facilities; Kafka is not started."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority.init(folder / "ca", "Lien Vien trinh dien", now=datetime.now(UTC))
    kafka_site = folder / "kafka"
    keys = KeyFolder(kafka_site / "keys")
    keys.make_keys("broker-1", {"tls": CertProfile.BROKER})
    kafka = LocalKafka(kafka_site / "node", identity=keys.identity("tls"), ca=folder / "ca" / "ca.pem")
    world = World(folder, authority, kafka)
    world.certify(kafka_site, "tls", CertProfile.BROKER, "broker-1")
    write_facilities_csv(world.facilities_csv, facilities)
    return world


def add_exchange(world: World) -> None:
    """The exchange's folder with its certificates. Kafka must have been started once: its address is written down."""
    ca = world.folder / "ca"
    wanted = init_exchange(
        world.exchange, EXCHANGE, world.kafka.bootstrap, ca=ca / "ca.pem", crl=ca / "crl.pem", overrides=world.overrides
    )
    for purpose, (profile, name) in wanted.items():
        world.certify(world.exchange, purpose, profile, name)


def add_worker(world: World, worker: str) -> Path:
    """One more process of the exchange, with a data folder of its own; returns its configuration.

    For a world whose exchange has a PostgreSQL as its database.
    """
    data = world.exchange / f"data-{worker}"
    data.mkdir(mode=0o700)
    overrides = {section: dict(values) for section, values in world.overrides.items()}
    overrides.setdefault("exchange", {})["worker_id"] = worker
    overrides["folders"] = {"data": data.name}
    path = world.exchange / f"{worker}.toml"
    write_settings(path, EXCHANGE, world.kafka.bootstrap, overrides)
    return path


def welcome(world: World) -> Welcome:
    """The welcome package of this world's exchange."""
    return welcome_package(
        world.exchange,
        world.folder / "welcome",
        name=EXCHANGE,
        bootstrap=world.kafka.bootstrap,
        facilities=world.facilities_csv,
    )


def add_hospital(world: World, facility: DemoFacility, package: Welcome) -> HospitalSite:
    """A hospital's folder with its certificates; the exchange admits it apart from this."""
    site = HospitalSite(facility, world.folder / "hospitals" / facility.code)
    site.export.mkdir(parents=True, exist_ok=True)
    # half a second: a demonstration is watched; a hospital's disk is spared
    overrides: dict[str, dict[str, Any]] = {"sending": {"demonstration": True}, "clocks": {"scan_s": 0.5}}
    for section, values in world.connector_overrides.items():
        overrides.setdefault(section, {}).update(values)
    new = NewConnector(facility.code, facility.name, facility.phone, (site.export,), _LEGAL, facility.role, overrides)
    init_connector(site.folder, new, package)
    for purpose, profile in FACILITY_PURPOSES.items():
        world.certify(site.folder, purpose, profile, facility.code)
    world.hospitals[facility.code] = site
    return site
