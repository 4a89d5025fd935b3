"""Rows of an exchange in the middle of its work: every state that a page distinguishes occurs once.

Facilities 24Z01 and 27005 send, 01001 receives; 99001 is a stranger to all of it, and suspended.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from broker.store import tables
from schemas.ids import case_code
from schemas.times import iso
from tests.broker.api.cases import NOON

S, M, H, D = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SENDER, DESTINATION, OTHER, SUSPENDED = "24Z01", "01001", "27005", "99001"

# transfer number -> what is special about it; all are received at NOON minus that many minutes
FRESH, LATE, OPENED, ACCEPTED, DECLINED, ARRIVED, UNREADABLE, QUEUED, FOREIGN, ROUTINE = range(1, 11)


def uid(kind: int, number: int) -> str:
    """A readable UUID: kind 1 transfer, 2 case, 3 slip, 4 answer, 5 bundle, 6 worker."""
    return f"{kind:08d}-0000-4000-8000-{number:012d}"


def code(number: int, sender: str = SENDER) -> str:
    """The case code of transfer ``number``."""
    return case_code(sender, NOON.date(), number)


TRANSFERS: dict[int, dict[str, Any]] = {
    FRESH: {},
    LATE: {"at": 10 * M},
    OPENED: {"at": 3 * M, "delivery": "opened", "delivered_at": 2 * S, "opened_at": M, "priority": "urgent"},
    ACCEPTED: {
        "at": 20 * M,
        "delivery": "opened",
        "delivered_at": S,
        "opened_at": M,
        "decision": "accepted",
        "decided_at": 2 * M,
        "journey": "departed",
        "departed_at": 5 * M,
    },
    DECLINED: {"at": H, "delivery": "opened", "delivered_at": S, "decision": "declined", "decided_at": 4 * M},
    ARRIVED: {
        "at": 5 * H,
        "delivery": "opened",
        "delivered_at": S,
        "decision": "declined",
        "decided_at": M,
        "journey": "arrived",
        "arrived_at": 2 * H,
        "loop": "owed",
    },
    UNREADABLE: {"at": 4 * M, "delivery": "unreadable", "unclassified": True, "priority": "urgent"},
    QUEUED: {"at": 2 * M, "incomplete": True},
    FOREIGN: {"at": 2 * M, "sender": OTHER, "destination": DESTINATION},
    ROUTINE: {"at": 3 * D, "delivery": "delivered", "delivered_at": M, "priority": "routine", "kind": "outpatient"},
}


def _transfer(number: int, special: dict[str, Any]) -> dict[str, Any]:
    special = dict(special)
    begun = NOON - special.pop("at", timedelta(0))
    sender = special.get("sender", SENDER)
    plain = {
        "transfer_id": uid(1, number),
        "sender": sender,
        "destination": DESTINATION,
        "case_id": uid(2, number),
        "case_code": code(number, sender),
        "kind": "emergency",
        "priority": "stat",
        "unclassified": False,
        "incomplete": False,
        "delivery": "submitted",
        "decision": "open",
        "journey": "not-departed",
        "loop": "none",
        "event_seq": 1,
        "decision_seq": None,
        "slip_message_id": uid(3, number),
        "submitted_at": iso(begun),
        "changed_at": iso(begun),
        **dict.fromkeys(
            ("delivered_at", "opened_at", "decided_at", "departed_at", "arrived_at", "completed_at", "closed_at")
        ),
    }
    return plain | {n: iso(begun + v) if isinstance(v, timedelta) else v for n, v in special.items()}


def message_row(message_id: str, sender: str, destination: str | None, **special: Any) -> dict[str, Any]:
    """A message with its answer."""
    plain = {
        "message_id": message_id,
        "sender": sender,
        "bundle_id": None,
        "destination": destination,
        "event": "transfer-submit",
        "priority": "stat",
        "case_id": None,
        "transfer_id": None,
        "origin": None,
        "payload_sha256": "0" * 64,
        "content_sha256": None,
        "duplicate_key": None,
        "topic": f"xfer.submit.{sender}",
        "offset": 7,
        "record_sha256": "1" * 64,
        "size": 35_000,
        "verdict": "accepted",
        "reason": None,
        "event_seq": 1,
        "duplicate_of": None,
        "receipt": "signed",
        "appended_at": iso(NOON),
        "decided_at": iso(NOON),
        "ack": None,
        "ack_reason": None,
        "acked_at": None,
    }
    return plain | special


def _slip(number: int, row: dict[str, Any]) -> dict[str, Any]:
    unreadable = row["delivery"] == "unreadable"
    return message_row(
        uid(3, number),
        row["sender"],
        row["destination"],
        bundle_id=uid(5, number),
        transfer_id=row["transfer_id"],
        case_id=row["case_id"],
        priority=row["priority"],
        appended_at=row["submitted_at"],
        decided_at=row["submitted_at"],
        ack="unreadable" if unreadable else None,
        ack_reason="envelope-undecryptable" if unreadable else None,
    )


def _outbox(number: int, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "destination": row["destination"],
        "lane": 1,
        "record_type": "envelope",
        "priority_rank": 0,
        "case_id": row["case_id"],
        "message_id": uid(3, number),
        "sender": row["sender"],
        "record_sha256": "1" * 64,
        "size": 1,
        "delivery_seq": None if number == QUEUED else number,
        "queued_at": row["submitted_at"],
        "resend": False,
    }


def _messages() -> list[dict[str, Any]]:
    accept = message_row(
        uid(4, ACCEPTED),
        DESTINATION,
        SENDER,
        event="transfer-accept",
        transfer_id=uid(1, ACCEPTED),
        case_id=uid(2, ACCEPTED),
        event_seq=3,
        decided_at=iso(NOON - 18 * M),
    )
    crossed = message_row(
        uid(4, 90),
        DESTINATION,
        SENDER,
        event="transfer-accept",
        transfer_id=uid(1, DECLINED),
        case_id=uid(2, DECLINED),
        verdict="refused",
        reason="late",
        decided_at=iso(NOON - 30 * M),
    )
    refused = message_row(uid(4, 91), SENDER, None, verdict="refused", reason="destination-unknown")
    resolved = message_row(
        uid(4, 92),
        SENDER,
        DESTINATION,
        verdict="transient",
        reason="over-quota",
        transfer_id=uid(1, FRESH),
        case_id=uid(2, FRESH),
    )
    return [accept, crossed, refused, resolved]


async def fill(connection: AsyncConnection) -> None:
    """Writes the rows into empty tables."""
    transfers = {number: _transfer(number, special) for number, special in TRANSFERS.items()}
    rows: dict[str, list[dict[str, Any]]] = {
        "facility": [
            {
                "facility_id": code_,
                "lane": n,
                "status": "suspended" if code_ == SUSPENDED else "active",
                "generations": "1,2" if code_ == SENDER else "1",
                "admitted_at": iso(NOON - 100 * D),
                "suspended_at": iso(NOON - D) if code_ == SUSPENDED else None,
            }
            for n, code_ in enumerate((SENDER, DESTINATION, OTHER, SUSPENDED))
        ],
        "known_facility": [
            {"code": SENDER, "valid_from": "2020-01-01", "valid_to": None, "name": "BVĐK tỉnh Bắc Giang (thử nghiệm)"},
            {"code": SENDER, "valid_from": "2010-01-01", "valid_to": "2019-12-31", "name": "Tên cũ"},
            {"code": DESTINATION, "valid_from": "2020-01-01", "valid_to": None, "name": "BV Bạch Mai (thử nghiệm)"},
        ],
        "worker": [{"instance": uid(6, 1), "worker_id": "worker-1", "renewals": 9, "started_at": iso(NOON - H)}],
        "lane": [
            {"lane": 0, "owner": uid(6, 1), "epoch": 3},
            {"lane": 1, "owner": uid(6, 1), "epoch": 3},
            {"lane": 2, "owner": None, "epoch": 0},
        ],
        "source_position": [
            {
                "topic": f"xfer.submit.{SENDER}",
                "lane": 0,
                "next_offset": 8,
                "epoch": 3,
                "appended_at": iso(NOON - S),
            }
        ],
        "transfer": list(transfers.values()),
        "message": [_slip(number, row) for number, row in transfers.items()] + _messages(),
        "outbox": [_outbox(number, transfers[number]) for number in (FRESH, LATE, OPENED, QUEUED, FOREIGN)],
        "inbox_counter": [{"destination": DESTINATION, "lane": 1, "next_seq": 12, "published_through": 8}],
        "inbox_status": [
            {
                "destination": DESTINATION,
                "generation": 1,
                "complete_to": 2,
                "highest": 2,
                "missing_count": 1,
                "incarnation": uid(7, 1),
                "said_at": iso(NOON - 30 * S),
                "received_at": iso(NOON - 29 * S),
            }
        ],
        "held": [
            {
                "message_id": uid(4, 95),
                "sender": OTHER,
                "lane": 2,
                "owner": OTHER,
                "transfer_id": uid(1, 95),
                "case_id": uid(2, 95),
                "event": "transfer-submit",
                "priority": "routine",
                "reason": "crl-stale",
                "payload_sha256": "0" * 64,
                "topic": f"xfer.submit.{OTHER}",
                "offset": 4,
                "record_sha256": "2" * 64,
                "size": 35_000,
                "appended_at": iso(NOON - 40 * M),
                "receipt": "signed",
                "held_at": iso(NOON - 40 * M),
                "try_at": iso(NOON + M),
            }
        ],
        "quarantine": [
            {
                "topic": f"xfer.submit.{OTHER}",
                "offset": 5,
                "partition": 0,
                "record_type": "envelope",
                "record_sha256": "3" * 64,
                "size": 1_000_000,
                "facility": None,
                "reason": "poison",
                "position": None,
                "found_at": iso(NOON - 2 * H),
            }
        ],
        "junk_counter": [
            {
                "topic": f"xfer.submit.{OTHER}",
                "minute": iso(NOON - n * M)[:16],
                "reason": "signature-invalid",
                "records": 10,
                "reported": True,
            }
            for n in (1, 2)
        ],
        "alarm": [
            {"at": iso(NOON - H), "alarm": "message-id-reused", "facility": OTHER, "message_id": uid(4, 96)},
            {"at": iso(NOON - 2 * H), "alarm": "log-truncated", "facility": OTHER, "seen_at": iso(NOON - H)},
        ],
        "audit_entry": [
            {
                "entry_id": f"{n:032x}",
                "salt": b"s" * 32,
                "entry": b"{}",
                "leaf_hash": f"{n:064x}",
                "at": iso(NOON),
                "parties": SENDER,
                "log_index": n if n < 2 else None,
            }
            for n in range(3)
        ],
        "audit_state": [{"id": 1, "size": 2, "frontier": "00" * 32}],
        "checkpoint": [{"size": 2, "root": "0" * 64, "note": "note", "at": iso(NOON - S)}],
    }
    for name, content in rows.items():
        table = tables.metadata.tables[name]
        for row in content:
            await connection.execute(insert(table), {name: row[name] for name in row if name in table.c})
