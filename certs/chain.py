"""From a certificate to a root: path, usage, and what the revocation lists say of every step. No clock, no owner.

The path is built and checked by ``cryptography`` (RFC 5280 section 6); what its default policy asks of a web server's
certificate is not asked of a seal, so end certificates are judged here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from certs.keys import UNREADABLE, PublicKey, certificate_kid, is_usable_public_key
from certs.profiles import DOCUMENT_SIGNING
from certs.revocation import RevocationList, key_digest
from schemas.limits import CERTIFICATES_MAX
from schemas.reasons import ReasonCode, Refused


class Purpose(StrEnum):
    """What a certificate is to be used for."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    TLS_CLIENT = "tls-client"


@dataclass(frozen=True, slots=True)
class TrustPath:
    """A certificate that leads to a root, and what holds for every certificate on the way."""

    leaf: x509.Certificate
    kid: str
    public_key: PublicKey
    not_before: datetime  # the latest start
    not_after: datetime  # the earliest end
    revoked_since: datetime | None  # the earliest revocation on the way
    crl_next_update: datetime | None  # the earliest next update; None when a list is missing


_READ_BY_US: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
_CA_POLICY: Final = ExtensionPolicy.webpki_defaults_ca()
_END_POLICY: Final = ExtensionPolicy.permit_all()


def find_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    lists: Mapping[bytes, RevocationList],
    *,
    purpose: Purpose,
    at: datetime,
) -> TrustPath:
    """Lead a certificate back to a root.

    Args:
        leaf: the certificate to judge.
        intermediates: at most two, as they came.
        roots: whom the site trusts.
        lists: revocation lists by the digest of the key that signed them.
        purpose: what the leaf is used for.
        at: a moment; where the leaf's own time does not reach it, the path is judged at the nearest moment it does, so
            that *expired* is only ever said of a certificate that a trusted authority did issue.

    Raises:
        Refused: CERTIFICATE_MALFORMED, UNTRUSTED_ISSUER, CERTIFICATE_WRONG_USAGE.
    """
    try:
        chain = _verified(leaf, intermediates, roots, at)
        _check_usage(leaf, purpose)
        public_key = leaf.public_key()
        steps = [(step, lists.get(key_digest(issuer))) for step, issuer in pairwise(chain)]
    except UNREADABLE:
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED) from None
    if not is_usable_public_key(public_key):
        raise Refused(ReasonCode.CERTIFICATE_WRONG_USAGE, "key")
    return TrustPath(
        leaf=leaf,
        kid=certificate_kid(leaf),
        public_key=public_key,
        not_before=max(step.not_valid_before_utc for step in chain),
        not_after=min(step.not_valid_after_utc for step in chain),
        revoked_since=_earliest(found.since.get(step.serial_number) for step, found in steps if found is not None),
        crl_next_update=None
        if any(found is None for _, found in steps)
        else min(found.next_update for _, found in steps if found is not None),
    )


def _verified(
    leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """Leaf, intermediates, root. Raises Refused(UNTRUSTED_ISSUER)."""
    if not roots or len(intermediates) >= CERTIFICATES_MAX:
        raise Refused(ReasonCode.UNTRUSTED_ISSUER)
    moment = min(max(at, leaf.not_valid_before_utc), leaf.not_valid_after_utc)
    verifier = (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(moment)
        .max_chain_depth(CERTIFICATES_MAX)
        .extension_policies(ca_policy=_CA_POLICY, ee_policy=_END_POLICY)
        .build_client_verifier()
    )
    try:
        return verifier.verify(leaf, list(intermediates)).chain
    except VerificationError:
        raise Refused(ReasonCode.UNTRUSTED_ISSUER) from None


def _check_usage(leaf: x509.Certificate, purpose: Purpose) -> None:
    extensions = leaf.extensions
    if any(extension.critical and extension.oid not in _READ_BY_US for extension in extensions):
        raise Refused(ReasonCode.CERTIFICATE_MALFORMED, "critical extension")
    constraints = [item.value for item in extensions if isinstance(item.value, x509.BasicConstraints)]
    extended = [usage for item in extensions if isinstance(item.value, x509.ExtendedKeyUsage) for usage in item.value]
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    if any(item.ca for item in constraints) or not _fits(purpose, usage, extended):
        raise Refused(ReasonCode.CERTIFICATE_WRONG_USAGE, purpose.value)


def _fits(purpose: Purpose, usage: x509.KeyUsage, extended: Sequence[x509.ObjectIdentifier]) -> bool:
    """An encryption key never signs, a link's key never seals; a public CA's seal may say contentCommitment alone."""
    seals = ExtendedKeyUsageOID.EMAIL_PROTECTION in extended or DOCUMENT_SIGNING in extended
    opens = usage.key_agreement or usage.key_encipherment
    signs = usage.digital_signature or usage.content_commitment
    if purpose is Purpose.SIGNING:
        return signs and not opens and seals
    if purpose is Purpose.ENCRYPTION:
        return opens and not signs and (seals or not extended)
    return usage.digital_signature and ExtendedKeyUsageOID.CLIENT_AUTH in extended


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
