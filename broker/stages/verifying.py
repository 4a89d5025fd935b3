"""Stage 3: whose message it is. From here on the sender is proven."""

from dataclasses import dataclass
from datetime import datetime

from broker.stages.opening import OpenedEnvelope
from broker.stages.submission import Submission
from certs.trust import TrustMaterial
from certs.verify_message import TOLERABLE, VerifiedMessage, verify_message


@dataclass(frozen=True, slots=True)
class VerifiedSubmission:
    """A submission whose signer owns the topic."""

    submission: Submission
    message: VerifiedMessage


def verify_submission(opened: OpenedEnvelope, trust: TrustMaterial, now: datetime) -> VerifiedSubmission:
    """Prove the sender. Age and the state of the revocation list become flags: what they mean depends on the message,
    and on whether its id is known already.

    Raises Refused as ``certs.verify_message.verify_message``, steps 1 to 8: nobody is proven to own the topic then.
    """
    submission = opened.submission
    message = verify_message(opened.jws, trust, now=now, owner=submission.facility, tolerate=TOLERABLE)
    return VerifiedSubmission(submission, message)
