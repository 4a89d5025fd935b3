"""Clinical events (FHIR messages) and the parties to a transfer."""

from enum import StrEnum
from typing import Final


class Party(StrEnum):
    """Who acts. The sender refers, the destination receives, the exchange carries."""

    SENDER = "sender"
    DESTINATION = "destination"
    EXCHANGE = "exchange"


class Event(StrEnum):
    """``MessageHeader.eventCoding.code`` in the code system ``urn:lienvien:codesystem:event``."""

    ANNOUNCE = "transfer-announce"
    SUBMIT = "transfer-submit"
    UPDATE = "transfer-update"
    RECEIVED = "transfer-received"
    INFO_REQUEST = "transfer-info-request"
    ACCEPT = "transfer-accept"
    ACCEPT_WITHDRAW = "transfer-accept-withdraw"
    DECLINE = "transfer-decline"
    REDIRECT = "transfer-redirect"
    CANCEL = "transfer-cancel"
    DEPARTED = "transfer-departed"
    ARRIVED = "transfer-arrived"
    NOT_ARRIVED = "transfer-not-arrived"
    DIED = "transfer-died"
    PHONE_NOTE = "transfer-phone-note"
    INTERIM = "transfer-interim"
    COMPLETED = "transfer-completed"
    CLOSED = "transfer-closed"


# The transport's own steps in a transfer's life; they are tokens or decisions of the exchange, never FHIR messages.
class TransportStep(StrEnum):
    """What moves a transfer without a clinical message."""

    DELIVERED = "delivered"  # ack of the destination
    UNREADABLE = "unreadable"  # ack of the destination, with a reason
    UNDELIVERABLE = "undeliverable"  # exchange: the number was never confirmed
    EXPIRED = "expired"  # exchange: the slip's validity ended


CARRIES_THE_CASE: Final = frozenset({Event.SUBMIT, Event.UPDATE})  # these hold the clinical content
OPENS_A_TRANSFER: Final = frozenset({Event.SUBMIT, Event.ANNOUNCE})
NEVER_REFUSED: Final = frozenset({Event.DEPARTED, Event.ARRIVED})  # software never refuses care

# What the first release sends and accepts; the others have their place in the tables and are refused as unknown.
SUPPORTED: Final = frozenset(
    {
        Event.SUBMIT,
        Event.UPDATE,
        Event.RECEIVED,
        Event.ACCEPT,
        Event.DECLINE,
        Event.CANCEL,
        Event.DEPARTED,
        Event.ARRIVED,
    }
)
