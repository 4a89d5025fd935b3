"""Stage 5: the decision. A function of what is known, the message and nothing else.

The order of the questions is the contract: who is sent away without being judged, what was answered before, what time
and trust make uncertain (not final), what waits, and only then what the transfer's state allows (final).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.identity import Identity, Likeness, identify
from broker.stages.known import Known, Standing, StoredMessage, Transfer
from broker.stages.parties import Acting, find_part
from certs.trust import STALE_CRL
from schemas.codes.lists import Tag
from schemas.events import CARRIES_THE_CASE, NEVER_REFUSED, Event, Party
from schemas.lifecycle import TransferState, apply
from schemas.message import MessageFacts
from schemas.reasons import REASONS, Disposition, ReasonCode, Refused
from schemas.times import iso
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.urgency import Priority, more_urgent

_VERDICTS: Final = {
    Disposition.REJECT: Verdict.REFUSED,
    Disposition.QUARANTINE: Verdict.REFUSED,  # of a proven sender: the same words, and a signed answer
    Disposition.TRANSIENT: Verdict.TRANSIENT,
    Disposition.HELD: Verdict.HELD,
}
_TIME_FLAGS: Final = (ReasonCode.IAT_TOO_OLD, ReasonCode.IAT_IN_FUTURE)
_LIST_FLAGS: Final = (ReasonCode.CRL_UNUSABLE, ReasonCode.CRL_STALE)
_CONFLICTS: Final = frozenset({ReasonCode.LATE, ReasonCode.CROSSED})
DECIDED: Final = "decided_at"
STAGE_OF: Final[Mapping[Event, str]] = {
    Event.RECEIVED: "opened_at",
    Event.ACCEPT: DECIDED,
    Event.DECLINE: DECIDED,
    Event.REDIRECT: DECIDED,
    Event.CANCEL: DECIDED,
    Event.ACCEPT_WITHDRAW: DECIDED,
    Event.DEPARTED: "departed_at",
    Event.ARRIVED: "arrived_at",
    Event.COMPLETED: "completed_at",
    Event.CLOSED: "closed_at",
}
_AT_DESTINATION: Final = {
    Standing.SUSPENDED: ReasonCode.FACILITY_SUSPENDED,
    Standing.NOT_CONNECTED: ReasonCode.DESTINATION_NOT_CONNECTED,
    Standing.CLOSED: ReasonCode.DESTINATION_CLOSED,
    Standing.UNKNOWN: ReasonCode.DESTINATION_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one message.

    ``earlier`` is set for a repeat, whose stored receipt is the answer. ``keeps_id`` means that the answer is stored
    under the message id for ever. ``transfer`` is the transfer after an accepted event. ``tell`` is the party that gets
    a notice of a conflict. ``alarm`` is what the operator must see.
    """

    verdict: Verdict
    reason: ReasonCode | None = None
    where: str = ""
    earlier: StoredMessage | None = None
    repairs: bool = False
    keeps_id: bool = False
    keeps_bundle_id: bool = True
    transfer: Transfer | None = None
    event_seq: int | None = None
    winning_event_seq: int | None = None
    deliver_to: str | None = None
    tell: str | None = None
    duplicate_of: str | None = None
    alarm: ReasonCode | None = None


def decide(known: Known, message: CheckedMessage | FaultyMessage, now: datetime) -> Decision:
    """The decision on a message of a proven sender, at ``now`` by the database's clock.

    Total: whatever is refused comes back as a decision.
    """
    if known.sender is not Standing.ACTIVE:
        return _no(ReasonCode.FACILITY_SUSPENDED, "MessageHeader.sender")
    identity = identify(message, known)
    if identity.likeness is not Likeness.NEW:
        return _answered_before(message, identity)
    if isinstance(message, FaultyMessage):
        return _by_clock(known, message) or _by_list(message) or _faulty(message)
    uncertain = _uncertain(known, message)
    if uncertain is not None:
        return uncertain
    alarm = ReasonCode.INCARNATION_CLONED if known.cloned else None
    try:
        return replace(_by_state(known, message, now), alarm=alarm)
    except Refused as refused:
        return replace(_no(refused.reason, refused.where), alarm=alarm)


def _no(reason: ReasonCode, where: str = "") -> Decision:
    verdict = _VERDICTS[REASONS[reason].disposition]
    return Decision(verdict, reason, where, keeps_id=verdict is Verdict.REFUSED)


def _answered_before(message: CheckedMessage | FaultyMessage, identity: Identity) -> Decision:
    earlier = identity.earlier
    assert earlier is not None
    if identity.likeness is Likeness.REPEAT:
        repairs = (
            earlier.verdict is Verdict.ACCEPTED
            and earlier.ack is not AckVerdict.DELIVERED
            and message.payload_sha256 == earlier.payload_sha256
        )
        return Decision(earlier.verdict, earlier=earlier, repairs=repairs)
    if identity.likeness is Likeness.MESSAGE_ID_REUSED:
        reason = ReasonCode.MESSAGE_ID_REUSED  # the id keeps its first answer
        return Decision(Verdict.REFUSED, reason, "MessageHeader.id", alarm=reason)
    keeps_bundle_id = not identity.bundle_taken
    if identity.likeness is Likeness.BUNDLE_ID_REUSED:
        reason = ReasonCode.BUNDLE_ID_REUSED
        return Decision(
            Verdict.REFUSED, reason, "Bundle.id", keeps_id=True, keeps_bundle_id=keeps_bundle_id, alarm=reason
        )
    return Decision(
        Verdict.REFUSED,
        ReasonCode.DUPLICATE_OF,
        keeps_id=True,
        keeps_bundle_id=keeps_bundle_id,
        duplicate_of=earlier.message_id,
    )


