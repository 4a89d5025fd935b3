"""From a judged slip to the bytes that will be signed, with the form from the workshop and both gates tried.

Only what can never be right stops a slip here. When the workshop fails the form travels as plain text: a crash of a
helper must not keep an emergency back.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from connectors.form.content import FormContent, plain_form
from connectors.mapping.assemble import assemble
from connectors.mapping.changes import FieldChange
from connectors.mapping.context import Attachment, Facility, Identity, LegalGround
from connectors.mapping.staff import StaffFileError, read_staff
from connectors.mapping.urgency.proposal import Proposal
from connectors.preparing import Desk, Prepared, Sides, plain_rendition, prepare, rendition, signed_form
from connectors.settings import Settings
from connectors.sources.xml13.findings import Finding, Severity, finding
from connectors.sources.xml13.records import Dossier
from connectors.version import SOFTWARE_VERSION
from connectors.workshop.client import WorkshopError
from schemas import strict_json
from schemas.events import Event
from schemas.message import MessageFacts, read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Priority


class Forms(Protocol):
    """The workshop: renders the form, asks FHIR. Raises WorkshopError; safe to call concurrently."""

    async def render(self, form: FormContent) -> bytes:
        """The form as PDF."""

    async def check_r4b(self, bundle: bytes) -> tuple[str, ...]:
        """Paths that FHIR R4B does not accept."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be drafted beside the record itself."""

    ids: Identity
    sides: Sides
    event: Event
    previous_message_id: str | None = None
    changes: tuple[FieldChange, ...] = ()
    at_least: Priority | None = None
    signed_pdf: bytes | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A Bundle as it will be signed. ``notes`` weigh nothing; they are for people."""

    payload: bytes
    facts: MessageFacts
    bundle: dict[str, object]
    proposal: Proposal
    pdf: bytes | None
    notes: tuple[Finding, ...]


class NotDraftableError(Exception):
    """The slip cannot become a message; ``findings`` say why."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(", ".join(found.reason.value for found in findings))
        self.findings = findings


def desk_of(settings: Settings) -> Desk:
    """What the sending hospital set up once. A staff list that cannot be read counts as empty: names are a comfort."""
    sending = settings.sending
    try:
        staff = read_staff(sending.staff.read_bytes()) if sending.staff else {}
    except (OSError, StaffFileError):
        staff = {}
    return Desk(
        legal_grounds=tuple(LegalGround(one.basis, one.document or None, one.set_by) for one in sending.legal),
        software_version=SOFTWARE_VERSION,
        staff=staff,
        demonstration=sending.demonstration,
    )


def own_side(settings: Settings) -> Facility:
    """This hospital as its configuration names it."""
    own = settings.facility
    return Facility(own.code, own.name, own.phone, own.role or None)


async def draft(
    dossier: Dossier, order: Order, desk: Desk, forms: Forms, *, new_id: Callable[[], str], now: datetime
) -> Draft:
    """Draft one message. Raises NotDraftableError."""
    prepared = prepare(dossier, order.sides, desk, order.ids, new_id=new_id, now=now, at_least=order.at_least)
    attachments, pdf, notes = await _forms(prepared, order.signed_pdf, forms)
    context = replace(
        prepared.context,
        attachments=attachments,
        event=order.event,
        previous_message_id=order.previous_message_id,
        changes=order.changes,
    )
    try:
        assembled = assemble(dossier, context)
        bundle = strict_json.loads(assembled.data)
        facts = read_facts(bundle)
    except Refused as refusal:
        raise NotDraftableError((finding(refusal.reason, refusal.where, hoso=dossier.position),)) from None
    if assembled.not_attached:
        notes.append(finding(ReasonCode.ATTACHMENT_LEFT_OUT, "PDF", hoso=dossier.position))
    refusals = tuple(finding(one.reason, one.where) for one in judge(bundle, facts).refusals)
    if refusals:
        raise NotDraftableError(refusals)
    notes += await _fhir(assembled.data, forms)
    return Draft(assembled.data, facts, bundle, context.proposal, pdf, tuple(notes))


async def render_form(prepared: Prepared, forms: Forms) -> tuple[bytes, str]:
    """The form as a file to print: (content, name's ending)."""
    try:
        return await forms.render(prepared.form), ".pdf"
    except WorkshopError:
        return plain_form(prepared.form), ".txt"


async def _forms(
    prepared: Prepared, signed: bytes | None, forms: Forms
) -> tuple[tuple[Attachment, ...], bytes | None, list[Finding]]:
    first = (signed_form(signed),) if signed else ()
    try:
        pdf = await forms.render(prepared.form)
    except WorkshopError:
        return (*first, plain_rendition(plain_form(prepared.form))), None, [finding(ReasonCode.HELPER_FAILED, "PDF")]
    return (*first, rendition(pdf)), pdf, []


async def _fhir(payload: bytes, forms: Forms) -> list[Finding]:
    """FHIR's own opinion. What our gate accepts it accepts too; where it does not, people are told and care goes on."""
    try:
        paths = await forms.check_r4b(payload)
    except WorkshopError:
        return [finding(ReasonCode.HELPER_FAILED, "Bundle")]
    return [replace(finding(ReasonCode.PROFILE_VIOLATED, path), severity=Severity.NOTE) for path in paths]
