"""The verdict on one record. What refuses is a short list; every other gap travels, named, as *incomplete*.

A refusal here keeps a patient's papers in the hospital, so that only this refuses: no key, sender, destination, patient
or diagnosis; two that contradict one another; a date that cannot be; a discharge that is no transfer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from connectors.sources.directory import Directory
from connectors.sources.xml13 import content, remarks, routing, timing
from connectors.sources.xml13.checks import Case, Remarks
from connectors.sources.xml13.findings import INCOMPLETE, Finding, Severity, finding
from connectors.sources.xml13.records import Dossier
from schemas.limits import SLIP_NEEDS_YES_AFTER
from schemas.reasons import ReasonCode

_CHECKS: Final[tuple[Callable[[Case], Remarks], ...]] = (
    content.check_key,
    routing.check_sender,
    routing.check_destination,
    content.check_patient,
    content.check_same_patient,
    timing.check_dates_exist,
    timing.check_order,
    timing.check_ahead,
    content.check_diagnosis,
    content.check_reason,
    content.check_length,
    routing.check_came_from,
    content.check_agreement,
    remarks.note_gaps,
    remarks.note_tags,
    remarks.note_codes,
    remarks.note_numbers,
    remarks.note_letters,
    remarks.note_sensitive,
)
_TRANSFERS: Final = frozenset({"2", "5"})
# A good slip that is not sent now, most telling first.
_WAITS: Final = (ReasonCode.SLIP_OLD, ReasonCode.DESTINATION_NOT_CONNECTED)


class Verdict(StrEnum):
    """What becomes of a record."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    WAIT = "wait"  # for the rest of the file, for a person's yes, or for the destination to be connected
    NO_TRANSFER = "no-transfer"  # an ordinary discharge, left in peace


@dataclass(frozen=True, slots=True)
class Examined:
    """A record, its verdict, and why. ``waits_for`` is SLIP_OLD or DESTINATION_NOT_CONNECTED for WAIT, else None."""

    verdict: Verdict
    dossier: Dossier
    findings: tuple[Finding, ...] = ()
    waits_for: ReasonCode | None = None

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Fields and tables that the receiver will miss, in the order found."""
        return tuple(dict.fromkeys(found.field for found in self.findings if found.reason in INCOMPLETE))


def examine(
    dossier: Dossier,
    directory: Directory,
    own_facility: str | None,
    now: datetime,
    *,
    needs_yes_after: timedelta | None = SLIP_NEEDS_YES_AFTER,
) -> Examined:
    """Judge one record. ``now`` is aware. ``needs_yes_after`` is None once a person said yes to an old slip."""
    if not dossier.is_transfer:
        return _ordinary(dossier)
    findings = list(dossier.findings)
    if dossier.slip is not None:
        case = Case(dossier, dossier.slip, directory, own_facility, now)
        for said in _said(case, needs_yes_after):
            found = finding(said.reason, said.field, table=said.table, hoso=dossier.position)
            if found not in findings:
                findings.append(found)
    waits_for = next((code for code in _WAITS if any(found.reason is code for found in findings)), None)
    if any(found.severity is not Severity.NOTE for found in findings):
        return Examined(Verdict.REFUSED, dossier, tuple(findings))
    return Examined(Verdict.WAIT if waits_for else Verdict.ACCEPTED, dossier, tuple(findings), waits_for)


def _said(case: Case, needs_yes_after: timedelta | None) -> Remarks:
    for check in _CHECKS:
        yield from check(case)
    yield from timing.check_age(case, needs_yes_after)


def _ordinary(dossier: Dossier) -> Examined:
    missing = dossier.about("MA_LOAI_RV") in _TRANSFERS
    notes = (finding(ReasonCode.SLIP_MISSING, "XML13", hoso=dossier.position),) if missing else ()
    return Examined(Verdict.NO_TRANSFER, dossier, notes)
