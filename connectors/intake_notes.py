"""What is told of slips that became no message: a reason beside the file, a form to print, a remark on the page.

Papers are written before the transaction that takes the file, under names that a second try writes again.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from connectors import card
from connectors.drafting import Draft
from connectors.intake_rows import Taken
from connectors.mapping.context import Facility
from connectors.papers import Papers
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.findings import Finding
from connectors.store.files import FileFinding

_LIST_MAX: Final = 30  # findings written for one slip


class Notes:
    """Adds findings to what a file came to, with the papers that belong to them."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers

    async def refused(
        self, taken: Taken, position: int, found: Sequence[Finding], slip: Slip | None, now: datetime
    ) -> None:
        """A refusal: its reasons beside the file's name in our own folder, and a row for the page. Raises OSError."""
        document = await asyncio.to_thread(self._papers.reason, taken.identity, position, found, now)
        taken.findings.append(
            FileFinding(
                path=taken.identity.path,
                sha256=taken.identity.sha256,
                position=position,
                verdict="refused",
                findings=_told(found),
                slip_number=_number(slip),
                document=str(document),
            )
        )

    async def to_print(
        self,
        taken: Taken,
        position: int,
        found: Sequence[Finding],
        slip: Slip,
        *,
        form: tuple[bytes, str],
        case_code: str,
        destination: Facility,
    ) -> None:
        """A form for a destination that is not connected; ``form`` is its content and its ending. Raises OSError."""
        document = await asyncio.to_thread(self._papers.to_print, case_code, *form)
        taken.findings.append(
            FileFinding(
                path=taken.identity.path,
                sha256=taken.identity.sha256,
                position=position,
                verdict="not-connected",
                findings=_told(found),
                slip_number=_number(slip),
                case_code=case_code,
                destination=slip.destination,
                destination_name=destination.name,
                phone=destination.phone,
                document=str(document),
            )
        )


def remark(taken: Taken, position: int, found: Sequence[Finding], slip: Slip | None, drafted: Draft | None) -> None:
    """What weighs nothing but a person should know: what the receiver will miss, a helper that failed."""
    if not found:
        return
    code = card.case_code_of(drafted.bundle, drafted.facts.case_id) if drafted else None
    taken.findings.append(
        FileFinding(
            path=taken.identity.path,
            sha256=taken.identity.sha256,
            position=position,
            verdict="noted",
            findings=_told(found),
            slip_number=_number(slip),
            case_code=code,
        )
    )


def _number(slip: Slip | None) -> str | None:
    return slip.text("GIAY_CHUYEN_TUYEN") if slip else None


def _told(found: Sequence[Finding]) -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "severity": one.severity.value,
            "field": one.field,
            "table": one.table,
            "reason": one.reason.value,
            "vi": one.vi,
            "en": one.en,
            "fixer": one.fixer.value,
        }
        for one in found[:_LIST_MAX]
    )
