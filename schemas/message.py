"""The facts of a message: what routing, state and receipts need, read from the signed Bundle alone.

Reading is total: a Bundle of any JSON shape yields facts or ``Refused``. It does not replace the profile; it must hold
for Bundles that the profile has not judged yet, because identity has to be known before anything is answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codes import systems
from schemas.codes.lists import Tag
from schemas.events import CARRIES_THE_CASE, Event
from schemas.ids import is_facility_id, is_uuid
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Kind, Priority


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What a message says about itself. Ids are UUIDs; sender and recipient are facility codes."""

    message_id: str
    bundle_id: str
    case_id: str
    transfer_id: str
    event: Event
    sender: str
    recipient: str
    priority: Priority
    kind: Kind | None
    incarnation: str
    counter: int
    response_to: str | None = None
    tags: frozenset[str] = frozenset()

    @property
    def unclassified(self) -> bool:
        """True when no evidence of urgency was found; timed and sorted as urgent."""
        return Tag.UNCLASSIFIED in self.tags

    @property
    def lenient(self) -> bool:
        """Stat and unclassified messages are refused for as little as possible (contract on the submit profile)."""
        return self.priority is Priority.STAT or self.unclassified


def read_facts(bundle: object) -> MessageFacts:
    """The facts of a parsed Bundle.

    Raises:
        Refused: BUNDLE_RULE_BROKEN, ID_MALFORMED, EVENT_UNKNOWN, PRIORITY_NOT_ALLOWED or PROFILE_VIOLATED, with the
            element's path.
    """
    entries = _entries(bundle)
    header = _resource(entries[0], "MessageHeader", "Bundle.entry[0]")
    by_url = {entry.get("fullUrl"): entry.get("resource") for entry in entries if isinstance(entry.get("fullUrl"), str)}
    task = _resolve(by_url, _first(header.get("focus")), "Task", "MessageHeader.focus")
    event = _event(header)
    tags = _codes(_object(_object(bundle).get("meta")).get("tag"), systems.TAG)
    kind = _kind(task)
    if kind is None and event in CARRIES_THE_CASE:
        raise Refused(ReasonCode.PROFILE_VIOLATED, "Task.extension(kind)")
    incarnation, counter = _origin(header)
    return MessageFacts(
        message_id=_uuid(header.get("id"), "MessageHeader.id"),
        bundle_id=_uuid(_object(bundle).get("id"), "Bundle.id"),
        case_id=_uuid(_object(task.get("groupIdentifier")).get("value"), "Task.groupIdentifier"),
        transfer_id=_uuid(_identifier(task, systems.TRANSFER_ID), "Task.identifier"),
        event=event,
        sender=_facility(by_url, header.get("sender"), "MessageHeader.sender"),
        recipient=_facility(by_url, _first(header.get("destination")).get("receiver"), "MessageHeader.destination"),
        priority=_priority(task.get("priority")),
        kind=kind,
        incarnation=incarnation,
        counter=counter,
        response_to=_response_to(header),
        tags=tags,
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Mapping[str, Any]:
    return _object(value[0]) if isinstance(value, list) and len(value) == 1 else {}


def _entries(bundle: object) -> list[Mapping[str, Any]]:
    entries = _object(bundle).get("entry")
    if _object(bundle).get("resourceType") != "Bundle" or not isinstance(entries, list) or not entries:
        raise Refused(ReasonCode.PROFILE_VIOLATED, "Bundle.entry")
    return [_object(entry) for entry in entries]


def _resource(entry: Mapping[str, Any], kind: str, where: str) -> Mapping[str, Any]:
    resource = _object(entry.get("resource"))
    if resource.get("resourceType") != kind:
        raise Refused(ReasonCode.BUNDLE_RULE_BROKEN, where)
    return resource


def _resolve(by_url: Mapping[Any, Any], reference: object, kind: str, where: str) -> Mapping[str, Any]:
    url = _object(reference).get("reference")
    resource = _object(by_url.get(url)) if isinstance(url, str) else {}
    if resource.get("resourceType") != kind:
        raise Refused(ReasonCode.BUNDLE_RULE_BROKEN, where)
    return resource


def _identifier(resource: Mapping[str, Any], system: str) -> object:
    identifiers = resource.get("identifier")
    found = [
        _object(item).get("value")
        for item in (identifiers if isinstance(identifiers, list) else [])
        if _object(item).get("system") == system
    ]
    return found[0] if len(found) == 1 else None


def _uuid(value: object, where: str) -> str:
    if not isinstance(value, str) or not is_uuid(value):
        raise Refused(ReasonCode.ID_MALFORMED, where)
    return value


def _facility(by_url: Mapping[Any, Any], reference: object, where: str) -> str:
    organization = _resolve(by_url, reference, "Organization", where)
    code = _identifier(organization, systems.FACILITY)
    if not isinstance(code, str) or not is_facility_id(code):
        raise Refused(ReasonCode.ID_MALFORMED, where)
    return code


def _event(header: Mapping[str, Any]) -> Event:
    coding = _object(header.get("eventCoding"))
    try:
        if coding.get("system") == systems.EVENT:
            return Event(str(coding.get("code")))
    except ValueError:
        pass
    raise Refused(ReasonCode.EVENT_UNKNOWN, "MessageHeader.eventCoding")


def _priority(value: object) -> Priority:
    try:
        return Priority(str(value))
    except ValueError:
        raise Refused(ReasonCode.PRIORITY_NOT_ALLOWED, "Task.priority") from None


def _extension(resource: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    extensions = resource.get("extension")
    found = [
        _object(item)
        for item in (extensions if isinstance(extensions, list) else [])
        if _object(item).get("url") == url
    ]
    return found[0] if len(found) == 1 else {}


def _kind(task: Mapping[str, Any]) -> Kind | None:
    value = _extension(task, systems.EXT_KIND).get("valueCode")
    if value is None:
        return None
    try:
        return Kind(str(value))
    except ValueError:
        raise Refused(ReasonCode.PROFILE_VIOLATED, "Task.extension(kind)") from None


def _origin(header: Mapping[str, Any]) -> tuple[str, int]:
    origin = _extension(header, systems.EXT_ORIGIN)
    incarnation = _extension(origin, "incarnation").get("valueId")
    counter = _extension(origin, "counter").get("valuePositiveInt")
    if not isinstance(counter, int) or isinstance(counter, bool) or not 0 < counter < 2**31:
        raise Refused(ReasonCode.PROFILE_VIOLATED, "MessageHeader.extension(origin)")
    return _uuid(incarnation, "MessageHeader.extension(origin)"), counter


def _response_to(header: Mapping[str, Any]) -> str | None:
    if "response" not in header:
        return None
    return _uuid(_object(header.get("response")).get("identifier"), "MessageHeader.response.identifier")


def _codes(codings: object, system: str) -> frozenset[str]:
    return frozenset(
        str(_object(item).get("code"))
        for item in (codings if isinstance(codings, list) else [])
        if _object(item).get("system") == system
    )
