"""One export file to verdicts: what the folder source and the check command share."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.sources.directory import Directory
from connectors.sources.xml13.documents import CutShortError
from connectors.sources.xml13.envelope import Envelope, read_envelope
from connectors.sources.xml13.findings import Finding, finding
from connectors.sources.xml13.rules import Examined, Verdict, examine
from schemas.limits import SLIP_NEEDS_YES_AFTER
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file.

    ``verdict`` is that of the file as a whole: REFUSED when it cannot be read, or any slip in it is refused; WAIT when
    it may still be being written, or a slip waits; NO_TRANSFER when it holds none; else ACCEPTED. ``findings`` concern
    the file; ``slips`` holds every record with a slip, each with its own verdict and findings; ``ordinary`` the
    records without one.
    """

    name: str
    size: int
    sha256: str
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    slips: tuple[Examined, ...] = ()
    ordinary: tuple[Examined, ...] = ()

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Of the file and of its slips, in order."""
        return (*self.findings, *(found for slip in self.slips for found in slip.findings))


def read_file(
    data: bytes,
    name: str,
    directory: Directory,
    own_facility: str | None,
    now: datetime,
    *,
    needs_yes_after: timedelta | None = SLIP_NEEDS_YES_AFTER,
) -> FileReport:
    """Read and judge one file of any content. Never raises for what is in it.

    An empty file and one that ends too early have the verdict WAIT: whoever sees them stand still refuses them.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        envelope = read_envelope(data)
    except CutShortError:
        return FileReport(name, len(data), digest, Verdict.WAIT, (finding(ReasonCode.FILE_STILL_GROWING, "file"),))
    except Refused as refusal:
        found = finding(refusal.reason, refusal.where or "file")
        return FileReport(name, len(data), digest, Verdict.REFUSED, (found,))
    examined = tuple(
        examine(dossier, directory, own_facility, now, needs_yes_after=needs_yes_after) for dossier in envelope.dossiers
    )
    slips = tuple(one for one in examined if one.verdict is not Verdict.NO_TRANSFER)
    ordinary = tuple(one for one in examined if one.verdict is Verdict.NO_TRANSFER)
    findings = _file_findings(envelope, slips, ordinary)
    return FileReport(name, len(data), digest, _whole(slips), findings, slips, ordinary)


def _file_findings(
    envelope: Envelope, slips: tuple[Examined, ...], ordinary: tuple[Examined, ...]
) -> tuple[Finding, ...]:
    missing = tuple(found for one in ordinary for found in one.findings)
    return (*envelope.findings, *missing) if slips or missing else ()


def _whole(slips: tuple[Examined, ...]) -> Verdict:
    verdicts = {one.verdict for one in slips}
    return next(
        (one for one in (Verdict.REFUSED, Verdict.WAIT, Verdict.ACCEPTED) if one in verdicts), Verdict.NO_TRANSFER
    )
