"""What the exchange must do, as dictionaries: typed from the written contract, importing nothing of the product.

A record is a mapping with ``kind`` and what the writer meant. ``turn`` hears of each record in the order in which the
exchange committed them; what follows is compared with the database and the inboxes after every step. Contents and
payloads are small labels here, never bytes.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

Facts = Mapping[str, Any]
Key = tuple[str, str]

UNDECIDED = ("open", "under-review", "awaiting-information")
GONE = ("cancelled", "expired", "declined", "redirect-suggested")  # the same slip may be sent anew under new ids
BY_SENDER = ("submit", "update", "cancel", "departed")
CLOCKED = ("emergency", "inpatient")
RANK = {"stat": 0, "urgent": 1, "routine": 2}


class RefusalError(Exception):
    """A final no, with its reason."""

    def __init__(self, reason: str, *, conflict: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.conflict = reason, conflict


def step(before: Facts, event: str) -> dict[str, Any]:
    """The four tracks after an event. Raises RefusalError."""
    after, decision = dict(before), before["decision"]
    if event == "departed":
        after["journey"] = "departed" if before["journey"] == "not-departed" else before["journey"]
    elif event == "arrived":
        after["journey"] = "died" if before["journey"] == "died" else "arrived"
        if before["loop"] == "none" and before["clocked"]:
            after["loop"] = "owed"
    elif event in ("accept", "decline"):
        if decision not in UNDECIDED or before["delivery"] not in ("submitted", "delivered", "opened"):
            raise _why_not(decision, event)
        after["decision"] = {"accept": "accepted", "decline": "declined"}[event]
    elif event == "cancel":
        if decision not in (*UNDECIDED, "accepted", "withdrawn") or before["journey"] in ("arrived", "died"):
            raise _why_not(decision, event)
        after["decision"] = "cancelled"
    elif event == "update":
        if decision in ("cancelled", "expired"):
            raise RefusalError("event-not-allowed")
        after["decision"] = "under-review" if decision == "awaiting-information" else decision
    elif event == "received" and before["delivery"] in ("submitted", "delivered", "opened"):
        after["delivery"] = "opened"
    else:
        raise RefusalError("event-not-allowed")
    return after


def _why_not(decision: str, event: str) -> RefusalError:
    if decision in UNDECIDED:
        return RefusalError("event-not-allowed")
    crossed = (event == "cancel") != (decision == "cancelled")
    return RefusalError("crossed" if crossed else "late", conflict=True)


class Model:
    """All that is known, and all that must have gone out."""

    def __init__(self) -> None:
        self.messages: dict[Key, dict[str, Any]] = {}  # (sender, message id) → its final answer
        self.bundles: dict[Key, str] = {}
        self.contents: dict[tuple[str, Any], dict[str, Any]] = {}  # accepted ones that carry a case
        self.origins: dict[tuple[str, Any], str] = {}
        self.transfers: dict[Key, dict[str, Any]] = {}
        self.held: dict[Key, dict[str, Any]] = {}
        self.suspended: set[str] = set()
        self.outbox: dict[str, list[tuple[Any, ...]]] = {}
        self.positions: Counter[str] = Counter()
        self.audit: Counter[str] = Counter()
        self.junk = 0
        self.aside = 0
        self.alarms: Counter[str] = Counter()
        self.resent: set[tuple[str, int]] = set()
        self._turn = 0
        self._arrivals = 0
        self._queued_in: dict[Key, int] = {}  # the turn that queued the newest delivery of a message

    def turn(self, records: Collection[tuple[str, int, Facts]], numbered: Collection[Key]) -> None:
        """A committed turn: records with their topics and offsets. ``numbered``: whose newest delivery has a number."""
        self._turn += 1
        self._numbered = numbered
        for topic, offset, facts in records:
            assert self.positions[topic] == offset, "a record was passed over, or taken twice"
            self.positions[topic] += 1
            self._consume(facts, (topic, offset))

    def second_look(self, records: Collection[tuple[tuple[str, int], Facts]], numbered: Collection[Key]) -> None:
        """Held messages were judged again."""
        self._turn += 1
        self._numbered = numbered
        for place, facts in records:
            self._consume(facts, place)

    def due_again(self) -> list[Key]:
        """Held messages that must not go on waiting: their slip is there."""
        early = [(key, one) for key, one in self.held.items() if one["reason"] == "transfer-unknown"]
        return [key for key, one in early if self._is_there(one)]

    def _is_there(self, facts: Facts) -> bool:
        return any(
            one["sender"] == facts["sender"] or one["destination"] == facts["sender"]
            for (_, transfer), one in self.transfers.items()
            if transfer == facts["transfer"]
        )

    def _consume(self, facts: Facts, place: tuple[str, int]) -> None:
        kind = facts["kind"]
        if kind == "junk":
            self.junk += 1
        elif kind == "forged":  # proven, but not by whom the topic belongs to
            self.aside += 1
            self.audit["record-quarantined"] += 1
        elif kind == "ack":
            self._ack(facts)
        elif kind == "status":
            self._status(facts)
        else:
            self._message(facts, place)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _message(self, facts: Facts, place: tuple[str, int]) -> None:
        key = (facts["sender"], facts["id"])
        if facts["sender"] in self.suspended:
            self._answer(facts, "transient", "facility-suspended")
            return
        earlier = self.messages.get(key)
        if earlier is not None:
            if facts["content"] != earlier["content"]:
                self._alarm("message-id-reused")
                self._answer(facts, "refused", "message-id-reused")  # the id keeps its first answer
            else:
                self._repeat(facts, earlier)
            return
        in_bundle = self.bundles.get((facts["sender"], facts["bundle"]))
        if facts["fault"] is None and in_bundle is not None:
            same = self.messages[facts["sender"], in_bundle]["content"] == facts["content"]
            if not same:
                self._alarm("bundle-id-reused")
            self._final(facts, "duplicate-of" if same else "bundle-id-reused", keeps_bundle=False)
            return
        if facts["fault"] is None and self._stands(facts):
            self._final(facts, "duplicate-of")
            return
        if facts["fault"] is not None:
            self._final(facts, facts["fault"], keeps_bundle=False, keeps_origin=False)
            return
        self._judge(facts, place)

    def _judge(self, facts: Facts, place: tuple[str, int]) -> None:
        cloned = self.origins.get((facts["sender"], facts["origin"]), facts["id"]) != facts["id"]
        if cloned:
            self._alarm("incarnation-cloned")
        if cloned and facts["priority"] == "routine":
            self._hold(facts, "incarnation-cloned", place)
            return
        if self._case_waits(facts):
            self._hold(facts, "case-held", place)
            return
        part = None
        try:
            part = self._part(facts)
            if part is not None:
                self._next(facts, *part)
            elif facts["event"] == "submit":
                self._first(facts)
            elif facts["event"] in ("departed", "arrived"):
                self._hold(facts, "transfer-unknown", place)
            else:
                self._answer(facts, "transient", "transfer-unknown")
        except RefusalError as no:
            self._final(facts, no.reason)
            if no.conflict and part is not None:
                transfer = part[0]
                other = transfer["destination"] if facts["sender"] == transfer["sender"] else transfer["sender"]
                self._put(other, "notice", facts["id"])
                self.audit["notice-given"] += 1

    def _part(self, facts: Facts) -> tuple[dict[str, Any], str] | None:
        """The transfer that a message is about, and its sender's part in it. Raises RefusalError."""
        own = self.transfers.get((facts["sender"], facts["transfer"]))
        theirs = self.transfers.get((facts["to"], facts["transfer"]))
        if own is not None and (theirs is None or facts["event"] in BY_SENDER):
            if own["destination"] != facts["to"]:
                raise RefusalError("not-a-party")
            return own, "sender"
        if theirs is not None:
            if theirs["destination"] != facts["sender"]:
                raise RefusalError("not-a-party")
            return theirs, "destination"
        return None

    def _first(self, facts: Facts) -> None:
        if facts["to"] in self.suspended:
            self._answer(facts, "transient", "facility-suspended")
            return
        self.transfers[facts["sender"], facts["transfer"]] = {
            "sender": facts["sender"], "destination": facts["to"], "seq": 1, "decision_seq": None,
            "delivery": "submitted", "decision": "open", "journey": "not-departed", "loop": "none",
            "clocked": facts["clinical"] in CLOCKED, "slip": facts["id"], "rank": RANK[facts["priority"]],
        }  # fmt: skip
        self._accept(facts, 1)

    def _next(self, facts: Facts, transfer: dict[str, Any], part: str) -> None:
        if (part == "sender") != (facts["event"] in BY_SENDER):
            raise RefusalError("not-a-party")
        after = step(transfer, facts["event"])
        after["seq"] += 1
        if after["decision"] != transfer["decision"]:
            after["decision_seq"] = after["seq"]
        after["rank"] = min(after["rank"], RANK[facts["priority"]])
        if facts["event"] == "update":
            after |= {"slip": facts["id"], "clocked": facts["clinical"] in CLOCKED}
        transfer.update(after)
        self._accept(facts, after["seq"])

    def _accept(self, facts: Facts, seq: int) -> None:
        self._keep(facts, "accepted", None, seq=seq)
        self._put(facts["to"], "envelope", facts["sender"], facts["id"])
        self._queued_in[facts["sender"], facts["id"]] = self._turn
        if facts["event"] in ("submit", "update"):
            self.contents[facts["sender"], facts["content"]] = self.messages[facts["sender"], facts["id"]]

    def _stands(self, facts: Facts) -> bool:
        """The same content was accepted before under other ids, and its transfer still stands."""
        earlier = self.contents.get((facts["sender"], facts["content"]))
        if earlier is None or facts["event"] not in ("submit", "update"):
            return False
        transfer = self.transfers[earlier["sender"], earlier["transfer"]]
        taken_back = facts["event"] == "update" and transfer["slip"] != earlier["id"]
        return transfer["decision"] not in GONE and not taken_back

    def _repeat(self, facts: Facts, earlier: dict[str, Any]) -> None:
        """The stored answer; and while nobody confirmed the delivery, the bytes that came go out under a new number."""
        key = (facts["sender"], facts["id"])
        self.audit["message-repeated"] += 1
        self._put(facts["sender"], "receipt", facts["id"], earlier["verdict"], earlier["reason"], earlier["seq"])
        if earlier["verdict"] != "accepted" or facts["payload"] != earlier["payload"] or earlier["ack"] == "delivered":
            return
        if key in self._numbered and self._queued_in[key] != self._turn:
            self._put(earlier["to"], "envelope", *key)
            self._queued_in[key] = self._turn

    # --- answers ------------------------------------------------------------------------------------------------------

    def _final(self, facts: Facts, reason: str, *, keeps_bundle: bool = True, keeps_origin: bool = True) -> None:
        self._keep(facts, "refused", reason, keeps_bundle=keeps_bundle, keeps_origin=keeps_origin)

    def _keep(
        self, facts: Facts, verdict: str, reason: str | None, *, seq: int | None = None, keeps_bundle: bool = True,
        keeps_origin: bool = True,
    ) -> None:  # fmt: skip
        key = (facts["sender"], facts["id"])
        assert key not in self.messages, "a second final answer"
        self.messages[key] = {**facts, "verdict": verdict, "reason": reason, "seq": seq, "ack": None}
        if keeps_bundle:
            self.bundles[facts["sender"], facts["bundle"]] = facts["id"]
        if keeps_origin:
            self.origins.setdefault((facts["sender"], facts["origin"]), facts["id"])
        self._answer(facts, verdict, reason, seq)

    def _answer(self, facts: Facts, verdict: str, reason: str | None, seq: int | None = None) -> None:
        if self._waiting(facts) is not None:
            del self.held[facts["sender"], facts["id"]]
        self.audit[f"message-{verdict}"] += 1
        self._put(facts["sender"], "receipt", facts["id"], verdict, reason, seq)

    def _hold(self, facts: Facts, reason: str, place: tuple[str, int]) -> None:
        key = (facts["sender"], facts["id"])
        before = self._waiting(facts)
        self._arrivals += 1
        turn = before["arrival"] if before else self._arrivals
        if before is None or (before["reason"], before["payload"]) != (reason, facts["payload"]):
            self.audit["message-held"] += 1
            self._put(facts["sender"], "receipt", facts["id"], "held", reason, None)
        elif before["place"] != place:  # asked again: the same answer
            self._put(facts["sender"], "receipt", facts["id"], "held", reason, None)
        self.held[key] = {**facts, "reason": reason, "place": place, "arrival": turn}

    def _waiting(self, facts: Facts) -> dict[str, Any] | None:
        """This very message, held before. An id that was used for another case meanwhile is no repeat of it."""
        held = self.held.get((facts["sender"], facts["id"]))
        return held if held is not None and held["case"] == facts["case"] else None

    def _case_waits(self, facts: Facts) -> bool:
        own = self._waiting(facts)
        return any(
            one["reason"] != "transfer-unknown" and (own is None or one["arrival"] < own["arrival"])
            for one in self.held.values()
            if (one["sender"], one["case"]) == (facts["sender"], facts["case"]) and one["id"] != facts["id"]
        )

    def _put(self, facility: str, *entry: Any) -> None:
        self.outbox.setdefault(facility, []).append(entry)

    def _alarm(self, alarm: str) -> None:
        self.alarms[alarm] += 1
        self.audit["security-alarm"] += 1

    # --- what destinations say ----------------------------------------------------------------------------------------

    def _ack(self, facts: Facts) -> None:
        stored = self.messages.get((facts["to"], facts["id"]))
        fits = stored is not None and stored["verdict"] == "accepted" and stored["to"] == facts["sender"]
        if facts["sender"] in self.suspended or not fits or stored is None or stored["payload"] != facts["payload"]:
            self.aside += 1
            self.audit["token-refused"] += 1
            return
        self.audit["ack-accepted"] += 1
        self._put(facts["to"], "ack", facts["sender"])
        if stored["ack"] == "delivered":
            return  # the proof stands, whatever is said later
        stored["ack"] = facts["verdict"]
        transfer = self.transfers.get((facts["to"], stored["transfer"]))
        if transfer is None or stored["event"] not in ("submit", "update") or transfer["delivery"] == "opened":
            return
        if facts["verdict"] == "delivered" or transfer["delivery"] == "submitted":
            transfer["delivery"] = facts["verdict"]

    def _status(self, facts: Facts) -> None:
        if facts["sender"] in self.suspended:
            self.aside += 1
            self.audit["token-refused"] += 1
            return
        self.audit["inbox-status-accepted"] += 1
        self.resent |= {(facts["sender"], number) for number in facts["missing"]}
