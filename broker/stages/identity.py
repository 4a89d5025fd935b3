"""Is a message new, a repeat, a reuse of an id, or known content under new ids?

A message is (proven sender, message id) with the digest of its signed bytes; the Bundle's id is unique per sender too.
"""

from dataclasses import dataclass
from enum import Enum

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.known import Known, StoredMessage


class Likeness(Enum):
    """How a message relates to what its sender sent before."""

    NEW = "new"
    REPEAT = "repeat"  # the stored answer
    MESSAGE_ID_REUSED = "message-id-reused"
    BUNDLE_ID_REUSED = "bundle-id-reused"
    DUPLICATE = "duplicate"  # known content under new ids


@dataclass(frozen=True, slots=True)
class Identity:
    """The likeness, and the earlier message that it is about."""

    likeness: Likeness
    earlier: StoredMessage | None = None
    bundle_taken: bool = False  # the Bundle's id belongs to the earlier message


def identify(message: CheckedMessage | FaultyMessage, known: Known) -> Identity:
    """Compare a message with the earlier ones that share an id or the content."""
    same_id = known.same_id
    if same_id is not None:
        alike = message.payload_sha256 == same_id.payload_sha256 or _same_content(message, same_id)
        return Identity(Likeness.REPEAT if alike else Likeness.MESSAGE_ID_REUSED, same_id)
    if known.same_bundle is not None:
        alike = _same_content(message, known.same_bundle)
        return Identity(Likeness.DUPLICATE if alike else Likeness.BUNDLE_ID_REUSED, known.same_bundle, True)
    if known.same_content is not None:
        return Identity(Likeness.DUPLICATE, known.same_content)
    return Identity(Likeness.NEW)


def _same_content(message: CheckedMessage | FaultyMessage, earlier: StoredMessage) -> bool:
    return message.content_sha256 is not None and message.content_sha256 == earlier.content_sha256
