"""A transfer's Bundle as somebody reads it: its resources by their part in the message."""

from collections.abc import Mapping
from typing import Any

from connectors.mapping.addresses import ROLE
from connectors.mapping.elements import Element


class View:
    """Finds resources by their part. A part that is not there is an empty element; reading never fails."""

    def __init__(self, bundle: Mapping[str, Any]) -> None:
        self._resources: list[Element] = [entry["resource"] for entry in bundle["entry"]]
        self._by_url: dict[str, Element] = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
        self.header = self.first("MessageHeader")
        self.task = self.first("Task")
        self.request = self.first("ServiceRequest")
        self.patient = self.first("Patient")
        self.encounter = self.first("Encounter")

    def all(self, kind: str) -> list[Element]:
        """The resources of a type, in the Bundle's order."""
        return [resource for resource in self._resources if resource["resourceType"] == kind]

    def first(self, kind: str) -> Element:
        """The first resource of a type, or an empty element."""
        return next(iter(self.all(kind)), {})

    def behind(self, reference: object) -> Element:
        """The resource that a reference points at, or an empty element."""
        url = reference.get("reference") if isinstance(reference, dict) else None
        return self._by_url.get(url, {}) if isinstance(url, str) else {}

    def roles(self, code: str) -> list[tuple[Element, Element]]:
        """``(Practitioner, PractitionerRole)`` of everyone with this role."""
        return [
            (self.behind(role.get("practitioner")), role)
            for role in self.all("PractitionerRole")
            if code_of(role.get("code"), ROLE) == code
        ]

    @property
    def conditions(self) -> list[Element]:
        """Diagnoses in the order in which the request gives them, the main one first."""
        return [self.behind(reference) for reference in self.request.get("reasonReference", [])]


def code_of(concepts: object, system: str) -> str | None:
    """The first code of a system in a CodeableConcept or a list of them."""
    for item in concepts if isinstance(concepts, list) else [concepts]:
        for found in codes_of(item, system):
            return found
    return None


def codes_of(concept: object, system: str) -> list[str]:
    """Every code of a system in a CodeableConcept."""
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return [str(item["code"]) for item in codings if item.get("system") == system and "code" in item]


def identifiers_of(resource: Element, system: str) -> list[Element]:
    """The identifiers of a system that have a value."""
    return [item for item in resource.get("identifier", []) if item.get("system") == system and "value" in item]


def value_of(resource: Element, system: str) -> str | None:
    """The value of the first identifier of a system."""
    return next((str(item["value"]) for item in identifiers_of(resource, system)), None)


def extension_of(element: object, url: str, member: str) -> Any:
    """The value of an element's extension, or None."""
    extensions = element.get("extension", []) if isinstance(element, dict) else []
    return next((item.get(member) for item in extensions if item.get("url") == url), None)
