"""Which message goes next: pure.

Urgent first, but the order of a case is kept: only the oldest unsettled message of a case may go, and it rises to the
priority of the most urgent one behind it. Within a priority first come, first served, by that oldest message. Routine
still gets a tenth. A message that waits (for a person, a key, an answer) holds up nothing but its own case.

A later message of a case waits until the earlier one has a final answer: were the earlier one answered *transient*, the
later one would reach the exchange before it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from schemas.urgency import Priority, more_urgent

ROUTINE_EVERY: Final = 10  # of ten sends one is routine, when one is ready
SENDABLE: Final = frozenset({"ready", "sent", "held"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message without a final answer; ``seq`` is its place in the outbox."""

    seq: int
    case_id: str
    priority: Priority
    state: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest unsettled message of a case, with the priority it has risen to."""

    message: Waiting
    priority: Priority


def heads(waiting: Iterable[Waiting]) -> list[Head]:
    """One head per case, most urgent first, then oldest first. ``waiting`` comes in order of ``seq``."""
    found: dict[str, Head] = {}
    for message in waiting:
        first = found.get(message.case_id)
        if first is None:
            found[message.case_id] = Head(message, message.priority)
        else:
            found[message.case_id] = Head(first.message, more_urgent(first.priority, message.priority))
    return sorted(found.values(), key=lambda head: (head.priority.rank, head.message.seq))


def next_to_send(waiting: Iterable[Waiting], not_due: Collection[int], passed_over: int) -> Head | None:
    """The message to send now.

    Args:
        waiting: every unsettled message, in order of ``seq``.
        not_due: places of messages whose next attempt lies in the future.
        passed_over: how many messages in a row went while a routine one was ready (``passed_over_after``).
    """
    ready = [head for head in heads(waiting) if head.message.state in SENDABLE and head.message.seq not in not_due]
    if not ready:
        return None
    if passed_over >= ROUTINE_EVERY - 1:
        routine = next((head for head in ready if head.priority is Priority.ROUTINE), None)
        return routine or ready[0]
    return ready[0]


def passed_over_after(sent: Head, waiting: Iterable[Waiting], not_due: Collection[int], passed_over: int) -> int:
    """The new count of sends in a row that went while a routine message was ready."""
    if sent.priority is Priority.ROUTINE:
        return 0
    routine_ready = any(
        head.priority is Priority.ROUTINE and head.message.state in SENDABLE and head.message.seq not in not_due
        for head in heads(waiting)
    )
    return passed_over + 1 if routine_ready else 0
