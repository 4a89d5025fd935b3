"""A facility's token (ack, inbox-status): a known certificate, judged anew under today's trust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from certs.chain import Purpose
from certs.identity import facility_of_certificate
from certs.signatures import verify
from certs.token import parse_compact
from certs.trust import SealPath, TrustMaterial, check_revocation, check_validity, freshness
from schemas.limits import TOKEN_MAX_BYTES
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A facility's token whose signer is proven."""

    payload: bytes
    facility: str
    kid: str
    flags: frozenset[str]  # ``stale-crl``, and every tolerated reason's code


def verify_facility_token(
    token: bytes,
    *,
    typ: str,
    signers: Mapping[str, x509.Certificate],
    trust: TrustMaterial,
    now: datetime,
    owner: str | None,
    chain: Sequence[x509.Certificate] = (),
    max_bytes: int = TOKEN_MAX_BYTES,
    tolerate: frozenset[ReasonCode] = frozenset(),
) -> VerifiedToken:
    """Prove a facility's token.

    Args:
        token: as it came.
        typ: the only kind that may pass here.
        signers: signing certificates from the directory, by ``kid``.
        trust: roots, revocation lists, policy.
        now: validity and revocation are judged as of now (a signing key stops 30 days before its certificate ends).
        owner: the facility that owns the topic (of a carried ack: the stamp's sender).
        chain: intermediates of the signers.
        max_bytes: of the token.
        tolerate: CRL_STALE or CRL_UNUSABLE, where they are to become flags; the caller then owes the judgement.

    Raises:
        Refused: what ``parse_compact``, ``signatures.verify`` and ``trust.decide`` raise, and KEY_UNKNOWN. Whoever sees
            time, revocation, owner or the age of a list named knows the signer: the signature comes before them.
    """
    parsed = parse_compact(token, typ=typ, max_bytes=max_bytes)
    certificate = signers.get(parsed.kid)
    if certificate is None:
        raise Refused(ReasonCode.KEY_UNKNOWN, "header.kid")
    seal = known_seal(certificate, chain, trust, now)
    if seal.path.kid != parsed.kid:
        raise Refused(ReasonCode.KEY_UNKNOWN, "header.kid")
    verify(parsed.alg, seal.path.public_key, parsed.signing_input, parsed.signature)
    check_validity(seal.path, now)
    check_revocation(seal.path, None)
    if owner is not None and seal.facility != owner:
        raise Refused(ReasonCode.FACILITY_MISMATCH)
    flags = freshness(seal.path, trust.policy, now, tolerate)
    return VerifiedToken(parsed.payload, seal.facility, parsed.kid, flags)


def known_seal(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], trust: TrustMaterial, at: datetime
) -> SealPath:
    """The path of a directory's signing certificate, remembered like those of messages."""
    remembered = trust.seals.get((certificate, *chain))
    if remembered is not None:
        return remembered
    seal = SealPath(trust.path(certificate, chain, Purpose.SIGNING, at), facility_of_certificate(certificate))
    trust.seals.put((certificate, *chain), seal)
    return seal
