"""A throw-away PKI for transport tests, on ``cryptography`` alone: these tests must not depend on the product's CA."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_ORGANISATION = "Lien Vien"


def subject(cn: str, ou: str, organisation: str = _ORGANISATION) -> x509.Name:
    """Encoded C, O, OU, CN: Java prints it CN first."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, ou),
            x509.NameAttribute(NameOID.COMMON_NAME, cn),
        ]
    )


class Pki:
    """One authority in a folder; ``identity`` writes key and certificate of somebody into one file of mode 0600."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = subject(name, "ca")
        self._revoked: list[int] = []
        now = datetime.now(UTC)
        self._certificate = (
            _builder(self._name, self._name, self._key.public_key(), now, timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def identity(
        self,
        file: str,
        cn: str,
        ou: str,
        *,
        server: bool = False,
        expired: bool = False,
        organisation: str = _ORGANISATION,
    ) -> Path:
        """``<folder>/<file>.pem``."""
        key = ec.generate_private_key(ec.SECP256R1())
        start = datetime.now(UTC) - (timedelta(days=9) if expired else timedelta(minutes=5))
        life = timedelta(days=2) if expired else timedelta(days=20)
        issuer_key = self._key.public_key()
        builder = (
            _builder(subject(cn, ou, organisation), self._name, key.public_key(), start, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(_purposes(server)), critical=False)
        )
        if server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return write_identity(self.folder / f"{file}.pem", key, certificate)

    def revoke(self, identity: Path) -> None:
        """Put the certificate in this file on the next revocation list."""
        self._revoked.append(x509.load_pem_x509_certificate(identity.read_bytes()).serial_number)

    def crl(self, file: str) -> Path:
        """A revocation list of now."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        builder = builder.last_update(now - timedelta(seconds=30 - len(self._revoked))).next_update(
            now + timedelta(days=1)
        )
        for serial in self._revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
            )
        path = self.folder / file
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        return path


def write_identity(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Path:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def make_cluster_pki(folder: Path, facilities: Iterable[str]) -> Pki:
    """Everybody whom a cluster of the tests knows: node, administrator, exchange, and each facility's first key."""
    pki = Pki(folder)
    pki.identity("broker-1", "broker-1", "broker", server=True)
    pki.identity("admin", "admin", "platform")
    pki.identity("exchange", "exchange", "platform")
    for code in facilities:
        pki.identity(f"{code}.k1", code, "k1")
    return pki


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(server: bool) -> list[x509.ObjectIdentifier]:
    return [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server else [])]
