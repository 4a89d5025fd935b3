"""``lienvien connector check``: everything that sending would do except sending, on files, without a server.

Each slip is read, judged, mapped, put to the gate of the exchange and to FHIR, and written down as it would be signed.
Reports name fields and codes; no name, number or diagnosis of a patient is in them.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connectors.beside import SignedForm, signed_form_beside
from connectors.drafting import NotDraftableError, Order, desk_of, draft, own_side
from connectors.mapping.context import BuildContext, Identity, LegalGround
from connectors.mapping.gaps import held_back, leaks, missing
from connectors.mapping.source import source_of
from connectors.mapping.staff import read_staff
from connectors.mapping.times import start_of
from connectors.preparing import Desk, Prepared, prepare, sides_of
from connectors.settings import Settings, load
from connectors.sources.directory import Directory, read_directory
from connectors.sources.reading import FileReport, read_file
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.findings import Finding, Severity, finding
from connectors.sources.xml13.rules import Examined, Verdict
from connectors.version import SOFTWARE_VERSION
from connectors.workshop.client import Workshop
from schemas.codes.lists import LegalBasis
from schemas.events import Event
from schemas.ids import case_code, is_facility_id
from schemas.limits import EXPORT_MAX_BYTES
from schemas.reasons import ReasonCode
from schemas.urgency import Priority

Report = dict[str, Any]

_WORST: Final = (Verdict.REFUSED, Verdict.WAIT, Verdict.ACCEPTED, Verdict.NO_TRANSFER)
# Without a configuration nobody set a legal ground: this one stands in, and a note says so.
_STAND_IN: Final = (
    LegalGround(LegalBasis.EMERGENCY, "chỉ để kiểm tra / for this check only"),
    LegalGround(LegalBasis.WRITTEN_REQUEST, "chỉ để kiểm tra / for this check only"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """What all files of one run share."""

    directory: Directory
    desk: Desk
    settings: Settings | None
    now: datetime
    out: Path | None
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class _File:
    """What lies around one file: a signed form beside it, and the priority of its export folder."""

    beside: SignedForm
    at_least: Priority | None


@dataclass(frozen=True, slots=True)
class _Checked:
    """One slip after the check. ``data`` is what would be signed."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    prepared: Prepared | None = None
    data: bytes | None = None


def check(
    files: Sequence[Path],
    facilities_csv: Path,
    now: datetime,
    config: Path | None = None,
    out_dir: Path | None = None,
    *,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> list[Report]:
    """One JSON-able report for each file, in order; accepted Bundles are written to ``out_dir``.

    A report: ``file``, ``size``, ``sha256``, ``verdict`` (the worst of its transfers), ``findings`` (of the file),
    ``ordinary`` (records that are no transfers), ``transfers``: ``slip_index`` (from 1; None for a file that cannot be
    read), ``verdict`` accepted, refused or wait, ``case``, ``sender``, ``destination``, ``kind``, ``priority``,
    ``unclassified``, ``findings`` (``severity``, ``field``, ``table``, ``reason``, ``vi``, ``en``, ``fixer``), and
    ``bundle``, the name of the file written, or None.

    Raises:
        connectors.settings.SettingsError, connectors.sources.directory.DirectoryFileError,
        connectors.mapping.staff.StaffFileError, OSError: what the check itself needs cannot be read or written.
    """
    settings = load(config) if config else None
    place = _Place(read_directory(facilities_csv.read_bytes()), _desk(settings), settings, now, out_dir, new_id)
    if out_dir is not None:
        out_dir.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_check_all(files, place))


async def _check_all(files: Sequence[Path], place: _Place) -> list[Report]:
    names: set[str] = set()
    async with Workshop() as workshop:
        return [await _check_file(path, place, workshop, names) for path in files]


def _desk(settings: Settings | None) -> Desk:
    """What the sending connector would use; a staff list that it would quietly do without is an error here."""
    if settings is None:
        return Desk(_STAND_IN, SOFTWARE_VERSION)
    if settings.sending.staff:
        read_staff(settings.sending.staff.read_bytes())
    return desk_of(settings)


async def _check_file(path: Path, place: _Place, workshop: Workshop, names: set[str]) -> Report:
    read = _read(path, place)
    single = len(read.slips) == 1
    file = _file(path, place, single=single)
    transfers = []
    verdicts = [read.verdict] if not read.slips else []
    for position, examined in enumerate(read.slips, 1):
        checked = await _check_slip(examined, position, place, workshop, file)
        name = None
        if checked.verdict is Verdict.ACCEPTED and checked.data is not None and place.out is not None:
            name = _free_name(path.stem if single else f"{path.stem}-{position}", names)
            (place.out / name).write_bytes(checked.data)
        transfers.append(_transfer(examined, checked, name))
        verdicts.append(checked.verdict)
    if not transfers and read.verdict is not Verdict.NO_TRANSFER:
        transfers.append(_unread(read))
    return {
        "file": str(path),
        "size": read.size,
        "sha256": read.sha256,
        "verdict": next(verdict for verdict in _WORST if verdict in verdicts).value,
        "findings": [_told(found) for found in read.findings],
        "ordinary": len(read.ordinary),
        "transfers": transfers,
    }


