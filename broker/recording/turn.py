"""A whole turn: the examined records in their order, each seeing what those before it did."""

from collections import Counter
from collections.abc import Sequence

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.delivery import record_ack, record_status
from broker.recording.entry import record_entry
from broker.recording.message import record_message
from broker.recording.rows import transfer_row
from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.examining import Examined, Unproven
from broker.stages.tokens import CheckedAck, CheckedEntry, CheckedStatus
from schemas.topics import facility_of_topic

_MINUTE_CHARS = 16  # of schemas.times.iso, up to the minute


def record_turn(context: Context, examined: Sequence[Examined]) -> None:
    """Decide on every record and fill ``context.writes``."""
    junk: Counter[tuple[str, str]] = Counter()
    for one in examined:
        match one:
            case CheckedMessage() | FaultyMessage():
                record_message(context, one)
            case CheckedAck():
                record_ack(context, one)
            case CheckedStatus():
                record_status(context, one)
            case CheckedEntry():
                record_entry(context, one)
            case Unproven(evidence=True):
                _set_aside(context, one)
            case Unproven():
                junk[one.pointer.topic, one.reason] += 1
    _finish(context, junk)


def _set_aside(context: Context, one: Unproven) -> None:
    pointer = one.pointer
    context.set_aside(pointer, one.record_type, one.reason, one.where, None)
    context.audit(
        Action.RECORD_QUARANTINED,
        {
            "reason": one.reason,
            "record_type": one.record_type,
            "record_sha256": pointer.record_sha256 or None,
            "topic": pointer.topic,
            "partition": pointer.partition,
            "offset": pointer.offset,
        },
        facility_of_topic(pointer.topic),
    )


def _finish(context: Context, junk: Counter[tuple[str, str]]) -> None:
    ledger, writes = context.ledger, context.writes
    for key in sorted(ledger.changed_transfers):
        row = transfer_row(ledger.transfers[key], context.at)
        (writes.new_transfers if key in ledger.new_transfers else writes.changed_transfers).append(row)
    minute = context.at[:_MINUTE_CHARS]
    writes.junk.extend(
        {"topic": topic, "minute": minute, "reason": reason, "records": count}
        for (topic, reason), count in sorted(junk.items())
    )
