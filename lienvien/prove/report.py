"""What the stranger found: one line for each claim, with a count, and the first counter-example of a failed one."""

from dataclasses import dataclass, field


@dataclass
class Claim:
    """One claim in both languages. It holds when it was looked at and nothing spoke against it."""

    vi: str
    en: str
    at_least: int = 1  # fewer cases than this prove nothing, so the claim fails
    count: int = 0
    against: list[str] = field(default_factory=list)

    def see(self, holds: bool, counter_example: str) -> None:
        """Counts one case; ``counter_example`` names it by position, never by content."""
        self.count += 1
        if not holds:
            self.against.append(counter_example)

    @property
    def holds(self) -> bool:
        """True when enough cases were seen and none spoke against it."""
        return not self.against and self.count >= self.at_least

    def as_json(self) -> dict[str, object]:
        """The claim as a JSON object."""
        return {
            "claim": {"vi": self.vi, "en": self.en},
            "holds": self.holds,
            "count": self.count,
            "against": self.against[:5],
        }
