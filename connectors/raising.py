"""Raising the urgency of a case at the sending desk: its slip is taken once more, at least this urgent.

Before it was sent the slip goes out anew as more urgent; afterwards the change is an update that both sides see.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from connectors.actions import ActionError
from connectors.intake import Intake
from connectors.site import Site
from connectors.sources.folder import SourceFile
from connectors.sources.seen_files import FileIdentity, Outcome
from connectors.store import outbox_rows
from connectors.store.transfers import TransferRow
from schemas.limits import EXPORT_MAX_BYTES
from schemas.urgency import Priority

_GONE = ActionError(
    "source-gone",
    "Tệp xuất của phiếu này không còn; hãy xuất lại từ HIS rồi nâng mức khẩn.",
    "The export of this slip is gone; export it again from the HIS, then raise it.",
)
_NOT_HIGHER = ActionError("not-higher", "Mức khẩn hiện tại đã bằng hoặc cao hơn.", "It is as urgent as that already.")


async def raise_at_sender(site: Site, intake: Intake, row: TransferRow, priority: Priority) -> dict[str, object]:
    """Take the slip of a case from its export again, at least this urgent. Raises ActionError."""
    if priority.rank >= Priority(row.priority).rank:
        raise _NOT_HIGHER
    sent = await site.store.read(lambda c: outbox_rows.rows_of_transfer(c, row.transfer_id))
    source = next((message.source for message in reversed(sent) if message.source), None)
    if source is None:
        raise _GONE
    file = await asyncio.to_thread(_read, Path(source))
    outcome = await intake.take_again(file, row.case_id, priority)
    if outcome is Outcome.NO_TRANSFER:  # the file was written anew, without this slip
        raise _GONE
    return {"outcome": outcome.value, "priority": priority.value, "case_code": row.case_code}


def _read(path: Path) -> SourceFile:
    try:
        found = path.stat()
        if found.st_size > EXPORT_MAX_BYTES:
            raise _GONE
        data = path.read_bytes()
    except OSError:
        raise _GONE from None
    identity = FileIdentity(str(path), found.st_size, found.st_mtime_ns, hashlib.sha256(data).hexdigest())
    return SourceFile(identity, path.name, data, datetime.fromtimestamp(found.st_mtime, UTC))
