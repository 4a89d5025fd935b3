"""The certificate authority in one folder: ``ca.pem``, ``ca.key`` (0600), ``issued.jsonl``, ``crl.pem``.

It signs requests and never sees another's private key. Names come from whoever approves, never from the request: the
request must merely say the same. The register is written before a certificate leaves, so that every certificate that
exists can be revoked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certs import register
from certs.issuing import end_certificate, revocation_list, root_certificate
from certs.keys import PrivateKey, PublicKey, load_private_key, new_key, read_certificates, save_private_key
from certs.profiles import RULES, CertProfile, Holder
from certs.requests import check_request
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso, parse_iso

AUTHORITY_LIFETIME: Final = timedelta(days=3650)
CRL_LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate as the register has it."""

    serial: int
    profile: CertProfile
    name: str
    generation: int
    public_key_sha256: str
    certificate: x509.Certificate
    revoked_at: datetime | None
    revoked_for: x509.ReasonFlags | None


class Authority:
    """An authority that has been opened: its certificate, its key, its folder."""

    def __init__(self, folder: Path, certificate: x509.Certificate, key: PrivateKey) -> None:
        self.folder = folder
        self.certificate = certificate
        self._key = key

    @classmethod
    def init(cls, folder: Path, name: str, *, now: datetime, lifetime: timedelta = AUTHORITY_LIFETIME) -> Self:
        """Make a new authority and its first, empty revocation list.

        Raises:
            Refused: AUTHORITY_EXISTS; nothing is ever overwritten.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = new_key()
        try:
            save_private_key(folder / "ca.key", key)
        except FileExistsError:
            raise Refused(ReasonCode.AUTHORITY_EXISTS, folder.name) from None
        certificate = root_certificate(key, name, now, now + lifetime)
        register.replace_file(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        authority = cls(folder, certificate, key)
        authority.crl(now)
        return authority

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an authority. Raises Refused: AUTHORITY_UNREADABLE, KEY_FILE_UNSAFE."""
        try:
            certificate = read_certificates((folder / "ca.pem").read_bytes())[0]
            key = load_private_key(folder / "ca.key")
        except OSError:
            raise Refused(ReasonCode.AUTHORITY_UNREADABLE, "ca.pem") from None
        except Refused as refused:
            if refused.reason is ReasonCode.KEY_FILE_UNSAFE:
                raise
            raise Refused(ReasonCode.AUTHORITY_UNREADABLE, refused.where) from None
        if certificate.public_key() != key.public_key():
            raise Refused(ReasonCode.AUTHORITY_UNREADABLE, "ca.key")
        return cls(folder, certificate, key)

    def issue(
        self,
        csr_pem: bytes,
        profile: CertProfile,
        name: str,
        *,
        now: datetime,
        generation: int = 1,
        hosts: Sequence[str] = (),
        lifetime: timedelta | None = None,
    ) -> x509.Certificate:
        """Answer a request. The same request again gets the same certificate.

        Args:
            csr_pem: PKCS #10 in PEM.
            profile: what was approved.
            name: the facility code (or short word) that was approved.
            now: the certificate is valid from five minutes before.
            generation: of a TLS key.
            hosts: further DNS names and addresses of a broker or platform server.
            lifetime: the profile's own when None; never beyond the authority's own certificate.

        Raises:
            Refused: REQUEST_MALFORMED, REQUEST_NOT_PROVEN, REQUEST_NAMES_DIFFER, KEY_TOO_WEAK, KEY_ALREADY_CERTIFIED,
                CERTIFICATE_EXPIRED (the authority's own).
        """
        holder = Holder(profile, name, generation, tuple(hosts))
        public_key = check_request(csr_pem, holder)
        digest = _sha256(public_key)
        if now >= self.certificate.not_valid_after_utc:
            raise Refused(ReasonCode.CERTIFICATE_EXPIRED, "ca.pem")
        with register.exclusive(self.folder):
            for known in self.issued():
                if known.public_key_sha256 == digest:
                    return _again(known, holder, now)
            window = (now, now + (lifetime or RULES[profile].lifetime))
            certificate = end_certificate(self.certificate, self._key, public_key, holder, window)
            register.append(self._register, _issued_entry(certificate, holder, digest, now))
        return certificate

    def issued(self) -> list[Issued]:
        """Every certificate ever issued, oldest first, with its revocation. Raises Refused(AUTHORITY_UNREADABLE)."""
        try:
            entries = register.entries(self._register)
            revoked = {entry["serial"]: entry for entry in entries if entry["event"] == "revoked"}
            return [_issued(entry, revoked.get(entry["serial"])) for entry in entries if entry["event"] == "issued"]
        except (KeyError, ValueError, AttributeError, TypeError):
            raise Refused(ReasonCode.AUTHORITY_UNREADABLE, "issued.jsonl") from None

    def revoke(self, serial: int, reason: x509.ReasonFlags, now: datetime) -> Issued:
        """Note a revocation; others learn of it from the next ``crl``. A second one changes nothing.

        Raises:
            Refused: SERIAL_UNKNOWN.
        """
        with register.exclusive(self.folder):
            known = self._by_serial(serial)
            if known.revoked_at is None:
                entry = {"event": "revoked", "serial": f"{serial:x}", "reason": reason.value, "at": iso(now)}
                register.append(self._register, entry)
        return self._by_serial(serial)

    def crl(self, now: datetime, lifetime: timedelta = CRL_LIFETIME) -> bytes:
        """Sign and publish (``crl.pem``) the next revocation list; its number is one above the last. PEM."""
        with register.exclusive(self.folder):
            number = 1 + sum(entry["event"] == "crl" for entry in register.entries(self._register))
            revoked = (
                (issued.serial, issued.revoked_at, issued.revoked_for)
                for issued in self.issued()
                if issued.revoked_at is not None and issued.revoked_for is not None
            )
            crl = revocation_list(self.certificate, self._key, number, (now, now + lifetime), revoked)
            pem = crl.public_bytes(serialization.Encoding.PEM)
            entry = {"event": "crl", "number": number, "at": iso(now), "next_update": iso(now + lifetime)}
            register.append(self._register, entry)
            register.replace_file(self.folder / "crl.pem", pem)
        return pem

    @property
    def _register(self) -> Path:
        return self.folder / "issued.jsonl"

    def _by_serial(self, serial: int) -> Issued:
        for issued in self.issued():
            if issued.serial == serial:
                return issued
        raise Refused(ReasonCode.SERIAL_UNKNOWN)


