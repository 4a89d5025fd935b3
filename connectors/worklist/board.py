"""The receiving desk's board: who is coming, the most urgent first, then who waits longest.

``board`` asks the store and is one JSON-able value for page, terminal and local door; the rest is pure. What the board
says about a person's look comes from a named person's message, never from a page that was shown.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from connectors import status
from connectors.handover_folder import CANCELLED_PREFIX
from connectors.site import Site
from connectors.sources.xml13.dates import VIETNAM
from connectors.store import transfers, worklist_rows
from connectors.store.transfers import TransferEvent, TransferRow
from schemas.codes.lists import Tag
from schemas.events import Event
from schemas.lifecycle import Decision, Delivery, Journey, TransferState
from schemas.reasons import REASONS, ReasonCode
from schemas.times import iso, parse_iso
from schemas.urgency import UNCLASSIFIED, Priority, more_urgent

Facts = dict[str, Any]
SHOWN_AFTER_CHANGE: Final = timedelta(hours=48)  # what is decided or over leaves the board after this; open never does

_UNDECIDED: Final = frozenset({Decision.OPEN, Decision.UNDER_REVIEW, Decision.AWAITING_INFORMATION})
_OVER: Final = frozenset({Journey.ARRIVED, Journey.NOT_ARRIVED, Journey.DIED})
_A_PERSON_LOOKED: Final = frozenset({Event.RECEIVED, Event.ACCEPT, Event.DECLINE, Event.REDIRECT, Event.INFO_REQUEST})


class Section(StrEnum):
    """Where a transfer stands on the board; in this order."""

    OPEN = "open"  # waits for somebody here
    EXPECTED = "expected"  # decided or run out, and the patient may still come
    OVER = "over"  # arrived, cancelled, expired


@dataclass(frozen=True, slots=True)
class Look:
    """Who has looked. ``sent``: the exchange has it; before that nobody else knows."""

    by: str | None
    at: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Said:
    """Something this desk said that the exchange has not taken: on its way (``reason`` None), or refused."""

    event: str
    by: str | None
    reason: str | None
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Papers:
    """Where the case lies. ``place``: the folder; None when the HIS takes papers by HTTP."""

    handed_over: bool
    place: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the store and the directory know of one transfer."""

    row: TransferRow
    events: Sequence[TransferEvent]
    papers: Papers
    sender_name: str | None
    sender_phone: str | None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One transfer as the desk sees it. ``key`` names it on the page; times are ``schemas.times.iso``."""

    key: str
    section: Section
    urgency: Priority
    raised: bool
    unclassified: bool
    incomplete: bool
    held_back: bool
    demonstration: bool
    kind: str | None
    since: str
    age_s: int
    transfer_id: str
    case_code: str
    slip_number: str | None
    patient: str | None
    birth_year: str | None
    sex: str | None
    diagnosis: str | None
    reason: str | None
    sender: str
    sender_name: str | None
    phones: tuple[str, ...]
    doctor: str | None
    papers: Papers
    decision: Decision
    journey: Journey
    look: Look | None
    unsent: tuple[Said, ...]
    conflict: Mapping[str, Any] | None
    rings: bool


async def board(site: Site) -> Facts:
    """The board now. Raises sqlite3.Error."""
    now = site.clock.now()

    def question(c: sqlite3.Connection) -> list[Known]:
        rows = worklist_rows.incoming(c, site.facility, now - SHOWN_AFTER_CHANGE)
        return [_known(site, c, row, now) for row in rows]

    found = await site.store.read(question)
    rows = arrange([board_row(known, site.facility, now) for known in found])
    return {
        "facility": site.facility,
        "name": site.settings.facility.name,
        "exchange": site.settings.exchange.name,
        "at": iso(now),
        "link": status.link_facts(site),
        "rows": [asdict(row) for row in rows],
        "waiting": sum(row.section is Section.OPEN and row.look is None for row in rows),
        "ringing": [row.key for row in rows if row.rings],
    }


def _known(site: Site, c: sqlite3.Connection, row: TransferRow, now: datetime) -> Known:
    done, cancelled = worklist_rows.handed_over(c, row.sender, row.case_id)
    listing = site.book.listing(row.sender, now.astimezone(VIETNAM).date())
    receiving = site.settings.receiving
    root = None if receiving.url else receiving.folder
    return Known(
        row=row,
        events=transfers.events(c, row.sender, row.transfer_id),
        papers=Papers(done, _place(root, row.case_folder, cancelled=cancelled)),
        sender_name=listing.name if listing else None,
        sender_phone=listing.phone if listing else None,
    )


def _place(root: Path | None, folder: str | None, *, cancelled: bool) -> str | None:
    if root is None or folder is None:
        return None
    return str(root / (f"{CANCELLED_PREFIX}{folder}" if cancelled else folder))


def board_row(known: Known, facility: str, now: datetime) -> BoardRow:
    """One transfer as the desk sees it. Pure."""
    row, state = known.row, known.row.progress.state
    patient, tags = json.loads(row.patient), frozenset(row.tags.split())
    since, look = row.received_at or row.first_at, _look(known, facility)
    urgency = _urgency(row, tags)
    section = section_of(state, urgency)
    return BoardRow(
        key=row.transfer_id,
        section=section,
        urgency=urgency,
        raised=row.raised_priority is not None,
        unclassified=UNCLASSIFIED in tags,
        incomplete=Tag.INCOMPLETE in tags,
        held_back=Tag.HELD_BACK in tags,
        demonstration=Tag.DEMONSTRATION in tags,
        kind=row.kind,
        since=since,
        age_s=max(0, int((now - parse_iso(since)).total_seconds())),
        transfer_id=row.transfer_id,
        case_code=row.case_code,
        slip_number=row.slip_number,
        patient=patient.get("name"),
        birth_year=patient.get("birth", "")[:4] or None,
        sex=patient.get("sex"),
        diagnosis=patient.get("diagnosis"),
        reason=patient.get("reason"),
        sender=row.sender,
        sender_name=known.sender_name or patient.get("sender_name"),
        phones=_phones(known.sender_phone, patient.get("sender_phone"), patient.get("doctor_phone")),
        doctor=patient.get("doctor"),
        papers=known.papers,
        decision=state.decision,
        journey=state.journey,
        look=look,
        unsent=_unsent(known.events, facility),
        conflict=json.loads(row.conflict) if row.conflict else None,
        rings=section is Section.OPEN and urgency is Priority.STAT and look is None,
    )


def arrange(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """The order of the board: section, urgency, then who waits longest. Pure, and the same at every call."""
    order = list(Section)
    return sorted(rows, key=lambda row: (order.index(row.section), row.urgency.rank, row.since, row.key))


def section_of(state: TransferState, urgency: Priority) -> Section:
    """Where a transfer stands. A patient who may come is never under *over*; what is over is never *open*."""
    if state.journey in _OVER or state.decision is Decision.CANCELLED:
        return Section.OVER
    if state.decision in _UNDECIDED:
        return Section.OPEN
    if state.decision is Decision.EXPIRED and state.journey is Journey.NOT_DEPARTED and urgency is not Priority.STAT:
        return Section.OVER
    return Section.EXPECTED


def _urgency(row: TransferRow, tags: frozenset[str]) -> Priority:
    urgency = Priority(row.raised_priority or row.priority)
    return more_urgent(urgency, Priority.URGENT) if UNCLASSIFIED in tags else urgency


def _look(known: Known, facility: str) -> Look | None:
    """The first sign that a named person here looked; an answer counts too."""
    for event in known.events:
        if event.by_facility == facility and event.event in _A_PERSON_LOOKED and event.refused is None:
            return Look(json.loads(event.details).get("by"), event.at, event.event_seq is not None)
    row = known.row
    if row.opened_at or row.progress.state.delivery is Delivery.OPENED:
        return Look(None, row.opened_at or row.last_at, sent=True)
    return None


def _unsent(events: Sequence[TransferEvent], facility: str) -> tuple[Said, ...]:
    """What this desk said and the exchange has not taken; of refused answers only the newest word."""
    ours = sorted((event for event in events if event.by_facility == facility), key=lambda event: event.at)
    return tuple(
        _said(event) for event in ours if event.event_seq is None and (event.refused is None or event is ours[-1])
    )


def _said(event: TransferEvent) -> Said:
    about = REASONS.get(ReasonCode(event.refused)) if event.refused in set(ReasonCode) else None
    vi, en = (about.vi, about.en) if about else (event.refused or "", event.refused or "")
    return Said(event.event, json.loads(event.details).get("by"), event.refused, vi, en)


def _phones(*numbers: str | None) -> tuple[str, ...]:
    """Each number once."""
    return tuple(dict.fromkeys(number for number in numbers if number))
