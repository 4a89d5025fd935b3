"""The directory (who has which keys): an entry is its facility's own word, signed by its signing key.

The exchange countersigns what it passes on and vouches for nothing: a reader checks every entry against the authority,
and never goes back to a lower version. So an exchange that turned false cannot put its own key in a hospital's place.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.chain import Purpose
from certs.facility_token import known_seal
from certs.keys import PublicKey, SigningKey, TokenKey, certificate_kid, read_x5c, write_x5c
from certs.seal import sign_compact, sign_token
from certs.signatures import verify
from certs.token import CompactToken, parse_compact
from certs.trust import TrustMaterial, check_revocation, check_validity, decide, freshness
from certs.unseal import verify_token
from schemas.ids import exchange_urn
from schemas.limits import CERTIFICATES_MAX, IAT_MAX_AHEAD
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso, parse_iso
from schemas.tokens.directory import CountersignedEntry, DirectoryEntry

ENTRY_MAX_BYTES: Final = 65_536  # an entry also travels inside its countersigned form
_CHAIN: Final = frozenset({"x5c"})  # only a seal below an intermediate authority brings its chain
_NO_LONGER_GOOD: Final = frozenset(
    {ReasonCode.CERTIFICATE_EXPIRED, ReasonCode.CERTIFICATE_NOT_YET_VALID, ReasonCode.CERTIFICATE_REVOKED}
)


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """What a reader remembers of the newest entry of one facility."""

    version: int
    at: str  # schemas.times.iso
    sha256: str  # of the entry's token


@dataclass(frozen=True, slots=True)
class VerifiedEntry:
    """A directory entry whose facility is proven."""

    entry: DirectoryEntry
    token: str  # as signed, to be kept
    sha256: str
    signers: Mapping[str, x509.Certificate]  # signing certificates good today, by kid
    readers: tuple[x509.Certificate, ...]  # encryption certificates good today; the first is used to seal
    chain: tuple[x509.Certificate, ...]  # intermediates that the entry brought
    flags: frozenset[str]  # ``stale-crl``, and every tolerated reason's code

    @property
    def known(self) -> KnownEntry:
        """What to remember."""
        return KnownEntry(self.entry.version, self.entry.at, self.sha256)

    @property
    def keys(self) -> dict[str, PublicKey]:
        """Verification keys by kid, for ``verify_token``."""
        return {kid: certificate.public_key() for kid, certificate in self.signers.items()}  # type: ignore[misc]


def entry_certificates(certificates: Sequence[x509.Certificate]) -> tuple[str, ...]:
    """Certificates as an entry holds them: base64 of DER."""
    return tuple(b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii") for certificate in certificates)


def sign_entry(entry: DirectoryEntry, key: SigningKey) -> str:
    """The facility's word as a compact JWS.

    Raises:
        Refused: KEY_NOT_OF_CERTIFICATE when the entry does not list the signer; RECORD_TOO_LARGE,
            ALGORITHM_NOT_ALLOWED.
    """
    if entry_certificates([key.certificate])[0] not in entry.signing_certificates:
        raise Refused(ReasonCode.KEY_NOT_OF_CERTIFICATE, "signing_certificates")
    members = {"x5c": write_x5c((key.certificate, *key.chain))} if key.chain else {}
    token = sign_compact(entry.encode(), entry.TYP, key.token_key, members)
    if len(token) > ENTRY_MAX_BYTES:
        raise Refused(ReasonCode.RECORD_TOO_LARGE)
    return token.decode("ascii")


def countersign(entry_token: str, exchange: str, key: TokenKey, *, now: datetime, recipient: str | None = None) -> str:
    """A verified entry as the exchange passes it on."""
    carried = CountersignedEntry(exchange=exchange_urn(exchange), recipient=recipient, entry=entry_token, at=iso(now))
    return sign_token(carried.encode(), carried.TYP, key)


def verify_countersigned(
    token: bytes | str,
    *,
    keys: Mapping[str, PublicKey],
    exchange: str,
    recipient: str,
    trust: TrustMaterial,
    now: datetime,
    known: Mapping[str, KnownEntry],
) -> VerifiedEntry:
    """An entry as it came from the exchange.

    Args:
        token: the countersigned form.
        keys: of the exchange, by kid.
        exchange: the exchange's own short name.
        recipient: the facility that reads.
        trust: roots, lists, policy: the entry is judged by these, not by who carried it.
        now: the present.
        known: what is remembered, by facility.

    Raises:
        Refused: as ``verify_token`` and ``verify_entry``; EXCHANGE_MISMATCH, STAMP_NOT_FOR_ME.
    """
    carried = CountersignedEntry.decode(verify_token(token, typ=CountersignedEntry.TYP, keys=keys))
    if carried.exchange != exchange_urn(exchange):
        raise Refused(ReasonCode.EXCHANGE_MISMATCH, "exchange")
    if carried.recipient not in (None, recipient):
        raise Refused(ReasonCode.STAMP_NOT_FOR_ME, "recipient")
    return verify_entry(carried.entry.encode(), trust, now=now, known=known, owner=None)


def verify_entry(
    token: bytes,
    trust: TrustMaterial,
    *,
    now: datetime,
    known: Mapping[str, KnownEntry],
    owner: str | None,
    tolerate: frozenset[ReasonCode] = frozenset(),
) -> VerifiedEntry:
    """Prove an entry.

    1. form; 2. the signer is one of the signing certificates that the entry lists, and leads to a root; 3. signature;
    4. the signer's certificate was valid when the entry says it was made, is not revoked, and is the facility's that
    the entry is about and that owns the topic; 5. every certificate listed is this facility's and of its kind: one
    that has expired or was revoked is left out, a foreign one refuses the entry; 6. version and date do not go back.

    ``tolerate``: CRL_STALE or CRL_UNUSABLE, where they are to become flags; the caller then owes the judgement.

    Raises:
        Refused: RECORD_TOO_LARGE, TOKEN_MALFORMED, DUPLICATE_MEMBER, TOKEN_WRONG_TYPE, HEADER_NOT_ALLOWED,
            ALGORITHM_NOT_ALLOWED, KEY_UNKNOWN, CERTIFICATE_*, UNTRUSTED_ISSUER, FACILITY_MISMATCH, SIGNATURE_INVALID,
            IAT_IN_FUTURE, CRL_UNUSABLE, CRL_STALE, DIRECTORY_ROLLED_BACK, DIRECTORY_FORKED.
    """
    parsed = parse_compact(token, typ=DirectoryEntry.TYP, max_bytes=ENTRY_MAX_BYTES, optional=_CHAIN)  # 1
    entry = _read(parsed.payload)
    signing = {certificate_kid(one): one for one in map(read_x5c, entry.signing_certificates)}
    chain = _chain(parsed, signing)
    judge = _Judge(entry, chain, trust, now, tolerate)
    flags = judge.prove(parsed, signing, owner)  # 2, 3, 4
    signers = judge.good(signing.values(), Purpose.SIGNING)  # 5
    readers = judge.good(map(read_x5c, entry.encryption_certificates), Purpose.ENCRYPTION)
    digest = hashlib.sha256(token).hexdigest()
    _check_version(entry, digest, known.get(entry.facility))  # 6
    by_kid = {certificate_kid(certificate): certificate for certificate in signers}
    return VerifiedEntry(entry, token.decode("ascii"), digest, by_kid, readers, chain, flags)


def _read(payload: bytes) -> DirectoryEntry:
    """The entry; what is wrong with JSON before anybody is proven is wrong with the token, and never final."""
    try:
        return DirectoryEntry.decode(payload)
    except Refused as refused:
        if refused.reason is ReasonCode.DUPLICATE_MEMBER:
            raise
        raise Refused(ReasonCode.TOKEN_MALFORMED, refused.where) from None


def _chain(parsed: CompactToken, signing: Mapping[str, x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The intermediates of a header's ``x5c``, whose first member must be the signer that the entry lists."""
    texts = parsed.header.get("x5c")
    if texts is None:
        return ()
    if not isinstance(texts, list) or not 1 <= len(texts) <= CERTIFICATES_MAX:
        raise Refused(ReasonCode.HEADER_NOT_ALLOWED, "header.x5c")
    leaf, *chain = map(read_x5c, texts)
    if signing.get(parsed.kid) != leaf:
        raise Refused(ReasonCode.KEY_UNKNOWN, "header.x5c")
    return tuple(chain)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Judges the certificates of one entry."""

    entry: DirectoryEntry
    chain: tuple[x509.Certificate, ...]
    trust: TrustMaterial
    now: datetime
    tolerate: frozenset[ReasonCode]

    def prove(self, parsed: CompactToken, signing: Mapping[str, x509.Certificate], owner: str | None) -> frozenset[str]:
        signer = signing.get(parsed.kid)
        if signer is None:
            raise Refused(ReasonCode.KEY_UNKNOWN, "header.kid")
        made_at = _moment(self.entry.at)
        seal = known_seal(signer, self.chain, self.trust, made_at)
        verify(parsed.alg, seal.path.public_key, parsed.signing_input, parsed.signature)
        check_validity(seal.path, made_at)
        check_revocation(seal.path, None)
        if seal.facility != self.entry.facility or owner not in (None, seal.facility):
            raise Refused(ReasonCode.FACILITY_MISMATCH)
        if made_at > self.now + IAT_MAX_AHEAD:
            raise Refused(ReasonCode.IAT_IN_FUTURE, "at")
        return freshness(seal.path, self.trust.policy, self.now, self.tolerate)

    def good(self, certificates: Iterable[x509.Certificate], purpose: Purpose) -> tuple[x509.Certificate, ...]:
        """Those that are good today, in their order. A foreign, misused or untrusted one refuses the entry."""
        return tuple(certificate for certificate in certificates if self._is_good(certificate, purpose))

    def _is_good(self, certificate: x509.Certificate, purpose: Purpose) -> bool:
        owner = self.entry.facility
        try:
            decide(
                certificate,
                self.chain,
                self.trust,
                now=self.now,
                signed_at=self.now,
                owner=owner,
                purpose=purpose,
                tolerate=self.tolerate,
            )
        except Refused as refused:
            if refused.reason not in _NO_LONGER_GOOD:
                raise
            return False
        return True


def _moment(text: str) -> datetime:
    try:
        return parse_iso(text)
    except ValueError:
        raise Refused(ReasonCode.TOKEN_MALFORMED, "at") from None


def _check_version(entry: DirectoryEntry, digest: str, known: KnownEntry | None) -> None:
    if known is None:
        return
    if entry.version < known.version or (entry.version > known.version and entry.at < known.at):
        raise Refused(ReasonCode.DIRECTORY_ROLLED_BACK, "version")
    if entry.version == known.version and digest != known.sha256:
        raise Refused(ReasonCode.DIRECTORY_FORKED, "version")
