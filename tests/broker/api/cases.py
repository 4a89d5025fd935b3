"""Transfers as the pages see them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from broker.queries.views import HandedOn, Stage, TransferView
from schemas.lifecycle import TransferState
from schemas.urgency import Kind, Priority

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # a Monday, twelve o'clock in Vietnam
SENDER, DESTINATION, STRANGER = "24Z01", "01001", "27005"


def transfer(
    state: TransferState | None = None,
    *,
    priority: Priority = Priority.STAT,
    kind: Kind | None = Kind.EMERGENCY,
    handed_on: HandedOn | None = HandedOn.PUBLISHED,
    **reached: timedelta,
) -> TransferView:
    """Received at NOON; ``reached`` gives other stages as spans after that."""
    times = {Stage.RECEIVED: NOON} | {Stage(name): NOON + span for name, span in reached.items()}
    return TransferView(
        transfer_id="7d7d3f0a-5a51-4a55-a0a4-111111111111",
        case_id="7d7d3f0a-5a51-4a55-a0a4-222222222222",
        case_code="24Z01-2311-001-5",
        sender=SENDER,
        destination=DESTINATION,
        kind=kind,
        priority=priority,
        unclassified=False,
        incomplete=False,
        state=state or TransferState(),
        event_seq=1,
        reached=times,
        changed_at=max(times.values()),
        handed_on=handed_on,
    )


def at(state: TransferState, **changes: object) -> TransferState:
    """A state with some tracks changed."""
    return replace(state, **changes)  # type: ignore[arg-type]
