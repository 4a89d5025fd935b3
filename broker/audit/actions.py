"""What an audit entry may report: one closed list of actions."""

from enum import StrEnum


class Action(StrEnum):
    """The decision or act that an entry stands for. A new kind of decision gets a new member, never a free text."""

    # messages
    MESSAGE_ACCEPTED = "message-accepted"
    MESSAGE_REFUSED = "message-refused"
    MESSAGE_TRANSIENT = "message-transient"
    MESSAGE_HELD = "message-held"
    MESSAGE_REPEATED = "message-repeated"  # answered from store
    # records without a proven sender
    RECORD_QUARANTINED = "record-quarantined"
    JUNK_COUNTED = "junk-counted"  # one entry a minute, whatever the flood
    # tokens of facilities
    ACK_ACCEPTED = "ack-accepted"
    INBOX_STATUS_ACCEPTED = "inbox-status-accepted"
    DIRECTORY_ACCEPTED = "directory-accepted"
    TOKEN_REFUSED = "token-refused"  # noqa: S105  a name, not a secret
    # what the exchange does by itself
    NOTICE_GIVEN = "notice-given"
    DELIVERY_REPLACED = "delivery-replaced"  # a repeat repaired a pointer
    DELIVERY_VOIDED = "delivery-voided"
    DELIVERY_UNDELIVERABLE = "delivery-undeliverable"
    TRANSFER_EXPIRED = "transfer-expired"
    DEADLINE_MISSED = "deadline-missed"
    HELD_RELEASED = "held-released"
    SECURITY_ALARM = "security-alarm"
    SOURCE_REREAD = "source-reread"  # a log anchor did not hold; the topic is read again from its start
    # the operator
    EXCHANGE_STARTED = "exchange-started"
    GENERATION_RAISED = "generation-raised"
    MESSAGE_REBUILT = "message-rebuilt"  # from the inbox topics, after a backup was restored
    INBOX_REBUILT = "inbox-rebuilt"
    ENTRY_LOST = "entry-lost"  # stands for an entry that a restored database does not know any more
    TRUST_CHANGED = "trust-changed"
    REGISTER_LOADED = "register-loaded"
    FACILITY_ADDED = "facility-added"
    FACILITY_CHANGED = "facility-changed"
    FACILITY_SUSPENDED = "facility-suspended"
    FACILITY_RESUMED = "facility-resumed"
