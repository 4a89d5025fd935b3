"""A facility's directory entry: countersigned, stored, and handed to every connected facility."""

import hashlib

from broker.audit.actions import Action
from broker.recording.context import Context
from broker.recording.rows import Row, outbox_row
from broker.recording.stamping import facts_of
from broker.stages.tokens import CheckedEntry
from certs.directory import countersign
from schemas.reasons import ReasonCode
from schemas.topics import RecordType
from schemas.urgency import Priority


def record_entry(context: Context, checked: CheckedEntry) -> None:
    """Store an entry newer than the stored one; the same again changes nothing, an older or other one alarms.

    That of a suspended facility is set aside: its connector sends it once more when it is back.
    """
    entry, pointer = checked.verified.entry, checked.submission.pointer
    if context.is_cut_off(entry.facility):
        context.set_token_aside(checked.submission, ReasonCode.FACILITY_SUSPENDED, version=entry.version)
        return
    stored = context.ledger.entries.get(entry.facility)
    if stored is not None and entry.version <= stored[0]:
        if (entry.version, checked.verified.sha256) != stored:
            forked = entry.version == stored[0]
            _refuse(context, checked, ReasonCode.DIRECTORY_FORKED if forked else ReasonCode.DIRECTORY_ROLLED_BACK)
        return
    token = countersign(checked.verified.token, context.signer.exchange, context.signer.key, now=context.now)
    context.ledger.entries[entry.facility] = (entry.version, checked.verified.sha256)
    context.writes.entries.append(
        {
            "facility": entry.facility,
            "version": entry.version,
            "entry_sha256": checked.verified.sha256,
            "countersigned": token,
            "received_at": context.at,
        }
    )
    hand_out(context, token, context.ledger.active)
    context.audit(
        Action.DIRECTORY_ACCEPTED,
        {
            "facility": entry.facility,
            "version": entry.version,
            "record_sha256": pointer.record_sha256,
            "flags": " ".join(sorted(checked.verified.flags)) or None,
        },
        entry.facility,
    )


def hand_out(context: Context, token: str, facilities: tuple[str, ...]) -> None:
    """Queue one directory token for many inboxes; its bytes are stored once."""
    digest = hashlib.sha256(token.encode("ascii")).hexdigest()
    context.writes.shared_tokens.append({"record_sha256": digest, "token": token})
    context.writes.new_outbox.extend(shared_rows(context, digest, len(token), facilities))


def shared_rows(context: Context, digest: str, size: int, facilities: tuple[str, ...]) -> list[Row]:
    """Outbox rows for a shared token, one for each facility."""
    return [
        outbox_row(
            facility,
            RecordType.DIRECTORY,
            Priority.ROUTINE.rank,
            facts_of(RecordType.DIRECTORY, context.signer.urn, facility, digest, accepted_at=context.at),
            context.at,
            record_sha256=digest,
            size=size,
        )
        for facility in facilities
    ]


def _refuse(context: Context, checked: CheckedEntry, reason: ReasonCode) -> None:
    submission = checked.submission
    context.set_token_aside(submission, reason, "version", version=checked.verified.entry.version)
    context.alarm(reason, submission.facility, submission.pointer)
