"""A state machine over two connectors and an exchange: whatever fails in whatever order, everything ends once.

Steps are taken one at a time by hypothesis: slips and answers enter, links lose records before or after, processes are
killed between any two writes, records vanish from the inbox and come again when they are named missing. At the end the
faults stop, and every message must be accepted, delivered, handed over, exactly once, in the order of its case.
"""

import asyncio
import contextlib
import hashlib
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from certs.base64url import decode
from certs.facility_token import verify_facility_token
from connectors.handover import HandoverDesk
from connectors.inbox import Inbox
from connectors.link import LinkDownError
from connectors.outbox import Sender
from connectors.parcel import Parcel
from connectors.receive import InboxRecord
from connectors.reporter import Reporter
from connectors.store import inbox_rows, meta, outbox_rows, transfers
from connectors.store.outbox_rows import NewMessage, OutState
from connectors.store.transfers import NewTransfer
from schemas import strict_json
from schemas.events import Event
from schemas.message import read_facts
from schemas.tokens.delivery import Ack, InboxStatus
from schemas.topics import HEADER_STAMP, RecordType
from schemas.urgency import Priority
from tests.certs.pki import BAC_GIANG, BACH_MAI, TestPki, make_pki
from tests.connectors.bundles import as_bytes, make_bundle, new_id
from tests.connectors.exchange_double import ExchangeDouble
from tests.connectors.site_world import CrashError, CrashingStore, World, make_world

SIDES = (BAC_GIANG, BACH_MAI)


@cache
def _pki() -> TestPki:
    """One authority for all runs: making keys is slow and tries nothing here."""
    return make_pki(Path(tempfile.mkdtemp(prefix="two-hospitals-pki-")))


class TakingHis:
    """A HIS that takes everything and remembers it; it outlives its connector."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, bool]] = []  # message, case folder, possible duplicate

    async def deliver(self, parcel: Parcel, *, possible_duplicate: bool) -> None:
        self.taken.append((parcel.message_id, parcel.case_folder, possible_duplicate))

    async def close(self) -> None:
        pass


class Side:
    """One connector that can be killed and started again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.his = TakingHis()
        self.entered: list[tuple[str, str]] = []  # case, message: in the order of entry
        self._parts()

    def _parts(self) -> None:
        self.sender = Sender(self.world.site, self.world.submit)
        self.reporter = Reporter(self.world.site, self.world.submit)
        self.desk = HandoverDesk(self.world.site, self.his)
        self.inbox = Inbox(self.world.site, self.world.inbox)

    async def restart(self) -> None:
        await self.world.restart()
        await self.quick()
        self._parts()

    async def quick(self) -> None:
        """No flush to the disk: processes die here, the machine does not."""
        await self.world.database.read(lambda c: c.execute("PRAGMA synchronous = OFF").fetchall())

    async def enter(
        self, other: str, event: Event, priority: Priority, case: tuple[str, str] | None
    ) -> tuple[str, str]:
        """A message in the outbox; returns its case and transfer."""
        case_id, transfer_id = case or (new_id(), new_id())
        bundle = make_bundle(
            self.world.code, other, event=event, priority=priority, case_id=case_id, transfer_id=transfer_id
        )
        payload = as_bytes(bundle)
        facts = read_facts(strict_json.loads(payload))
        message = NewMessage(
            message_id=facts.message_id,
            bundle_id=facts.bundle_id,
            case_id=case_id,
            transfer_id=transfer_id,
            case_code="code",
            event=event.value,
            recipient=other,
            priority=priority.value,
            kind=None,
            payload=payload,
            payload_sha256=hashlib.sha256(payload).hexdigest(),
            source="",
        )
        new = NewTransfer(
            self.world.code, transfer_id, other, case_id, "code", None, priority.value, None, "", "{}", None
        )
        now = self.world.clock.now()

        def question(c: Any) -> None:
            outbox_rows.add(c, message, OutState.WAITING_KEY, now)
            if event is Event.SUBMIT:
                transfers.open_transfer(c, new, now)

        await self.world.database.write(question)
        self.entered.append((case_id, facts.message_id))
        self.sender._keys_looked_at = None
        return case_id, transfer_id

    async def read(self) -> None:
        """Connect and read until the end, as after every lost connection."""
        reading = await self.inbox._resume()
        while records := await self.world.inbox.read(5, 0):
            await self.inbox._take(records, reading)

    async def send(self) -> None:
        await self.sender._seal_waiting()
        await self.sender.send_next()

    async def report(self) -> None:
        await self.reporter.sign_acks()
        await self.reporter.send_acks()
        await self.reporter.status()


