"""Stages 2 to 4 in a row: one record in, one ``Examined`` out. No memory of other messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from broker.stages.checking import CheckedMessage, FaultyMessage, check
from broker.stages.opening import open_submission
from broker.stages.submission import Pointer, Record, Submission, pointer_to, take
from broker.stages.tokens import (
    NO_SIGNERS,
    CheckedAck,
    CheckedEntry,
    CheckedStatus,
    Signers,
    check_ack,
    check_entry,
    check_status,
)
from broker.stages.verifying import verify_submission
from certs.keys import PrivateKey
from certs.trust import TrustMaterial
from schemas.ids import exchange_urn
from schemas.reasons import ReasonCode, Refused
from schemas.topics import RecordType


@dataclass(frozen=True, slots=True)
class Unproven:
    """A record that nobody is proven to have sent. ``record_type`` is None where even that is unknown.

    With ``evidence`` it gets a row of its own, by its place in the topic; otherwise it is counted.
    """

    pointer: Pointer
    record_type: RecordType | None
    reason: ReasonCode
    where: str
    evidence: bool


Examined: TypeAlias = CheckedMessage | FaultyMessage | CheckedAck | CheckedStatus | CheckedEntry | Unproven

# Behind these stands a signature that holds, or a fault of the log or of a process; everything else is noise on the
# line. A certificate of another use is found before its signature is looked at, so it is noise.
EVIDENCE: Final = frozenset(
    {
        ReasonCode.FACILITY_MISMATCH,
        ReasonCode.CERTIFICATE_REVOKED,
        ReasonCode.CERTIFICATE_EXPIRED,
        ReasonCode.CERTIFICATE_NOT_YET_VALID,
        ReasonCode.DIRECTORY_ROLLED_BACK,
        ReasonCode.DIRECTORY_FORKED,
        ReasonCode.EXCHANGE_MISMATCH,
        ReasonCode.CRL_STALE,
        ReasonCode.CRL_UNUSABLE,
        ReasonCode.RECORD_UNREADABLE,
        ReasonCode.POISON,
        ReasonCode.PROCESSING_FAILED,
    }
)


@dataclass(frozen=True)
class Material:
    """What examining needs beside the record: the exchange's name and keys, trust, and who signs for whom."""

    exchange: str
    keys: Mapping[str, PrivateKey]
    duplicate_secret: bytes
    trust: TrustMaterial
    signers: Mapping[str, Signers]


def examine(record: Record, material: Material, now: datetime) -> Examined:
    """What a record is, proven or not. Never raises Refused; any exception is an error of the program."""
    pointer = pointer_to(record)
    try:
        submission = take(record, pointer)
    except Refused as refused:
        return unproven(pointer, None, refused)
    try:
        return _examine(submission, material, now)
    except Refused as refused:
        return unproven(pointer, submission.record_type, refused)


def unproven(pointer: Pointer, record_type: RecordType | None, refused: Refused) -> Unproven:
    """The record at ``pointer``, refused before anybody was proven to have sent it."""
    return Unproven(pointer, record_type, refused.reason, refused.where, refused.reason in EVIDENCE)


def _examine(submission: Submission, material: Material, now: datetime) -> Examined:
    if submission.record_type is RecordType.ENVELOPE:
        opened = open_submission(submission, material.keys)  # 2
        verified = verify_submission(opened, material.trust, now)  # 3
        return check(verified, material.duplicate_secret)  # 4
    signers = material.signers.get(submission.facility, NO_SIGNERS)
    if submission.record_type is RecordType.DIRECTORY:
        return check_entry(submission, signers, material.trust, now)
    reader = check_ack if submission.record_type is RecordType.ACK else check_status
    return reader(submission, signers, material.trust, now, exchange_urn(material.exchange))
