"""The facilities that a slip may name, and the days on which their codes are valid.

Read from a CSV file with at least ``code,name``; ``valid_from``, ``valid_to`` and ``connected`` are understood, further
columns (phones, provinces before and after 1 July 2025) are kept as text under their own names.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.ids import is_facility_id
from schemas.limits import MIB

DIRECTORY_MAX_BYTES: Final = 16 * MIB  # 13,000 facilities at about 200 bytes are 3 MiB
_NEEDED: Final = frozenset({"code", "name"})
_NO: Final = frozenset({"0", "no", "false", "không"})
_YES: Final = frozenset({"1", "yes", "true", "có"})


class Standing(StrEnum):
    """What a code is on a day."""

    VALID = "valid"
    CLOSED = "closed"  # listed, but not valid on that day
    UNKNOWN = "unknown"


class DirectoryFileError(ValueError):
    """A directory file cannot be used. The text names line and column, in English; it holds nothing of a patient."""


@dataclass(frozen=True, slots=True)
class Facility:
    """One facility. ``connected`` is None where the directory does not say; ``facts`` has all columns as written."""

    code: str
    name: str
    valid_from: date | None = None
    valid_to: date | None = None
    connected: bool | None = None
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def is_valid(self, on: date) -> bool:
        """True on every day from ``valid_from`` to ``valid_to``, both included."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)


class Directory:
    """Facilities by code. One code may stand in several rows, for different times."""

    def __init__(self, facilities: Iterable[Facility]) -> None:
        self._by_code: dict[str, list[Facility]] = {}
        for facility in facilities:
            self._by_code.setdefault(facility.code, []).append(facility)

    def standing(self, code: str, on: date) -> Standing:
        """Whether a code is listed, and valid on a day."""
        if code not in self._by_code:
            return Standing.UNKNOWN
        return Standing.CLOSED if self.find(code, on) is None else Standing.VALID

    def find(self, code: str, on: date) -> Facility | None:
        """The facility that a code means on a day, or None."""
        return next((entry for entry in self._by_code.get(code, ()) if entry.is_valid(on)), None)

    def __iter__(self) -> Iterator[Facility]:
        return (entry for entries in self._by_code.values() for entry in entries)

    def __len__(self) -> int:
        return sum(map(len, self._by_code.values()))


def read_directory(data: bytes) -> Directory:
    """The directory in a CSV file (UTF-8, with or without mark, header in the first line).

    Raises:
        DirectoryFileError: too large, not UTF-8, columns missing, a malformed code or date.
    """
    if len(data) > DIRECTORY_MAX_BYTES:
        raise DirectoryFileError("the directory file is too large")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DirectoryFileError("the directory file is not UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="", strict=True)
    try:
        missing = _NEEDED.difference(rows.fieldnames or ())
        if missing:
            raise DirectoryFileError(f"columns missing: {', '.join(sorted(missing))}")
        return Directory([_facility(row, rows.line_num) for row in rows])
    except csv.Error as error:
        raise DirectoryFileError(f"line {rows.line_num}: {error}") from None


def _facility(row: Mapping[str, str], line: int) -> Facility:
    if "" in row:
        raise DirectoryFileError(f"line {line}: more cells than columns")
    facts = {name: cell.strip() for name, cell in row.items()}
    if not is_facility_id(facts["code"]):
        raise DirectoryFileError(f"line {line}: column code")
    return Facility(
        code=facts["code"],
        name=facts["name"],
        valid_from=_day(facts, "valid_from", line),
        valid_to=_day(facts, "valid_to", line),
        connected=_flag(facts.get("connected", "")),
        facts=MappingProxyType(facts),
    )


def _day(facts: Mapping[str, str], column: str, line: int) -> date | None:
    text = facts.get(column, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise DirectoryFileError(f"line {line}: column {column}") from None


def _flag(text: str) -> bool | None:
    return False if text.lower() in _NO else True if text.lower() in _YES else None
