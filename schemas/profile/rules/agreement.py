"""Agreement: what the message says twice, it says alike."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.codes import systems
from schemas.codes.lists import LegalBasis
from schemas.events import CARRIES_THE_CASE, Party
from schemas.ids import facility_of_case_code, facility_urn, is_case_code
from schemas.lifecycle import ACTORS
from schemas.profile.contents import Broken, Contents, Resource
from schemas.reasons import ReasonCode
from schemas.urgency import Kind, Priority


def route(contents: Contents) -> Iterator[Broken]:
    """Endpoints name the same facilities as the Organizations; otherwise the destination is not known."""
    header = contents.one("MessageHeader")
    if header["source"]["endpoint"] != facility_urn(contents.facts.sender):
        yield contents.broken(0, "source.endpoint", always=True)
    if header["destination"][0]["endpoint"] != facility_urn(contents.facts.recipient):
        yield contents.broken(0, "destination.endpoint", always=True)


def task(contents: Contents) -> Iterator[Broken]:
    """Owner is the hospital asked, requester the one that asks; ServiceRequest repeats performer and priority."""
    header, request = contents.one("MessageHeader"), contents.one("ServiceRequest")
    position, own = next(contents.of("Task"))
    sender, receiver = _url(header["sender"]), _url(header["destination"][0]["receiver"])
    if ACTORS[contents.facts.event] == {Party.DESTINATION}:
        sender, receiver = receiver, sender  # an answer goes the other way
    for name, expected in (("requester", sender), ("owner", receiver)):
        if _url(own.get(name)) not in (None, expected):
            yield contents.broken(position, name)
    if request:
        yield from _request(contents, request, own)
    codes = [item.get("value", "") for item in own["identifier"] if item["system"] == systems.CASE_CODE]
    if len(codes) > 1 or not all(is_case_code(code) for code in codes):
        yield contents.broken(position, "identifier")
    elif any(facility_of_case_code(code) not in _referring(contents) for code in codes):
        yield contents.broken(position, "identifier", always=True)


def _referring(contents: Contents) -> frozenset[str]:
    """Who may be the hospital that refers, by who may say such an event. It made the case code; a hospital that passes
    the patient on makes one of its own, so that what people say means one case."""
    facts = contents.facts
    parties = {Party.SENDER: facts.sender, Party.DESTINATION: facts.recipient}
    return frozenset(parties[actor] for actor in ACTORS[facts.event] if actor in parties)


def _request(contents: Contents, request: Resource, own: Resource) -> Iterator[Broken]:
    position, _ = next(contents.of("ServiceRequest"))
    if request.get("priority", own["priority"]) != own["priority"]:
        yield contents.broken(position, "priority")
    performers = {_url(item) for item in request.get("performer", [])} - {None}
    if performers and _url(own.get("owner")) not in (None, *performers):
        yield contents.broken(position, "performer")


def names_the_transfer(contents: Contents) -> Iterator[Broken]:
    """An answer's logical references carry the ids of its own Task."""
    facts = contents.facts
    if facts.event in CARRIES_THE_CASE:
        return
    position, own = next(contents.of("Task"))
    pairs = (("focus", systems.TRANSFER_ID, facts.transfer_id), ("for", systems.CASE_ID, facts.case_id))
    for name, system, expected in pairs:
        identifier = own.get(name, {}).get("identifier", {})
        if identifier and (identifier["system"], identifier.get("value")) != (system, expected):
            yield contents.broken(position, name)


def urgency(contents: Contents) -> Iterator[Broken]:
    """``unclassified`` is a tag of ``urgent``: no evidence of urgency was found, so nothing else was."""
    if contents.facts.unclassified and contents.facts.priority is not Priority.URGENT:
        position, _ = next(contents.of("Task"))
        yield contents.broken(position, "priority", ReasonCode.PRIORITY_NOT_ALLOWED)


def legal_basis(contents: Contents) -> Iterator[Broken]:
    """The basis ``emergency`` holds for emergencies only."""
    facts = contents.facts
    if facts.event in CARRIES_THE_CASE and facts.kind is not Kind.EMERGENCY:
        for extension in contents.one("MessageHeader")["extension"]:
            codes = [part.get("valueCode") for part in extension["extension"]]
            if extension["url"] == systems.EXT_LEGAL_BASIS and LegalBasis.EMERGENCY in codes:
                yield contents.broken(0, "extension(legal-basis)", ReasonCode.LEGAL_BASIS_MISSING)


def provenance(contents: Contents) -> Iterator[Broken]:
    """What was done, to both request and Task, by an author, sent by a transmitter."""
    found = list(contents.of("Provenance"))
    if not found:
        return
    if contents.facts.event in CARRIES_THE_CASE:
        targets = {contents.types.get(_url(item) or "") for _, one in found for item in one["target"]}
        if not targets >= {"ServiceRequest", "Task"}:
            yield contents.broken(found[0][0], "target", ReasonCode.ELEMENT_MISSING)
    roles = {
        coding["code"]
        for _, one in found
        for agent in one["agent"]
        for coding in agent.get("type", {}).get("coding", ())
    }
    for role in sorted(_AGENTS - roles):
        yield contents.broken(found[0][0], f"agent({role})", ReasonCode.ELEMENT_MISSING)


_AGENTS: Final = frozenset({"author", "transmitter"})


def _url(reference: Any) -> str | None:
    return reference.get("reference") if isinstance(reference, dict) else None
