"""The types of a reason, and the exception that carries one."""

from dataclasses import dataclass
from enum import StrEnum

from schemas.reasons.codes import ReasonCode


class Disposition(StrEnum):
    """What becomes of a message with this reason."""

    REJECT = "reject"  # final: the same bytes will never be accepted
    TRANSIENT = "transient"  # not final: send again, unchanged, later
    HELD = "held"  # kept, judged anew when the cause is gone; only later messages of its case wait
    QUARANTINE = "quarantine"  # set aside as evidence; no answer, because nobody is proven to have sent it
    NOTE = "note"  # nothing is refused; a person is told


class Fixer(StrEnum):
    """Who must act."""

    SENDER_IT = "sender-it"  # IT officer of the sending hospital
    SENDER_CLERK = "sender-clerk"  # whoever fills the slip in the HIS there
    SENDER_DOCTOR = "sender-doctor"
    RECEIVER_IT = "receiver-it"
    RECEIVER_DUTY = "receiver-duty"  # duty desk of the receiving hospital
    OPERATOR = "operator"  # of the exchange
    VENDOR = "vendor"  # of the HIS or of a foreign connector
    NOBODY = "nobody"  # it resolves by itself, or nothing is wrong


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: stable code, disposition, who must act, and the agreed sentence twice."""

    code: ReasonCode
    disposition: Disposition
    fixer: Fixer
    vi: str
    en: str


class Refused(Exception):  # noqa: N818  a refusal is an answer, not an error of the program
    """Something was judged and refused.

    ``where`` is a field path or a position (``Patient.birthDate``, ``HOSO[2].XML13.NGAY_RA``), never a value:
    this text reaches logs and pages.
    """

    def __init__(self, reason: ReasonCode, where: str = "") -> None:
        super().__init__(f"{reason.value} at {where}" if where else reason.value)
        self.reason = reason
        self.where = where
