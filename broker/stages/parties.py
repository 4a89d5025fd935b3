"""Which transfer a message is about, and as whom its sender acts. Only the two parties of a transfer act on it."""

from dataclasses import dataclass

from broker.stages.known import Known, Transfer
from schemas.events import Party
from schemas.lifecycle import ACTORS
from schemas.message import MessageFacts
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class Acting:
    """A known transfer, and the sender's part in it."""

    transfer: Transfer
    party: Party


def find_part(facts: MessageFacts, known: Known) -> Acting | None:
    """The transfer and the part, or None when no transfer is known under these ids.

    A transfer is (referring facility, transfer id), so a stranger who copies an id meets nothing, not another's case.

    Raises:
        Refused: NOT_A_PARTY (the message goes to somebody else than the other party), BUNDLE_RULE_BROKEN (the transfer
            belongs to another case).
    """
    own, theirs = known.own_transfer, known.their_transfer
    if own is not None and (theirs is None or Party.SENDER in ACTORS[facts.event]):
        acting, other = Acting(own, Party.SENDER), facts.recipient == own.destination
    elif theirs is not None:
        acting, other = Acting(theirs, Party.DESTINATION), facts.sender == theirs.destination
    else:
        return None
    if not other:
        raise Refused(ReasonCode.NOT_A_PARTY, "MessageHeader.destination")
    if facts.case_id != acting.transfer.case_id:
        raise Refused(ReasonCode.BUNDLE_RULE_BROKEN, "Task.groupIdentifier")
    return acting


def owner_of(facts: MessageFacts) -> str:
    """The facility that the transfer must belong to, by who may send such an event: needed before it is known."""
    return facts.sender if Party.SENDER in ACTORS[facts.event] else facts.recipient
