"""Messages on their way out. A row is durable before its source counts as taken; nothing here is ever deleted early."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from connectors.sealing import SealedMessage
from connectors.sending_order import Waiting
from schemas.reasons import NEEDS_THE_SENDER
from schemas.times import iso
from schemas.tokens.delivery import Acknowledged
from schemas.tokens.receipt import Receipt, Verdict
from schemas.urgency import Priority

SEALED_KEPT_AFTER_DELIVERY: Final = timedelta(days=30)


class OutState(StrEnum):
    """Where a message stands on our side."""

    WAITING_PERSON = "waiting-person"  # a person must say yes: an old slip, or another destination for a known slip
    WAITING_KEY = "waiting-key"  # the destination's encryption key is not here yet
    READY = "ready"
    SENT = "sent"  # the broker has it; no receipt yet, so it is repeated
    HELD = "held"  # the exchange keeps it and will judge it anew
    ACCEPTED = "accepted"  # receipt: the exchange has it, durably
    REFUSED = "refused"  # final, or a person here must act first: it goes no further by itself
    DISCARDED = "discarded"  # a person said no before it was ever sent


_OPEN: Final = "('waiting-person', 'waiting-key', 'ready', 'sent', 'held')"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message as it enters the outbox. ``payload`` is the Bundle that will be signed, byte for byte."""

    message_id: str
    bundle_id: str
    case_id: str
    transfer_id: str
    case_code: str
    event: str
    recipient: str
    priority: str
    kind: str | None
    payload: bytes
    payload_sha256: str
    source: str
    sealed: SealedMessage | None = None


@dataclass(frozen=True, slots=True)
class OutRow:
    """A message in the outbox, without its bytes."""

    seq: int
    message_id: str
    bundle_id: str
    case_id: str
    transfer_id: str
    case_code: str
    event: str
    recipient: str
    priority: str
    kind: str | None
    payload_sha256: str
    state: str
    wait_reason: str | None
    attempts: int
    reseals: int
    source: str
    at: str
    sent_at: str | None
    answer: str | None
    reason: str | None
    field: str | None
    event_seq: int | None
    received_at: str | None
    ack_verdict: str | None
    ack_reason: str | None
    delivered_at: str | None
    sealed_for: str | None
    seen_by_person_at: str | None


_COLUMNS: Final = ", ".join(OutRow.__dataclass_fields__)


def add(
    c: sqlite3.Connection, message: NewMessage, state: OutState, now: datetime, wait_reason: str | None = None
) -> int:
    """Enter a message; returns its place in the queue."""
    sealed = message.sealed
    row = c.execute(
        "INSERT INTO outbox (message_id, bundle_id, case_id, transfer_id, case_code, event, recipient, priority, kind,"
        " payload_sha256, payload, jws, sealed, sealed_for, state, wait_reason, source, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        (
            message.message_id,
            message.bundle_id,
            message.case_id,
            message.transfer_id,
            message.case_code,
            message.event,
            message.recipient,
            message.priority,
            message.kind,
            message.payload_sha256,
            None if sealed else message.payload,
            sealed.jws if sealed else None,
            sealed.record if sealed else None,
            sealed.sealed_for if sealed else None,
            state.value,
            wait_reason,
            message.source,
            iso(now),
        ),
    ).fetchone()
    if sealed:
        _remember_digest(c, sealed.record_sha256, message.message_id)
    return int(row[0])


def _remember_digest(c: sqlite3.Connection, record_sha256: str, message_id: str) -> None:
    c.execute("INSERT OR IGNORE INTO sealed_digest VALUES (?, ?)", (record_sha256, message_id))


def waiting(c: sqlite3.Connection) -> list[Waiting]:
    """Every message that is not settled, in the order of entry."""
    rows = c.execute(
        f"SELECT seq, case_id, priority, state, attempts FROM outbox WHERE state IN {_OPEN} ORDER BY seq"  # noqa: S608
    )
    return [Waiting(row[0], row[1], Priority(row[2]), OutState(row[3]).value, row[4]) for row in rows]


