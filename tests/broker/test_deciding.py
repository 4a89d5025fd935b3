"""The decision alone: laws over every state, event and party, and the order of its questions."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.stages.checking import CheckedMessage, FaultyMessage
from broker.stages.deciding import decide
from broker.stages.known import Known, Standing, StoredMessage, Transfer
from broker.stages.submission import Pointer, Record, Submission
from certs.trust import STALE_CRL
from schemas.events import NEVER_REFUSED, SUPPORTED, Event, Party
from schemas.lifecycle import ACTORS, Decision, Delivery, Journey, Loop, TransferState, apply
from schemas.message import MessageFacts
from schemas.reasons import REASONS, Disposition, ReasonCode, Refused
from schemas.tokens.delivery import AckVerdict
from schemas.tokens.receipt import Verdict
from schemas.topics import RecordType, submit_topic
from schemas.urgency import Kind, Priority
from tests.schemas.bundles import uuid

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
US, THEM = "24Z01", "01Z99"
DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64
KNOWN = Known(sender=Standing.ACTIVE, recipient=Standing.ACTIVE)
STATES = [TransferState(*parts) for parts in itertools.product(Delivery, Decision, Journey, Loop)]


def _submission(facility: str) -> Submission:
    topic = submit_topic(facility)
    record = Record(topic, 0, 7, b"sealed", (), NOW)
    return Submission(record, Pointer(topic, 0, 7, "c" * 64, 6), facility, RecordType.ENVELOPE)


def _message(
    event: Event = Event.SUBMIT,
    *,
    sender: str = US,
    recipient: str = THEM,
    priority: Priority = Priority.URGENT,
    flags: frozenset[str] = frozenset(),
) -> CheckedMessage:
    facts = MessageFacts(
        message_id=uuid(1),
        bundle_id=uuid(2),
        case_id=uuid(3),
        transfer_id=uuid(4),
        event=event,
        sender=sender,
        recipient=recipient,
        priority=priority,
        kind=Kind.INPATIENT,
        incarnation=uuid(5),
        counter=1,
    )
    return CheckedMessage(_submission(sender), facts, DIGEST, DIGEST, "d" * 64, None, frozenset(), flags, "kid")


def _transfer(state: TransferState = TransferState(), **changed: object) -> Transfer:  # noqa: B008
    transfer = Transfer(
        sender=US,
        transfer_id=uuid(4),
        destination=THEM,
        case_id=uuid(3),
        case_code=None,
        kind=Kind.INPATIENT,
        priority=Priority.URGENT,
        unclassified=False,
        incomplete=False,
        state=state,
        event_seq=4,
        decision_seq=3,
        slip_message_id=uuid(9),
        times={"submitted_at": "2026-11-22T08:00:00.000Z"},
    )
    return replace(transfer, **changed)  # type: ignore[arg-type]


def _stored(**changed: object) -> StoredMessage:
    stored = StoredMessage(
        US, uuid(1), DIGEST, DIGEST, Verdict.ACCEPTED, "token", THEM, Event.SUBMIT, uuid(4), uuid(3),
        Priority.URGENT, 1, "c" * 64, None,
    )  # fmt: skip
    return replace(stored, **changed)  # type: ignore[arg-type]


def _as(party: Party, event: Event, transfer: Transfer, **more: object) -> tuple[Known, CheckedMessage]:
    if party is Party.SENDER:
        return replace(KNOWN, own_transfer=transfer), _message(event, **more)  # type: ignore[arg-type]
    message = _message(event, sender=THEM, recipient=US, **more)  # type: ignore[arg-type]
    return replace(KNOWN, their_transfer=transfer), message


def _applied(state: TransferState, event: Event, party: Party) -> TransferState | ReasonCode:
    try:
        return apply(state, event, party, Kind.INPATIENT)
    except Refused as refused:
        return refused.reason


@given(st.sampled_from(STATES), st.sampled_from(sorted(SUPPORTED)), st.sampled_from([Party.SENDER, Party.DESTINATION]))
def test_the_tables_decide_and_nothing_else(state: TransferState, event: Event, party: Party) -> None:
    known, message = _as(party, event, _transfer(state))
    decision = decide(known, message, NOW)
    expected = _applied(state, event, party)
    if isinstance(expected, ReasonCode):
        assert decision.verdict is Verdict.REFUSED
        assert decision.reason is expected
        assert (decision.transfer, decision.event_seq, decision.deliver_to) == (None, None, None)
        conflict = expected in {ReasonCode.LATE, ReasonCode.CROSSED}
        assert decision.winning_event_seq == (3 if conflict else None)
        assert decision.tell == ((THEM if party is Party.SENDER else US) if conflict else None)
        return
    assert decision.verdict is Verdict.ACCEPTED
    assert decision.transfer is not None
    assert decision.transfer.state == expected
    assert decision.transfer.event_seq == decision.event_seq == 5
    assert decision.transfer.decision_seq == (5 if expected.decision is not state.decision else 3)
    assert decision.deliver_to == (THEM if party is Party.SENDER else US)


@given(st.sampled_from(STATES), st.sampled_from(sorted(NEVER_REFUSED)))
def test_care_is_never_refused_in_any_state(state: TransferState, event: Event) -> None:
    party = next(iter(ACTORS[event]))
    known, message = _as(party, event, _transfer(state))
    assert decide(known, message, NOW).verdict is Verdict.ACCEPTED


@given(st.sampled_from(STATES), st.sampled_from(sorted(SUPPORTED)), st.sampled_from(list(Priority)))
def test_no_event_lowers_a_priority(state: TransferState, event: Event, priority: Priority) -> None:
    party = next(iter(ACTORS[event]))
    known, message = _as(party, event, _transfer(state, priority=Priority.URGENT), priority=priority)
    after = decide(known, message, NOW).transfer
    if after is not None:
        assert after.priority.rank <= min(Priority.URGENT.rank, priority.rank)


@pytest.mark.parametrize("standing", [one for one in Standing if one is not Standing.ACTIVE])
def test_who_may_not_send_is_sent_away_before_anything_else(standing: Standing) -> None:
    known = replace(KNOWN, sender=standing, same_id=_stored())
    assert decide(known, _message(), NOW).reason is ReasonCode.FACILITY_SUSPENDED
    assert not decide(known, _message(), NOW).keeps_id


FLAGS = [
    (ReasonCode.IAT_TOO_OLD.value, ReasonCode.IAT_TOO_OLD, Verdict.TRANSIENT),
    (ReasonCode.IAT_IN_FUTURE.value, ReasonCode.IAT_IN_FUTURE, Verdict.TRANSIENT),
    (ReasonCode.CRL_STALE.value, ReasonCode.CRL_STALE, Verdict.HELD),
    (ReasonCode.CRL_UNUSABLE.value, ReasonCode.CRL_UNUSABLE, Verdict.HELD),
    (STALE_CRL, ReasonCode.CRL_STALE, Verdict.HELD),
]


@pytest.mark.parametrize(("flag", "reason", "verdict"), FLAGS)
def test_what_is_uncertain_is_not_final(flag: str, reason: ReasonCode, verdict: Verdict) -> None:
    decision = decide(KNOWN, _message(flags=frozenset({flag})), NOW)
    assert (decision.verdict, decision.reason, decision.keeps_id) == (verdict, reason, False)


@pytest.mark.parametrize("flag", [flag for flag, _, _ in FLAGS])
def test_a_known_id_is_answered_whatever_the_time_and_the_list_say(flag: str) -> None:
    known = replace(KNOWN, same_id=_stored())
    decision = decide(known, _message(flags=frozenset({flag})), NOW)
    assert decision.earlier == known.same_id


def test_beyond_the_grace_not_even_stat_passes() -> None:
    stat = _message(priority=Priority.STAT, flags=frozenset({ReasonCode.CRL_STALE.value}))
    assert decide(KNOWN, stat, NOW).verdict is Verdict.HELD
    within = _message(priority=Priority.STAT, flags=frozenset({STALE_CRL}))
    assert decide(KNOWN, within, NOW).verdict is Verdict.ACCEPTED


@given(st.sampled_from(list(Priority)), st.booleans(), st.booleans(), st.booleans())
def test_quota_and_clones_stop_routine_only(priority: Priority, over: bool, cloned: bool, waits: bool) -> None:
    decision = decide(
        replace(KNOWN, over_quota=over, cloned=cloned, case_waits=waits), _message(priority=priority), NOW
    )
    routine = priority is Priority.ROUTINE
    stopped = waits or (routine and (over or cloned))
    assert (decision.verdict is Verdict.ACCEPTED) is not stopped
    assert (decision.alarm is ReasonCode.INCARNATION_CLONED) is cloned


@given(
    st.sampled_from([DIGEST, OTHER_DIGEST]),
    st.sampled_from([DIGEST, OTHER_DIGEST]),
    st.sampled_from(list(Verdict)),
    st.sampled_from([None, *AckVerdict]),
)
def test_a_repeat_never_turns_one_answer_into_another(
    payload: str, content: str, verdict: Verdict, ack: AckVerdict | None
) -> None:
    stored = _stored(payload_sha256=payload, content_sha256=content, verdict=verdict, ack=ack)
    decision = decide(replace(KNOWN, same_id=stored), _message(), NOW)
    if DIGEST in (payload, content):
        assert (decision.earlier, decision.verdict) == (stored, verdict)
        unacknowledged = ack is not AckVerdict.DELIVERED
        assert decision.repairs is (verdict is Verdict.ACCEPTED and payload == DIGEST and unacknowledged)
    else:
        assert (decision.verdict, decision.reason) == (Verdict.REFUSED, ReasonCode.MESSAGE_ID_REUSED)
        assert not decision.keeps_id
        assert decision.alarm is ReasonCode.MESSAGE_ID_REUSED
    assert (decision.transfer, decision.deliver_to) == (None, None)


def test_the_same_content_under_a_new_id_in_a_known_bundle_id_leaves_that_id_alone() -> None:
    earlier = _stored(message_id=uuid(8))
    in_bundle = decide(replace(KNOWN, same_bundle=earlier), _message(), NOW)
    assert (in_bundle.reason, in_bundle.keeps_id, in_bundle.keeps_bundle_id) == (ReasonCode.DUPLICATE_OF, True, False)
    by_content = decide(replace(KNOWN, same_content=earlier), _message(), NOW)
    assert (by_content.reason, by_content.keeps_id, by_content.keeps_bundle_id) == (ReasonCode.DUPLICATE_OF, True, True)
    assert in_bundle.duplicate_of == by_content.duplicate_of == uuid(8)


@pytest.mark.parametrize("content", [None, DIGEST])
@pytest.mark.parametrize("flags", [frozenset(), frozenset({ReasonCode.CRL_UNUSABLE.value})])
def test_a_faulty_message_burns_its_id_only_when_it_was_read_and_trust_is_sure(
    content: str | None, flags: frozenset[str]
) -> None:
    faulty = FaultyMessage(
        _submission(US), DIGEST, ReasonCode.PROFILE_VIOLATED, "Patient", flags, uuid(1), None, content
    )
    decision = decide(KNOWN, faulty, NOW)
    assert decision.verdict is (Verdict.TRANSIENT if flags else Verdict.REFUSED)
    assert decision.keeps_id is (content is not None and not flags)


def test_another_case_under_the_same_transfer_is_refused() -> None:
    known = replace(KNOWN, own_transfer=_transfer(case_id=uuid(77)))
    decision = decide(known, _message(Event.CANCEL), NOW)
    assert (decision.reason, decision.where) == (ReasonCode.BUNDLE_RULE_BROKEN, "Task.groupIdentifier")


def test_every_final_verdict_comes_from_a_final_reason_or_a_proven_fault() -> None:
    for reason in ReasonCode:
        faulty = FaultyMessage(_submission(US), DIGEST, reason, "", frozenset(), uuid(1), None, DIGEST)
        assert decide(KNOWN, faulty, NOW).verdict is Verdict.REFUSED
    assert {REASONS[reason].disposition for reason in (ReasonCode.LATE, ReasonCode.CROSSED)} == {Disposition.REJECT}


def test_times_are_kept_when_a_stage_comes_again_and_a_decision_shows_its_last() -> None:
    early = {"submitted_at": "x", "departed_at": "early", "decided_at": "early"}
    departed = decide(replace(KNOWN, own_transfer=_transfer(times=early)), _message(Event.DEPARTED), NOW)
    assert departed.transfer is not None
    assert departed.transfer.times["departed_at"] == "early"
    state = TransferState(decision=Decision.ACCEPTED)
    cancelled = decide(replace(KNOWN, own_transfer=_transfer(state, times=early)), _message(Event.CANCEL), NOW)
    assert cancelled.transfer is not None
    assert cancelled.transfer.times["decided_at"] == "2026-11-22T09:00:00.000Z"
