"""How many days a facility's certificates have left, as its directory entry shows them; for display, not for trust."""

import base64
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509

from certs import base64url
from schemas.reasons import Refused
from schemas.tokens.directory import CountersignedEntry, DirectoryEntry

WARN_FROM_DAYS: Final = 30  # a signing key stops signing then


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """The newest certificate for one purpose (signing, encryption) and when it ends."""

    purpose: str
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days; negative once it has ended."""
        return (self.not_after - now).days


@lru_cache(maxsize=4096)
def certificate_ends(countersigned: str) -> tuple[CertificateEnd, ...]:
    """Purposes and ends in a stored, countersigned entry; it was verified when it was stored. Empty if unreadable."""
    try:
        entry = DirectoryEntry.decode(_payload(CountersignedEntry.decode(_payload(countersigned)).entry))
        return (
            CertificateEnd("signing", _last_end(entry.signing_certificates)),
            CertificateEnd("encryption", _last_end(entry.encryption_certificates)),
        )
    except (Refused, ValueError):
        return ()


def _payload(token: str) -> bytes:
    return base64url.decode(token.split(".")[1].encode("ascii")) if token.count(".") == 2 else b""


def _last_end(certificates: tuple[str, ...]) -> datetime:
    return max(x509.load_der_x509_certificate(base64.b64decode(der)).not_valid_after_utc for der in certificates)
