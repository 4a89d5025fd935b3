"""What follows a transfer: received, accepted, declined, cancelled, departed, arrived. Pure; no patient data in them.

An answer names its transfer by logical references and never repeats the slip. Whether the event is allowed is not
judged here: the exchange decides, because only it knows the order in which both sides spoke.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connectors.mapping.context import Facility
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, annotation, coding, concept, holds, identifier, phone, without_nothing
from connectors.mapping.order import destination, origin, software
from connectors.mapping.times import fhir_time
from schemas.codes import systems
from schemas.codes.lists import NAMES, CancelReason, DeclineReason
from schemas.events import Event, Party
from schemas.lifecycle import ACTORS, TransferState, apply, business_status, task_status
from schemas.reasons import Refused
from schemas.urgency import Kind, Priority

ANSWERS: Final = (Event.RECEIVED, Event.ACCEPT, Event.DECLINE, Event.CANCEL, Event.DEPARTED, Event.ARRIVED)
NAMED: Final = frozenset({Event.RECEIVED, Event.ACCEPT, Event.DECLINE})  # a person says these, by name


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """Who says it. A page load is nobody."""

    name: str
    licence: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class TransferRef:
    """The transfer that an answer is about, as the author's own inbox or outbox knows it.

    ``sender`` referred the patient and ``destination`` was asked, whoever answers now. ``state`` is the author's
    knowledge before this event.
    """

    case_id: str
    transfer_id: str
    case_code: str
    submit_message_id: str
    sender: Facility
    destination: Facility
    priority: Priority
    kind: Kind | None = None
    authored_on: datetime | None = None
    state: TransferState = field(default_factory=TransferState)


@dataclass(frozen=True, slots=True)
class Details:
    """What an event may say beside its name; members that do not belong to the event are left out.

    ``reason`` and ``text``: decline, cancel. ``ward``, ``until``, ``contact``: accept. ``at``: when the patient left or
    arrived. ``note``: free words with any event.
    """

    reason: DeclineReason | CancelReason | None = None
    text: str | None = None
    ward: str | None = None
    until: datetime | None = None
    contact: str | None = None
    at: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerIds:
    """Ids of the message, and a source of further ones (UUIDs, lower case)."""

    message_id: str
    bundle_id: str
    incarnation: str
    counter: int
    new_id: Callable[[], str]


def build_answer(
    event: Event,
    about: TransferRef,
    by: NamedPerson | None,
    details: Details,
    ids: AnswerIds,
    *,
    now: datetime,
    software_version: str,
) -> Element:
    """The Bundle of an answer; ``now`` is aware.

    Raises:
        ValueError: an event that is no answer; no named person where one must speak; no coded reason for a decline or
            cancellation, or OTHER without words.
    """
    _check(event, by, details)
    author, recipient = _parties(event, about)
    draft = Draft(ids.new_id)
    organizations = {item.code: draft.add("Organization", _organization(item)) for item in (author, recipient)}
    role = draft.add("PractitionerRole", _role(by, organizations[author.code])) if by else None
    task = draft.add("Task", _task(event, about, details, organizations, now))
    draft.add("Provenance", _provenance(about, role, organizations[author.code], task, now))
    header: Element = {
        "extension": [origin(ids.incarnation, ids.counter)],
        "eventCoding": coding(systems.EVENT, event.value),
        "destination": [destination(recipient, organizations[recipient.code])],
        "sender": organizations[author.code],
        "author": role,
        "source": software(author, software_version),
        "response": {"identifier": about.submit_message_id, "code": "ok"},
        "focus": [task],
        "definition": systems.message_definition_of(event.value),
    }
    draft.add_first(ids.message_id, "MessageHeader", without_nothing(header))
    return {
        "resourceType": "Bundle",
        "id": ids.bundle_id,
        "meta": {"profile": [systems.profile_of(event.value)]},
        "identifier": {"system": systems.BUNDLE_ID, "value": f"urn:uuid:{ids.bundle_id}"},
        "type": "message",
        "timestamp": fhir_time(now),
        "entry": draft.entries,
    }


def author_of(event: Event) -> Party:
    """Who says an answer: the sender cancels and reports the departure, the destination says the rest."""
    return Party.SENDER if ACTORS[event] == {Party.SENDER} else Party.DESTINATION


def _check(event: Event, by: NamedPerson | None, details: Details) -> None:
    if event not in ANSWERS:
        raise ValueError("not an answer")
    if event in NAMED and (by is None or not holds(by.name)):
        raise ValueError("a named person is needed")
    wanted = {Event.DECLINE: DeclineReason, Event.CANCEL: CancelReason}.get(event)
    if wanted is not None and not isinstance(details.reason, wanted):
        raise ValueError("a coded reason is needed")
    if wanted is not None and details.reason in (DeclineReason.OTHER, CancelReason.OTHER) and not holds(details.text):
        raise ValueError("another reason is said in words")


def _parties(event: Event, about: TransferRef) -> tuple[Facility, Facility]:
    if author_of(event) is Party.SENDER:
        return about.sender, about.destination
    return about.destination, about.sender


def _organization(facility: Facility) -> Element:
    name = {"name": facility.name or facility.code}
    telecom = {"telecom": [phone(facility.phone)]} if holds(facility.phone) else {}
    return {"identifier": [identifier(systems.FACILITY, facility.code)], **name, **telecom}


def _role(by: NamedPerson, organization: Element) -> Element:
    number = {"identifier": identifier(systems.LICENCE, by.licence)} if holds(by.licence) else {}
    return {
        "practitioner": {"type": "Practitioner", **number, "display": by.name},
        "organization": organization,
        **({"telecom": [phone(by.phone)]} if holds(by.phone) else {}),
    }


def _task(
    event: Event, about: TransferRef, details: Details, organizations: dict[str, Element], now: datetime
) -> Element:
    state = _after(event, about)
    authored = about.authored_on if about.authored_on is not None and about.authored_on <= now else now
    kind = [{"url": systems.EXT_KIND, "valueCode": about.kind.value}] if about.kind else []
    content: Element = {
        "extension": [*kind, *_said(event, details)],
        "identifier": [
            identifier(systems.TRANSFER_ID, about.transfer_id),
            identifier(systems.CASE_CODE, about.case_code),
        ],
        "groupIdentifier": identifier(systems.CASE_ID, about.case_id),
        "status": task_status(state),
        "statusReason": _reason(event, details),
        "businessStatus": concept(systems.BUSINESS_STATUS, business_status(state)),
        "intent": "order",
        "priority": about.priority.value,
        "focus": _logical("ServiceRequest", systems.TRANSFER_ID, about.transfer_id),
        "for": _logical("Patient", systems.CASE_ID, about.case_id),
        "executionPeriod": _period(event, details, now),
        "authoredOn": fhir_time(authored),
        "lastModified": fhir_time(now),
        "requester": organizations[about.sender.code],
        "owner": organizations[about.destination.code],
        "note": [annotation("note", details.note, fhir_time(now))] if holds(details.note) else [],
    }
    if event is Event.ACCEPT and details.until is not None:
        content["restriction"] = {"period": {"end": fhir_time(details.until)}}
    return without_nothing(content)


def _after(event: Event, about: TransferRef) -> TransferState:
    """The state that the author expects; unchanged where the tables say no, since the exchange is the judge."""
    with contextlib.suppress(Refused):
        return apply(about.state, event, author_of(event), about.kind)
    return about.state


def _said(event: Event, details: Details) -> list[Element]:
    if event is not Event.ACCEPT:
        return []
    told = ((systems.EXT_WARD, details.ward), (systems.EXT_CONTACT, details.contact))
    return [{"url": url, "valueString": text} for url, text in told if holds(text)]


def _reason(event: Event, details: Details) -> Element | None:
    system = {Event.DECLINE: systems.DECLINE_REASON, Event.CANCEL: systems.CANCEL_REASON}.get(event)
    if system is None or details.reason is None:
        return None
    code = details.reason
    text = details.text if holds(details.text) else NAMES.get(code, (code.value,))[0]
    return {"coding": [coding(system, code.value, NAMES[code][0] if code in NAMES else None)], "text": text}


def _period(event: Event, details: Details, now: datetime) -> Element | None:
    side = {Event.DEPARTED: "start", Event.ARRIVED: "end"}.get(event)
    return {side: fhir_time(details.at or now)} if side else None


def _logical(kind: str, system: str, value: str) -> Element:
    return {"type": kind, "identifier": identifier(system, value)}


def _provenance(
    about: TransferRef, role: Element | None, organization: Element, task: Element, now: datetime
) -> Element:
    answered = {"identifier": identifier(systems.MESSAGE_ID, about.submit_message_id)}
    return {
        "target": [task],
        "recorded": fhir_time(now),
        "agent": [
            {"type": concept(systems.PROVENANCE_AGENT, "author"), "who": role or organization},
            {"type": concept(systems.PROVENANCE_AGENT, "transmitter"), "who": organization},
        ],
        "entity": [{"role": "source", "what": answered}],
    }
