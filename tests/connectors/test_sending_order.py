"""The law of the outbox: urgent first, order of a case kept, routine a tenth, nothing holds up another case."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from connectors.sending_order import ROUTINE_EVERY, SENDABLE, Waiting, heads, next_to_send, passed_over_after
from schemas.urgency import Priority

STATES = ["waiting-person", "waiting-key", "ready", "sent", "held"]


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    size = draw(st.integers(min_value=0, max_value=25))
    return [
        Waiting(
            seq + 1,
            draw(st.sampled_from(["a", "b", "c", "d", "e"])),
            draw(st.sampled_from(list(Priority))),
            draw(st.sampled_from(STATES)),
            draw(st.integers(min_value=0, max_value=3)),
        )
        for seq in range(size)
    ]


def message(seq: int, case: str, priority: Priority, state: str = "ready") -> Waiting:
    return Waiting(seq, case, priority, state, 0)


@given(queues(), st.sets(st.integers(min_value=1, max_value=25)), st.integers(min_value=0, max_value=20))
def test_only_the_oldest_unsettled_message_of_a_case_goes(
    queue: list[Waiting], not_due: set[int], passed_over: int
) -> None:
    chosen = next_to_send(queue, not_due, passed_over)
    if chosen is None:
        firsts = {m.case_id: m for m in reversed(queue)}.values()
        assert all(m.state not in SENDABLE or m.seq in not_due for m in firsts)
        return
    assert chosen.message.seq == min(m.seq for m in queue if m.case_id == chosen.message.case_id)
    assert chosen.message.state in SENDABLE
    assert chosen.message.seq not in not_due


@given(queues(), st.sets(st.integers(min_value=1, max_value=25)))
def test_nothing_less_urgent_goes_while_something_more_urgent_could(queue: list[Waiting], not_due: set[int]) -> None:
    chosen = next_to_send(queue, not_due, passed_over=0)
    if chosen is None:
        return
    for head in heads(queue):
        if head.message.state in SENDABLE and head.message.seq not in not_due:
            assert (chosen.priority.rank, chosen.message.seq) <= (head.priority.rank, head.message.seq)


@given(queues())
def test_a_case_rises_to_its_most_urgent_message(queue: list[Waiting]) -> None:
    for head in heads(queue):
        of_case = [m for m in queue if m.case_id == head.message.case_id]
        assert head.priority.rank == min(m.priority.rank for m in of_case)


@given(queues(), st.sampled_from(["waiting-person", "waiting-key"]))
def test_a_waiting_message_holds_up_no_other_case(queue: list[Waiting], state: str) -> None:
    blocked = [replace(m, state=state) if m.case_id == "a" else m for m in queue]
    without = [m for m in queue if m.case_id != "a"]
    assert next_to_send(blocked, set(), 0) == next_to_send(without, set(), 0)


@given(st.integers(min_value=1, max_value=60), st.integers(min_value=1, max_value=12))
def test_routine_gets_a_tenth_of_a_flood(stats: int, routines: int) -> None:
    queue = [message(n, f"s{n}", Priority.STAT) for n in range(1, stats + 1)]
    queue += [message(stats + n, f"r{n}", Priority.ROUTINE) for n in range(1, routines + 1)]
    order, passed_over = [], 0
    while queue:
        chosen = next_to_send(queue, set(), passed_over)
        assert chosen is not None
        passed_over = passed_over_after(chosen, queue, set(), passed_over)
        order.append(chosen.priority)
        queue = [m for m in queue if m.seq != chosen.message.seq]
    for start in range(len(order) - ROUTINE_EVERY + 1):
        window = order[start : start + ROUTINE_EVERY]
        routine_left = Priority.ROUTINE in order[start:]
        assert not routine_left or Priority.ROUTINE in window
    assert order[: min(stats, ROUTINE_EVERY - 1)] == [Priority.STAT] * min(stats, ROUTINE_EVERY - 1)


def test_an_emergency_overtakes_the_queue() -> None:
    queue = [message(n, f"case{n}", Priority.ROUTINE) for n in range(1, 6)] + [message(6, "x", Priority.STAT)]
    chosen = next_to_send(queue, set(), 0)
    assert chosen is not None
    assert chosen.message.seq == 6


def test_the_slip_goes_before_its_cancellation_and_rises_with_it() -> None:
    queue = [
        message(1, "y", Priority.URGENT),
        message(2, "x", Priority.ROUTINE),
        message(3, "x", Priority.STAT),
    ]
    chosen = next_to_send(queue, set(), 0)
    assert chosen is not None
    assert (chosen.message.seq, chosen.priority) == (2, Priority.STAT)


def test_a_later_message_waits_for_the_answer_to_the_earlier_one() -> None:
    queue = [message(1, "x", Priority.STAT, "sent"), message(2, "x", Priority.STAT)]
    assert next_to_send(queue, {1}, 0) is None
