"""Rows as the store writes them: plain mappings whose keys are the columns of ``store.tables``."""

from collections.abc import Mapping
from typing import Any, Final

from broker.sharding import lane_of
from broker.stages.known import Transfer
from broker.stages.submission import Pointer
from schemas.topics import RecordType

Row = dict[str, Any]

TRANSFER_TIMES: Final = (
    "submitted_at",
    "delivered_at",
    "opened_at",
    "decided_at",
    "departed_at",
    "arrived_at",
    "completed_at",
    "closed_at",
)


def transfer_row(transfer: Transfer, changed_at: str) -> Row:
    """A transfer as it stands."""
    state = transfer.state
    return {
        "transfer_id": transfer.transfer_id,
        "sender": transfer.sender,
        "destination": transfer.destination,
        "case_id": transfer.case_id,
        "case_code": transfer.case_code,
        "kind": transfer.kind,
        "priority": transfer.priority,
        "unclassified": transfer.unclassified,
        "incomplete": transfer.incomplete,
        "delivery": state.delivery,
        "decision": state.decision,
        "journey": state.journey,
        "loop": state.loop,
        "event_seq": transfer.event_seq,
        "decision_seq": transfer.decision_seq,
        "slip_message_id": transfer.slip_message_id,
        **{column: transfer.times.get(column) for column in TRANSFER_TIMES},
        "changed_at": changed_at,
    }


def outbox_row(
    destination: str,
    record_type: RecordType,
    rank: int,
    facts: str,
    queued_at: str,
    *,
    record_sha256: str,
    size: int,
    pointer: Pointer | None = None,
    token: str | None = None,
    ids: Mapping[str, str | None] | None = None,
) -> Row:
    """A record for one inbox: bytes at ``pointer``, or ``token`` itself, or neither (a shared token, by its digest).

    ``ids`` are case_id, message_id and sender of the message that it carries or answers.
    """
    ids = ids or {}
    return {
        "destination": destination,
        "lane": lane_of(destination),
        "record_type": record_type,
        "priority_rank": rank,
        "case_id": ids.get("case_id"),
        "message_id": ids.get("message_id"),
        "sender": ids.get("sender"),
        "topic": pointer.topic if pointer else None,
        "offset": pointer.offset if pointer else None,
        "record_sha256": record_sha256,
        "size": size,
        "token": token,
        "facts": facts,
        "queued_at": queued_at,
    }
