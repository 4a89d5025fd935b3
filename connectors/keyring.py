"""Our keys and whom we trust, read from files once, and the revocation list again whenever it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from certs.chain import Purpose
from certs.identity import exchange_of_certificate, facility_of_certificate
from certs.keys import (
    PrivateKey,
    PublicKey,
    SigningKey,
    certificate_kid,
    load_certificates,
    load_signing_key,
)
from certs.trust import TrustMaterial, check_revocation, check_validity
from connectors.sealing import Sealer
from connectors.settings import Settings
from schemas.reasons import ReasonCode, Refused

TLS_FILE: Final = "tls.pem"
SIGNING: Final = "signing"
ENCRYPTION: Final = "encryption"  # encryption.key is the present one; encryption-2025.key and the like only open


@dataclass(frozen=True)
class Keyring:
    """What a running connector signs, seals, opens and verifies with."""

    facility: str
    exchange: str
    signing: SigningKey
    encryption_certificates: tuple[x509.Certificate, ...]  # of ours, the present one first
    decryption_keys: Mapping[str, PrivateKey]
    exchange_keys: Mapping[str, PublicKey]
    exchange_reader: x509.Certificate
    trust: TrustMaterial

    @property
    def sealer(self) -> Sealer:
        """Signs and seals."""
        return Sealer(self.signing, self.exchange_reader)

    def with_crl(self, data: bytes) -> "Keyring":
        """The same with a newer revocation list. Raises Refused(CRL_UNUSABLE); an older list changes nothing."""
        return replace(self, trust=self.trust.with_crl(data))


def load_keyring(settings: Settings, now: datetime) -> Keyring:
    """Read every key and certificate that the configuration names.

    A revocation list that is missing or old stops nobody here: it only means that less is believed (and an alarm).

    Raises:
        Refused: what ``certs.keys`` raises for files; FACILITY_MISMATCH, EXCHANGE_MISMATCH, UNTRUSTED_ISSUER,
            CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_REVOKED, CERTIFICATE_WRONG_USAGE.
    """
    folder = settings.keys.folder
    signing = load_signing_key(folder / f"{SIGNING}.key", folder / f"{SIGNING}.crt")
    reading = _reading_keys(folder)
    for key in (signing, *reading):
        if facility_of_certificate(key.certificate) != settings.facility.code:
            raise Refused(ReasonCode.FACILITY_MISMATCH, folder.name)
    trust = load_trust(settings)
    exchange = settings.exchange
    signers = _exchange_certificates(exchange.signing_certificate, trust, exchange.name, Purpose.SIGNING, now)
    readers = _exchange_certificates(exchange.encryption_certificate, trust, exchange.name, Purpose.ENCRYPTION, now)
    return Keyring(
        facility=settings.facility.code,
        exchange=exchange.name,
        signing=signing,
        encryption_certificates=tuple(key.certificate for key in reading),
        decryption_keys={key.kid: key.private_key for key in reading},
        exchange_keys=signers,
        exchange_reader=_first_of(exchange.encryption_certificate, readers),
        trust=trust,
    )


def load_trust(settings: Settings) -> TrustMaterial:
    """Roots, and the revocation list where a usable one lies. Raises Refused for the roots."""
    try:
        roots = settings.keys.ca.read_bytes()
    except OSError:
        raise Refused(ReasonCode.KEY_FILE_UNREADABLE, str(settings.keys.ca)) from None
    trust = TrustMaterial.read(roots)
    try:
        return trust.with_crl(settings.keys.crl.read_bytes())
    except (OSError, Refused):
        return trust


def _reading_keys(folder: Path) -> list[SigningKey]:
    """The present encryption key first, then those that only open what was sealed for them earlier."""
    present = folder / f"{ENCRYPTION}.key"
    older = [path for path in sorted(folder.glob(f"{ENCRYPTION}*.key")) if path != present]
    return [load_signing_key(path, path.with_suffix(".crt")) for path in (present, *older)]


def _exchange_certificates(
    path: Path, trust: TrustMaterial, name: str, purpose: Purpose, now: datetime
) -> dict[str, PublicKey]:
    """The good ones of a file by ``kid``; during a rollover it holds two."""
    found: dict[str, PublicKey] = {}
    refusal = Refused(ReasonCode.CERTIFICATE_MALFORMED, str(path))
    for certificate in load_certificates(path):
        try:
            judged = trust.path(certificate, (), purpose, now)
            check_validity(judged, now)
            check_revocation(judged, None)
            if exchange_of_certificate(certificate) != name:
                raise Refused(ReasonCode.EXCHANGE_MISMATCH, str(path))
            found[judged.kid] = judged.public_key
        except Refused as refused:
            refusal = Refused(refused.reason, str(path))
    if not found:
        raise refusal
    return found


def _first_of(path: Path, kids: Mapping[str, PublicKey]) -> x509.Certificate:
    return next(one for one in load_certificates(path) if certificate_kid(one) in kids)
