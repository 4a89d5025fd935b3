"""Which invented hospitals take part. Their lanes are spread evenly, as those of hundreds of hospitals would be."""

from collections.abc import Iterator
from dataclasses import dataclass

from broker.sharding import lane_of
from lienvien.world.facilities import DemoFacility
from schemas.limits import LANES

SENDERS = 24
DESTINATIONS = 4
_HALF = LANES // 2


@dataclass(frozen=True)
class Cast:
    """Who sends, and who receives."""

    senders: tuple[str, ...]
    destinations: tuple[str, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Everybody."""
        return (*self.senders, *self.destinations)

    def pair(self, number: int) -> tuple[str, str]:
        """Sender and destination of the record with this number: every pair in turn."""
        turn, place = divmod(number, len(self.senders))
        return self.senders[place], self.destinations[(turn + place) % len(self.destinations)]

    def facilities(self) -> list[DemoFacility]:
        """As the register of facilities shows them."""
        named = [*((code, "provincial") for code in self.senders), *((code, "central") for code in self.destinations)]
        return [DemoFacility(code, f"Bệnh viện {code} (ĐO TỐC ĐỘ)", "024 0000 0009", "Hà Nội", role)
                for code, role in named]  # fmt: skip


def make_cast(letter: str) -> Cast:
    """A cast of its own for each part of the run; ``letter`` keeps their codes apart."""
    senders = _spread(f"1{letter}", SENDERS)
    return Cast(senders, _spread(f"0{letter}", DESTINATIONS))


def _spread(prefix: str, count: int) -> tuple[str, ...]:
    """Codes whose lanes lie in the lower and the upper half in turn."""
    candidates = (f"{prefix}{number:03d}" for number in range(1000))
    halves: dict[bool, Iterator[str]] = {}
    every = list(candidates)
    for is_upper in (False, True):
        halves[is_upper] = iter([code for code in every if (lane_of(code) >= _HALF) == is_upper])
    return tuple(next(halves[number % 2 == 1]) for number in range(count))
