"""Certificates and revocation lists: what is written into them (RFC 5280), nothing about where they are kept."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certs.keys import PrivateKey, PublicKey
from certs.profiles import COUNTRY, ORGANISATION, RULES, Holder, key_usage

BACKDATED: Final = timedelta(minutes=5)  # a site's clock may be behind the authority's


def root_certificate(key: PrivateKey, name: str, now: datetime, until: datetime) -> x509.Certificate:
    """A self-signed root that may issue end certificates and revocation lists, and no further authority."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, COUNTRY),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer(key), critical=False)
        .sign(key, hashes.SHA256())
    )


def end_certificate(
    root: x509.Certificate, key: PrivateKey, public_key: PublicKey, holder: Holder, window: tuple[datetime, datetime]
) -> x509.Certificate:
    """A certificate for a holder, valid from five minutes before the window, never outside the root's own time."""
    start, end = window
    rules = RULES[holder.profile]
    usage = key_usage(holder.profile, is_rsa=isinstance(public_key, rsa.RSAPublicKey))
    return (
        x509.CertificateBuilder()
        .subject_name(holder.subject())
        .issuer_name(root.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(start - BACKDATED, root.not_valid_before_utc))
        .not_valid_after(min(end, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(rules.usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(holder.alternative_names()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_issuer(key), critical=False)
        .sign(key, hashes.SHA256())
    )


def revocation_list(
    root: x509.Certificate,
    key: PrivateKey,
    number: int,
    window: tuple[datetime, datetime],
    revoked: Iterable[tuple[int, datetime, x509.ReasonFlags]],
) -> x509.CertificateRevocationList:
    """A complete list (no delta, no other issuer's certificates) of (serial, since, reason)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.subject)
        .last_update(window[0])
        .next_update(window[1])
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_issuer(key), critical=False)
    )
    for serial, since, reason in revoked:
        builder = builder.add_revoked_certificate(_revoked(serial, since, reason))
    return builder.sign(key, hashes.SHA256())


def _revoked(serial: int, since: datetime, reason: x509.ReasonFlags) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
    if reason is not x509.ReasonFlags.unspecified:  # RFC 5280 section 5.3.1: then the reason is absent
        builder = builder.add_extension(x509.CRLReason(reason), critical=False)
    return builder.build()


def _issuer(key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
