"""What a Bundle is built from beside the exported record: directory, people, ids, time, judgements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.mapping.changes import FieldChange
from connectors.mapping.urgency.proposal import Proposal
from schemas.codes.lists import LegalBasis
from schemas.events import Event
from schemas.lifecycle import TransferState

SIGNED_FORM = "signed-form"
RENDITION = "rendition"


@dataclass(frozen=True, slots=True)
class Facility:
    """A hospital as the directory knows it. ``role`` is central, provincial or regional."""

    code: str
    name: str | None = None
    phone: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One line of the sender's staff list, found by practice licence."""

    name: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class LegalGround:
    """Why patients' data may be shared, as a named person of the facility set it.

    ``document`` names the paper behind it. EMERGENCY holds for emergencies only, the others for every transfer.
    """

    basis: LegalBasis
    document: str | None = None
    set_by: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF that travels with the case, byte for byte."""

    title: str
    content: bytes
    purpose: str = RENDITION  # or SIGNED_FORM
    verification: str | None = None  # what checking the signature inside the PDF said
    content_type: str = "application/pdf"


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of one message: UUIDs but for the case code and the counter."""

    message_id: str
    bundle_id: str
    case_id: str
    transfer_id: str
    case_code: str
    incarnation: str
    counter: int


@dataclass(frozen=True, slots=True)
class BuildContext:
    """Everything ``build_bundle`` needs beside the record; nothing is looked up elsewhere.

    ``new_id`` gives the id of each further resource (UUID, lower case); ``now`` is aware.
    """

    sender: Facility
    destination: Facility
    proposal: Proposal
    legal_grounds: tuple[LegalGround, ...]
    ids: Identity
    new_id: Callable[[], str]
    now: datetime
    software_version: str
    attachments: tuple[Attachment, ...]
    came_from: Facility | None = None  # MA_NOI_DI / MA_CSKCB_DI, when it is one known facility
    staff: Mapping[str, StaffMember] = field(default_factory=dict)
    event: Event = Event.SUBMIT
    previous_message_id: str | None = None  # an update's
    changes: tuple[FieldChange, ...] = ()
    state: TransferState = field(default_factory=TransferState)  # as the sender knows it; an update leaves it as it was
    demonstration: bool = False
    not_attached: tuple[Attachment, ...] = ()  # files that would not fit; said in words
