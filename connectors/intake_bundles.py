"""Ready FHIR Bundles to messages in the outbox: signed as they are, byte for byte, never rebuilt."""

import asyncio
import hashlib
import json
from datetime import datetime
from functools import partial

from connectors import card
from connectors.intake_rows import Taken, message_of, write_taken
from connectors.papers import Papers
from connectors.site import Site
from connectors.sources.bundles import ReadyBundle, read_bundle
from connectors.sources.folder import SourceFile
from connectors.sources.seen_files import Outcome
from connectors.sources.xml13.findings import Finding, finding
from connectors.store import outbox_rows
from connectors.store.files import FileFinding
from connectors.store.outbox_rows import OutState
from connectors.store.transfers import NewTransfer, TransferEvent
from schemas.events import CARRIES_THE_CASE, Event, Party
from schemas.lifecycle import ACTORS
from schemas.message import MessageFacts, read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode, Refused
from schemas.times import iso
from transport.logs import get_logger

_log = get_logger(__name__)


class BundleIntake:
    """Takes ready Bundles, one file at a time."""

    def __init__(self, site: Site, papers: Papers) -> None:
        self._site = site
        self._papers = papers

    async def take(self, file: SourceFile) -> Outcome:
        """Judge a file and enter its message. Raises sqlite3.Error, OSError: then nothing was taken."""
        taken = Taken(file.identity, Outcome.TAKEN)
        try:
            ready = await asyncio.to_thread(read_bundle, file.data)
            facts = read_facts(ready.bundle)
            await self._check(facts)
        except Refused as refused:
            return await self._refuse(taken, (finding(refused.reason, refused.where),))
        refusals = tuple(finding(one.reason, one.where) for one in judge(ready.bundle, facts).refusals)
        if refusals:
            return await self._refuse(taken, refusals)
        known = await self._site.store.read(lambda c: outbox_rows.row_of_message(c, facts.message_id))
        if known is not None:
            return await self._known(taken, known.payload_sha256, ready)
        if await self._site.store.read(lambda c: outbox_rows.is_known_bundle(c, facts.bundle_id)):
            return await self._refuse(taken, (finding(ReasonCode.BUNDLE_ID_REUSED, "Bundle.id"),))
        self._enter(taken, ready, facts)
        return await self._write(taken)

    async def _check(self, facts: MessageFacts) -> None:
        """What only this site can say: the Bundle is ours, and goes to somebody else."""
        if facts.sender != self._site.facility:
            raise Refused(ReasonCode.SENDER_MISMATCH, "MessageHeader.sender")
        if facts.recipient == facts.sender:
            raise Refused(ReasonCode.DESTINATION_IS_SENDER, "MessageHeader.destination")

    async def _known(self, taken: Taken, payload_sha256: str, ready: ReadyBundle) -> Outcome:
        if payload_sha256 == hashlib.sha256(ready.data).hexdigest():
            taken.outcome = Outcome.REPEATED
            return await self._write(taken)
        return await self._refuse(taken, (finding(ReasonCode.MESSAGE_ID_REUSED, "MessageHeader.id"),))

    async def _refuse(self, taken: Taken, found: tuple[Finding, ...]) -> Outcome:
        taken.outcome = Outcome.REFUSED
        now = self._site.clock.now()
        document = await asyncio.to_thread(self._papers.reason, taken.identity, 0, found, now)
        told = tuple(
            {"severity": one.severity.value, "field": one.field, "table": one.table, "reason": one.reason.value}
            | {"vi": one.vi, "en": one.en, "fixer": one.fixer.value}
            for one in found
        )
        taken.findings.append(
            FileFinding(taken.identity.path, taken.identity.sha256, 0, "refused", told, document=str(document))
        )
        return await self._write(taken)

    async def _write(self, taken: Taken) -> Outcome:
        now = self._site.clock.now()
        await self._site.store.write(partial(write_taken, taken, now, True))
        if taken.messages:
            self._site.wakes.send.set()
        return taken.outcome

    def _enter(self, taken: Taken, ready: ReadyBundle, facts: MessageFacts) -> None:
        """It waits for its key and is sealed by the sender, as every message whose key is not at hand."""
        now = self._site.clock.now()
        code = card.case_code_of(ready.bundle, facts.case_id)
        message = message_of(facts, code, ready.data, taken.identity.path)
        taken.messages.append((message, OutState.WAITING_KEY, None))
        taken.opened.append((_transfer(ready, facts, code), _event(facts, now)))


def _transfer(ready: ReadyBundle, facts: MessageFacts, code: str) -> NewTransfer:
    refers = Party.SENDER in ACTORS[facts.event]
    patient = card.patient_card(ready.bundle) if facts.event in CARRIES_THE_CASE else {}
    return NewTransfer(
        sender=facts.sender if refers else facts.recipient,
        transfer_id=facts.transfer_id,
        destination=facts.recipient if refers else facts.sender,
        case_id=facts.case_id,
        case_code=code,
        slip_number=card.slip_number_of(ready.bundle),
        priority=facts.priority.value,
        kind=facts.kind.value if facts.kind else None,
        tags=" ".join(sorted(facts.tags)),
        patient=json.dumps(patient, ensure_ascii=False),
        submit_message_id=facts.message_id if facts.event is Event.SUBMIT else None,
    )


def _event(facts: MessageFacts, now: datetime) -> TransferEvent:
    refers = Party.SENDER in ACTORS[facts.event]
    return TransferEvent(
        sender=facts.sender if refers else facts.recipient,
        transfer_id=facts.transfer_id,
        message_id=facts.message_id,
        event=facts.event.value,
        by_facility=facts.sender,
        event_seq=None,
        at=iso(now),
        details="{}",
        refused=None,
    )