def row(c: sqlite3.Connection, seq: int) -> OutRow | None:
    """One message by its place."""
    found = c.execute(f"SELECT {_COLUMNS} FROM outbox WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
    return OutRow(*found) if found else None


def row_of_message(c: sqlite3.Connection, message_id: str) -> OutRow | None:
    """One message by its id."""
    found = c.execute(f"SELECT {_COLUMNS} FROM outbox WHERE message_id = ?", (message_id,)).fetchone()  # noqa: S608
    return OutRow(*found) if found else None


def is_known_bundle(c: sqlite3.Connection, bundle_id: str) -> bool:
    """True when a message of ours has this Bundle id."""
    return c.execute("SELECT 1 FROM outbox WHERE bundle_id = ?", (bundle_id,)).fetchone() is not None


def rows_in(c: sqlite3.Connection, states: Sequence[OutState], limit: int = 500) -> list[OutRow]:
    """Messages in these states, oldest first."""
    marks = ", ".join("?" for _ in states)
    found = c.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE state IN ({marks}) ORDER BY seq LIMIT ?",  # noqa: S608
        (*(state.value for state in states), limit),
    )
    return [OutRow(*item) for item in found]


def rows_of_transfer(c: sqlite3.Connection, transfer_id: str) -> list[OutRow]:
    """What this facility sent about a transfer, oldest first."""
    found = c.execute(f"SELECT {_COLUMNS} FROM outbox WHERE transfer_id = ? ORDER BY seq", (transfer_id,))  # noqa: S608
    return [OutRow(*item) for item in found]


def counts(c: sqlite3.Connection) -> dict[str, int]:
    """How many messages stand in each state."""
    return {row[0]: row[1] for row in c.execute("SELECT state, count(*) FROM outbox GROUP BY state")}


