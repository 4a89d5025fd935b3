"""From a judged record to what is signed: proposal, form, context. Pure; whoever sends and whoever checks share it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connectors.form.content import FormContent, form_content
from connectors.mapping.context import (
    RENDITION,
    SIGNED_FORM,
    Attachment,
    BuildContext,
    Facility,
    Identity,
    LegalGround,
    StaffMember,
)
from connectors.mapping.source import source_of
from connectors.mapping.urgency.proposal import Evidence, Proposal
from connectors.mapping.urgency.rules import propose
from connectors.sources import directory
from connectors.sources.xml13.records import Dossier
from schemas.ids import is_facility_id
from schemas.urgency import Kind, Priority

PLAIN: Final = "text/plain; charset=utf-8"
_PHONE_COLUMNS: Final = ("phone", "duty_phone", "phones", "dien_thoai")
_UNVERIFIED: Final = "Chữ ký trong tệp chưa được kiểm tra. / The signature inside the file was not checked."
_TITLE: Final = "Phiếu chuyển cơ sở khám bệnh, chữa bệnh"


@dataclass(frozen=True, slots=True)
class Desk:
    """What the sending hospital set up once: people, legal grounds, software."""

    legal_grounds: tuple[LegalGround, ...]
    software_version: str
    staff: Mapping[str, StaffMember] = field(default_factory=dict)
    demonstration: bool = False


@dataclass(frozen=True, slots=True)
class Sides:
    """The facilities of one transfer, as the directory names them on its day."""

    sender: Facility
    destination: Facility
    came_from: Facility | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A context that still lacks its attachments, and the texts of the form."""

    context: BuildContext
    form: FormContent


def prepare(
    dossier: Dossier,
    sides: Sides,
    desk: Desk,
    ids: Identity,
    *,
    new_id: Callable[[], str],
    now: datetime,
    at_least: Priority | None = None,
) -> Prepared:
    """Propose kind and priority, and lay out form and context.

    ``at_least`` is the priority of the folder or of the person who released the slip; it only ever raises.
    Raises ValueError for a record without slip.
    """
    source = source_of(dossier)
    proposal = propose(source, sides.sender, sides.destination)
    if at_least is not None:
        proposal = proposal.raised(at_least, _CHOSEN)
    context = BuildContext(
        sender=sides.sender,
        destination=sides.destination,
        came_from=sides.came_from,
        proposal=proposal,
        legal_grounds=desk.legal_grounds,
        ids=ids,
        new_id=new_id,
        now=now,
        software_version=desk.software_version,
        attachments=(),
        staff=desk.staff,
        demonstration=desk.demonstration,
    )
    return Prepared(context, _form(dossier, context, proposal))


_CHOSEN: Final = Evidence(
    "chosen", "folder", "người gửi hoặc thư mục chọn mức này", "chosen by the sender or the folder"
)


def _form(dossier: Dossier, context: BuildContext, proposal: Proposal) -> FormContent:
    source = source_of(dossier)
    doctor = context.staff.get(source.text("MA_BAC_SI") or "")
    return form_content(
        source,
        sender_name=context.sender.name or context.sender.code,
        destination_name=context.destination.name or context.destination.code,
        doctor_name=doctor.name if doctor else None,
        case_code=context.ids.case_code,
        one_year=proposal.kind is Kind.ONE_YEAR,
        demonstration=context.demonstration,
    )


def rendition(pdf: bytes) -> Attachment:
    """Our own form, marked as no substitute for a signed one."""
    return Attachment(f"{_TITLE} (bản thể hiện)", pdf, RENDITION)


def plain_rendition(text: bytes) -> Attachment:
    """The form as text, when no PDF could be made."""
    return Attachment(f"{_TITLE} (bản chữ)", text, RENDITION, content_type=PLAIN)


def signed_form(pdf: bytes) -> Attachment:
    """A signed PDF found beside the export, as it is."""
    return Attachment(f"{_TITLE} (đã ký số)", pdf, SIGNED_FORM, verification=_UNVERIFIED)


def side(book: directory.Directory, code: str, at: datetime) -> Facility:
    """A facility as the directory file names it on a day; only its code where it is not listed."""
    found = book.find(code, at.date())
    if found is None:
        return Facility(code)
    phone = next((found.facts[name] for name in _PHONE_COLUMNS if found.facts.get(name)), None)
    return Facility(code, found.name, phone, found.facts.get("role") or None)


def sides_of(dossier: Dossier, book: directory.Directory, at: datetime) -> Sides:
    """Sender, destination and earlier facility of a slip. Raises ValueError for a record without slip."""
    if dossier.slip is None:
        raise ValueError("no slip, no transfer")
    came = dossier.slip.came_from
    return Sides(
        sender=side(book, dossier.slip.text("MA_CSKCB"), at),
        destination=side(book, dossier.slip.destination, at),
        came_from=side(book, came, at) if is_facility_id(came) else None,
    )
