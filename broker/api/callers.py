"""Who asks: the facility that its TLS certificate proves, admitted and not suspended."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from broker.queries import Queries
from certs.chain import Purpose
from certs.keys import UNREADABLE
from certs.trust import TrustMaterial, decide
from schemas.reasons import ReasonCode, Refused

ACTIVE: Final = "active"
_GENERATION: Final = re.compile(r"k([1-9][0-9]{0,5})", re.ASCII)  # OU=k1, as Kafka maps it into the principal


class Callers:
    """Judges client certificates. ``trust`` is asked anew each time, so that a new revocation list counts at once."""

    def __init__(self, queries: Queries, trust: Callable[[], TrustMaterial]) -> None:
        self._queries = queries
        self._trust = trust

    async def facility(self, certificate_der: bytes, now: datetime) -> str:
        """The facility behind a client certificate.

        Raises:
            Refused: the certificate is not good (as ``certs.trust.decide``), FACILITY_UNKNOWN, FACILITY_SUSPENDED, or
                CERTIFICATE_REVOKED where its generation was cut.
            PassingError: the database cannot be asked.
        """
        certificate = read_certificate(certificate_der)
        trust = self._trust()
        decision = decide(
            certificate,
            trust.intermediates,
            trust,
            now=now,
            signed_at=now,
            owner=None,
            purpose=Purpose.TLS_CLIENT,
        )
        admitted = await self._queries.admitted(decision.facility)
        if admitted is None:
            raise Refused(ReasonCode.FACILITY_UNKNOWN)
        status, generations = admitted
        if status != ACTIVE:
            raise Refused(ReasonCode.FACILITY_SUSPENDED)
        if generation_of(certificate) not in generations:
            raise Refused(ReasonCode.CERTIFICATE_REVOKED)
        return decision.facility


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate as TLS handed it over. Raises Refused(CERTIFICATE_MALFORMED)."""
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED) from None


def generation_of(certificate: x509.Certificate) -> str:
    """The generation in ``OU=k<generation>``. Raises Refused(CERTIFICATE_WRONG_USAGE) where there is no one such."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    found = _GENERATION.fullmatch(str(units[0].value)) if len(units) == 1 else None
    if found is None:
        raise Refused(ReasonCode.CERTIFICATE_WRONG_USAGE)
    return found[1]
