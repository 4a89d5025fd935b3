"""How far a transfer has come, as this facility was told: pure."""

import json
from dataclasses import asdict, dataclass, replace

from schemas.lifecycle import Decision, Delivery, Journey, Loop, TransferState


@dataclass(frozen=True, slots=True)
class Progress:
    """The state that the exchange told under ``event_seq``; 0 before it told anything."""

    event_seq: int
    state: TransferState


_UNPROVEN: frozenset[Delivery] = frozenset({Delivery.SUBMITTED, Delivery.UNREADABLE, Delivery.UNDELIVERABLE})


def newer(known: Progress, told: Progress, *, delivered: bool) -> Progress:
    """The one with the higher number; at the same number the later word. An ack once proven is never forgotten."""
    found = told if told.event_seq >= known.event_seq else known
    if delivered and found.state.delivery in _UNPROVEN:
        return replace(found, state=replace(found.state, delivery=Delivery.DELIVERED))
    return found


def state_text(state: TransferState) -> str:
    """A state as it is stored."""
    return json.dumps({name: value.value for name, value in asdict(state).items()})


def progress_from(event_seq: int, text: str) -> Progress:
    """A stored state."""
    parts = json.loads(text)
    state = TransferState(
        Delivery(parts["delivery"]), Decision(parts["decision"]), Journey(parts["journey"]), Loop(parts["loop"])
    )
    return Progress(event_seq, state)
