"""The form as PDF by typst. It runs in the workshop's child only: a fault in a native library ends nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typst

from connectors.form.content import FormContent

_PAGE: Final = Path(__file__).with_name("slip.typ")
# The document's date is fixed, so that the same slip is the same file, byte for byte.
_DATE: Final = datetime(2025, 1, 1, tzinfo=UTC)


class FontWarning(Exception):  # noqa: N818  a warning of typst that must not pass
    """Typst warned while it set the page, as for an unknown font."""


class Printer:
    """A compiler that is kept: the first page costs 100 ms, the next few."""

    def __init__(self) -> None:
        self._compiler = typst.Compiler(str(_PAGE), root=str(_PAGE.parent), ignore_system_fonts=True)

    def render(self, content: FormContent) -> bytes:
        """PDF of a form. Raises FontWarning or typst.TypstError; neither quotes the content."""
        pdf, warnings = self._compiler.compile_with_warnings(
            format="pdf", sys_inputs={"form": json.dumps(content, ensure_ascii=False)}, timestamp=_DATE
        )
        if warnings or not isinstance(pdf, bytes):
            raise FontWarning(f"{len(warnings)} warnings")
        return pdf
