"""The filter in a page's address. What is empty or no filter is left out: an address typed by hand never fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import urlencode

from broker.api.asking import before
from broker.api.progress import Situation
from broker.queries.views import TransferFilter
from schemas.ids import is_facility_id
from schemas.lifecycle import Decision, Journey
from schemas.urgency import Priority

Choice = TypeVar("Choice", bound=StrEnum)

NAMES: Final = ("situation", "priority", "decision", "journey", "facility", "sender", "destination", "before")


@dataclass(frozen=True, slots=True)
class PageFilter:
    """A transfer filter and the situation, as the address has them."""

    wanted: TransferFilter
    situation: Situation | None
    values: Mapping[str, str]  # only what was understood

    def address(self, path: str, **changes: str | None) -> str:
        """The page with some filters changed, starting from its first page; None takes a filter away."""
        values = {**self.values, "before": None, **changes}
        query = urlencode([(name, values[name]) for name in NAMES if values.get(name)])
        return f"{path}?{query}" if query else path

    @property
    def is_empty(self) -> bool:
        """True when nothing is filtered."""
        return not self.values.keys() - {"before"}


def read_filter(query: Mapping[str, str]) -> PageFilter:
    """The filter in a query string."""
    situation = _choice(Situation, query.get("situation"))
    if situation is not Situation.STUCK:
        situation = None  # the lists are "all" and "stuck"; more is not worth a full scan
    cursor = before(query.get("before"))
    wanted = TransferFilter(
        sender=_facility(query.get("sender")),
        destination=_facility(query.get("destination")),
        facility=_facility(query.get("facility")),
        priority=_choice(Priority, query.get("priority")),
        decision=_choice(Decision, query.get("decision")),
        journey=_choice(Journey, query.get("journey")),
        before=cursor,
    )
    understood = {name: getattr(wanted, name) for name in NAMES if name not in {"situation", "before"}}
    understood |= {"situation": situation, "before": "~".join(cursor) if cursor else None}
    return PageFilter(wanted, situation, {name: str(value) for name, value in understood.items() if value})


def _choice(kind: type[Choice], text: str | None) -> Choice | None:
    return kind(text) if text in set(kind) else None


def _facility(text: str | None) -> str | None:
    code = (text or "").strip().upper()
    return code if is_facility_id(code) else None
