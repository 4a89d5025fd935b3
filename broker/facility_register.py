"""The register of known facilities, from a CSV file with named columns; more columns are allowed.

``code, name, province_now, valid_from, valid_to, role`` and, where there is one, ``phone``.
"""

import csv
import io
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from broker.recording.rows import Row
from schemas.ids import is_facility_id
from schemas.reasons import ReasonCode, Refused

_BOM: Final = "\ufeff"
_NEEDED: Final = frozenset({"code", "name", "valid_from"})
_NAME_MAX_CHARS: Final = 200
_PHONE_MAX_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One code of one facility, and the days it is valid (ISO dates)."""

    code: str
    name: str
    valid_from: str
    valid_to: str | None = None
    phone: str | None = None
    province: str | None = None
    role: str | None = None

    def columns(self) -> Row:
        """As the table ``known_facility`` has it."""
        return asdict(self)


def register_rows(data: bytes) -> list[RegisterRow]:
    """The rows of a CSV file.

    Raises:
        Refused: PROFILE_VIOLATED with line and column, never a value.
    """
    try:
        text = data.decode("utf-8").removeprefix(_BOM)
        reader = csv.DictReader(io.StringIO(text), strict=True)
        if not _NEEDED.issubset(reader.fieldnames or ()):
            raise Refused(ReasonCode.PROFILE_VIOLATED, "line[1]")
        rows = [_row(line, number) for number, line in enumerate(reader, start=2)]
    except (UnicodeDecodeError, csv.Error):
        raise Refused(ReasonCode.PROFILE_VIOLATED, "file") from None
    return list({(row.code, row.valid_from): row for row in rows}.values())


def _row(line: dict[str, str], number: int) -> RegisterRow:
    def text(column: str, limit: int = _NAME_MAX_CHARS) -> str | None:
        value = (line.get(column) or "").strip()
        if len(value) > limit or not value.isprintable():
            raise Refused(ReasonCode.PROFILE_VIOLATED, f"line[{number}].{column}")
        return value or None

    def day(column: str) -> str | None:
        value = text(column, 10)
        try:
            return date.fromisoformat(value).isoformat() if value else None
        except ValueError:
            raise Refused(ReasonCode.PROFILE_VIOLATED, f"line[{number}].{column}") from None

    code, name, valid_from = text("code", 5), text("name"), day("valid_from")
    if not is_facility_id(code) or name is None or valid_from is None or code is None:
        raise Refused(ReasonCode.PROFILE_VIOLATED, f"line[{number}]")
    return RegisterRow(
        code=code,
        name=name,
        valid_from=valid_from,
        valid_to=day("valid_to"),
        phone=text("phone", _PHONE_MAX_CHARS),
        province=text("province_now") or text("province"),
        role=text("role"),
    )