def _read(path: Path, place: _Place) -> FileReport:
    try:
        too_large = path.stat().st_size > EXPORT_MAX_BYTES
        data = b"" if too_large else path.read_bytes()
    except OSError:
        return FileReport(path.name, 0, "", Verdict.REFUSED, (finding(ReasonCode.FILE_UNREADABLE, "file"),))
    if too_large:
        size = path.stat().st_size
        return FileReport(path.name, size, "", Verdict.REFUSED, (finding(ReasonCode.FILE_TOO_LARGE, "file"),))
    own = place.settings.facility.code if place.settings else None
    return read_file(data, path.name, place.directory, own, place.now)


def _file(path: Path, place: _Place, *, single: bool) -> _File:
    """The signed form of a file's only slip (beside several, nobody knows whose it is), and its folder's priority."""
    found = signed_form_beside(path)
    if found.pdf is not None and not single:
        found = SignedForm(left_out=True)
    exports = place.settings.folders.exports if place.settings else ()
    at_least = next((one.priority for one in exports if one.path.resolve() == path.resolve().parent), None)
    return _File(found, at_least)


async def _check_slip(examined: Examined, position: int, place: _Place, workshop: Workshop, file: _File) -> _Checked:
    """What sending would do with one slip; one that is refused or waits is not written."""
    dossier = examined.dossier
    if dossier.slip is None or examined.verdict is Verdict.REFUSED:
        return _Checked(examined.verdict, examined.findings)
    order = _order(examined, dossier.slip, position, place, file)
    prepared = prepare(
        dossier, order.sides, place.desk, order.ids, new_id=place.new_id, now=place.now, at_least=order.at_least
    )
    notes = [*examined.findings, *_notes(examined, prepared.context, place)]
    if file.beside.left_out:
        notes.append(finding(ReasonCode.ATTACHMENT_LEFT_OUT, "PDF", hoso=dossier.position))
    try:
        drafted = await draft(dossier, order, place.desk, workshop, new_id=place.new_id, now=place.now)
    except NotDraftableError as refused:
        return _Checked(Verdict.REFUSED, (*_once(notes), *refused.findings), prepared)
    return _Checked(examined.verdict, _once([*notes, *drafted.notes]), prepared, drafted.payload)


def _order(examined: Examined, slip: Slip, position: int, place: _Place, file: _File) -> Order:
    left = start_of(slip.text("NGAY_RA")) or place.now.astimezone(VIETNAM)
    sides = sides_of(examined.dossier, place.directory, left)
    if place.settings is not None:
        sides = replace(sides, sender=own_side(place.settings))
    new = place.new_id
    code = case_code(sides.sender.code, place.now.astimezone(VIETNAM).date(), position)
    return Order(
        ids=Identity(new(), new(), new(), new(), case_code=code, incarnation=new(), counter=position),
        sides=sides,
        event=Event.SUBMIT,
        at_least=file.at_least,
        signed_pdf=file.beside.pdf,
    )


def _notes(examined: Examined, context: BuildContext, place: _Place) -> list[Finding]:
    """What the rules of the record could not know: the directory, the staff list, other tables, the configuration."""
    source, position = source_of(examined.dossier), examined.dossier.position
    said = [(ReasonCode.FIELD_MISSING, gap.field, "") for gap in missing(source, context)]
    said += [(ReasonCode.SENSITIVE_SHOWS, field, table) for field, table in leaks(source)]
    said += [(ReasonCode.HELD_BACK, gap.field, "XML1") for gap in held_back(source, ())]
    if place.settings is None:
        said.append((ReasonCode.LEGAL_BASIS_MISSING, "legal-basis", ""))
    found = [finding(code, field, table=table, hoso=position) for code, field, table in said]
    return [replace(one, severity=Severity.NOTE) for one in found]


def _once(notes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Of findings of one reason at one place, the first."""
    return tuple({(one.reason, one.field, one.table): one for one in reversed(notes)}.values())[::-1]


def _free_name(stem: str, names: set[str]) -> str:
    """A file name not given yet in this run."""
    name, count = f"{stem}.json", 1
    while name in names:
        count += 1
        name = f"{stem}-{count}.json"
    names.add(name)
    return name


def _transfer(examined: Examined, checked: _Checked, bundle: str | None) -> Report:
    slip, proposal = examined.dossier.slip, checked.prepared.context.proposal if checked.prepared else None
    return {
        "slip_index": examined.dossier.position,
        "verdict": checked.verdict.value,
        "case": checked.prepared.context.ids.case_code if checked.prepared else None,
        "sender": _code(slip.text("MA_CSKCB") if slip else ""),
        "destination": _code(slip.destination if slip else ""),
        "dialect": slip.dialect.value if slip else None,
        "kind": proposal.kind.value if proposal else None,
        "priority": proposal.priority.value if proposal else None,
        "unclassified": proposal.unclassified if proposal else None,
        "rule_pack": proposal.version if proposal else None,
        "findings": [_told(found) for found in checked.findings],
        "bundle": bundle,
    }


def _unread(read: FileReport) -> Report:
    """A file that cannot be read stands for one transfer that nobody can see."""
    empty = dict.fromkeys(
        ("case", "sender", "destination", "dialect", "kind", "priority", "unclassified", "rule_pack", "bundle")
    )
    findings = [_told(found) for found in read.findings]
    return {"slip_index": None, "verdict": read.verdict.value, **empty, "findings": findings}


def _code(text: str) -> str | None:
    """A facility's code, or None: what is no code could be anything."""
    return text if is_facility_id(text) else None


def _told(found: Finding) -> Report:
    return {
        "severity": found.severity.value,
        "field": found.field,
        "table": found.table or None,
        "reason": found.reason.value,
        "vi": found.vi,
        "en": found.en,
        "fixer": found.fixer.value,
    }
