"""Stage 2: the signed message inside an envelope. Who has sealed it is not known yet."""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.stages.submission import Submission
from certs.keys import PrivateKey
from certs.unseal import open_envelope


@dataclass(frozen=True, slots=True)
class OpenedEnvelope:
    """A submission whose envelope held an entry for the exchange, and the compact JWS inside."""

    submission: Submission
    jws: bytes


def open_submission(submission: Submission, keys: Mapping[str, PrivateKey]) -> OpenedEnvelope:
    """Open with the exchange's own keys, by ``kid``. Raises Refused as ``certs.unseal.open_envelope``."""
    return OpenedEnvelope(submission, open_envelope(submission.record.value, keys))