def _sha256(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _again(known: Issued, holder: Holder, now: datetime) -> x509.Certificate:
    """The stored answer to a repeated request; a key never serves two purposes, owners or generations."""
    same = (known.profile, known.name, known.generation) == (holder.profile, holder.name, holder.generation)
    if not same or known.revoked_at is not None or known.certificate.not_valid_after_utc <= now:
        raise Refused(ReasonCode.KEY_ALREADY_CERTIFIED)
    return known.certificate


def _issued_entry(certificate: x509.Certificate, holder: Holder, digest: str, now: datetime) -> dict[str, Any]:
    return {
        "event": "issued",
        "serial": f"{certificate.serial_number:x}",
        "profile": holder.profile.value,
        "name": holder.name,
        "generation": holder.generation,
        "not_before": iso(certificate.not_valid_before_utc),
        "not_after": iso(certificate.not_valid_after_utc),
        "public_key_sha256": digest,
        "at": iso(now),
        "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
    }


def _issued(entry: dict[str, Any], revoked: dict[str, Any] | None) -> Issued:
    return Issued(
        serial=int(entry["serial"], 16),
        profile=CertProfile(entry["profile"]),
        name=entry["name"],
        generation=entry["generation"],
        public_key_sha256=entry["public_key_sha256"],
        certificate=x509.load_pem_x509_certificate(entry["certificate"].encode("ascii")),
        revoked_at=None if revoked is None else parse_iso(revoked["at"]),
        revoked_for=None if revoked is None else x509.ReasonFlags(revoked["reason"]),
    )
