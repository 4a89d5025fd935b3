"""The signed PDF that a hospital's signing tool leaves beside an export: same folder, same stem, ``.pdf``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.limits import BUNDLE_MAX_BYTES

_MARK: Final = b"%PDF-"


@dataclass(frozen=True, slots=True)
class SignedForm:
    """What was found. ``pdf`` is the file byte for byte; ``left_out``: a file is there and cannot be sent along."""

    pdf: bytes | None = None
    left_out: bool = False


def signed_form_beside(export: Path) -> SignedForm:
    """Look beside an export file. Never raises; the file is only read."""
    path = export.with_suffix(".pdf")
    try:
        if not path.is_file():
            return SignedForm()
        if path.stat().st_size > BUNDLE_MAX_BYTES:
            return SignedForm(left_out=True)
        data = path.read_bytes()
    except OSError:
        return SignedForm(left_out=True)
    return SignedForm(data) if data.startswith(_MARK) else SignedForm(left_out=True)