def sealed_bytes(c: sqlite3.Connection, seq: int) -> bytes | None:
    """The record value to send."""
    found = c.execute("SELECT sealed FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return found[0] if found else None


def signed_bytes(c: sqlite3.Connection, seq: int) -> bytes | None:
    """The compact JWS, None while it is not signed."""
    found = c.execute("SELECT jws FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return found[0] if found else None


def unsigned_payload(c: sqlite3.Connection, seq: int) -> bytes | None:
    """The Bundle of a message that is not signed yet."""
    found = c.execute("SELECT payload FROM outbox WHERE seq = ?", (seq,)).fetchone()
    return found[0] if found else None


def store_sealed(c: sqlite3.Connection, seq: int, sealed: SealedMessage) -> None:
    """A message got its seal, the first one or a new one, and is ready to go (again). Its receipt stays what it was."""
    found = c.execute(
        "UPDATE outbox SET jws = ?, payload = NULL, sealed = ?, sealed_for = ?, state = 'ready', wait_reason = NULL"
        " WHERE seq = ? RETURNING message_id",
        (sealed.jws, sealed.record, sealed.sealed_for, seq),
    ).fetchone()
    _remember_digest(c, sealed.record_sha256, found[0])


def set_waiting(c: sqlite3.Connection, seq: int, state: OutState, wait_reason: str | None) -> None:
    """A message waits for a person or a key."""
    c.execute("UPDATE outbox SET state = ?, wait_reason = ? WHERE seq = ?", (state.value, wait_reason, seq))


def discard(c: sqlite3.Connection, seq: int) -> bool:
    """A person says that this message, never sent, shall not go."""
    statement = "UPDATE outbox SET state = 'discarded' WHERE seq = ? AND sent_at IS NULL AND state IN"
    return c.execute(f"{statement} ('waiting-person', 'waiting-key', 'ready')", (seq,)).rowcount == 1


def refuse_here(c: sqlite3.Connection, seq: int, reason: str) -> None:
    """The broker will never take this record: final, without a word of the exchange."""
    c.execute("UPDATE outbox SET state = 'refused', reason = ? WHERE seq = ?", (reason, seq))


def mark_sent(c: sqlite3.Connection, seq: int, now: datetime) -> None:
    """The broker confirmed the record. One that holds its receipt already (a repair) is settled again."""
    c.execute(
        "UPDATE outbox SET attempts = attempts + 1, sent_at = coalesce(sent_at, ?), state = CASE"
        " WHEN state NOT IN ('ready', 'sent', 'held') THEN state"  # an answer was quicker than this note
        " WHEN answer = 'accepted' THEN 'accepted' WHEN answer = 'held' THEN 'held' ELSE 'sent' END WHERE seq = ?",
        (iso(now), seq),
    )


def send_again(c: sqlite3.Connection, seq: int) -> bool:
    """The stored bytes go out once more, asked for by the exchange or a person. False when they are gone, or refused.

    What was answered but not finally refused (its destination was not connected then) may go again.
    """
    statement = (
        "UPDATE outbox SET state = 'ready', seen_by_person_at = NULL WHERE seq = ? AND sealed IS NOT NULL"
        " AND (state <> 'refused' OR answer = 'transient')"
    )
    return c.execute(statement, (seq,)).rowcount == 1


def is_own_record(c: sqlite3.Connection, record_sha256: str, message_id: str) -> bool:
    """True when a sealed form of this message has that digest."""
    found = c.execute("SELECT message_id FROM sealed_digest WHERE record_sha256 = ?", (record_sha256,)).fetchone()
    return found is not None and found[0] == message_id


def apply_receipt(c: sqlite3.Connection, seq: int, receipt: Receipt, token: bytes) -> None:
    """Take in the exchange's answer. Accepted or refused once stays so; the other answers may still change."""
    state = {
        Verdict.ACCEPTED: OutState.ACCEPTED,
        Verdict.REFUSED: OutState.REFUSED,
        Verdict.HELD: OutState.HELD,
        # sent again by the repeat policy, unless that would only hide from the desk that the papers do not arrive
        Verdict.TRANSIENT: OutState.REFUSED if receipt.reason in NEEDS_THE_SENDER else OutState.SENT,
    }[receipt.verdict]
    c.execute(
        "UPDATE outbox SET receipt = :token, answer = :answer, reason = :reason, field = :field, event_seq = :seq_no,"
        " winning_event_seq = :winning, received_at = :at,"
        # a message that is to be sealed anew (the destination's word came first) still is, unless it was refused
        " state = CASE WHEN state = 'waiting-key' AND reseals > 0 AND :state <> 'refused' THEN state ELSE :state END"
        " WHERE seq = :seq AND (answer IS NULL OR answer IN ('held', 'transient'))",
        {
            "token": token,
            "answer": receipt.verdict.value,
            "reason": receipt.reason,
            "field": receipt.where,
            "seq_no": receipt.event_seq,
            "winning": receipt.winning_event_seq,
            "at": receipt.accepted_at if receipt.verdict is Verdict.ACCEPTED else None,
            "state": state.value,
            "seq": seq,
        },
    )


def apply_ack(c: sqlite3.Connection, seq: int, said: Acknowledged, token: bytes) -> None:
    """Take in the destination's word. Delivered is never taken back by a later *unreadable*."""
    c.execute(
        "UPDATE outbox SET ack = ?, ack_verdict = ?, ack_reason = ?, delivered_at = CASE ? WHEN 'delivered' THEN ? END"
        " WHERE seq = ? AND ack_verdict IS NOT 'delivered'",
        (token, said.verdict.value, said.reason, said.verdict.value, said.at, seq),
    )


def sign_anew(c: sqlite3.Connection, seq: int, payload: bytes) -> None:
    """The signature has become too old to be accepted: the same bytes are signed and sealed once more."""
    c.execute("UPDATE outbox SET payload = ?, jws = NULL, state = 'waiting-key' WHERE seq = ?", (payload, seq))


def seal_anew(c: sqlite3.Connection, seq: int) -> None:
    """The sealed bytes are of no use any more: the same signed bytes get a new seal, under the newest key."""
    c.execute(
        "UPDATE outbox SET reseals = reseals + 1, state = 'waiting-key' WHERE seq = ? AND state <> 'refused'", (seq,)
    )


def mark_seen(c: sqlite3.Connection, seqs: Sequence[int], now: datetime) -> None:
    """A person has seen these refusals."""
    c.executemany("UPDATE outbox SET seen_by_person_at = ? WHERE seq = ?", [(iso(now), seq) for seq in seqs])


def forget_sealed(c: sqlite3.Connection, now: datetime) -> int:
    """Drop sealed copies 30 days past *delivered*; what was signed stays as evidence. Returns how many."""
    return c.execute(
        "UPDATE outbox SET sealed = NULL WHERE sealed IS NOT NULL AND state = 'accepted' AND delivered_at < ?",
        (iso(now - SEALED_KEPT_AFTER_DELIVERY),),
    ).rowcount
