"""One export file to messages in the outbox: everything it causes is written in one transaction with *taken*.

Until that transaction is durable nothing was taken, and the file comes again. Papers for people (a reason beside a
refused file, a form to print) are written before it, under names that a second try writes again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Final

from connectors import card
from connectors.asking import Ask
from connectors.case_of_slip import (
    Judged,
    Meaning,
    case_key,
    content_digest,
    is_other_patient,
    judge_slip,
    old_slip,
    patient_key,
)
from connectors.drafting import Draft, Forms, NotDraftableError, Order, desk_of, draft, own_side, render_form
from connectors.intake_entering import GoodSlip, case_after, outgoing
from connectors.intake_notes import Notes, remark
from connectors.intake_rows import (
    Taken,
    event_of,
    mint_numbers,
    record_all,
    standing_of,
    transfer_of,
    was_printed,
    write_taken,
)
from connectors.mapping.changes import diff_slips
from connectors.mapping.context import Facility, Identity
from connectors.mapping.times import start_of
from connectors.papers import Papers
from connectors.preparing import Desk, Sides, prepare
from connectors.site import Site
from connectors.sources.folder import FileRefused, FilesLeftOut, SourceFile
from connectors.sources.reading import FileReport, read_file
from connectors.sources.seen_files import Outcome
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.findings import Finding, Severity, finding
from connectors.sources.xml13.rules import Examined, Verdict
from connectors.store import case_keys
from connectors.store.case_keys import KnownCase
from schemas.events import Event
from schemas.ids import case_code, is_facility_id
from schemas.reasons import ReasonCode
from schemas.urgency import Priority, more_urgent
from transport import failpoints
from transport.logs import get_logger

_log = get_logger(__name__)
_AT_ONCE: Final = 8  # messages held in memory, half a MiB each, before they are written


class Intake:
    """Takes files. One at a time: cases must not overtake each other."""

    def __init__(self, site: Site, forms: Forms, papers: Papers) -> None:
        self._site = site
        self._forms = forms
        self._notes = Notes(papers)
        self._desk: Desk = desk_of(site.settings)
        self._one_at_a_time = asyncio.Lock()  # a person may raise a slip while a folder is looked into

    async def left_out(self, event: FilesLeftOut) -> None:
        """Files from before the first start are noted and left in peace."""
        now = self._site.clock.now()
        await self._site.store.write(partial(record_all, event.identities, Outcome.LEFT_OUT, now))

    async def refused(self, event: FileRefused) -> None:
        """A file that could not even be read."""
        taken = Taken(event.identity, Outcome.REFUSED)
        await self._note(taken, 0, (finding(event.reason, "file"),), None)
        now = self._site.clock.now()
        await self._site.store.write(partial(write_taken, taken, now, event.lasting))

    async def take(self, file: SourceFile, at_least: Priority | None) -> Outcome:
        """Judge a file and enter what it holds. Raises sqlite3.Error, OSError: then nothing was taken."""
        async with self._one_at_a_time:
            return await self._take(file, at_least)

    async def take_again(self, file: SourceFile, case_id: str, at_least: Priority) -> Outcome:
        """Enter the slip of one case again, at least this urgent; nothing of the file's other slips changes.

        The file does not count as judged by it: one that changed meanwhile is still to be taken as a whole.
        NO_TRANSFER: the case is not in this file. Raises as ``take``.
        """
        async with self._one_at_a_time:
            report, now = await self._read(file), self._site.clock.now()
            taken = Taken(file.identity, Outcome.NO_TRANSFER)
            for examined in report.slips:
                if await self._case_of(taken, examined) == case_id:
                    await self._slip(taken, examined, at_least, file.pdf if len(report.slips) == 1 else None)
            taken.settled.clear()  # it would settle what was found in the file's other slips
            taken.outcome = _outcome(taken, Verdict.NO_TRANSFER)
            await self._site.store.write(partial(write_taken, taken, now, False))
            self._tell(taken)
            return taken.outcome

    async def _case_of(self, taken: Taken, examined: Examined) -> str | None:
        """The case that a slip became, if it became one."""
        slip = examined.dossier.slip
        known = (await self._recognise(taken, examined, slip)).known if slip else None
        return known.case_id if known else None

    async def _read(self, file: SourceFile) -> FileReport:
        site = self._site
        return await asyncio.to_thread(
            read_file,
            file.data,
            file.relative,
            site.book.directory(),
            site.facility,
            site.clock.now(),
            needs_yes_after=timedelta(hours=site.settings.sending.ask_after_hours),
        )

    async def _take(self, file: SourceFile, at_least: Priority | None) -> Outcome:
        site, now = self._site, self._site.clock.now()
        report = await self._read(file)
        taken = Taken(file.identity, Outcome.NO_TRANSFER)
        serious = any(found.severity is not Severity.NOTE for found in report.findings)
        if serious or (report.verdict is not Verdict.NO_TRANSFER and not report.slips):
            await self._note(taken, 0, report.findings, None)
        elif report.findings:
            remark(taken, 0, report.findings, None, None)
        for examined in report.slips:
            pdf = file.pdf if len(report.slips) == 1 else None
            await self._slip(taken, examined, at_least, pdf)
            if len(taken.messages) >= _AT_ONCE:
                taken = await self._write_part(taken)
        taken.outcome = _outcome(taken, report.verdict)
        failpoints.hit("intake.before-write")
        await site.store.write(partial(write_taken, taken, now, True))
        failpoints.hit("intake.after-write")
        self._tell(taken)
        return taken.outcome

    async def _write_part(self, taken: Taken) -> Taken:
        """Part of a file of many slips becomes durable, the file not yet: should it come again, that part is known."""
        await self._site.store.write(partial(write_taken, taken, self._site.clock.now(), False))
        self._tell(taken)
        return Taken(taken.identity, taken.outcome, same=taken.same, parts=taken.parts + 1)

    def _tell(self, taken: Taken) -> None:
        for message, state, _ in taken.messages:
            _log.info("message.entered", message_id=message.message_id, priority=message.priority, state=state.value)
        refused = sum(found.verdict == "refused" for found in taken.findings)
        if refused:
            _log.warning("file.refused", count=refused)
        if taken.messages:
            self._site.wakes.send.set()

    # --- one slip -----------------------------------------------------------------------------------------------------

    async def _slip(
        self, taken: Taken, examined: Examined, at_least: Priority | None, signed_pdf: bytes | None
    ) -> None:
        if examined.verdict is Verdict.REFUSED or examined.dossier.slip is None:
            await self._note(taken, examined.dossier.position, examined.findings, examined.dossier.slip)
            return
        if examined.waits_for is ReasonCode.DESTINATION_NOT_CONNECTED:
            await self._print(taken, examined)
            return
        good = await self._recognise(taken, examined, examined.dossier.slip)
        judged = await self._judge(good, at_least)
        taken.settled.append(good.slip.text("GIAY_CHUYEN_TUYEN"))
        if judged.meaning is Meaning.SAME:
            taken.same += 1
            return
        try:
            drafted = await self._draft(good, judged, at_least, signed_pdf)
        except NotDraftableError as refused:
            await self._note(taken, examined.dossier.position, refused.findings, good.slip)
            return
        remark(taken, examined.dossier.position, (*examined.findings, *drafted.notes), good.slip, drafted)
        ask = Ask.SLIP_OLD if examined.waits_for is ReasonCode.SLIP_OLD else judged.ask
        self._enter(taken, good, judged, drafted, ask)

    async def _recognise(self, taken: Taken, examined: Examined, slip: Slip) -> GoodSlip:
        """The case behind a slip; a number that already belongs to another patient opens its own."""
        site = self._site
        key = case_key(slip, site.facility)
        known = await self._known(taken, key)
        if known is not None and is_other_patient(known, slip):
            key = patient_key(slip, site.facility)
            known = await self._known(taken, key)
        destination = site.book.facility_of(slip.destination, self._day(slip))
        return GoodSlip(examined, slip, key, content_digest(examined.dossier), destination, known)

    async def _known(self, taken: Taken, key: str) -> KnownCase | None:
        pending = [case for case in taken.cases if case.key == key]
        return pending[-1] if pending else await self._site.store.read(lambda c: case_keys.known_case(c, key))

    async def _judge(self, good: GoodSlip, at_least: Priority | None) -> Judged:
        standing = None
        if good.known is not None:
            standing = await self._site.store.read(partial(standing_of, good.known, self._site.facility))
        return judge_slip(good.known, good.digest, good.destination, standing, at_least)

    async def _draft(
        self, good: GoodSlip, judged: Judged, at_least: Priority | None, signed_pdf: bytes | None
    ) -> Draft:
        known, update = good.known, judged.meaning is Meaning.UPDATE
        if known is not None:  # nothing lowers what was once more urgent
            at_least = more_urgent(Priority(known.priority), at_least or Priority.ROUTINE)
        order = Order(
            ids=await self._ids(good, judged),
            sides=self._sides(good),
            event=Event.UPDATE if update else Event.SUBMIT,
            previous_message_id=known.last_message_id if update and known else None,
            changes=tuple(diff_slips(old_slip(known), good.slip)) if update and known else (),
            at_least=at_least,
            signed_pdf=signed_pdf,
        )
        site = self._site
        return await draft(
            good.examined.dossier, order, self._desk, self._forms, new_id=site.new_id, now=site.clock.now()
        )

    async def _ids(self, good: GoodSlip, judged: Judged) -> Identity:
        """Minted once; a crash before the transaction leaves a counter and a serial unused, and nothing else."""
        site, today = self._site, self._today()
        counter, serial = await site.store.write(partial(mint_numbers, today, good.known is None))
        known = good.known
        same_transfer = known is not None and judged.meaning in (Meaning.UPDATE, Meaning.AGAIN)
        return Identity(
            message_id=site.new_id(),
            bundle_id=site.new_id(),
            case_id=known.case_id if known else site.new_id(),
            transfer_id=known.transfer_id if known and same_transfer else site.new_id(),
            case_code=known.case_code if known else case_code(site.facility, today, serial),
            incarnation=site.incarnation,
            counter=counter,
        )

    def _sides(self, good: GoodSlip) -> Sides:
        """The facilities as the directory names them; what it does not know travels as a code."""
        day, came = self._day(good.slip), good.slip.came_from
        return Sides(
            sender=own_side(self._site.settings),
            destination=replace(self._side(good.slip.destination, day), code=good.destination),
            came_from=self._side(came, day) if is_facility_id(came) else None,
        )

    def _side(self, code: str, day: date) -> Facility:
        listed = self._site.book.listing(code, day)
        return Facility(code, listed.name, listed.phone, listed.role) if listed else Facility(code)

    def _day(self, slip: Slip) -> date:
        left = start_of(slip.text("NGAY_RA"))
        return left.date() if left else self._today()

    def _today(self) -> date:
        return self._site.clock.now().astimezone(VIETNAM).date()

    # --- what is written ----------------------------------------------------------------------------------------------

    def _enter(self, taken: Taken, good: GoodSlip, judged: Judged, drafted: Draft, ask: Ask | None) -> None:
        now = self._site.clock.now()
        code = card.case_code_of(drafted.bundle, drafted.facts.case_id)
        message, state = outgoing(self._site, drafted, code, taken.identity.path, now, waits=ask is not None)
        taken.messages.append((message, state, ask.value if ask else None))
        taken.cases.append(case_after(good, judged, drafted, code))
        taken.opened.append((transfer_of(drafted, code), event_of(drafted, now)))

    async def _note(self, taken: Taken, position: int, found: Sequence[Finding], slip: Slip | None) -> None:
        await self._notes.refused(taken, position, found, slip, self._site.clock.now())

    async def _print(self, taken: Taken, examined: Examined) -> None:
        """A destination that is known but not connected: the form to print, the phone to call, and never *refused*."""
        slip, site = examined.dossier.slip, self._site
        assert slip is not None
        good = await self._recognise(taken, examined, slip)
        known = await site.store.read(partial(was_printed, taken.identity, good.slip.text("GIAY_CHUYEN_TUYEN")))
        if known:
            taken.same += 1
            return
        ids = await self._ids(good, Judged(Meaning.NEW))
        sides = self._sides(good)
        prepared = prepare(examined.dossier, sides, self._desk, ids, new_id=site.new_id, now=site.clock.now())
        form = await render_form(prepared, self._forms)
        position, found = examined.dossier.position, examined.findings
        to = sides.destination
        await self._notes.to_print(taken, position, found, slip, form=form, case_code=ids.case_code, destination=to)


def _outcome(taken: Taken, verdict: Verdict) -> Outcome:
    verdicts = {found.verdict for found in taken.findings}
    if taken.messages or taken.parts or "not-connected" in verdicts:
        return Outcome.TAKEN
    if "refused" in verdicts or verdict is Verdict.REFUSED:
        return Outcome.REFUSED
    return Outcome.REPEATED if taken.same else Outcome.NO_TRANSFER
