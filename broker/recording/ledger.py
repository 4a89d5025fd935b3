"""What was looked up for one turn, growing with each decision in it: a later record sees what an earlier one did."""

from dataclasses import dataclass, field, replace
from typing import Final

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.known import Delivery, HeldMessage, Known, Standing, StoredMessage, Transfer
from schemas.events import Event
from schemas.lifecycle import Decision as DecisionState
from schemas.reasons import ReasonCode

Key = tuple[str, str]

# After these the same slip may be sent anew under new ids; before, it is the one that stands.
_NO_LONGER_STANDS: Final = frozenset(
    {DecisionState.CANCELLED, DecisionState.EXPIRED, DecisionState.DECLINED, DecisionState.REDIRECT_SUGGESTED}
)


@dataclass
class Ledger:
    """Keys are (facility, id): an id means nothing without its owner."""

    standings: dict[str, Standing] = field(default_factory=dict)
    messages: dict[Key, StoredMessage] = field(default_factory=dict)  # sender, message id
    bundles: dict[Key, StoredMessage] = field(default_factory=dict)  # sender, bundle id
    contents: dict[str, StoredMessage] = field(default_factory=dict)  # duplicate key: accepted ones
    origins: dict[Key, str] = field(default_factory=dict)  # sender, incarnation and counter → message id
    transfers: dict[Key, Transfer] = field(default_factory=dict)  # sender, transfer id
    held: dict[Key, list[HeldMessage]] = field(default_factory=dict)  # sender, case id
    deliveries: dict[Key, Delivery] = field(default_factory=dict)  # sender, message id
    entries: dict[str, tuple[int, str]] = field(default_factory=dict)  # facility → version, digest
    active: tuple[str, ...] = ()  # all active facilities; filled when something goes to all
    over_quota: frozenset[str] = frozenset()
    clocks_disagree: bool = False
    new_transfers: set[Key] = field(default_factory=set)  # first seen in this turn
    changed_transfers: set[Key] = field(default_factory=set)

    def known_for(self, message: CheckedMessage | FaultyMessage) -> Known:
        """Everything that the decision on this message looks at."""
        signer, facts = message.submission.facility, message.facts
        message_id = facts.message_id if facts else message.message_id if isinstance(message, FaultyMessage) else None
        known = Known(
            sender=self.standings.get(signer, Standing.UNKNOWN),
            recipient=self.standings.get(facts.recipient, Standing.UNKNOWN) if facts else Standing.UNKNOWN,
            same_id=self.messages.get((signer, message_id)) if message_id else None,
            same_bundle=self.bundles.get((signer, facts.bundle_id)) if facts else None,
        )
        return self._for_checked(known, message) if isinstance(message, CheckedMessage) else known

    def _for_checked(self, known: Known, message: CheckedMessage) -> Known:
        facts = message.facts
        waiting = self.held.get((facts.sender, facts.case_id), [])
        own = next((one for one in waiting if one.message_id == facts.message_id), None)
        return replace(
            known,
            same_content=self._standing_content(message),
            cloned=self.origins.get((facts.sender, message.origin), facts.message_id) != facts.message_id,
            waiting=own,
            case_waits=any(_holds(one, own) for one in waiting),
            own_transfer=self.transfers.get((facts.sender, facts.transfer_id)),
            their_transfer=self.transfers.get((facts.recipient, facts.transfer_id)),
            over_quota=facts.sender in self.over_quota,
            clocks_disagree=self.clocks_disagree,
        )

    def _standing_content(self, message: CheckedMessage) -> StoredMessage | None:
        earlier = self.contents.get(message.duplicate_key) if message.duplicate_key else None
        if earlier is None or earlier.transfer_id is None:
            return None
        transfer = self.transfers.get((earlier.sender, earlier.transfer_id))
        if transfer is None or transfer.state.decision in _NO_LONGER_STANDS:
            return None
        if message.facts.event is Event.UPDATE and transfer.slip_message_id != earlier.message_id:
            return None  # a correction taken back and made again: what stands in between is something else
        return earlier


def _holds(held: HeldMessage, own: HeldMessage | None) -> bool:
    """What has waited longer holds this message, of which ``own`` waits already, or which has only come now.

    An event that came before its slip waits for the slip, and therefore never holds it.
    """
    return (own is None or held.turn < own.turn) and held.reason is not ReasonCode.TRANSFER_UNKNOWN
