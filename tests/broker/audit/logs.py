"""A small audit log to check and to tamper with."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.audit.checkpoint import log_origin, sign_checkpoint
from broker.audit.entry import AuditEntry, make_entry
from broker.audit.export import AUDITOR, NumberedEntry, export_lines
from broker.audit.merkle import Frontier
from broker.audit.note import NoteSigner

ORIGIN = log_origin("demo")
SIGNER = NoteSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
BEGUN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FACILITIES = ("24Z01", "01001", "27005")


def entry(number: int, *, action: str = "message-accepted") -> AuditEntry:
    """A distinct entry; its salt is its number."""
    facts = {"event_seq": number, "sender": FACILITIES[number % 3]}
    return make_entry(action, BEGUN + timedelta(seconds=number), facts, number.to_bytes(32))


def numbered(size: int) -> list[NumberedEntry]:
    """A log; entry n belongs to two of the three facilities."""
    return [
        NumberedEntry(number, entry(number), (FACILITIES[number % 3], FACILITIES[(number + 1) % 3]))
        for number in range(size)
    ]


def checkpoints(entries: Sequence[NumberedEntry], *sizes: int) -> list[bytes]:
    """Signed heads at these sizes."""
    notes, frontier = [], Frontier()
    for begin, end in pairwise((0, *sizes)):
        frontier = frontier.extended(bytes.fromhex(item.entry.leaf_hash) for item in entries[begin:end])
        notes.append(sign_checkpoint(end, frontier.root(), SIGNER))
    return notes


def exported(entries: Sequence[NumberedEntry], reader: str = AUDITOR) -> list[bytes]:
    """The export's lines."""
    return list(export_lines(ORIGIN, len(entries), entries, reader))
