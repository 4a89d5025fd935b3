"""A message of ours: signed once, sealed for the exchange and the destination; sealed anew whenever a key changes."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from certs.keys import SigningKey, certificate_kid
from certs.seal import seal, sign_message
from schemas.urgency import Priority


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """What leaves: ``record`` is the envelope, ``jws`` what is inside, ``sealed_for`` the destination's key."""

    jws: bytes
    record: bytes
    record_sha256: str
    sealed_for: str


@dataclass(frozen=True)
class Sealer:
    """Our signing key and the exchange's encryption certificate, judged when they were loaded."""

    signing: SigningKey
    exchange: x509.Certificate

    def sign(self, payload: bytes, priority: Priority, now: datetime) -> bytes:
        """The compact JWS over these bytes. A stat case is signed even in the certificate's last 30 days.

        Raises:
            Refused: BUNDLE_TOO_LARGE, SIGNING_KEY_ENDING, CERTIFICATE_EXPIRED.
        """
        must_go = priority is Priority.STAT
        return sign_message(payload, self.signing, iat=int(now.timestamp()), even_if_ending=must_go)

    def seal(self, jws: bytes, destination: x509.Certificate) -> SealedMessage:
        """The envelope for the exchange and the destination. Raises Refused(RECORD_TOO_LARGE)."""
        record = seal(jws, [self.exchange, destination])
        return SealedMessage(jws, record, hashlib.sha256(record).hexdigest(), certificate_kid(destination))
