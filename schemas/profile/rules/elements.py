"""References, times and numbers, wherever they stand: one pass over all resources.

References resolve inside the Bundle, to a resource of the right type; with one Patient (its count is judged apart), all
that are of type Patient lead to the same one. Times lie not in the future, measured against ``Bundle.timestamp`` and
not against a clock: the verdict on a Bundle never changes with the day it is judged. (Calendar and zone are part of the
datatypes.) Numbers are ones that people wrote: no exponents to burn time with, whole where the datatype is.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.profile.contents import Broken, Contents
from schemas.profile.paths import Spot, Watch, watched
from schemas.profile.rows import Ahead, Need

_PATIENT: Final = frozenset({"Patient"})
# Without these the message has no sender, no destination, no state, or no request.
_FRAME: Final = frozenset({"MessageHeader", "Task", "ServiceRequest"})

_DAY_CHARS: Final = 10  # characters of a date without time of day
_CLOCK_CHARS: Final = 19  # of a date with time of day, before fraction and zone
_ONE_DAY: Final = timedelta(days=1)  # a day begins earlier in Kiritimati than in Vietnam

_MAGNITUDE: Final = 15  # powers of ten, up or down; a double tells no more digits apart
_NUMBER_CHARS: Final = 24

Check = Callable[[Spot, Any], bool]


def elements(contents: Contents) -> Iterator[Broken]:
    """References, times and numbers that are not as they should be.

    Refused for everyone: a reference that leads to no patient or that the message cannot do without, and a number that
    two readers may read differently.
    """
    table = watched(contents.facts.event)
    is_reference, is_time = _references(contents.types), _times(contents.bundle["timestamp"])
    for position, kind, resource in contents.entries:
        places = table[kind]
        for name, value in resource.items():
            for spot in places.get(name, ()):
                check = is_reference if spot.targets else _is_plain if spot.watch is Watch.NUMBER else is_time
                for one in (value,) if spot.direct else spot.within(value):
                    if check(spot, one):
                        continue
                    yield contents.broken(position, spot.path, always=_is_essential(kind, spot))


def _is_essential(kind: str, spot: Spot) -> bool:
    if spot.watch is Watch.REFERENCE:
        return spot.targets == _PATIENT or (kind in _FRAME and spot.row.need is Need.MUST)
    return spot.watch is Watch.NUMBER


def _references(types: Mapping[str, str]) -> Check:
    def check(spot: Spot, value: Any) -> bool:
        url = value.get("reference")
        return url is None or types.get(url) in spot.targets

    return check


def _times(timestamp: str) -> Check:
    made = datetime.fromisoformat(timestamp)
    soon, later = made + Ahead.SKEW.value, made + Ahead.EXPECTED.value
    zone, soon_text = timestamp[_CLOCK_CHARS:], soon.isoformat()[:_CLOCK_CHARS]

    def check(spot: Spot, value: Any) -> bool:
        if value[_CLOCK_CHARS:] == zone and value < soon_text:
            return True  # the same zone and no fraction: text sorts as time does
        return not is_after(value, later if spot.row.ahead is Ahead.EXPECTED else soon)

    return check


def is_after(value: str, latest: datetime) -> bool:
    """True when a FHIR date or dateTime of any precision lies after a moment; a date, wherever on earth it is meant."""
    if len(value) > _DAY_CHARS:
        return datetime.fromisoformat(value) > latest
    return value > (latest.date() + _ONE_DAY).isoformat()[: len(value)]


def _is_plain(spot: Spot, value: Any) -> bool:
    if not isinstance(value, Decimal):
        return True  # an int, whose bounds the schema has judged
    if spot.kind != "decimal":
        return False
    return -_MAGNITUDE <= value.adjusted() <= _MAGNITUDE and len(str(value)) <= _NUMBER_CHARS


def earliest(text: str) -> datetime:
    """The first moment that a dateTime of any precision may mean, anywhere on earth."""
    return _moment(text, -1)


def latest(text: str) -> datetime:
    """The last moment that a dateTime of any precision may mean, anywhere on earth."""
    days = {4: 367, 7: 32, 10: 2}
    return _moment(text, days.get(len(text), 0))


def _moment(text: str, days: int) -> datetime:
    if len(text) > _DAY_CHARS:
        return datetime.fromisoformat(text)
    parts = [int(part) for part in text.split("-")]
    day = date(*[*parts, 1, 1][:3]) + timedelta(days=days)
    return datetime.fromisoformat(f"{day}T00:00:00Z")
