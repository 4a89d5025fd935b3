"""An export as files that can be handed out: the entries, the checkpoints, and the key's public line.

``entries.jsonl``    the export (``export``)
``checkpoints.txt``  signed notes, one after another
``log-key.txt``      the log's public key; a verifier should have it from elsewhere already
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from broker.audit.export import header_line, leaf_line
from broker.audit.ledger import PAGE_ROWS, DatabaseLedger
from broker.audit.note import NoteVerifier

ENTRIES: Final = "entries.jsonl"
CHECKPOINTS: Final = "checkpoints.txt"
KEY: Final = "log-key.txt"


async def write_export(ledger: DatabaseLedger, folder: Path, verifier: NoteVerifier, reader: str) -> int:
    """Writes everything that the newest stored checkpoint covers; returns how many leaves that is.

    Args:
        reader: a facility id, whose own leaves are opened, or ``export.AUDITOR``, who sees all.

    Raises:
        LedgerUnavailableError, OSError.
    """
    newest = await ledger.last_checkpoint()
    size = 0 if newest is None else newest.size
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    lines = [header_line(verifier.name, size, reader)]
    await asyncio.to_thread(_write, folder / ENTRIES, (), "wb")
    async for numbered in ledger.numbered(0, size):
        lines.append(leaf_line(numbered, reader))
        if len(lines) >= PAGE_ROWS:
            await asyncio.to_thread(_write, folder / ENTRIES, lines, "ab")
            lines = []
    await asyncio.to_thread(_write, folder / ENTRIES, lines, "ab")
    notes = [stored.note async for stored in ledger.checkpoints(size)]
    await asyncio.to_thread(_write, folder / CHECKPOINTS, notes, "wb")
    await asyncio.to_thread(_write, folder / KEY, [verifier.encode().encode() + b"\n"], "wb")
    return size


def _write(path: Path, lines: Iterable[bytes], mode: str) -> None:
    with path.open(mode) as file:
        file.writelines(lines)