def _faulty(message: FaultyMessage) -> Decision:
    """Refused for its content; kept under its id only where the content could be read to the end."""
    readable = message.content_sha256 is not None and message.message_id is not None
    return Decision(Verdict.REFUSED, message.reason, message.where, keeps_id=readable)


def _by_list(message: FaultyMessage) -> Decision | None:
    """With an old list a refusal would be final before trust is sure; what cannot be kept waiting comes again."""
    stat = message.facts is not None and message.facts.priority is Priority.STAT
    reason = next((one for one in _LIST_FLAGS if one in message.flags), None)
    if reason is None and STALE_CRL in message.flags and not stat:
        reason = ReasonCode.CRL_STALE
    return None if reason is None else Decision(Verdict.TRANSIENT, reason)


def _by_clock(known: Known, message: CheckedMessage | FaultyMessage) -> Decision | None:
    """What its time leaves open is answered before its content: signed anew, the same content gets a final answer."""
    reason = next((one for one in _TIME_FLAGS if one in message.flags), None)
    if reason is None:
        return None
    clock = ReasonCode.CLOCK_DISAGREEMENT if known.clocks_disagree and isinstance(message, CheckedMessage) else reason
    return _no(clock, "header.iat")


def _uncertain(known: Known, message: CheckedMessage) -> Decision | None:
    """What clock, trust source, quota and order leave open: answered, never final."""
    priority = message.facts.priority
    by_clock = _by_clock(known, message)
    if by_clock is not None:
        return by_clock
    for reason in _LIST_FLAGS:
        if reason in message.flags:
            return _no(reason)
    waits = (
        (STALE_CRL in message.flags and priority is not Priority.STAT, ReasonCode.CRL_STALE),
        (known.over_quota and priority is Priority.ROUTINE, ReasonCode.OVER_QUOTA),
        (known.cloned and priority is Priority.ROUTINE, ReasonCode.INCARNATION_CLONED),
        (known.case_waits, ReasonCode.CASE_HELD),
    )
    found = next((reason for applies, reason in waits if applies), None)
    alarm = ReasonCode.INCARNATION_CLONED if known.cloned else None
    return None if found is None else replace(_no(found), alarm=alarm)


def _by_state(known: Known, message: CheckedMessage, now: datetime) -> Decision:
    facts = message.facts
    acting = find_part(facts, known)
    if acting is not None:
        return _next_event(acting, message, now)
    if facts.event is Event.SUBMIT:
        return _first_event(known, message, now)
    if facts.event in NEVER_REFUSED:
        return Decision(Verdict.HELD, ReasonCode.TRANSFER_UNKNOWN)  # applied when the submit arrives
    raise Refused(ReasonCode.TRANSFER_UNKNOWN, "Task.identifier")


def _first_event(known: Known, message: CheckedMessage, now: datetime) -> Decision:
    if known.recipient is not Standing.ACTIVE:
        raise Refused(_AT_DESTINATION[known.recipient], "MessageHeader.destination")
    return _accepted(first_transfer(message, iso(now)), message.facts)


def first_transfer(message: CheckedMessage, at: str) -> Transfer:
    """The transfer that a slip opens."""
    facts = message.facts
    return Transfer(
        sender=facts.sender,
        transfer_id=facts.transfer_id,
        destination=facts.recipient,
        case_id=facts.case_id,
        case_code=message.case_code,
        kind=facts.kind,
        priority=facts.priority,
        unclassified=facts.unclassified,
        incomplete=Tag.INCOMPLETE in message.tags,
        state=TransferState(),
        event_seq=1,
        decision_seq=None,
        slip_message_id=facts.message_id,
        times={"submitted_at": at},
    )


def _next_event(acting: Acting, message: CheckedMessage, now: datetime) -> Decision:
    facts, before = message.facts, acting.transfer
    try:
        state = apply(before.state, facts.event, acting.party, before.kind)
    except Refused as refused:
        decision = _no(refused.reason, refused.where)
        if refused.reason not in _CONFLICTS:
            return decision
        return replace(decision, winning_event_seq=before.decision_seq, tell=before.other(facts.sender))
    seq = before.event_seq + 1
    after = replace(
        before,
        state=state,
        event_seq=seq,
        priority=more_urgent(before.priority, facts.priority),
        decision_seq=seq if state.decision is not before.state.decision else before.decision_seq,
        times=times_after(before.times, facts.event, iso(now)),
    )
    if facts.event in CARRIES_THE_CASE and acting.party is Party.SENDER:
        after = replace(
            after,
            kind=facts.kind or before.kind,
            unclassified=facts.unclassified,
            incomplete=Tag.INCOMPLETE in message.tags,
            case_code=message.case_code or before.case_code,
            slip_message_id=facts.message_id,
        )
    return _accepted(after, facts)


def times_after(before: Mapping[str, str], event: Event, at: str) -> Mapping[str, str]:
    """The stages with their times: a stage is proven when it was first accepted, a decision when it was last."""
    stage = STAGE_OF.get(event)
    if stage is None or (stage in before and stage != DECIDED):
        return before
    return {**before, stage: at}


def _accepted(transfer: Transfer, facts: MessageFacts) -> Decision:
    return Decision(
        Verdict.ACCEPTED,
        keeps_id=True,
        transfer=transfer,
        event_seq=transfer.event_seq,
        deliver_to=transfer.other(facts.sender),
    )
