"""A drafted message as it enters the outbox: its row, sealed where that is possible now, and how its case is known."""

from dataclasses import dataclass, replace
from datetime import datetime

from connectors.case_of_slip import Judged, Meaning, slip_text
from connectors.drafting import Draft
from connectors.intake_rows import message_of
from connectors.site import Site
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.rules import Examined
from connectors.store.case_keys import KnownCase
from connectors.store.outbox_rows import NewMessage, OutState
from schemas.reasons import Refused


@dataclass(frozen=True, slots=True)
class GoodSlip:
    """A good slip on its way to a message."""

    examined: Examined
    slip: Slip
    key: str
    digest: str
    destination: str  # the facility, not the code on the slip
    known: KnownCase | None


def case_after(good: GoodSlip, judged: Judged, drafted: Draft, code: str) -> KnownCase:
    """The case as the next slip will find it."""
    facts = drafted.facts
    submitted_before = good.known if judged.meaning is Meaning.UPDATE else None
    return KnownCase(
        key=good.key,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        case_code=code,
        destination=facts.recipient,
        slip_sha256=good.digest,
        slip=slip_text(good.slip),
        priority=facts.priority.value,
        submit_message_id=submitted_before.submit_message_id if submitted_before else facts.message_id,
        last_message_id=facts.message_id,
    )


def outgoing(
    site: Site, drafted: Draft, code: str, source: str, now: datetime, *, waits: bool
) -> tuple[NewMessage, OutState]:
    """The message, sealed where nothing is waited for and the destination's key is here."""
    facts = drafted.facts
    message = message_of(facts, code, drafted.payload, source)
    if waits:
        return message, OutState.WAITING_PERSON
    reader = site.book.reader_of(facts.recipient, now)
    if reader is None:
        return message, OutState.WAITING_KEY
    try:
        jws = site.keyring.sealer.sign(drafted.payload, facts.priority, now)
        return replace(message, sealed=site.keyring.sealer.seal(jws, reader)), OutState.READY
    except Refused:  # the sender says why, and tries again
        return message, OutState.WAITING_KEY
