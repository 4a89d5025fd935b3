"""How a site gets its certificates: keys are made in the site's own folder, requests go out, certificates come back.

A site's ``keys`` folder holds, for each purpose, ``<purpose>.key`` (mode 0600, never leaves), ``<purpose>.csr`` (to be
sent to the authority) and ``<purpose>.crt`` (what came back). TLS libraries want key and certificate in one file, which
is ``<purpose>.pem``.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.keys import load_private_key, read_certificates, save_private_key, write_certificates
from certs.profiles import CertProfile
from certs.requests import make_request
from schemas.reasons import ReasonCode, Refused

FACILITY_PURPOSES: Final[Mapping[str, CertProfile]] = {
    "tls": CertProfile.TLS,
    "signing": CertProfile.SIGN,
    "encryption": CertProfile.ENC,
}
EXCHANGE_PURPOSES: Final[Mapping[str, CertProfile]] = {
    "tls": CertProfile.PLATFORM,
    "signing": CertProfile.EXCHANGE_SIGN,
    "encryption": CertProfile.EXCHANGE_ENC,
}
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True)
class KeyFolder:
    """The ``keys`` folder of one site."""

    path: Path

    def key(self, purpose: str) -> Path:
        """The private key's file."""
        return self.path / f"{purpose}.key"

    def request(self, purpose: str) -> Path:
        """The certificate request's file."""
        return self.path / f"{purpose}.csr"

    def certificate(self, purpose: str) -> Path:
        """The certificate's file."""
        return self.path / f"{purpose}.crt"

    def identity(self, purpose: str) -> Path:
        """Key and certificate in one file, for TLS."""
        return self.path / f"{purpose}.pem"

    def make_keys(
        self, name: str, purposes: Mapping[str, CertProfile], *, generation: int = 1, hosts: Sequence[str] = ()
    ) -> list[Path]:
        """New keys and requests for every purpose that has no key yet; the requests to send to the authority."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = []
        for purpose, profile in purposes.items():
            if self.key(purpose).exists():
                continue
            request = make_request(name, profile, generation, hosts if profile is CertProfile.PLATFORM else ())
            save_private_key(self.key(purpose), request.key)
            self.request(purpose).write_bytes(request.pem)
            made.append(self.request(purpose))
        return made

    def install(self, pem: bytes) -> str:
        """Puts a certificate beside the key it belongs to, and says for which purpose.

        Raises:
            Refused: CERTIFICATE_MALFORMED, or KEY_NOT_OF_CERTIFICATE when no key here fits.
        """
        certificates = read_certificates(pem)
        for request in sorted(self.path.glob("*.csr")):
            key_path = request.with_suffix(".key")
            if load_private_key(key_path).public_key() == certificates[0].public_key():
                purpose = key_path.stem
                self.certificate(purpose).write_bytes(write_certificates(certificates))
                _write_private(self.identity(purpose), key_path.read_bytes() + write_certificates(certificates))
                return purpose
        raise Refused(ReasonCode.KEY_NOT_OF_CERTIFICATE, "no key of this folder fits")


def _write_private(path: Path, content: bytes) -> None:
    """Replaces a file that only its owner may read; complete or not there at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
