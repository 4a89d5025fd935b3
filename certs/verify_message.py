"""A signed message, verified step by step: the numbered recipe.

1. size
2. pre-parse: three parts, canonical base64url, no duplicate member, exactly the members of a message's header
3. the header's values; ``kid`` is the digest of the first certificate; no key is ever fetched from anywhere
4. the certificate leads to a trusted root and is meant for signing
5. ``alg`` is the one that the certificate's key fixes
6. signature
7. the certificate was valid when the message was signed, and is not revoked
8. its facility owns the topic
9. age of the claimed time, and of the revocation list

Until step 6 has passed nobody is proven to have sent anything: a certificate is public, and whoever copies one into a
header must not be able to write evidence in another's name. Step 9 comes last: whoever sees one of its reasons knows
the sender, and may hold the message under its own id.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from certs.chain import Purpose
from certs.identity import facility_of_certificate
from certs.keys import read_x5c
from certs.kinds import MESSAGE_CTY, MESSAGE_HEADER, MESSAGE_TYP
from certs.signatures import algorithm_of, verify
from certs.token import parse_compact
from certs.trust import SealPath, TrustMaterial, check_revocation, check_validity, freshness
from schemas.limits import CERTIFICATES_MAX, ENVELOPE_MAX_BYTES, IAT_MAX_AGE, IAT_MAX_AHEAD
from schemas.reasons import ReasonCode, Refused

_IAT_MAX: Final = 2**33  # seconds since 1970, the year 2242: beyond it a claimed time is nonsense
TOLERABLE: Final = frozenset(
    {ReasonCode.IAT_TOO_OLD, ReasonCode.IAT_IN_FUTURE, ReasonCode.CRL_STALE, ReasonCode.CRL_UNUSABLE}
)


@dataclass(frozen=True, slots=True)
class VerifiedMessage:
    """A message whose sender is proven."""

    payload: bytes  # the Bundle, byte for byte as signed
    payload_sha256: str  # lower-case hexadecimal
    facility: str
    kid: str
    alg: str
    iat: int  # claimed time of signing, seconds since 1970 UTC
    flags: frozenset[str]  # ``stale-crl``, and every tolerated reason's code


def verify_message(
    jws: bytes,
    trust: TrustMaterial,
    *,
    now: datetime,
    owner: str | None,
    judged_at: datetime | None = None,
    tolerate: frozenset[ReasonCode] = frozenset(),
) -> VerifiedMessage:
    """Prove a signed message, or refuse it.

    Args:
        jws: what ``open_envelope`` gave.
        trust: roots, revocation lists, policy.
        now: the time by the database's clock.
        owner: the facility that owns the topic (at a receiver: the stamp's sender); None where nobody claims it.
        judged_at: for a receiver, the moment at which the exchange accepted (from its stamp): age, revocation and the
            freshness of the lists are then judged as of that moment, so that both come to one verdict.
        tolerate: reasons of step 9 that become flags. The caller then owes the judgement: IAT_TOO_OLD passes only for
            an id that is known already, CRL_STALE and IAT_IN_FUTURE hold.

    Raises:
        Refused: by step: RECORD_TOO_LARGE (1); TOKEN_MALFORMED, DUPLICATE_MEMBER, TOKEN_WRONG_TYPE, HEADER_NOT_ALLOWED,
            ALGORITHM_NOT_ALLOWED (2, 3, 5); CERTIFICATE_MALFORMED, UNTRUSTED_ISSUER, CERTIFICATE_WRONG_USAGE,
            KEY_UNKNOWN (4); SIGNATURE_INVALID (6); CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED, CERTIFICATE_REVOKED
            (7); FACILITY_MISMATCH (8); IAT_TOO_OLD, IAT_IN_FUTURE, CRL_UNUSABLE, CRL_STALE (9: the sender is proven).
    """
    as_of = now if judged_at is None else judged_at
    token = parse_compact(jws, typ=MESSAGE_TYP, max_bytes=ENVELOPE_MAX_BYTES, header_allow=MESSAGE_HEADER)  # 1, 2
    x5c, iat = _header_values(token.header)  # 3
    signed_at = min(datetime.fromtimestamp(iat, UTC), as_of)
    seal = _seal_path(x5c, trust, signed_at)  # 4
    if token.kid != seal.path.kid:  # 3
        raise Refused(ReasonCode.KEY_UNKNOWN, "header.kid")
    if token.alg != algorithm_of(seal.path.public_key):  # 5
        raise Refused(ReasonCode.ALGORITHM_NOT_ALLOWED, "header.alg")
    verify(token.alg, seal.path.public_key, token.signing_input, token.signature)  # 6
    check_validity(seal.path, signed_at)  # 7
    check_revocation(seal.path, judged_at)
    if owner is not None and seal.facility != owner:  # 8
        raise Refused(ReasonCode.FACILITY_MISMATCH)
    flags = _age(iat, seal, trust, as_of, tolerate)  # 9
    digest = hashlib.sha256(token.payload).hexdigest()
    return VerifiedMessage(token.payload, digest, seal.facility, token.kid, token.alg, iat, flags)


def _header_values(header: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    if header["cty"] != MESSAGE_CTY:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.cty")
    if header["x5t#S256"] != header["kid"]:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.x5t#S256")
    iat, x5c = header["iat"], header["x5c"]
    if type(iat) is not int or not 0 < iat < _IAT_MAX:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.iat")
    if not isinstance(x5c, list) or not 1 <= len(x5c) <= CERTIFICATES_MAX or not all(type(one) is str for one in x5c):
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.x5c")
    return tuple(x5c), iat


def _seal_path(x5c: tuple[str, ...], trust: TrustMaterial, signed_at: datetime) -> SealPath:
    remembered = trust.seals.get(x5c)
    if remembered is not None:
        return remembered
    leaf, *chain = (read_x5c(text) for text in x5c)
    seal = SealPath(trust.path(leaf, chain, Purpose.SIGNING, signed_at), facility_of_certificate(leaf))
    trust.seals.put(x5c, seal)
    return seal


def _age(
    iat: int, seal: SealPath, trust: TrustMaterial, as_of: datetime, tolerate: frozenset[ReasonCode]
) -> frozenset[str]:
    age = as_of.timestamp() - iat
    reason = None
    if age > IAT_MAX_AGE.total_seconds():
        reason = ReasonCode.IAT_TOO_OLD
    elif -age > IAT_MAX_AHEAD.total_seconds():
        reason = ReasonCode.IAT_IN_FUTURE
    if reason is not None and reason not in tolerate:
        raise Refused(reason, "header.iat")
    flags = freshness(seal.path, trust.policy, as_of, tolerate)
    return flags if reason is None else flags | {reason.value}
