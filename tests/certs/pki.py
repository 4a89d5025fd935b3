"""A small world of keys for tests: an authority, facilities and an exchange, all in memory and in one folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certs.authority import Authority
from certs.keys import PrivateKey, SigningKey, save_private_key, write_certificates
from certs.profiles import CertProfile, Holder
from certs.requests import build_request, make_request
from certs.trust import TrustMaterial, TrustPolicy

BAC_GIANG = "24001"
BACH_MAI = "01901"
EXCHANGE = "trung-uong"
PLATFORM = "exchange"  # common name of the process that works the topics


@dataclass(frozen=True)
class Party:
    """One facility or exchange with its three keys."""

    name: str
    signing: SigningKey
    encryption: SigningKey
    tls: SigningKey

    @property
    def decryption_keys(self) -> dict[str, PrivateKey]:
        """What ``open_envelope`` wants."""
        return {self.encryption.kid: self.encryption.private_key}

    def write(self, folder: Path) -> dict[str, Path]:
        """``tls.pem tls.key signing.pem signing.key encryption.pem encryption.key`` in a folder, and their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths: dict[str, Path] = {}
        for kind, key in (("tls", self.tls), ("signing", self.signing), ("encryption", self.encryption)):
            paths[f"{kind}_key"], paths[f"{kind}_certificate"] = folder / f"{kind}.key", folder / f"{kind}.pem"
            save_private_key(paths[f"{kind}_key"], key.private_key)
            paths[f"{kind}_certificate"].write_bytes(write_certificates([key.certificate, *key.chain]))
        return paths


@dataclass
class TestPki:
    """The authority and everybody it knows; parties are made when first asked for."""

    __test__ = False

    authority: Authority
    now: datetime
    facilities: dict[str, Party] = field(default_factory=dict)
    _exchange: Party | None = None

    def facility(self, code: str) -> Party:
        """A facility's keys, the same at every call."""
        if code not in self.facilities:
            profiles = (CertProfile.SIGN, CertProfile.ENC, CertProfile.TLS)
            self.facilities[code] = Party(code, *(self.key(profile, code) for profile in profiles))
        return self.facilities[code]

    @property
    def exchange(self) -> Party:
        """The exchange's keys."""
        if self._exchange is None:
            profiles = (CertProfile.EXCHANGE_SIGN, CertProfile.EXCHANGE_ENC)
            seals = (self.key(profile, EXCHANGE) for profile in profiles)
            self._exchange = Party(EXCHANGE, *seals, self.key(CertProfile.PLATFORM, PLATFORM))
        return self._exchange

    def key(self, profile: CertProfile, name: str, *, generation: int = 1, hosts: tuple[str, ...] = ()) -> SigningKey:
        """A new key with a certificate of any profile."""
        request = make_request(name, profile, generation, hosts)
        certificate = self.authority.issue(request.pem, profile, name, now=self.now, generation=generation, hosts=hosts)
        return SigningKey(request.key, certificate)

    def rsa_key(self, profile: CertProfile, name: str) -> SigningKey:
        """The same with RSA 3072, slow to make."""
        key = rsa.generate_private_key(65537, 3072)
        pem = build_request(key, Holder(profile, name))
        return SigningKey(key, self.authority.issue(pem, profile, name, now=self.now))

    def trust(self, *, now: datetime | None = None, policy: TrustPolicy | None = None) -> TrustMaterial:
        """Roots and a fresh revocation list."""
        return TrustMaterial.read(
            write_certificates([self.authority.certificate]), self.authority.crl(now or self.now), policy=policy
        )

    def revoke(
        self, *certificates: x509.Certificate, reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise
    ) -> None:
        """Revoke; the next ``trust()`` knows."""
        for certificate in certificates:
            self.authority.revoke(certificate.serial_number, reason, self.now)

    @property
    def public_keys(self) -> dict[str, object]:
        """The verification keys of everybody made so far, by kid."""
        parties = [*self.facilities.values(), *([self._exchange] if self._exchange else [])]
        return {party.signing.kid: party.signing.private_key.public_key() for party in parties}


def make_pki(
    folder: Path, *, facilities: Sequence[str] = (BAC_GIANG, BACH_MAI), now: datetime | None = None
) -> TestPki:
    """A fresh authority in ``folder / "ca"`` with some facilities; ``now`` is the present when None."""
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    pki = TestPki(Authority.init(folder / "ca", "Lien Vien test", now=now), now)
    for code in facilities:
        pki.facility(code)
    return pki
