"""Certificates that no honest authority would issue, for tests: every field can be set."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.keys import PrivateKey, SigningKey, new_key
from tests.certs.conftest import NOW

FACILITY = "urn:lienvien:facility:"
SEAL = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)
DAY = timedelta(days=1)


def name(*common: str, unit: str = "signing") -> x509.Name:
    """A subject with any number of common names."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, text) for text in common]
    return x509.Name(parts)


def usage(**bits: bool) -> x509.KeyUsage:
    """A key usage with only these bits."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{one: bits.get(one, False) for one in names})


@dataclass(frozen=True)
class Forge:
    """An issuer that signs whatever it is told."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(
        cls, common: str = "Lien Vien test", *, key: PrivateKey | None = None, path_length: int | None = 1
    ) -> Self:
        """A root of one's own."""
        key = key or new_key()
        spec = Spec(subject=name(common), uris=(), usage=usage(key_cert_sign=True, crl_sign=True), extended=())
        spec = replace(spec, ca=True, path_length=path_length)
        return cls(_build(spec, key.public_key(), key, spec.subject, key), key)

    def authority(self, common: str = "Lien Vien mien Bac", *, ca: bool = True, path_length: int | None = 0) -> "Forge":
        """An authority below this one."""
        key = new_key()
        spec = Spec(subject=name(common), uris=(), usage=usage(key_cert_sign=True, crl_sign=True), extended=())
        certificate = self.sign(replace(spec, ca=ca, path_length=path_length if ca else None), key)
        return Forge(certificate, key, (certificate, *self.chain))

    def sign(self, spec: "Spec", key: PrivateKey) -> x509.Certificate:
        """A certificate for any key."""
        return _build(spec, key.public_key(), self.key, self.certificate.subject, self.key)

    def issue(self, spec: "Spec | None" = None, key: PrivateKey | None = None) -> SigningKey:
        """A key with a certificate; the chain holds the authorities below the root."""
        key = key or new_key()
        return SigningKey(key, self.sign(spec or Spec(), key), self.chain)

    def crl(
        self,
        *serials: int,
        number: int | None = 1,
        this: datetime = NOW - DAY,
        until: datetime = NOW + DAY,
        since: datetime = NOW - 2 * DAY,
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        entry_extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
        key: PrivateKey | None = None,
    ) -> bytes:
        """A revocation list in DER."""
        from cryptography.hazmat.primitives.serialization import Encoding

        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(this).next_update(until)
        if number is not None:
            builder = builder.add_extension(x509.CRLNumber(number), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
            for extension, critical in entry_extensions:
                entry = entry.add_extension(extension, critical)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Spec:
    """What stands in a certificate; the default is a good seal of facility 24001."""

    subject: x509.Name = field(default_factory=lambda: name("24001"))
    uris: tuple[str, ...] = (FACILITY + "24001",)
    other_names: tuple[x509.GeneralName, ...] = ()
    usage: x509.KeyUsage | None = field(default_factory=lambda: usage(digital_signature=True))
    extended: tuple[x509.ObjectIdentifier, ...] = SEAL
    not_before: datetime = NOW - 100 * DAY
    not_after: datetime = NOW + 100 * DAY
    ca: bool | None = False
    path_length: int | None = None
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)


def _build(spec: Spec, public_key: Any, issuer_key: Any, issuer: x509.Name, signer: Any) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(spec.subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(spec.not_before)
        .not_valid_after(spec.not_after)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    )
    if spec.ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(spec.ca, spec.path_length), True)
    if spec.usage is not None:
        builder = builder.add_extension(spec.usage, True)
    if spec.extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(spec.extended), False)
    names = [*map(x509.UniformResourceIdentifier, spec.uris), *spec.other_names]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    for extension, critical in spec.extra:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, spec.hash)


def p384() -> PrivateKey:
    """A key of the larger curve."""
    return ec.generate_private_key(ec.SECP384R1())
