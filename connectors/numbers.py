"""What a record's number says, beside what was seen before: pure.

Numbers never decide whether a record is new (its id does); they show what is missing and what is wrong.
"""

from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """A record's number in the order of the inbox."""

    NEXT = "next"
    AHEAD = "ahead"  # numbers before it are missing: handed over at once, the gap remembered
    FILLS_GAP = "fills-gap"
    AGAIN = "again"  # known number, same digest
    CONFLICT = "conflict"  # known number, other content: alarm, still judged by its id


@dataclass(frozen=True, slots=True)
class NumberMemory:
    """What is known before a record: the highest number seen, and the digest that came under the record's number."""

    highest: int
    digest_seen: str | None


def place(memory: NumberMemory, number: int, record_sha256: str) -> Place:
    """Where a number stands."""
    if memory.digest_seen is not None:
        return Place.AGAIN if memory.digest_seen == record_sha256 else Place.CONFLICT
    if number == memory.highest + 1:
        return Place.NEXT
    return Place.AHEAD if number > memory.highest else Place.FILLS_GAP


class GenerationSays(StrEnum):
    """A record's generation beside the one announced last."""

    SAME = "same"
    LOWER = "lower"  # alarm, still judged by its id
    HIGHER_UNANNOUNCED = "higher-unannounced"  # alarm, still judged by its id


def generation_says(known: int, seen: int) -> GenerationSays:
    """Compare a record's generation with the announced one."""
    if seen == known:
        return GenerationSays.SAME
    return GenerationSays.LOWER if seen < known else GenerationSays.HIGHER_UNANNOUNCED
