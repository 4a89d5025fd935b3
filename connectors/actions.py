"""What people do with a case: answer it, take it back, let an old slip go, raise its urgency.

The same functions serve the running process (its local door) and the command line when nothing runs. An answer becomes
a message in the outbox, durably, before anybody is told that it was taken; it counts as said only with its receipt.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial

from connectors import card
from connectors.answers import AnswerIds, Details, NamedPerson, TransferRef, author_of, build_answer
from connectors.drafting import own_side
from connectors.mapping.context import Facility
from connectors.mapping.encode import encode_bundle
from connectors.site import Site
from connectors.sources.xml13.dates import VIETNAM
from connectors.store import inbox_rows, meta, outbox_rows, transfers
from connectors.store.outbox_rows import NewMessage, OutRow, OutState
from connectors.store.transfers import TransferEvent, TransferRow
from connectors.version import SOFTWARE_VERSION
from schemas import strict_json
from schemas.events import Event, Party
from schemas.message import MessageFacts, read_facts
from schemas.profile.gate import judge
from schemas.reasons import REASONS, ReasonCode, Refused
from schemas.times import iso
from schemas.urgency import Kind, Priority, more_urgent
from transport.logs import get_logger

_log = get_logger(__name__)


class ActionError(Exception):
    """An action cannot be taken; ``code`` for programs, two sentences for people."""

    def __init__(self, code: str, vi: str, en: str) -> None:
        super().__init__(code)
        self.code = code
        self.vi = vi
        self.en = en


def _unknown() -> ActionError:
    return ActionError("case-unknown", "Không tìm thấy ca này.", "This case is not known here.")


def _of_reason(code: ReasonCode, where: str = "") -> ActionError:
    about = REASONS[code]
    place = f" [{where}]" if where else ""
    return ActionError(code.value, about.vi + place, about.en + place)


@dataclass(frozen=True, slots=True)
class Done:
    """What an action entered. ``state``: ready, or waiting-key while the other side's key is not here."""

    message_id: str
    event: str
    case_code: str
    transfer_id: str
    recipient: str
    state: str


def find_transfer(c: sqlite3.Connection, word: str, facility: str, party: Party | None) -> TransferRow:
    """The transfer that a person means, in which this facility is the party that may act.

    Raises:
        ActionError: case-unknown, not-a-party, case-ambiguous.
    """
    found = transfers.find(c, word.strip())
    if not found:
        raise _unknown()
    mine = [row for row in found if _is_party(row, facility, party)]
    if not mine:
        raise _of_reason(ReasonCode.NOT_A_PARTY)
    if len({row.case_id for row in mine}) > 1:
        codes = ", ".join(sorted({row.case_code for row in mine}))
        raise ActionError(
            "case-ambiguous", f"Có nhiều ca: {codes}. Hãy dùng mã ca.", f"Several cases: {codes}. Use the case code."
        )
    return mine[0]


def _is_party(row: TransferRow, facility: str, party: Party | None) -> bool:
    if party is Party.SENDER:
        return row.sender == facility
    return row.destination == facility if party is Party.DESTINATION else facility in (row.sender, row.destination)


async def answer(site: Site, event: Event, word: str, by: NamedPerson | None, details: Details) -> Done:
    """Say an event about a case. Raises ActionError."""
    row = await site.store.read(lambda c: find_transfer(c, word, site.facility, author_of(event)))
    submit_id = row.submit_message_id or await site.store.read(partial(_first_message, row))
    if submit_id is None:
        raise _of_reason(ReasonCode.TRANSFER_UNKNOWN)
    now, counter = site.clock.now(), await site.store.write(meta.next_counter)
    ids = AnswerIds(site.new_id(), site.new_id(), site.incarnation, counter, site.new_id)
    about = _reference(site, row, submit_id, now)
    try:
        bundle = build_answer(event, about, by, details, ids, now=now, software_version=SOFTWARE_VERSION)
    except ValueError as error:
        raise _incomplete(str(error)) from None
    payload = encode_bundle(bundle)
    facts = _checked(payload)
    return await _enter(site, row, facts, payload, card.answer_card(strict_json.loads(payload)))


_INCOMPLETE = {
    "a named person is needed": (
        "person-needed",
        "Cần ghi tên người thực hiện.",
        "The name of the person who does this is needed.",
    ),
    "a coded reason is needed": ("reason-needed", "Cần chọn lý do.", "A reason must be chosen."),
    "another reason is said in words": (
        "words-needed",
        "Lý do khác cần ghi rõ bằng lời.",
        "Another reason must be said in words.",
    ),
}


def _incomplete(said: str) -> ActionError:
    unknown = ("not-possible", "Không thực hiện được.", f"{said[:1].upper()}{said[1:]}.")
    return ActionError(*_INCOMPLETE.get(said, unknown))


def _checked(payload: bytes) -> MessageFacts:
    """Our own gate, so that a fault of ours shows here and not at the exchange."""
    try:
        bundle = strict_json.loads(payload)
        facts = read_facts(bundle)
    except Refused as refused:
        raise _of_reason(refused.reason, refused.where) from None
    refusals = judge(bundle, facts).refusals
    if refusals:
        raise _of_reason(refusals[0].reason, refusals[0].where)
    return facts


