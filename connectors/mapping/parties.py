"""Organization, Practitioner and PractitionerRole: who sends, who receives, who signs, who rides along."""

from dataclasses import dataclass
from typing import Final

from connectors.mapping import addresses
from connectors.mapping.context import BuildContext, Facility, StaffMember
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, concept, human_name, identifier, is_code, parts, phone
from connectors.mapping.source import Source
from connectors.sources.xml13.dialects import Dialect
from schemas.codes import systems
from schemas.ids import is_facility_id

DOCTOR: Final = "doctor"
HEAD: Final = "head"
ESCORT: Final = "escort"
ESCORTS_MAX: Final = 4  # nobody rides along with more; a longer text is carried as it is


@dataclass(frozen=True, slots=True)
class Parties:
    """References to the two or three facilities and to the doctor's role."""

    sender: Element
    destination: Element
    came_from: Element | None
    doctor: Element


def add_parties(draft: Draft, source: Source, context: BuildContext) -> Parties:
    """Adds the facilities, then the doctor, the head and the escorts of the slip."""
    sender = draft.add("Organization", organization(context.sender))
    destination = draft.add("Organization", organization(context.destination))
    came_from = _came_from(draft, source, context, sender, destination)
    licence = source.text("MA_BAC_SI")
    signer = context.staff.get(licence or "")
    doctor = _person(draft, context, sender, DOCTOR, identifier(systems.LICENCE, licence), known=signer)
    _add_head(draft, source, context, sender)
    for name, title in escorts(source.text("HOTEN_NGUOI_HT"), source.text("CHUCDANH_NGUOI_HT")):
        unknown_licence = identifier(systems.LICENCE, None)
        _person(draft, context, sender, ESCORT, unknown_licence, known=StaffMember(name), title=title)
    return Parties(sender, destination, came_from, doctor)


def organization(facility: Facility) -> Element:
    """An Organization with its facility code, its name where known, and its phone or the word that it is unknown."""
    name = {"name": facility.name} if facility.name else {"_name": human_name(None)["_text"]}
    return {"identifier": [identifier(systems.FACILITY, facility.code)], **name, "telecom": [phone(facility.phone)]}


def escorts(names: str | None, titles: str | None) -> list[tuple[str, str | None]]:
    """Names with titles. Lists with semicolons are parted when both have the same length; else one text each."""
    if names is None:
        return []
    people, ranks = parts(names), parts(titles or "")
    if len(people) > ESCORTS_MAX or (ranks and len(ranks) != len(people)):
        return [(names.strip(), titles)]
    return [(person, ranks[place] if ranks else None) for place, person in enumerate(people)]


def _came_from(
    draft: Draft, source: Source, context: BuildContext, sender: Element, destination: Element
) -> Element | None:
    code = source.came_from
    if code is None or not is_facility_id(code):
        return None
    if code in (context.sender.code, context.destination.code):
        return destination if code == context.destination.code else sender
    known = context.came_from
    return draft.add("Organization", organization(known if known and known.code == code else Facility(code)))


def _add_head(draft: Draft, source: Source, context: BuildContext, sender: Element) -> None:
    number = source.text("MA_TTDV")
    if number is not None:
        system = addresses.SOCIAL_INSURANCE if source.dialect is Dialect.QD4750 else systems.LICENCE
        _person(draft, context, sender, HEAD, identifier(system, number), known=context.staff.get(number))


def _person(
    draft: Draft,
    context: BuildContext,
    sender: Element,
    role: str,
    number: Element,
    *,
    known: StaffMember | None,
    title: str | None = None,
) -> Element:
    """Adds a Practitioner and its role; the role's phone is the sender's duty phone, which is always somebody's."""
    practitioner = draft.add(
        "Practitioner",
        {
            "identifier": [number],
            "name": [human_name(known.name if known else None)],
            "telecom": [phone(known.phone if known else None)],
        },
    )
    return draft.add(
        "PractitionerRole",
        {
            "practitioner": practitioner,
            "organization": sender,
            "code": [concept(addresses.ROLE, role, title)],
            "telecom": [phone(context.sender.phone)],
        },
    )


def licence_reference(licence: str | None) -> list[Element]:
    """Who read a result, by licence alone: that person has no entry in the Bundle."""
    if not is_code(licence):
        return []
    return [{"type": "Practitioner", "identifier": identifier(systems.LICENCE, licence), "display": licence}]
