"""What may be asked and done through the local door, by name; the command line calls the same functions directly."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from connectors import actions, status
from connectors.actions import ActionError
from connectors.answers import Details, NamedPerson
from connectors.intake import Intake
from connectors.raising import raise_at_sender
from connectors.repeating import repeat
from connectors.site import Site
from connectors.store import alarms, files, outbox_rows
from connectors.worklist.board import board
from schemas.codes.lists import CancelReason, DeclineReason
from schemas.events import Event
from schemas.urgency import Priority

Arguments = Mapping[str, Any]
_Word = TypeVar("_Word", bound=StrEnum)


class Parts(Protocol):
    """What acts and pages work with."""

    @property
    def site(self) -> Site:
        """The connector's shared memory."""

    @property
    def intake(self) -> Intake:
        """Takes files."""


_A_TIME: Final = "2026-11-23T08:00:00+07:00"


def _bad(field: str, wanted: str = "") -> ActionError:
    """``wanted`` is what would be right: a list of words, or an example."""
    vi, en = (f" Cần: {wanted}.", f" Wanted: {wanted}.") if wanted else ("", "")
    return ActionError("bad-request", f"Sai hoặc thiếu: {field}.{vi}", f"Wrong or missing: {field}.{en}")


def _text(arguments: Arguments, name: str, *, needed: bool = False) -> str | None:
    value = arguments.get(name)
    if value is None or value == "":
        if needed:
            raise _bad(name)
        return None
    if not isinstance(value, str) or len(value) > 2_000:
        raise _bad(name)
    return value


def _case(arguments: Arguments) -> str:
    return str(_text(arguments, "case", needed=True))


def _moment(arguments: Arguments, name: str) -> datetime | None:
    text = _text(arguments, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(name, _A_TIME) from None
    if moment.tzinfo is None:
        raise _bad(name, _A_TIME)
    return moment


def _word(arguments: Arguments, name: str, words: type[_Word]) -> _Word | None:
    text = _text(arguments, name)
    try:
        return None if text is None else words(text)
    except ValueError:
        raise _bad(name, " | ".join(words)) from None


def _person(arguments: Arguments) -> NamedPerson | None:
    name = _text(arguments, "by")
    return NamedPerson(name, _text(arguments, "licence"), _text(arguments, "phone")) if name else None


def _details(event: Event, arguments: Arguments) -> Details:
    reasons: type[DeclineReason] | type[CancelReason] = CancelReason if event is Event.CANCEL else DeclineReason
    return Details(
        reason=_word(arguments, "reason", reasons),
        text=_text(arguments, "text"),
        ward=_text(arguments, "ward"),
        until=_moment(arguments, "until"),
        contact=_text(arguments, "contact"),
        at=_moment(arguments, "at"),
        note=_text(arguments, "note"),
    )


def _answers(event: Event) -> Callable[[Parts, Arguments], Awaitable[Any]]:
    async def act(parts: Parts, arguments: Arguments) -> Any:
        details = _details(event, arguments)
        done = await actions.answer(parts.site, event, _case(arguments), _person(arguments), details)
        return actions.as_json(done)

    return act


async def _release(parts: Parts, arguments: Arguments) -> Any:
    return [actions.as_json(row) for row in await actions.release(parts.site, _case(arguments))]


async def _discard(parts: Parts, arguments: Arguments) -> Any:
    return [actions.as_json(row) for row in await actions.discard(parts.site, _case(arguments))]


async def _repeat(parts: Parts, arguments: Arguments) -> Any:
    return [actions.as_json(row) for row in await repeat(parts.site, _case(arguments))]


async def _raise(parts: Parts, arguments: Arguments) -> Any:
    priority = _word(arguments, "priority", Priority)
    if priority is None:
        raise _bad("priority")
    word, site = _case(arguments), parts.site
    row = await site.store.read(lambda c: actions.find_transfer(c, word, site.facility, None))
    if row.destination == site.facility:
        return status.transfer_facts(await actions.raise_locally(site, word, priority))
    return await raise_at_sender(site, parts.intake, row, priority)


async def _dismiss(parts: Parts, arguments: Arguments) -> Any:
    """A person has seen findings, alarms, refused messages: lists of their numbers."""
    now = parts.site.clock.now()
    findings, seen, refused = (_numbers(arguments, name) for name in ("findings", "alarms", "messages"))

    def question(c: Any) -> None:
        files.dismiss_findings(c, findings, now)
        alarms.dismiss(c, seen, now)
        outbox_rows.mark_seen(c, refused, now)

    await parts.site.store.write(question)
    return {"dismissed": len(findings) + len(seen) + len(refused)}


def _numbers(arguments: Arguments, name: str) -> list[int]:
    value = arguments.get(name, [])
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise _bad(name)
    return value


async def _scan(parts: Parts, _: Arguments) -> Any:
    parts.site.wakes.scan.set()
    return {"scan": True}


async def _status(parts: Parts, _: Arguments) -> Any:
    return await status.status(parts.site)


async def _one_case(parts: Parts, arguments: Arguments) -> Any:
    return await status.case(parts.site, _case(arguments))


async def _board(parts: Parts, _: Arguments) -> Any:
    return await board(parts.site)


Act = Callable[[Parts, Arguments], Awaitable[Any]]

# POST /control/<name>
ACTS: Final[Mapping[str, Act]] = {
    "received": _answers(Event.RECEIVED),
    "accept": _answers(Event.ACCEPT),
    "decline": _answers(Event.DECLINE),
    "cancel": _answers(Event.CANCEL),
    "departed": _answers(Event.DEPARTED),
    "arrived": _answers(Event.ARRIVED),
    "release": _release,
    "discard": _discard,
    "raise": _raise,
    "repeat": _repeat,
    "dismiss": _dismiss,
    "scan": _scan,
}

# GET /control/<name>
ASKS: Final[Mapping[str, Act]] = {"status": _status, "case": _one_case, "board": _board}
