"""What each kind of certificate says: subject, names, usages, lifetime. Request and authority read it alike."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from schemas.ids import exchange_urn, facility_urn, is_exchange_name, is_facility_id

ORGANISATION: Final = "Lien Vien"
COUNTRY: Final = "VN"
DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1")


class CertProfile(StrEnum):
    """What a certificate is for. Kafka maps the first, broker and platform to principals, and never the others."""

    TLS = "tls"  # a facility's link
    SIGN = "sign"  # a facility's seal on messages
    ENC = "enc"  # what is sealed for a facility
    BROKER = "broker"  # a Kafka node
    PLATFORM = "platform"  # a process of the exchange, an administrator
    EXCHANGE_SIGN = "exchange-sign"  # receipts, stamps, notices
    EXCHANGE_ENC = "exchange-enc"  # what is sealed for the exchange


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """The row of one profile. ``unit`` None means the generation, ``k<n>``."""

    unit: str | None
    of_facility: bool
    usages: tuple[x509.ObjectIdentifier, ...]
    agrees: bool  # keyAgreement / keyEncipherment in place of digitalSignature
    commits: bool  # contentCommitment: the seal binds its owner
    takes_hosts: bool  # is reached by name, so it has DNS names and addresses
    lifetime: timedelta


_YEAR: Final = timedelta(days=397)
_TWO_YEARS: Final = timedelta(days=730)
_CLIENT: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)
_BOTH: Final = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
_SEAL: Final = (ExtendedKeyUsageOID.EMAIL_PROTECTION, DOCUMENT_SIGNING)
# Without any extended usage a TLS library would take an encryption certificate for a client's.
_OPEN: Final = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)

RULES: Final = {
    CertProfile.TLS: ProfileRules(None, True, _CLIENT, False, False, False, _YEAR),
    CertProfile.SIGN: ProfileRules("signing", True, _SEAL, False, True, False, _TWO_YEARS),
    CertProfile.ENC: ProfileRules("encryption", True, _OPEN, True, False, False, _TWO_YEARS),
    CertProfile.BROKER: ProfileRules("broker", False, _BOTH, False, False, True, _YEAR),
    CertProfile.PLATFORM: ProfileRules("platform", False, _BOTH, False, False, True, _YEAR),
    CertProfile.EXCHANGE_SIGN: ProfileRules("signing", False, _SEAL, False, True, False, _TWO_YEARS),
    CertProfile.EXCHANGE_ENC: ProfileRules("encryption", False, _OPEN, True, False, False, _TWO_YEARS),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate is for: what a request says and what was approved, compared as one value.

    ``name`` is a facility's code, or the short word of an exchange, node or process. ``generation`` counts the TLS keys
    of a facility, so that one of them can be cut off alone. ``hosts`` are a server's further DNS names and addresses.
    """

    profile: CertProfile
    name: str
    generation: int = 1
    hosts: tuple[str, ...] = ()

    def is_well_formed(self) -> bool:
        """True when the profile may carry this name, this generation and hosts at all."""
        rules = RULES[self.profile]
        named = is_facility_id(self.name) if rules.of_facility else is_exchange_name(self.name)
        return named and self.generation >= 1 and (rules.takes_hosts or not self.hosts)

    def subject(self) -> x509.Name:
        """``CN=<name>,OU=k<generation>|signing|...,O=Lien Vien,C=VN`` as RFC 4514 writes it; DER reverses the order."""
        unit = RULES[self.profile].unit or f"k{self.generation}"
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, COUNTRY),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
                x509.NameAttribute(NameOID.COMMON_NAME, self.name),
            ]
        )

    def alternative_names(self) -> list[x509.GeneralName]:
        """The identity as a URI; for servers their hosts too, ``localhost`` and ``127.0.0.1`` always."""
        rules = RULES[self.profile]
        names: list[x509.GeneralName] = []
        if self.profile is not CertProfile.BROKER:
            urn = facility_urn(self.name) if rules.of_facility else exchange_urn(self.name)
            names.append(x509.UniformResourceIdentifier(urn))
        if rules.takes_hosts:
            names.extend(_host(host) for host in dict.fromkeys((*LOCAL_HOSTS, *self.hosts)))
        return names


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def key_usage(profile: CertProfile, *, is_rsa: bool) -> x509.KeyUsage:
    """The key usage of a profile: an encryption key never signs, a signing key never encrypts."""
    rules = RULES[profile]
    return x509.KeyUsage(
        digital_signature=not rules.agrees,
        content_commitment=rules.commits,
        key_encipherment=rules.agrees and is_rsa,
        data_encipherment=False,
        key_agreement=rules.agrees and not is_rsa,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
