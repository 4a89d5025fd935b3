"""Everything that can come, in any order, against the dictionaries of ``model``; invariants hold after each step."""

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.stages.known import Standing
from certs.seal import seal
from certs.unseal import open_envelope
from schemas.events import Event
from schemas.tokens.delivery import AckVerdict
from schemas.topics import RecordType
from tests.broker.desk import STRANGER, Desk
from tests.broker.messages import Case, Message, ack, message, new_case, renamed, sealed, status
from tests.broker.tokens import payload_of
from tests.certs.pki import TestPki, make_pki
from tests.schemas.bundles import DESTINATION, SENDER
from tests.statemachine.faults import CrashError
from tests.statemachine.worker import FACILITIES, World, few_lanes, template, topic_of

PRIORITIES = st.sampled_from(["stat", "urgent", "urgent", "routine"])
ANSWERS = st.sampled_from([Event.ACCEPT, Event.DECLINE, Event.RECEIVED])
LATER = st.sampled_from([Event.UPDATE, Event.CANCEL])
CARE = st.sampled_from([Event.DEPARTED, Event.ARRIVED])
KINDS = st.sampled_from(["emergency", "inpatient", "outpatient"])
WORK: dict[str, Callable[[Desk], Awaitable[Any]]] = {
    "turn": lambda desk: desk.pipeline.turn(),
    "carry": lambda desk: desk.carry(),
    "look": lambda desk: desk.second_look.look(desk.lanes.epochs()),
    "work": lambda desk: desk.work(),
}
TRACKS = ("delivery", "decision", "journey", "loop")


def same(what: str, found: Any, expected: Any) -> None:
    """The two are equal; else the message says where they are not."""
    if found == expected:
        return
    if isinstance(found, Counter):
        raise AssertionError(f"{what}: too many {found - expected}, too few {expected - found}")
    if isinstance(found, dict):
        keys = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
        raise AssertionError(f"{what}: " + "; ".join(f"{k}: {found.get(k)}, not {expected.get(k)}" for k in keys))
    if isinstance(found, set):
        raise AssertionError(f"{what}: only there {found - expected}, only in the model {expected - found}")
    raise AssertionError(f"{what}: {found}, not {expected}")


