"""Who may do what on which topic: a closed table, pure.

Of the facilities only the owner writes its submit topic and reads its inbox. The exchange reads submit, writes
inbox, and reads inbox to recover. WRITE and READ each include DESCRIBE; any WRITE includes the right to an
idempotent producer. Nobody else has anything: the default is deny.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.ids import is_facility_id
from schemas.topics import inbox_topic, submit_topic

ADMIN: Final = "admin"  # principal of the administrator; a super user, so no table names it
EXCHANGE: Final = "exchange"  # principal of the exchange's workers


class Operation(StrEnum):
    """What a right is about; ``ALL`` stands in denials only."""

    READ = "read"
    WRITE = "write"
    ALL = "all"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One principal (without ``User:``), one operation, one topic."""

    principal: str
    operation: Operation
    topic: str


def facility_principal(facility: str, generation: int) -> str:
    """The principal of a facility's TLS certificate of this generation: ``24Z01.k1``.

    Raises ValueError for what is no facility code or no generation: it would name a principal that nobody has.
    """
    if not is_facility_id(facility) or generation < 1:
        raise ValueError("not a facility code and generation")
    return f"{facility}.k{generation}"


def rights_of_facility(facility: str, generations: Collection[int], *, exchange: str = EXCHANGE) -> list[Right]:
    """Every right on the two topics of one facility, for its certificate generations and for the exchange."""
    submit, inbox = submit_topic(facility), inbox_topic(facility)
    rights = [
        Right(exchange, Operation.READ, submit),
        Right(exchange, Operation.WRITE, inbox),
        Right(exchange, Operation.READ, inbox),
    ]
    for generation in sorted(set(generations)):
        principal = facility_principal(facility, generation)
        rights += [Right(principal, Operation.WRITE, submit), Right(principal, Operation.READ, inbox)]
    return rights
