"""People: the patient can be told apart, and the author can be reached."""

from collections.abc import Iterator
from typing import Final

from schemas.codes import systems
from schemas.events import CARRIES_THE_CASE
from schemas.profile.contents import Broken, Contents, Resource
from schemas.reasons import ReasonCode

PATIENT_NUMBERS: Final = frozenset(
    {systems.NATIONAL_ID, systems.CITIZEN_ID, systems.PASSPORT, systems.INSURANCE, systems.RECORD_NUMBER}
)


def patient(contents: Contents) -> Iterator[Broken]:
    """At least one number by which the patient is known: citizen, passport, insurance card, or the sender's record."""
    for position, one in contents.of("Patient"):
        identifiers = one.get("identifier", [])
        if identifiers and not any(
            item.get("system", systems.RECORD_NUMBER) in PATIENT_NUMBERS for item in identifiers
        ):
            yield contents.broken(position, "identifier", ReasonCode.ELEMENT_MISSING)


def author(contents: Contents) -> Iterator[Broken]:
    """The author of a slip has a licence and a phone, or the word that they are not known."""
    if contents.facts.event not in CARRIES_THE_CASE:
        return
    role = contents.at(contents.one("MessageHeader").get("author"))
    if not role:
        return  # missing or dangling: said elsewhere
    person = contents.at(role.get("practitioner"))
    where = next(position for position, _, one in contents.entries if one is role)
    if not _has(person, role, "identifier"):
        yield contents.broken(where, "identifier", ReasonCode.ELEMENT_MISSING)
    if not _has(person, role, "telecom"):
        yield contents.broken(where, "telecom", ReasonCode.ELEMENT_MISSING)


def _has(person: Resource, role: Resource, name: str) -> bool:
    return bool(person.get(name) or role.get(name))
