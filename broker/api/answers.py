"""The JSON answers: closed models, so that the OpenAPI description, the pages and the command line agree.

Times are ``schemas.times.iso`` text, UTC. Whatever has words has them twice, ``vi`` and ``en``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from broker.api.progress import Progress, progress
from broker.api.words import ACKS, CAUSES, EVENTS, LAST_PROVEN, STAGES, VERDICTS
from broker.queries.views import HeldView, MessageView, Stage, TransferView
from schemas.events import Event
from schemas.reasons import REASONS, Fixer, ReasonCode
from schemas.times import iso
from schemas.words import FIXERS, Phrase


class Answer(BaseModel):
    """A closed, frozen object."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WordAnswer(Answer):
    """A code with its words."""

    code: str
    vi: str
    en: str

    @classmethod
    def of(cls, code: str, phrase: Phrase) -> Self:
        """The code and its phrase."""
        return cls(code=code, vi=phrase.vi, en=phrase.en)


class ReasonAnswer(WordAnswer):
    """Why, and who must act: a cause of standing still, or a reason code."""

    owner: WordAnswer

    @classmethod
    def of_code(cls, code: ReasonCode) -> Self:
        """A reason code with its agreed sentence."""
        reason = REASONS[code]
        return cls(code=code, vi=reason.vi, en=reason.en, owner=owner_answer(reason.fixer))


class StateAnswer(Answer):
    """The four tracks of a transfer."""

    delivery: str
    decision: str
    journey: str
    loop: str


class StageAnswer(WordAnswer):
    """One stage; ``at`` is absent while there is no proof of it."""

    at: str | None = None


class TransferAnswer(Answer):
    """Where one transfer stands.

    ``situation``: moving, stuck, finished. ``due_at`` is when the next step is due; ``cause`` is there when stuck.
    ``unclassified``: the sender had no evidence of urgency. ``incomplete``: it travels with gaps that both ends see.
    """

    case_code: str | None
    case_id: str
    transfer_id: str
    sender: str
    destination: str
    kind: str | None
    priority: str
    unclassified: bool
    incomplete: bool
    state: StateAnswer
    last_proven: StageAnswer
    situation: str
    due_at: str | None
    cause: ReasonAnswer | None
    received_at: str
    changed_at: str
    age_s: int


class MessageAnswer(Answer):
    """One message and what became of it. ``handed_on``: queued, numbered, published, confirmed; absent later."""

    message_id: str
    sender: str
    destination: str | None
    event: WordAnswer | None
    transfer_id: str | None
    case_id: str | None
    verdict: WordAnswer
    reason: ReasonAnswer | None
    event_seq: int | None
    appended_at: str
    decided_at: str
    handed_on: str | None
    ack: WordAnswer | None
    ack_reason: ReasonAnswer | None
    acked_at: str | None


class HeldAnswer(Answer):
    """A message that waits until a cause is gone."""

    message_id: str
    sender: str
    transfer_id: str
    case_id: str
    event: WordAnswer
    priority: str
    reason: ReasonAnswer
    held_at: str
    try_at: str


class TransferDetail(TransferAnswer):
    """A transfer with every stage and every message."""

    stages: list[StageAnswer]
    messages: list[MessageAnswer]


class TransferList(Answer):
    """A page of transfers, newest first. ``next`` asks for the next page (``?before=``); absent at the end."""

    now: str
    transfers: list[TransferAnswer]
    next: str | None = None


class CaseAnswer(Answer):
    """What one code or id means: transfers, or a message that belongs to none (a refused one)."""

    now: str
    transfers: list[TransferDetail]
    messages: list[MessageAnswer]


class AttentionAnswer(Answer):
    """What needs a person: nothing that is resolved."""

    now: str
    stuck: list[TransferAnswer]
    refused: list[MessageAnswer]
    held: list[HeldAnswer]


def owner_answer(owner: Fixer) -> WordAnswer:
    """Who must act."""
    return WordAnswer.of(owner, FIXERS[owner])


def transfer_answer(view: TransferView, now: datetime) -> TransferAnswer:
    """Where a transfer stands now."""
    return TransferAnswer(**_transfer(view, progress(view, now), now))


def transfer_detail(view: TransferView, messages: Iterable[MessageView], now: datetime) -> TransferDetail:
    """The same with stages and messages."""
    stages = [_stage(stage, view.reached.get(stage)) for stage in Stage]
    answers = [message_answer(message) for message in messages]
    return TransferDetail(**_transfer(view, progress(view, now), now), stages=stages, messages=answers)


def message_answer(view: MessageView) -> MessageAnswer:
    """A message and its answer."""
    return MessageAnswer(
        message_id=view.message_id,
        sender=view.sender,
        destination=view.destination,
        event=_event(view.event),
        transfer_id=view.transfer_id,
        case_id=view.case_id,
        verdict=WordAnswer.of(view.verdict, VERDICTS[view.verdict]),
        reason=_reason(view.reason),
        event_seq=view.event_seq,
        appended_at=iso(view.appended_at),
        decided_at=iso(view.decided_at),
        handed_on=view.handed_on,
        ack=None if view.ack is None else WordAnswer.of(view.ack, ACKS[view.ack]),
        ack_reason=_reason(view.ack_reason),
        acked_at=None if view.acked_at is None else iso(view.acked_at),
    )


def held_answer(view: HeldView) -> HeldAnswer:
    """A held message."""
    return HeldAnswer(
        message_id=view.message_id,
        sender=view.sender,
        transfer_id=view.transfer_id,
        case_id=view.case_id,
        event=WordAnswer.of(view.event, EVENTS[view.event]),
        priority=view.priority,
        reason=ReasonAnswer.of_code(view.reason),
        held_at=iso(view.held_at),
        try_at=iso(view.try_at),
    )


def _transfer(view: TransferView, stands: Progress, now: datetime) -> Mapping[str, object]:
    state = view.state
    received_at = view.reached[Stage.RECEIVED]
    cause = None
    if stands.cause is not None and stands.owner is not None:
        phrase = CAUSES[stands.cause]
        cause = ReasonAnswer(code=stands.cause, vi=phrase.vi, en=phrase.en, owner=owner_answer(stands.owner))
    return {
        "case_code": view.case_code,
        "case_id": view.case_id,
        "transfer_id": view.transfer_id,
        "sender": view.sender,
        "destination": view.destination,
        "kind": view.kind,
        "priority": view.priority,
        "unclassified": view.unclassified,
        "incomplete": view.incomplete,
        "state": StateAnswer(delivery=state.delivery, decision=state.decision, journey=state.journey, loop=state.loop),
        "last_proven": _stage(stands.stage, stands.at, LAST_PROVEN),
        "situation": stands.situation,
        "due_at": None if stands.due_at is None else iso(stands.due_at),
        "cause": cause,
        "received_at": iso(received_at),
        "changed_at": iso(view.changed_at),
        "age_s": max(0, int((now - received_at).total_seconds())),
    }


def _stage(stage: Stage, at: datetime | None, table: Mapping[Stage, Phrase] = STAGES) -> StageAnswer:
    phrase = table[stage]
    return StageAnswer(code=stage, vi=phrase.vi, en=phrase.en, at=None if at is None else iso(at))


def _event(event: Event | None) -> WordAnswer | None:
    return None if event is None else WordAnswer.of(event, EVENTS[event])


def _reason(code: ReasonCode | None) -> ReasonAnswer | None:
    return None if code is None else ReasonAnswer.of_code(code)