class TwoHospitals(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="two-hospitals-"))
        self.passed: dict[str, int] = defaultdict(int)  # direct records already carried on, per side
        self.vanished: dict[str, list[InboxRecord]] = defaultdict(list)
        self.cases: list[tuple[str, str]] = []
        self.overtaken: set[str] = set()  # messages that vanished: what came after them was handed over at once

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        if hasattr(self, "sides"):
            clocks = [side.world.clock.now() for side in self.sides.values()]
            self.exchange.now = max([self.exchange.now, *clocks])
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        self.exchange = ExchangeDouble(_pki())
        self.sides: dict[str, Side] = {}
        for code, other in (SIDES, SIDES[::-1]):
            world = self.do(make_world(self.folder / code, self.exchange, code))
            world.introduce(other)
            self.sides[code] = Side(world)
            self.do(self.sides[code].quick())
            self.do(self.sides[code].read())

    # --- steps ------------------------------------------------------------------------------------------------------

    @rule(priority=st.sampled_from(Priority))
    def a_slip(self, priority: Priority) -> None:
        self.cases.append(self.do(self.sides[BAC_GIANG].enter(BACH_MAI, Event.SUBMIT, priority, None)))

    @rule(pick=st.integers(min_value=0, max_value=20), priority=st.sampled_from(Priority))
    def a_departure(self, pick: int, priority: Priority) -> None:
        if self.cases:
            case = self.cases[pick % len(self.cases)]
            self.do(self.sides[BAC_GIANG].enter(BACH_MAI, Event.DEPARTED, priority, case))

    @rule(pick=st.integers(min_value=0, max_value=20))
    def an_answer(self, pick: int) -> None:
        if self.cases:
            case = self.cases[pick % len(self.cases)]
            self.do(self.sides[BACH_MAI].enter(BAC_GIANG, Event.RECEIVED, Priority.STAT, case))

    @rule(code=st.sampled_from(SIDES), fault=st.sampled_from(["", "", "", "fail_before", "fail_after"]))
    def sends(self, code: str, fault: str) -> None:
        side = self.sides[code]
        if fault:
            setattr(side.world.submit, fault, 1)
        self._may_fail(side.send())
        side.world.submit.fail_before = side.world.submit.fail_after = 0

    @rule(code=st.sampled_from(SIDES))
    def reads(self, code: str) -> None:
        self.do(self.sides[code].read())

    @rule(code=st.sampled_from(SIDES), fault=st.sampled_from(["", "", "fail_before", "fail_after"]))
    def reports(self, code: str, fault: str) -> None:
        side = self.sides[code]
        if fault:
            setattr(side.world.submit, fault, 1)
        self._may_fail(side.report())
        side.world.submit.fail_before = side.world.submit.fail_after = 0
        self._carry_on(code)

    @rule(code=st.sampled_from(SIDES))
    def hands_over(self, code: str) -> None:
        self.do(self.sides[code].desk.hand_over_next())

    @rule(code=st.sampled_from(SIDES))
    def is_killed(self, code: str) -> None:
        self.do(self.sides[code].restart())

    @rule(
        code=st.sampled_from(SIDES),
        work=st.sampled_from(["send", "read", "report", "hand over"]),
        at=st.integers(min_value=1, max_value=3),
        after=st.booleans(),
    )
    def is_killed_in_the_middle(self, code: str, work: str, at: int, after: bool) -> None:
        side = self.sides[code]
        side.world.site.store = CrashingStore(side.world.database, at=at, after=after)
        steps = {"send": side.send, "read": side.read, "report": side.report, "hand over": side.desk.hand_over_next}
        with contextlib.suppress(CrashError):
            self.do(steps[work]())
        self.do(side.restart())
        self._carry_on(code)

    @rule(code=st.sampled_from(SIDES))
    def a_record_vanishes(self, code: str) -> None:
        """Only what nobody has read yet can still vanish unnoticed."""
        side, log = self.sides[code], self.exchange.inboxes[code]
        position = self.do(side.world.database.read(lambda c: meta.position(c, side.world.inbox.topic)))
        if position and position.next_offset < len(log) - 1:
            record = log.pop(position.next_offset)
            self.vanished[code].append(record)
            self.overtaken.add(_message_id(record))

    @rule(code=st.sampled_from(SIDES), pick=st.integers(min_value=0, max_value=50))
    def a_record_comes_twice(self, code: str, pick: int) -> None:
        log = self.exchange.inboxes[code]
        log.append(log[pick % len(log)])

    @rule(seconds=st.sampled_from([1, 30, 90, 700]))
    def time_passes(self, seconds: int) -> None:
        for side in self.sides.values():
            side.world.clock.pass_(seconds)

    # --- the exchange's part ----------------------------------------------------------------------------------------

    def _may_fail(self, work: Coroutine[Any, Any, Any]) -> None:
        with contextlib.suppress(LinkDownError):
            self.do(work)

    def _carry_on(self, code: str) -> None:
        """Acks go to their recipients; what a status names missing is published again, byte for byte."""
        sent = [r for r in self.sides[code].world.submit.sent if r.record_type is not RecordType.ENVELOPE]
        for record in sent[self.passed[code] :]:
            if record.record_type is RecordType.ACK:
                ack = Ack.decode(self._token(code, Ack.TYP, record.value))
                self.exchange.deliver(ack.recipient, RecordType.ACK, record.value, sender=code)
            elif record.record_type is RecordType.INBOX_STATUS:
                status = InboxStatus.decode(self._token(code, InboxStatus.TYP, record.value))
                if status.missing:
                    self.exchange.inboxes[code] += self.vanished.pop(code, [])
                if status.back:
                    self.exchange.head(code)
        self.passed[code] = len(sent)

    def _token(self, code: str, typ: str, value: bytes) -> bytes:
        key = self.exchange.pki.facility(code).signing
        signers = {key.kid: key.certificate}
        now = self.sides[code].world.clock.now()
        trust = self.exchange.trust
        return verify_facility_token(value, typ=typ, signers=signers, trust=trust, now=now, owner=code).payload

    # --- laws -------------------------------------------------------------------------------------------------------

    @invariant()
    def nobody_shows_a_message_twice(self) -> None:
        for side in getattr(self, "sides", {}).values():
            first = {message for message, _, duplicate in side.his.taken if not duplicate}
            assert len(first) == sum(not duplicate for _, _, duplicate in side.his.taken)

    @invariant()
    def what_counts_as_accepted_has_a_receipt(self) -> None:
        for side in getattr(self, "sides", {}).values():
            rows = self.do(side.world.database.read(lambda c: outbox_rows.rows_in(c, [OutState.ACCEPTED])))
            assert all(row.message_id in self.exchange.receipts for row in rows)

    def teardown(self) -> None:
        try:
            if hasattr(self, "sides"):
                self._settle()
                self._reconcile()
        finally:
            for side in getattr(self, "sides", {}).values():
                self.do(side.world.close())
            self.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _settle(self) -> None:
        """The faults stop; a minute later and a few rounds on, everything must be done."""
        for _ in range(60):
            for code, side in self.sides.items():
                self.do(side.read())
                self.do(side.send())
                self.do(side.report())
                self._carry_on(code)
                while self.do(side.desk.hand_over_next()):
                    pass
                side.world.clock.pass_(61)
            if self._all_done():
                return

    def _all_done(self) -> bool:
        counts = [self.do(side.world.database.read(outbox_rows.counts)) for side in self.sides.values()]
        accepted = sum(count.get("accepted", 0) for count in counts)
        entered = sum(len(side.entered) for side in self.sides.values())
        return accepted == entered == self._delivered() and not any(self.vanished.values())

    def _delivered(self) -> int:
        statement = "SELECT count(*) FROM outbox WHERE ack_verdict = 'delivered'"
        return sum(
            self.do(side.world.database.read(lambda c: int(c.execute(statement).fetchone()[0])))
            for side in self.sides.values()
        )

    def _reconcile(self) -> None:
        for code, side in self.sides.items():
            self.do(side.read())
            while self.do(side.desk.hand_over_next()):
                pass
            other = self.sides[SIDES[1 - SIDES.index(code)]]
            assert self.do(side.world.database.read(inbox_rows.quarantined)) == []
            rows = self.do(side.world.database.read(lambda c: outbox_rows.rows_in(c, list(OutState))))
            assert {row.ack_verdict for row in rows} <= {"delivered"}
            assert {row.state for row in rows} <= {OutState.ACCEPTED.value}
            assert [(row.case_id, row.message_id) for row in rows] == side.entered
            taken = [message for message, _, _ in other.his.taken]
            assert set(taken) == {message for _, message in side.entered}
            self._in_order_of_the_case(side, taken)

    def _in_order_of_the_case(self, side: Side, taken: list[str]) -> None:
        first = {message: taken.index(message) for message in taken}
        for case_id, _ in side.entered:
            messages = [message for case, message in side.entered if case == case_id]
            places = [first[message] for message in messages if message not in self.overtaken]
            assert places == sorted(places)


def _message_id(record: InboxRecord) -> str:
    """Of its stamp; empty for a record about no single message."""
    (stamp,) = [value for name, value in record.headers if name == HEADER_STAMP]
    return str(json.loads(decode(stamp.split(b".")[1])).get("message_id", ""))


TwoHospitals.TestCase.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoHospitals = TwoHospitals.TestCase


async def test_the_double_can_lose_and_repeat(tmp_path: Path) -> None:
    """The harness itself: a vanished record is really missing, and comes again byte for byte."""
    exchange = ExchangeDouble(make_pki(tmp_path / "pki"))
    record = exchange.envelope(BAC_GIANG, BACH_MAI, make_bundle(BAC_GIANG, BACH_MAI))
    gone = exchange.inboxes[BACH_MAI].pop()
    assert gone == record
    exchange.inboxes[BACH_MAI].append(replace(gone))
    assert exchange.inboxes[BACH_MAI] == [record]
