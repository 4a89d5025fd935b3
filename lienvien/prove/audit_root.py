"""The audit log's root, recomputed from an export; and that every receipt's leaf stands in it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import orjson

from broker.audit.entry import read_entry
from broker.audit.export_files import CHECKPOINTS, ENTRIES, KEY
from broker.audit.note import NoteVerifier, split_notes
from broker.audit.verify import AuditFaultError, ExportReport, verify_export
from lienvien.prove.report import Claim
from schemas.tokens.receipt import Receipt


def verify_folder(folder: Path, key: Path | None = None) -> ExportReport:
    """Verifies an exported folder. ``key`` is the log's public line from elsewhere; the folder's own when None.

    Raises AuditFaultError; OSError, ValueError where the folder is not an export.
    """
    verifier = NoteVerifier.decode((key or folder / KEY).read_text("utf-8").strip())
    with (folder / ENTRIES).open("rb") as lines:
        return verify_export(lines, split_notes((folder / CHECKPOINTS).read_bytes()), verifier)


def check_root(folder: Path, claim: Claim) -> None:
    """The recomputed root is the signed one."""
    try:
        report = verify_folder(folder)
    except (AuditFaultError, OSError, ValueError) as fault:
        claim.see(False, str(fault))
    else:
        claim.count = report.size


def opened_entries(folder: Path) -> Iterator[Mapping[str, str | int]]:
    """What the log says, for every leaf that the export opens. Raises OSError, ValueError."""
    with (folder / ENTRIES).open("rb") as lines:
        for line in lines:
            entry = orjson.loads(line).get("entry")
            if entry is not None:
                yield read_entry(entry.encode())


def check_leaves(folder: Path, receipts: Iterable[Receipt], claim: Claim) -> None:
    """The leaf that each receipt names is in the log."""
    with (folder / ENTRIES).open("rb") as lines:
        leaves = {orjson.loads(line).get("leaf") for line in lines}
    for receipt in receipts:
        claim.see(receipt.audit_leaf in leaves, f"receipt of {receipt.recipient}: its leaf is not in the log")