def _of_the_dead(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What other tasks of a process that died stumble over tells nothing."""
    if not isinstance(context.get("exception"), CrashError):
        loop.default_exception_handler(context)


class Keys:
    """Keys and an empty exchange, made once for all examples."""

    pki: ClassVar[TestPki | None] = None
    folder: ClassVar[Path] = Path()
    lanes: ClassVar[AbstractContextManager[None]]

    @classmethod
    def make(cls, runner: asyncio.Runner) -> TestPki:
        if cls.pki is None:
            memory = Path("/dev/shm")
            cls.lanes = few_lanes()
            cls.lanes.__enter__()
            base = Path(tempfile.mkdtemp(prefix="lienvien-", dir=memory if memory.is_dir() else None))
            pki = make_pki(base / "pki", facilities=FACILITIES)
            cls.folder = base
            runner.run(template(base / "template", pki))
            cls.pki = pki
        return cls.pki

    @classmethod
    def forget(cls) -> None:
        if cls.pki is not None:
            shutil.rmtree(cls.folder)
            cls.pki = None
            cls.lanes.__exit__(None, None, None)


class Sent:
    """One message as it was first written: its facts, its signed bytes in an envelope, its case."""

    def __init__(self, made: Message, envelope: bytes, facts: dict[str, Any]) -> None:
        self.made, self.envelope, self.facts = made, envelope, facts


class ExchangeMachine(RuleBasedStateMachine):
    """Three facilities, one exchange, one log."""

    seen: ClassVar[Counter[str]] = Counter()  # what occurred, over all examples
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.runner.get_loop().set_exception_handler(_of_the_dead)
        self.pki = Keys.make(self.runner)
        self.worked = False  # since the last crash between steps
        self.sent: list[Sent] = []
        self.cases: list[Case] = []
        self.kinds: dict[Case, str] = {}
        self._decoded: dict[str, dict[str, Any]] = {}

    @initialize()
    def begin(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="world-", dir=Keys.folder)) / "exchange"
        self.world = self.runner.run(World.begin(Keys.folder / "template", folder, self.pki))

    # --- what facilities write ----------------------------------------------------------------------------------------

    def _write(self, made: Message, event: Event, priority: str, kind: str, **changes: Any) -> None:
        facts = {
            "kind": "message", "sender": made.sender, "to": made.destination, "id": made.message_id,
            "bundle": made.bundle_id, "event": event.value.removeprefix("transfer-"), "transfer": made.case.transfer_id,
            "case": made.case.case_id, "priority": priority, "clinical": kind, "fault": None,
            "origin": made.bundle_id, "content": made.message_id,
            "payload": hashlib.sha256(made.payload).hexdigest(), **changes,
        }  # fmt: skip
        envelope = sealed(self.pki, made)
        self.sent.append(Sent(made, envelope, facts))
        self._append(made.sender, envelope, RecordType.ENVELOPE, facts)

    def _append(self, facility: str, value: bytes, record_type: RecordType, facts: dict[str, Any]) -> None:
        self.world.append(facility, value, record_type, facts)
        self.seen[f"{facts['kind']} {facts.get('event', '')}".strip()] += 1

    def _case(self, data: st.DataObject) -> Case:
        return data.draw(st.sampled_from(self.cases[-6:]))

    def _any(self, data: st.DataObject) -> Sent:
        return data.draw(st.sampled_from(self.sent))

    @rule(priority=PRIORITIES, kind=KINDS, sender=st.sampled_from([SENDER, SENDER, STRANGER]), early=st.booleans())
    def submit(self, priority: str, kind: str, sender: str, early: bool) -> None:
        case = new_case(sender, DESTINATION)
        self.cases.append(case)
        self.kinds[case] = kind
        if early:  # the patient is on the way before anybody has written a slip
            self._write(message(case, Event.DEPARTED), Event.DEPARTED, "urgent", kind)
        else:
            self._write(message(case, priority=priority, kind=kind), Event.SUBMIT, priority, kind)

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), priority=PRIORITIES)
    def submit_of_a_known_case(self, data: st.DataObject, priority: str) -> None:
        case = self._case(data)
        made = message(case, priority=priority, kind=self.kinds[case])
        self._write(made, Event.SUBMIT, priority, self.kinds[case])

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), event=st.one_of(ANSWERS, LATER, CARE), priority=PRIORITIES)
    def event(self, data: st.DataObject, event: Event, priority: str) -> None:
        case = self._case(data)
        self._write(message(case, event, priority=priority, kind="inpatient"), event, priority, "inpatient")

    @precondition(lambda self: self.cases)
    @rule(data=st.data())
    def crossing(self, data: st.DataObject) -> None:
        case = self._case(data)
        for event in data.draw(st.permutations([Event.CANCEL, Event.ACCEPT])):
            self._write(message(case, event), event, "urgent", "inpatient")

    @precondition(lambda self: self.cases)
    @rule(data=st.data(), event=st.one_of(ANSWERS, CARE))
    def event_of_a_stranger(self, data: st.DataObject, event: Event) -> None:
        case = self._case(data)
        if case.sender != STRANGER:
            made = message(replace(case, destination=STRANGER), event)
            self._write(made, event, "urgent", "inpatient")

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        one = self._any(data)
        self._append(one.made.sender, one.envelope, RecordType.ENVELOPE, one.facts)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def repeat_sealed_anew(self, data: st.DataObject) -> None:
        one = self._any(data)
        jws = open_envelope(one.envelope, self.pki.exchange.decryption_keys)
        readers = (self.pki.exchange, self.pki.facility(one.made.destination))
        envelope = seal(jws, [party.encryption.certificate for party in readers])
        self._append(one.made.sender, envelope, RecordType.ENVELOPE, one.facts)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def same_id_for_other_content(self, data: st.DataObject) -> None:
        one, case = self._any(data), self._case(data)
        if case.sender == one.made.sender:
            made = message(case)
            payload = made.payload.replace(made.message_id.encode(), one.made.message_id.encode())
            made = Message(payload, one.made.message_id, made.bundle_id, made.sender, made.destination, case)
            self._write(made, Event.SUBMIT, "urgent", "inpatient", content=made.bundle_id)

    @precondition(lambda self: any(one.facts["fault"] is None for one in self.sent))
    @rule(data=st.data(), message_id=st.booleans(), bundle_id=st.booleans(), moved=st.booleans())
    def same_content(self, data: st.DataObject, message_id: bool, bundle_id: bool, moved: bool) -> None:
        """Under a new message id, a new Bundle id, or both; perhaps as another case."""
        one = data.draw(st.sampled_from([one for one in self.sent if one.facts["fault"] is None]))
        made, facts = renamed(one.made, message_id=message_id, bundle_id=bundle_id), one.facts
        if moved and message_id and bundle_id:
            case = new_case(made.case.sender, made.case.destination)
            self.cases.append(case)
            self.kinds[case] = facts["clinical"]
            payload = made.payload.replace(made.case.transfer_id.encode(), case.transfer_id.encode())
            payload = payload.replace(made.case.case_id.encode(), case.case_id.encode())
            made = replace(made, payload=payload, case=case)
        same = {"content": facts["content"], "origin": facts["origin"]}
        event = Event(f"transfer-{facts['event']}")
        self._write(made, event, facts["priority"], facts["clinical"], **same)

    @precondition(lambda self: self.cases)
    @rule(data=st.data())
    def faulty(self, data: st.DataObject) -> None:
        case = self._case(data)
        made = message(case)
        made = replace(made, payload=made.payload.replace(b'"priority":"urgent"', b'"priority":"asap"'))
        self._write(made, Event.SUBMIT, "urgent", "inpatient", fault="priority-not-allowed")

    @precondition(lambda self: self.sent)
    @rule(facility=st.sampled_from(FACILITIES), value=st.binary(max_size=40), forged=st.booleans())
    def junk(self, facility: str, value: bytes, forged: bool) -> None:
        """Noise; or a message that one facility signed, in the topic of another."""
        if forged:
            made = message(new_case())
            self._append(STRANGER, sealed(self.pki, made), RecordType.ENVELOPE, {"kind": "forged"})
        else:
            self._append(facility, value, RecordType.ENVELOPE, {"kind": "junk"})

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), verdict=st.sampled_from(AckVerdict), wrong=st.sampled_from(["", "", "", "signer", "bytes"]))
    def acknowledge(self, data: st.DataObject, verdict: AckVerdict, wrong: str) -> None:
        one = self._any(data)
        signer = STRANGER if wrong == "signer" and one.made.sender != STRANGER else one.made.destination
        payload = "0" * 64 if wrong == "bytes" else one.facts["payload"]
        token = ack(self.pki, one.made, payload_sha256=payload, verdict=verdict, signer=signer)
        facts = {"kind": "ack", "sender": signer, "to": one.made.sender, "id": one.made.message_id, "payload": payload}
        self._append(signer, token, RecordType.ACK, {**facts, "verdict": verdict.value})

    @rule(
        facility=st.sampled_from(FACILITIES),
        complete=st.integers(0, 6),
        missing=st.lists(st.integers(1, 9), max_size=3, unique=True),
    )
    def inbox_status(self, facility: str, complete: int, missing: list[int]) -> None:
        gaps = tuple(sorted(number for number in missing if number > complete))
        token = status(self.pki, facility, complete, missing=gaps)
        self._append(facility, token, RecordType.INBOX_STATUS, {"kind": "status", "sender": facility, "missing": gaps})

    # --- what the operator, the network and fate do -------------------------------------------------------------------

    @rule(facility=st.sampled_from(FACILITIES), back=st.booleans())
    def suspend_or_resume(self, facility: str, back: bool) -> None:
        standing = Standing.ACTIVE if back else Standing.SUSPENDED
        self.runner.run(self.world.desk.stand(facility, standing))
        (self.world.model.suspended.discard if back else self.world.model.suspended.add)(facility)

    @rule(facility=st.sampled_from(FACILITIES), upto=st.integers(0, 3), answer_lost=st.booleans(), well=st.booleans())
    def network(self, facility: str, upto: int, answer_lost: bool, well: bool) -> None:
        inbox = self.world.inbox
        inbox.fails_after.pop(facility, None)
        inbox.loses_answer.discard(facility)
        if not well and answer_lost:
            inbox.loses_answer.add(facility)
        elif not well:
            inbox.fails_after[facility] = upto

    @rule(seconds=st.sampled_from([1, 31, 200]))
    def time_passes(self, seconds: int) -> None:
        self.runner.run(self.world.desk.pass_by(seconds))

    @rule(work=st.sampled_from(sorted(WORK)), dies_at=st.one_of(st.none(), st.integers(0, 12)))
    def work(self, work: str, dies_at: int | None) -> None:
        self.worked = True
        died = self.runner.run(self.world.run(WORK[work], dies_at=dies_at))
        self.seen["crash"] += died

    @precondition(lambda self: self.worked)
    @rule()
    def crash_between_steps(self) -> None:
        self.worked = False

        async def die(_: Desk) -> None:
            self.world.fuse.here("between")

        self.runner.run(self.world.run(die, dies_at=0))
        self.seen["crash"] += 1

    @rule(place=st.sampled_from(["commit", "step", "publish"]))
    def take_over(self, place: str) -> None:
        self.seen[f"takeover at {place}"] += self.runner.run(self.world.take_over(place))

    # --- what holds after every step ----------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        type(self).steps += 1
        self._every_record_has_exactly_its_effects()
        self._everything_owed_is_queued_once()
        self._a_final_answer_never_changes()
        self._transfers_stand_where_the_tables_say()
        self._inboxes_hold_what_was_sent_in_order()
        self._epochs_only_rise()

    def _every_record_has_exactly_its_effects(self) -> None:
        """I1, I2, I4, I6: positions, answers, deliveries, audit entries: all of what was committed, nothing else."""
        world, model = self.world, self.world.model
        found = {
            row["topic"]: row["next_offset"] for row in world.rows("SELECT topic, next_offset FROM source_position")
        }
        same("positions", found, {topic: model.positions[topic] for topic in found})
        stored = world.rows("SELECT sender, message_id, verdict, reason, event_seq, ack FROM message")
        expected = {
            (*key, *(one[name] for name in ("verdict", "reason", "seq", "ack"))) for key, one in model.messages.items()
        }
        same("answers", {tuple(row) for row in stored}, expected)
        waiting = world.rows("SELECT sender, message_id, reason FROM held")
        same("held", {tuple(row) for row in waiting}, {(*key, one["reason"]) for key, one in model.held.items()})
        actions = Counter(json.loads(row["entry"])["action"] for row in world.rows("SELECT entry FROM audit_entry"))
        same("audit entries", actions, +model.audit)
        same("set aside", world.rows("SELECT count(*) FROM quarantine")[0][0], model.aside)
        same("junk", world.rows("SELECT sum(records) FROM junk_counter")[0][0] or 0, model.junk)
        alarms = Counter(row["alarm"] for row in world.rows("SELECT alarm FROM alarm"))
        same("alarms", alarms, +model.alarms)

    def _everything_owed_is_queued_once(self) -> None:
        """I1, I2, I4: what lies in the outbox is what the model owes each facility, in the order of the decisions."""
        queued: dict[str, list[tuple[Any, ...]]] = {}
        for row in self.world.rows(
            "SELECT destination, record_type, token, message_id, sender FROM outbox ORDER BY id"
        ):
            queued.setdefault(row["destination"], []).append(self._entry(row))
        same("outbox", queued, self.world.model.outbox)

    def _entry(self, row: Any) -> tuple[Any, ...]:
        if row["record_type"] == "envelope":
            return "envelope", row["sender"], row["message_id"]
        if row["record_type"] == "ack":
            return "ack", row["sender"]
        if row["record_type"] == "notice":
            return "notice", row["message_id"]
        said = self._decode(row["token"])
        return "receipt", said["message_id"], said["verdict"], said.get("reason"), said.get("event_seq")

    def _decode(self, token: str) -> dict[str, Any]:
        if token not in self._decoded:
            self._decoded[token] = json.loads(payload_of(token))
        return self._decoded[token]

    def _a_final_answer_never_changes(self) -> None:
        """I4: one signed receipt for each message that has a final answer; never a success and a failure."""
        final: dict[tuple[str, str], set[str]] = {}
        for row in self.world.rows("SELECT destination, token FROM outbox WHERE record_type = 'receipt'"):
            said = self._decode(row["token"])
            if said["verdict"] in ("accepted", "refused") and said.get("reason") != "message-id-reused":
                final.setdefault((row["destination"], said["message_id"]), set()).add(row["token"])
        assert all(len(tokens) == 1 for tokens in final.values())

    def _transfers_stand_where_the_tables_say(self) -> None:
        """I8."""
        stored = self.world.rows("SELECT * FROM transfer")
        columns = (*TRACKS, "event_seq", "decision_seq")
        found = {(row["sender"], row["transfer_id"]): [row[name] for name in columns] for row in stored}
        names = (*TRACKS, "seq", "decision_seq")
        expected = {key: [one[name] for name in names] for key, one in self.world.model.transfers.items()}
        same("transfers", found, expected)

    def _inboxes_hold_what_was_sent_in_order(self) -> None:
        """I3, I7: numbers without gap or reuse, bytes as they came, each case in the order of its events."""
        world = self.world
        known = {record.value for records in world.topics.values() for record in records}
        for facility, records in world.inbox.inboxes.items():
            by_number: dict[int, tuple[bytes, str]] = {}
            last: dict[str, int] = {}
            for one in records:
                number = one.stamp.delivery_seq or 0
                if number in by_number:
                    assert by_number[number] == (one.value, one.signed_stamp), "a number names other bytes"
                    continue
                assert number == len(by_number) + 1, "a number was left out"
                by_number[number] = (one.value, one.signed_stamp)
                assert one.stamp.recipient == facility
                assert one.stamp.record_sha256 == hashlib.sha256(one.value).hexdigest()
                if one.record_type is RecordType.ENVELOPE:
                    assert one.value in known, "bytes that nobody wrote"
                    if not one.stamp.possible_duplicate:
                        transfer, seq = str(one.stamp.transfer_id), one.stamp.event_seq or 0
                        assert seq > last.get(transfer, 0), "a later event of a transfer overtook an earlier one"
                        last[transfer] = seq
            (through,) = world.rows("SELECT published_through FROM inbox_counter WHERE destination = ?", facility)
            assert through[0] <= len(by_number), "marked before it was published"

    def _epochs_only_rise(self) -> None:
        """I9."""
        epochs = {row["lane"]: row["epoch"] for row in self.world.rows("SELECT lane, epoch FROM lane")}
        before = getattr(self, "_epochs", {})
        assert all(epochs[lane] >= epoch for lane, epoch in before.items())
        self._epochs = epochs

    def teardown(self) -> None:
        """Nothing fails any more: nothing is left over, and everybody has what is theirs."""
        if not hasattr(self, "world"):
            self.runner.close()
            return
        try:
            self.runner.run(self.world.settle())
            self._nothing_is_left()
        finally:
            self.runner.run(self.world.close())
            self.runner.close()
            shutil.rmtree(self.world.folder.parent)

    def _nothing_is_left(self) -> None:
        world = self.world
        self.holds()
        assert world.rows("SELECT count(*) FROM outbox WHERE delivery_seq IS NULL OR resend")[0][0] == 0
        assert world.model.due_again() == []
        for facility in FACILITIES:
            assert world.model.positions[topic_of(facility)] == len(world.topics.get(topic_of(facility), []))
            numbers = {one.stamp.delivery_seq for one in world.inbox.inboxes.get(facility, [])}
            assert len(numbers) == len(world.model.outbox.get(facility, [])), "not everything came out"
