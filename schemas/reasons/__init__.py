"""Reason codes: one closed list, each with what happens, who must act, and one agreed sentence in Vietnamese and in English.

The same sentence stands on the command line, in the ``.txt`` beside a refused file, on the page, and in the signed refusal.

``model``      the types, and ``Refused``, the one exception that carries a reason
``records``    what is wrong with a record before its sender is proven
``trust``      certificates, revocation, clocks
``authority``  the certificate authority and key files
``content``    what is wrong with a signed message
``state``      what a transfer's state or an earlier message forbids
``receiving``  what a receiving connector may find
``files``      what is wrong with an export file
``slips``      what is wrong with a transfer slip in an export file
``gaps``       what is noted about a slip that travels all the same
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.reasons import authority, content, files, gaps, receiving, records, slips, state, trust
from schemas.reasons.codes import ReasonCode
from schemas.reasons.model import Disposition, Fixer, Reason, Refused

__all__ = [
    "NEEDS_THE_SENDER",
    "REASONS",
    "Disposition",
    "Fixer",
    "Reason",
    "ReasonCode",
    "Refused",
    "is_final",
    "reason",
]

_ALL: Final = (
    *records.REASONS,
    *trust.REASONS,
    *authority.REASONS,
    *content.REASONS,
    *state.REASONS,
    *receiving.REASONS,
    *files.REASONS,
    *slips.REASONS,
    *gaps.REASONS,
)

# Not final, and yet waiting is no help: the papers do not arrive, so a person at the sender must hear of it at once.
NEEDS_THE_SENDER: Final = frozenset(
    {ReasonCode.DESTINATION_UNKNOWN, ReasonCode.DESTINATION_CLOSED, ReasonCode.DESTINATION_NOT_CONNECTED}
)

REASONS: Final[Mapping[ReasonCode, Reason]] = MappingProxyType({entry.code: entry for entry in _ALL})


def reason(code: ReasonCode) -> Reason:
    """The reason behind a code; every code has exactly one."""
    return REASONS[code]


def is_final(code: ReasonCode) -> bool:
    """True where a refusal burns the message id: only content and case state do.

    Clock, trust source, directory and quota never do.
    """
    return REASONS[code].disposition is Disposition.REJECT