def _reference(site: Site, row: TransferRow, submit_id: str, now: datetime) -> TransferRef:
    today = now.astimezone(VIETNAM).date()
    return TransferRef(
        case_id=row.case_id,
        transfer_id=row.transfer_id,
        case_code=row.case_code,
        submit_message_id=submit_id,
        sender=_facility(site, row.sender, today),
        destination=_facility(site, row.destination, today),
        priority=Priority(row.priority),
        kind=Kind(row.kind) if row.kind else None,
        state=row.progress.state,
    )


def _facility(site: Site, code: str, on: date) -> Facility:
    if code == site.facility:
        return own_side(site.settings)
    listed = site.book.listing(code, on)
    return Facility(code, listed.name, listed.phone, listed.role) if listed else Facility(code)


def _first_message(row: TransferRow, c: sqlite3.Connection) -> str | None:
    """An id to answer to, where the submit itself never came: the oldest message of the transfer."""
    found = c.execute(
        "SELECT message_id FROM transfer_event WHERE sender = ? AND transfer_id = ? AND by_facility = ?"
        " ORDER BY event_seq IS NULL, event_seq LIMIT 1",
        (row.sender, row.transfer_id, row.sender),
    ).fetchone()
    return found[0] if found else None


async def _enter(site: Site, row: TransferRow, facts: MessageFacts, payload: bytes, said: card.Card) -> Done:
    now = site.clock.now()
    message = NewMessage(
        message_id=facts.message_id,
        bundle_id=facts.bundle_id,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        case_code=row.case_code,
        event=facts.event.value,
        recipient=facts.recipient,
        priority=row.raised_priority or row.priority,
        kind=row.kind,
        payload=payload,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
        source="",
    )
    event = TransferEvent(
        sender=row.sender,
        transfer_id=row.transfer_id,
        message_id=facts.message_id,
        event=facts.event.value,
        by_facility=site.facility,
        event_seq=None,
        at=iso(now),
        details=json.dumps(said, ensure_ascii=False),
        refused=None,
    )

    def question(c: sqlite3.Connection) -> None:
        outbox_rows.add(c, message, OutState.WAITING_KEY, now)  # the sender seals it, usually within milliseconds
        transfers.add_event(c, event)

    await site.store.write(question)
    site.wakes.send.set()
    _log.info("answer.entered", message_id=facts.message_id, transfer_event=facts.event.value)
    has_key = site.book.reader_of(facts.recipient, now) is not None
    state = OutState.READY if has_key else OutState.WAITING_KEY
    return Done(facts.message_id, facts.event.value, row.case_code, facts.transfer_id, facts.recipient, state.value)


# --- what waits for a person ------------------------------------------------------------------------------------------


async def release(site: Site, word: str) -> list[OutRow]:
    """A person says yes to what waits for it. Raises ActionError."""
    return await _for_waiting(site, word, _let_go)


async def discard(site: Site, word: str) -> list[OutRow]:
    """A person says no to what was never sent. Raises ActionError."""
    return await _for_waiting(site, word, _drop)


async def _for_waiting(site: Site, word: str, act: Callable[[sqlite3.Connection, OutRow], None]) -> list[OutRow]:
    def question(c: sqlite3.Connection) -> list[OutRow]:
        row = find_transfer(c, word, site.facility, Party.SENDER)
        waiting = [one for one in outbox_rows.rows_in(c, [OutState.WAITING_PERSON]) if one.case_id == row.case_id]
        if not waiting:
            raise ActionError(
                "nothing-waits", "Ca này không có phiếu nào chờ xác nhận.", "Nothing of this case waits for a yes."
            )
        for one in waiting:
            act(c, one)
        return waiting

    done = await site.store.write(question)
    site.wakes.send.set()
    return done


def _let_go(c: sqlite3.Connection, row: OutRow) -> None:
    outbox_rows.set_waiting(c, row.seq, OutState.WAITING_KEY, None)  # signed now, so that its time is right


def _drop(c: sqlite3.Connection, row: OutRow) -> None:
    outbox_rows.discard(c, row.seq)


async def raise_locally(site: Site, word: str, priority: Priority) -> TransferRow:
    """The receiving side treats a case as more urgent than it says; nothing lowers. Raises ActionError."""

    def question(c: sqlite3.Connection) -> TransferRow:
        row = find_transfer(c, word, site.facility, Party.DESTINATION)
        higher = more_urgent(priority, Priority(row.raised_priority or row.priority))
        transfers.raise_priority(c, row.sender, row.transfer_id, higher.value)
        return transfers.transfer(c, row.sender, row.transfer_id) or row

    return await site.store.write(question)


def as_json(done: Done | OutRow) -> dict[str, object]:
    """For the local door and ``--json``."""
    return asdict(done)


def last_received(c: sqlite3.Connection, case_id: str) -> inbox_rows.InboxRow | None:
    """The newest message that came in about a case."""
    rows = inbox_rows.rows_of_case(c, case_id)
    return rows[-1] if rows else None
