"""The trust decision: certificate, chain, revocation lists, time and owner in; facility or a reason out.

Validity is judged at the time of signing, revocation as of now. With an old list the caller decides by urgency: within
72 hours past its next update the decision carries the flag ``stale-crl`` and the caller holds everything but stat;
beyond that, and without any list, the reason is one that holds.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Self

from cryptography import x509

from certs.chain import Purpose, TrustPath, find_path
from certs.identity import exchange_of_certificate, facility_of_certificate
from certs.keys import read_certificates
from certs.revocation import RevocationList, read_crl
from schemas.limits import CRL_GRACE_FOR_STAT
from schemas.reasons import ReasonCode, Refused

STALE_CRL: Final = "stale-crl"  # flag: only stat may pass
NO_FLAGS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What a site decides by name, in its configuration."""

    crl_grace: timedelta = CRL_GRACE_FOR_STAT  # how long past nextUpdate a list may still serve stat


@dataclass(frozen=True, slots=True)
class SealPath:
    """A facility's signing certificate that leads to a root."""

    path: TrustPath
    facility: str


class SealMemory:
    """Paths of seals that were found good, by their certificates; the oldest is forgotten first.

    Only what leads to a trusted root is remembered, so strangers cannot fill it. Time, revocation and owner are judged
    anew at every use: what is kept here depends on the roots and lists alone, and goes with them.
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._paths: OrderedDict[tuple[object, ...], SealPath] = OrderedDict()

    def get(self, certificates: tuple[object, ...]) -> SealPath | None:
        """What was remembered for these certificates."""
        return self._paths.get(certificates)

    def put(self, certificates: tuple[object, ...], path: SealPath) -> None:
        """Remember one more."""
        self._paths[certificates] = path
        while len(self._paths) > self._size:
            self._paths.popitem(last=False)


@dataclass(frozen=True)
class TrustMaterial:
    """Whom a site trusts, and who is revoked. A value: a new list makes a new one, and forgets what was remembered."""

    roots: tuple[x509.Certificate, ...]
    lists: Mapping[bytes, RevocationList] = field(default_factory=lambda: MappingProxyType({}))
    policy: TrustPolicy = TrustPolicy()
    intermediates: tuple[x509.Certificate, ...] = ()  # authorities below a root whose lists are taken
    seals: SealMemory = field(default_factory=SealMemory, compare=False, repr=False)

    @classmethod
    def read(cls, roots_pem: bytes, *crls: bytes, policy: TrustPolicy | None = None, further: bytes = b"") -> Self:
        """From files' contents: roots in PEM, revocation lists in PEM or DER, further authorities in PEM.

        Raises:
            Refused: CERTIFICATE_MALFORMED, CRL_UNUSABLE.
        """
        intermediates = read_certificates(further) if further else ()
        trust = cls(read_certificates(roots_pem), policy=policy or TrustPolicy(), intermediates=intermediates)
        for crl in crls:
            trust = trust.with_crl(crl)
        return trust

    def with_crl(self, data: bytes) -> Self:
        """The same trust with a newer list of one issuer.

        Raises:
            Refused: CRL_UNUSABLE when it cannot be read, or is older than the one known: a list never goes back.
        """
        fresh = read_crl(data, (*self.roots, *self.intermediates))
        known = self.lists.get(fresh.issuer_key)
        if known is not None and fresh.age < known.age:
            raise Refused(ReasonCode.CRL_UNUSABLE, "older than the one known")
        return replace(self, lists=MappingProxyType({**self.lists, fresh.issuer_key: fresh}), seals=SealMemory())

    def followed_by(self, fresh: Self) -> Self:
        """``fresh``, read anew from files, unless one of its lists is older than the one known here.

        Raises:
            Refused: CRL_UNUSABLE; the caller goes on with what it has.
        """
        for issuer_key, known in self.lists.items():
            found = fresh.lists.get(issuer_key)
            if found is not None and found.age < known.age:
                raise Refused(ReasonCode.CRL_UNUSABLE, "older than the one known")
        return fresh

    def path(
        self, leaf: x509.Certificate, chain: Sequence[x509.Certificate], purpose: Purpose, at: datetime
    ) -> TrustPath:
        """``chain.find_path`` under this trust."""
        return find_path(leaf, chain, self.roots, self.lists, purpose=purpose, at=at)


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """A certificate that was found good: whose it is, and what the caller must heed."""

    facility: str
    flags: frozenset[str]
    path: TrustPath


def decide(
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    trust: TrustMaterial,
    *,
    now: datetime,
    signed_at: datetime,
    owner: str | None,
    purpose: Purpose = Purpose.SIGNING,
    tolerate: frozenset[ReasonCode] = frozenset(),
) -> TrustDecision:
    """Judge a facility's certificate.

    Args:
        leaf: the certificate.
        chain: the intermediates that came with it, without root.
        trust: roots, lists, policy.
        now: revocation and the age of the lists are judged as of now.
        signed_at: the certificates' time is judged at the time of signing.
        owner: the facility that owns the topic; None where there is no topic.
        purpose: what it is used for.
        tolerate: CRL_STALE or CRL_UNUSABLE, where they are to become flags; the caller then owes the judgement.

    Returns:
        The facility, with the flag ``stale-crl`` while a list is at most 72 hours past its next update: the caller then
        lets only stat pass.

    Raises:
        Refused: CERTIFICATE_MALFORMED, UNTRUSTED_ISSUER, CERTIFICATE_WRONG_USAGE, CERTIFICATE_NOT_YET_VALID,
            CERTIFICATE_EXPIRED, CERTIFICATE_REVOKED, FACILITY_MISMATCH, CRL_UNUSABLE, CRL_STALE; in this order.
    """
    path = trust.path(leaf, chain, purpose, signed_at)
    check_validity(path, signed_at)
    check_revocation(path, None)
    facility = facility_of_certificate(leaf)
    if owner is not None and facility != owner:
        raise Refused(ReasonCode.FACILITY_MISMATCH)
    return TrustDecision(facility, freshness(path, trust.policy, now, tolerate), path)


def decide_exchange(
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    trust: TrustMaterial,
    *,
    now: datetime,
    exchange: str,
    purpose: Purpose = Purpose.SIGNING,
) -> TrustDecision:
    """Judge the certificate by which an exchange signs, or is sealed for, today; ``facility`` then holds its name.

    Raises:
        Refused: as ``decide``, with EXCHANGE_MISMATCH in place of FACILITY_MISMATCH.
    """
    path = trust.path(leaf, chain, purpose, now)
    check_validity(path, now)
    check_revocation(path, None)
    if exchange_of_certificate(leaf) != exchange:
        raise Refused(ReasonCode.EXCHANGE_MISMATCH)
    return TrustDecision(exchange, freshness(path, trust.policy, now), path)


def check_validity(path: TrustPath, signed_at: datetime) -> None:
    """Raises Refused: CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED."""
    if signed_at < path.not_before:
        raise Refused(ReasonCode.CERTIFICATE_NOT_YET_VALID)
    if signed_at > path.not_after:
        raise Refused(ReasonCode.CERTIFICATE_EXPIRED)


def check_revocation(path: TrustPath, as_of: datetime | None) -> None:
    """Raises Refused(CERTIFICATE_REVOKED) for every listed certificate, or with ``as_of`` for those revoked by then."""
    if path.revoked_since is not None and (as_of is None or path.revoked_since <= as_of):
        raise Refused(ReasonCode.CERTIFICATE_REVOKED)


def freshness(
    path: TrustPath, policy: TrustPolicy, moment: datetime, tolerate: frozenset[ReasonCode] = frozenset()
) -> frozenset[str]:
    """No flag, or ``stale-crl``, or the code of a tolerated reason.

    Raises:
        Refused: CRL_UNUSABLE without a list, CRL_STALE past the grace, unless tolerated.
    """
    reason = None
    if path.crl_next_update is None:
        reason = ReasonCode.CRL_UNUSABLE
    elif moment > path.crl_next_update + policy.crl_grace:
        reason = ReasonCode.CRL_STALE
    elif moment > path.crl_next_update:
        return frozenset({STALE_CRL})
    if reason is None:
        return NO_FLAGS
    if reason not in tolerate:
        raise Refused(reason)
    return frozenset({reason.value})
