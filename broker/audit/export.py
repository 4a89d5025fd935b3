"""The log as a file that others can check: JSON lines, one per leaf, in order.

The first line names the log and the size; every other line is one leaf:

    {"format":"lienvien-audit-export","version":1,"log":"lienvien/demo/audit","size":2,"reader":"auditor"}
    {"index":0,"leaf":"<64 hex>","salt":"<64 hex>","entry":"<the canonical entry as one string>"}
    {"index":1,"leaf":"<64 hex>"}

The auditor's export opens every leaf. A facility's export opens the leaves of its own cases and acts; of the others it
holds the leaf hash alone, which tells nothing, but lets the facility compute the same root as everybody else.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from broker.audit.entry import AuditEntry

FORMAT: Final = "lienvien-audit-export"
VERSION: Final = 1
AUDITOR: Final = "auditor"  # a reader who may open every leaf; no facility has a name in small letters


@dataclass(frozen=True, slots=True)
class NumberedEntry:
    """An entry in the tree. ``parties`` are the facility ids that may open it; none for the operator's own acts."""

    index: int
    entry: AuditEntry
    parties: Collection[str]


def header_line(origin: str, size: int, reader: str) -> bytes:
    """The first line, with its newline."""
    return _line({"format": FORMAT, "version": VERSION, "log": origin, "size": size, "reader": reader})


def leaf_line(numbered: NumberedEntry, reader: str) -> bytes:
    """One leaf, with its newline; opened for the auditor and for its parties."""
    line: dict[str, str | int] = {"index": numbered.index, "leaf": numbered.entry.leaf_hash}
    if reader == AUDITOR or reader in numbered.parties:
        line |= {"salt": numbered.entry.salt.hex(), "entry": numbered.entry.entry.decode()}
    return _line(line)


def export_lines(origin: str, size: int, entries: Iterable[NumberedEntry], reader: str) -> Iterator[bytes]:
    """The whole export: entries 0 to size - 1, in order. ``reader`` is a facility id or AUDITOR."""
    yield header_line(origin, size, reader)
    for numbered in entries:
        yield leaf_line(numbered, reader)


def _line(value: dict[str, str | int]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
