"""The Bundle while it is being built: entries in order, each with its id."""

from collections.abc import Callable

from connectors.mapping.elements import Element


class Draft:
    """Collects entries. ``add`` returns the reference by which other resources point at the new one."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._entries: list[Element] = []

    def add(self, kind: str, content: Element) -> Element:
        """Appends a resource with a new id."""
        return self._put(len(self._entries), self._new_id(), kind, content)

    def add_first(self, resource_id: str, kind: str, content: Element) -> Element:
        """Puts a resource with a given id before all others: the MessageHeader."""
        return self._put(0, resource_id, kind, content)

    def _put(self, position: int, resource_id: str, kind: str, content: Element) -> Element:
        url = f"urn:uuid:{resource_id}"
        resource = {"resourceType": kind, "id": resource_id, **content}
        self._entries.insert(position, {"fullUrl": url, "resource": resource})
        return {"reference": url}

    def resource(self, reference: Element) -> Element:
        """The resource behind a reference that this draft gave out."""
        found: Element = next(e["resource"] for e in self._entries if e["fullUrl"] == reference["reference"])
        return found

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> list[Element]:
        """The entries in order."""
        return self._entries
