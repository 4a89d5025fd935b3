"""What one export file causes, as rows: collected in memory, written in one transaction."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from connectors import card
from connectors.case_of_slip import Standing
from connectors.drafting import Draft
from connectors.sources.seen_files import FileIdentity, Outcome
from connectors.store import case_keys, files, meta, outbox_rows, transfers
from connectors.store.case_keys import KnownCase
from connectors.store.files import FileFinding
from connectors.store.outbox_rows import NewMessage, OutState
from connectors.store.transfers import NewTransfer, TransferEvent
from schemas.events import Event
from schemas.lifecycle import Decision
from schemas.message import MessageFacts
from schemas.times import iso


@dataclass
class Taken:
    """What one file causes; written in one transaction."""

    identity: FileIdentity
    outcome: Outcome
    messages: list[tuple[NewMessage, OutState, str | None]] = field(default_factory=list)
    cases: list[KnownCase] = field(default_factory=list)
    opened: list[tuple[NewTransfer, TransferEvent]] = field(default_factory=list)
    findings: list[FileFinding] = field(default_factory=list)
    settled: list[str | None] = field(default_factory=list)  # slip numbers that are good now
    same: int = 0  # slips recognised as sent before
    parts: int = 0  # portions of the file that are durable already


def transfer_of(drafted: Draft, code: str) -> NewTransfer:
    """The transfer as its drafted message tells it."""
    facts = drafted.facts
    return NewTransfer(
        sender=facts.sender,
        transfer_id=facts.transfer_id,
        destination=facts.recipient,
        case_id=facts.case_id,
        case_code=code,
        slip_number=card.slip_number_of(drafted.bundle),
        priority=facts.priority.value,
        kind=facts.kind.value if facts.kind else None,
        tags=" ".join(sorted(facts.tags)),
        patient=json.dumps(card.patient_card(drafted.bundle), ensure_ascii=False),
        submit_message_id=facts.message_id if facts.event is Event.SUBMIT else None,
    )


def message_of(facts: MessageFacts, code: str, payload: bytes, source: str) -> NewMessage:
    """The message as a row of the outbox, not sealed yet. ``source``: the file that it comes from."""
    return NewMessage(
        message_id=facts.message_id,
        bundle_id=facts.bundle_id,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        case_code=code,
        event=facts.event.value,
        recipient=facts.recipient,
        priority=facts.priority.value,
        kind=facts.kind.value if facts.kind else None,
        payload=payload,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        source=source,
    )


def event_of(drafted: Draft, now: datetime) -> TransferEvent:
    """Our own event, before the exchange gave it a number."""
    facts = drafted.facts
    return TransferEvent(
        sender=facts.sender,
        transfer_id=facts.transfer_id,
        message_id=facts.message_id,
        event=facts.event.value,
        by_facility=facts.sender,
        event_seq=None,
        at=iso(now),
        details="{}",
        refused=None,
    )


def record_all(identities: Sequence[FileIdentity], outcome: Outcome, now: datetime, c: sqlite3.Connection) -> None:
    """The same became of all these files."""
    for identity in identities:
        files.record(c, identity, outcome, now)


def mint_numbers(today: date, new_case: bool, c: sqlite3.Connection) -> tuple[int, int]:
    """Counter of the message and, for a new case, its serial of the day; never given twice."""
    return meta.next_counter(c), meta.next_serial(c, today) if new_case else 0


def standing_of(known: KnownCase, facility: str, c: sqlite3.Connection) -> Standing:
    """How the last message of a known case stands."""
    submit = outbox_rows.row_of_message(c, known.submit_message_id)
    row = transfers.transfer(c, facility, known.transfer_id)
    return Standing(submit.state if submit else None, row.progress.state.decision if row else Decision.OPEN)


def was_printed(identity: FileIdentity, slip_number: str, c: sqlite3.Connection) -> bool:
    """True when the form of this very slip was laid out for printing before."""
    found = c.execute(
        "SELECT 1 FROM file_finding WHERE verdict = 'not-connected' AND sha256 = ? AND slip_number = ?",
        (identity.sha256, slip_number),
    ).fetchone()
    return found is not None


def write_taken(taken: Taken, now: datetime, lasting: bool, c: sqlite3.Connection) -> None:
    """Everything a file causes. Where this fails, the file comes again."""
    for message, state, ask in taken.messages:
        outbox_rows.add(c, message, state, now, ask)
    for case in taken.cases:
        case_keys.remember_case(c, case, now)
    for transfer, event in taken.opened:
        transfers.open_transfer(c, transfer, now)
        transfers.set_time(c, transfer.sender, transfer.transfer_id, "prepared_at", iso(now))
        transfers.add_event(c, event)
    for slip_number in taken.settled:
        files.clear_findings(c, taken.identity.path, slip_number, now)
    for found in taken.findings:
        files.add_finding(c, found, now)
    if lasting:
        files.record(c, taken.identity, taken.outcome, now)
