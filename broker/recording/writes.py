"""Everything that one turn causes, beside its read positions; the store writes it in one transaction."""

from dataclasses import dataclass, field

from broker.recording.rows import Row


@dataclass
class Writes:
    """Rows by what is done with them. ``new_*`` are inserted; the others are found by their keys and changed."""

    new_messages: list[Row] = field(default_factory=list)
    new_transfers: list[Row] = field(default_factory=list)
    changed_transfers: list[Row] = field(default_factory=list)
    new_outbox: list[Row] = field(default_factory=list)
    repointed: list[Row] = field(default_factory=list)  # outbox rows that have no number yet get other bytes
    raised: list[Row] = field(default_factory=list)  # lane, destination, case_id, priority_rank
    resend: list[Row] = field(default_factory=list)  # destination, delivery_seq, resend
    acked: list[Row] = field(default_factory=list)  # messages: message_id, sender, ack, ack_reason, acked_at
    completed: list[Row] = field(default_factory=list)  # messages: what only their content tells
    held: list[Row] = field(default_factory=list)  # inserted or replaced
    released: list[Row] = field(default_factory=list)  # message_id, sender
    statuses: list[Row] = field(default_factory=list)  # inserted or replaced
    entries: list[Row] = field(default_factory=list)
    shared_tokens: list[Row] = field(default_factory=list)  # inserted where new
    quarantine: list[Row] = field(default_factory=list)  # inserted where new
    junk: list[Row] = field(default_factory=list)  # topic, minute, reason, records: added
    alarms: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    heads: set[str] = field(default_factory=set)  # inboxes whose head is wanted at once; not stored
    awaited: set[str] = field(default_factory=set)  # transfers that arrived while messages wait for them; not stored
