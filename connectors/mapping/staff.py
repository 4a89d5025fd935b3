"""The sender's staff list: who stands behind a practice licence, and how to reach them."""

import csv
import io
from typing import Final

from connectors.mapping.context import StaffMember
from connectors.mapping.elements import holds
from schemas.limits import MIB

STAFF_MAX_BYTES: Final = 4 * MIB  # 10,000 people at about 100 bytes are 1 MiB
_NEEDED: Final = frozenset({"licence", "name"})


class StaffFileError(ValueError):
    """A staff list cannot be used. The text names line and column, and nobody."""


def read_staff(data: bytes) -> dict[str, StaffMember]:
    """People by licence, from CSV (UTF-8, with or without mark; columns licence, name, phone).

    Rows without licence or name are left out; of two rows with one licence the last counts.

    Raises:
        StaffFileError: too large, not UTF-8, not CSV, columns missing.
    """
    if len(data) > STAFF_MAX_BYTES:
        raise StaffFileError("the staff list is too large")
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restval="", strict=True)
        missing = _NEEDED.difference(rows.fieldnames or ())
        if missing:
            raise StaffFileError(f"columns missing: {', '.join(sorted(missing))}")
        cells = [(row["licence"].strip(), row["name"].strip(), (row.get("phone") or "").strip()) for row in rows]
    except UnicodeDecodeError:
        raise StaffFileError("the staff list is not UTF-8") from None
    except csv.Error:
        raise StaffFileError("the staff list is not readable CSV") from None
    return {
        licence: StaffMember(name, phone if holds(phone) else None)
        for licence, name, phone in cells
        if holds(licence) and holds(name)
    }
