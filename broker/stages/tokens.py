"""Tokens that facilities submit without an envelope: ack and inbox-status, signed by a key of the facility's directory
entry, and the entry itself. Nothing in them is secret: ids, digests, numbers, times, certificates and phones of desks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from broker.stages.submission import Submission
from certs.directory import KnownEntry, VerifiedEntry, verify_entry
from certs.facility_token import verify_facility_token
from certs.trust import TrustMaterial
from schemas.reasons import ReasonCode, Refused
from schemas.tokens.delivery import Ack, InboxStatus

# These are sent once: set aside for an old list, "delivered" would never be known, and nobody could seal for a
# hospital. Nobody here vouches for an entry: whoever reads it judges it anew, and keeps it back while its list is old.
WITHOUT_A_FRESH_LIST: Final = frozenset({ReasonCode.CRL_STALE, ReasonCode.CRL_UNUSABLE})


@dataclass(frozen=True, slots=True)
class Signers:
    """The signing certificates of one facility by ``kid``, the intermediates they need, and the entry they are from."""

    certificates: Mapping[str, x509.Certificate]
    chain: tuple[x509.Certificate, ...] = ()
    entry: KnownEntry | None = None


NO_SIGNERS = Signers({})


@dataclass(frozen=True, slots=True)
class CheckedAck:
    """A destination's word on messages that one sender sent it."""

    submission: Submission
    ack: Ack


@dataclass(frozen=True, slots=True)
class CheckedStatus:
    """What a facility holds of its inbox."""

    submission: Submission
    status: InboxStatus


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """A facility's directory entry, newer than the one known, or the known one again."""

    submission: Submission
    verified: VerifiedEntry

    @property
    def signers(self) -> Signers:
        """The signers it makes known."""
        return Signers(self.verified.signers, self.verified.chain, self.verified.known)


def check_ack(
    submission: Submission, signers: Signers, trust: TrustMaterial, now: datetime, exchange: str
) -> CheckedAck:
    """Verify an ack of the topic's owner. ``exchange`` is the URN of this exchange.

    Raises:
        Refused: as ``verify_facility_token``; TOKEN_MALFORMED, FACILITY_MISMATCH, EXCHANGE_MISMATCH.
    """
    ack = Ack.decode(_payload(submission, Ack.TYP, signers, trust, now))
    _check_names(ack.facility, ack.exchange, submission.facility, exchange)
    return CheckedAck(submission, ack)


def check_status(
    submission: Submission, signers: Signers, trust: TrustMaterial, now: datetime, exchange: str
) -> CheckedStatus:
    """Verify an inbox-status of the topic's owner. Arguments and reasons as for ``check_ack``."""
    status = InboxStatus.decode(_payload(submission, InboxStatus.TYP, signers, trust, now))
    _check_names(status.facility, status.exchange, submission.facility, exchange)
    return CheckedStatus(submission, status)


def check_entry(submission: Submission, signers: Signers, trust: TrustMaterial, now: datetime) -> CheckedEntry:
    """Verify the topic owner's directory entry. Raises Refused as ``certs.directory.verify_entry``."""
    known = {submission.facility: signers.entry} if signers.entry is not None else {}
    verified = verify_entry(
        submission.record.value, trust, now=now, known=known, owner=submission.facility, tolerate=WITHOUT_A_FRESH_LIST
    )
    return CheckedEntry(submission, verified)


def _payload(submission: Submission, typ: str, signers: Signers, trust: TrustMaterial, now: datetime) -> bytes:
    return verify_facility_token(
        submission.record.value,
        typ=typ,
        signers=signers.certificates,
        trust=trust,
        now=now,
        owner=submission.facility,
        chain=signers.chain,
        tolerate=WITHOUT_A_FRESH_LIST,
    ).payload


def _check_names(facility: str, exchange: str, owner: str, own_exchange: str) -> None:
    if facility != owner:
        raise Refused(ReasonCode.FACILITY_MISMATCH, "facility")
    if exchange != own_exchange:
        raise Refused(ReasonCode.EXCHANGE_MISMATCH, "exchange")
