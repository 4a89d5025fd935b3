"""Acknowledgements: owed from the transaction that stored a message, signed in groups, kept as sent."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from schemas.limits import ACKS_PER_TOKEN, INBOX_RETENTION
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.tokens.delivery import Acknowledged, AckVerdict


@dataclass(frozen=True, slots=True)
class OwedGroup:
    """Acknowledgements owed to one sender, as many as one token may hold."""

    recipient: str
    ids: tuple[int, ...]
    acknowledged: tuple[Acknowledged, ...]
    urgent: bool


@dataclass(frozen=True, slots=True)
class SignedAck:
    """A signed ack that the broker has not confirmed yet."""

    id: int
    recipient: str
    token: bytes


def owe(c: sqlite3.Connection, recipient: str, what: Acknowledged, *, urgent: bool) -> None:
    """An acknowledgement is owed. One already owed or signed under the same number is left as it is."""
    c.execute(
        "INSERT OR IGNORE INTO ack_due"
        " (recipient, message_id, payload_sha256, delivery_seq, verdict, reason, urgent, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            recipient,
            what.message_id,
            what.payload_sha256,
            what.delivery_seq,
            what.verdict.value,
            what.reason,
            int(urgent),
            what.at,
        ),
    )


def owed(c: sqlite3.Connection, *, urgent_only: bool) -> list[OwedGroup]:
    """What is to be signed now, one group per sender, urgent ones first."""
    query = (
        "SELECT id, recipient, message_id, payload_sha256, delivery_seq, verdict, reason, urgent, at FROM ack_due"
        " WHERE token_id IS NULL ORDER BY urgent DESC, id"
    )
    groups: dict[str, list[sqlite3.Row]] = {}
    for row in c.execute(query):
        groups.setdefault(row["recipient"], []).append(row)
    found = [_group(recipient, rows[:ACKS_PER_TOKEN]) for recipient, rows in groups.items()]
    return [group for group in found if group.urgent or not urgent_only]


def _group(recipient: str, rows: list[sqlite3.Row]) -> OwedGroup:
    acknowledged = tuple(
        Acknowledged(
            message_id=row["message_id"],
            payload_sha256=row["payload_sha256"],
            delivery_seq=row["delivery_seq"],
            verdict=AckVerdict(row["verdict"]),
            reason=ReasonCode(row["reason"]) if row["reason"] else None,
            at=row["at"],
        )
        for row in rows
    )
    return OwedGroup(recipient, tuple(row["id"] for row in rows), acknowledged, any(row["urgent"] for row in rows))


def store_signed(c: sqlite3.Connection, group: OwedGroup, token: bytes, now: datetime) -> None:
    """The signed token takes over from the rows it names."""
    made = c.execute(
        "INSERT INTO ack_token (recipient, token, urgent, at) VALUES (?, ?, ?, ?) RETURNING id",
        (group.recipient, token, int(group.urgent), iso(now)),
    ).fetchone()
    c.executemany("UPDATE ack_due SET token_id = ? WHERE id = ?", [(made[0], owed_id) for owed_id in group.ids])


def unsent(c: sqlite3.Connection) -> list[SignedAck]:
    """Signed acks that are to be sent (again), urgent ones first."""
    rows = c.execute(
        "SELECT id, recipient, token FROM ack_token WHERE sent_at IS NULL ORDER BY urgent DESC, id LIMIT 50"
    )
    return [SignedAck(*row) for row in rows]


def mark_sent(c: sqlite3.Connection, ack_id: int, now: datetime) -> None:
    """The broker confirmed the ack; no receipt follows."""
    c.execute("UPDATE ack_token SET sent_at = ? WHERE id = ?", (iso(now), ack_id))


def send_again(c: sqlite3.Connection, sender: str, message_id: str) -> bool:
    """The stored ack of a message goes out once more. True when there is one."""
    return (
        c.execute(
            "UPDATE ack_token SET sent_at = NULL WHERE id IN (SELECT token_id FROM ack_due"
            " WHERE recipient = ? AND message_id = ? AND verdict = 'delivered')",
            (sender, message_id),
        ).rowcount
        > 0
    )


def send_unreadable_again(c: sqlite3.Connection, message_id: str) -> bool:
    """That a message could not be read is said once more: its sender may not know yet. True when it was said before."""
    return (
        c.execute(
            "UPDATE ack_token SET sent_at = NULL WHERE id IN (SELECT token_id FROM ack_due"
            " WHERE message_id = ? AND verdict = 'unreadable')",
            (message_id,),
        ).rowcount
        > 0
    )


def send_all_again(c: sqlite3.Connection, now: datetime) -> int:
    """After the exchange was restored from a backup: every ack that its inbox topics may still concern."""
    statement = "UPDATE ack_token SET sent_at = NULL WHERE at > ?"
    return c.execute(statement, (iso(now - INBOX_RETENTION),)).rowcount


def open_count(c: sqlite3.Connection) -> int:
    """Acknowledgements not confirmed by the broker yet."""
    owed_rows = c.execute("SELECT count(*) FROM ack_due WHERE token_id IS NULL").fetchone()[0]
    return int(owed_rows) + int(c.execute("SELECT count(*) FROM ack_token WHERE sent_at IS NULL").fetchone()[0])
