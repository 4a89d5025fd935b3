"""The run folder as typed records. Whatever is missing or malformed is remembered by name and never guessed.

Every record knows its place (``file:line``), so that a counter-example can be looked up.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

SUBMIT: Final = "xfer.submit."
INBOX: Final = "xfer.inbox."
# Without these nothing can be said about the exchange's own books.
TABLES: Final = (
    "message",
    "transfer",
    "held",
    "outbox",
    "source_position",
    "inbox_counter",
    "quarantine",
    "junk_counter",
    "audit_entry",
)
MAY_BE_EMPTY: Final = frozenset({"held", "quarantine", "junk_counter"})

Json = dict[str, Any]


class MalformedError(ValueError):
    """A line is not what the format says; the text names the member, never its value."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A line of the sending HIS, written before it let the export go. ``repeats`` names the slip it exports again."""

    place: str
    at: str
    facility: str
    slip: str
    destination: str
    repeats: str | None


@dataclass(frozen=True, slots=True)
class Believed:
    """What a connector says at the end about one message that it sent."""

    place: str
    facility: str
    slip: str | None
    message_id: str
    case_id: str | None
    transfer_id: str | None
    state: str
    payload_sha256: str | None
    receipt: bytes | None
    delivered_at: str | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A request that reached a HIS. ``answered``: a status that was really sent, or how it failed."""

    place: str
    at: str
    facility: str
    key: str
    possible_duplicate: bool
    sha256: str
    slip: str | None
    event: str | None
    answered: int | str

    @property
    def taken(self) -> bool:
        """The HIS said yes."""
        return isinstance(self.answered, int) and 200 <= self.answered < 300

    @property
    def clearly_not_taken(self) -> bool:
        """The HIS said no in words that leave no doubt."""
        return isinstance(self.answered, int) and 400 <= self.answered < 500


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that was really done."""

    place: str
    at: str
    kind: str
    target: str
    until: str | None
    note: str | None = None


@dataclass(frozen=True)
class Record:
    """A record of a topic, as Kafka gave it."""

    place: str
    topic: str
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @cached_property
    def sha256(self) -> str:
        """Digest of the value."""
        return hashlib.sha256(self.value).hexdigest()

    @property
    def facility(self) -> str:
        """Whose topic it is."""
        return self.topic.rpartition(".")[2]

    @property
    def where(self) -> str:
        """topic@offset."""
        return f"{self.topic}@{self.offset}"

    def header(self, name: str) -> list[bytes]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    @cached_property
    def record_type(self) -> str:
        """Its one ``record_type``; empty when there is not exactly one."""
        found = self.header("record_type")
        return found[0].decode("ascii", "replace") if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the exchange's database."""

    place: str
    columns: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the audit log. ``entry`` is None where the export does not open it."""

    place: str
    index: int
    leaf: str
    salt: bytes | None
    entry: bytes | None
    says: Mapping[str, Any]


@dataclass
class Run:
    """Everything in the folder. ``problems`` names what could not be read."""

    folder: Path
    facts: Json = field(default_factory=dict)
    intents: list[Intent] = field(default_factory=list)
    acts: int = 0
    believed: list[Believed] = field(default_factory=list)
    handed_over: list[HandedOver] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    topics: dict[str, list[Record]] = field(default_factory=dict)
    ends: dict[str, tuple[int, int]] = field(default_factory=dict)  # topic → first offset, next offset, as Kafka said
    tables: dict[str, list[Row]] = field(default_factory=dict)
    leaves: list[Leaf] = field(default_factory=list)
    log_size: int = -1
    notes: bytes = b""
    log_key: str = ""
    ca: bytes = b""
    exchange: bytes = b""
    problems: list[str] = field(default_factory=list)

    @property
    def facilities(self) -> list[str]:
        """Who took part."""
        return list(self.facts.get("facilities", ()))

    @property
    def name(self) -> str:
        """The exchange's name in tokens."""
        return f"urn:lienvien:exchange:{self.facts.get('exchange', '')}"

    def submitted(self) -> Iterator[Record]:
        """The records of all submit topics."""
        for topic, records in self.topics.items():
            if topic.startswith(SUBMIT):
                yield from records

    def inboxes(self) -> Iterator[Record]:
        """The records of all inbox topics."""
        for topic, records in self.topics.items():
            if topic.startswith(INBOX):
                yield from records

    def rows(self, table: str) -> list[Row]:
        """The rows of a table; none when it could not be read."""
        return self.tables.get(table, [])


def moment(text: str) -> datetime:
    """A time as the folder writes it. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without zone")
    return found


def read(folder: Path) -> Run:
    """Reads a run folder. Never raises for what is in it: see ``Run.problems``."""
    run = Run(folder)
    _facts(run)
    for code in run.facilities:
        for name, take in (("sender", _intent), ("believed", _believed), ("receiver", _handed)):
            _ledger(run, f"{name}/{code}.jsonl", partial(take, run, code))
    _ledger(run, "faults.jsonl", partial(_take_fault, run))
    for code in run.facilities:
        for topic in (f"{SUBMIT}{code}", f"{INBOX}{code}"):
            run.topics[topic] = []
            _ledger(run, f"topics/{topic}.jsonl", partial(_take_record, run.topics[topic], topic))
    _ends(run)
    for table in TABLES:
        run.tables[table] = []
        _ledger(run, f"database/{table}.jsonl", partial(_take_row, run.tables[table]))
    _ledger(run, "audit/entries.jsonl", partial(_leaf, run))
    run.notes = _bytes(run, "audit/checkpoints.txt")
    run.log_key = _bytes(run, "audit/log-key.txt").decode("ascii", "replace").strip()
    run.ca, run.exchange = _bytes(run, "ca.pem"), _bytes(run, "exchange.pem")
    return run


def _bytes(run: Run, name: str) -> bytes:
    try:
        content = (run.folder / name).read_bytes()
    except OSError:
        run.problems.append(f"{name}: missing")
        return b""
    if not content.strip():
        run.problems.append(f"{name}: empty")
    return content


def _facts(run: Run) -> None:
    try:
        facts = json.loads((run.folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        run.problems.append("run.json: missing or not JSON")
        return
    if not isinstance(facts, dict):
        run.problems.append("run.json: not an object")
        return
    run.facts = facts
    codes = facts.get("facilities")
    if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
        run.problems.append("run.json: facilities: a list of codes is needed")
        facts["facilities"] = []
    if not isinstance(facts.get("exchange"), str) or not facts["exchange"]:
        run.problems.append("run.json: exchange: a name is needed")


def _ledger(run: Run, name: str, take: Callable[[str, Json], object]) -> None:
    """Every line of one file. A file that is not there, and a line that is no object, are problems."""
    try:
        lines = (run.folder / name).read_bytes().split(b"\n")
    except OSError:
        run.problems.append(f"{name}: missing")
        return
    if lines and lines[-1] == b"":
        lines.pop()
    else:
        run.problems.append(f"{name}:{len(lines)}: the last line was cut short")
    for number, line in enumerate(lines, 1):
        place = f"{name}:{number}"
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise MalformedError("not an object")
            take(place, row)
        except MalformedError as error:
            run.problems.append(f"{place}: {error}")
        except ValueError:
            run.problems.append(f"{place}: not JSON")


def _intent(run: Run, code: str, place: str, row: Json) -> None:
    if row.get("do") != "intend":
        run.acts += 1
        return
    run.intents.append(
        Intent(place, _time(row, "at"), code, _text(row, "slip"), _text(row, "destination"), _maybe(row, "repeats"))
    )


def _believed(run: Run, code: str, place: str, row: Json) -> None:
    receipt = row.get("receipt")
    run.believed.append(
        Believed(
            place,
            code,
            _maybe(row, "slip"),
            _text(row, "message_id"),
            _maybe(row, "case_id"),
            _maybe(row, "transfer_id"),
            _text(row, "state"),
            _maybe(row, "payload_sha256"),
            None if receipt is None else _base64(row, "receipt"),
            _maybe(row, "delivered_at"),
        )
    )


def _handed(run: Run, code: str, place: str, row: Json) -> None:
    answered = row.get("answered")
    if isinstance(answered, bool) or not isinstance(answered, int | str):
        raise MalformedError("answered: a status or a word is needed")
    run.handed_over.append(
        HandedOver(
            place,
            _time(row, "at"),
            code,
            _text(row, "key"),
            _flag(row, "possible_duplicate"),
            _text(row, "sha256"),
            _maybe(row, "slip"),
            _maybe(row, "event"),
            answered,
        )
    )


def _take_fault(run: Run, place: str, row: Json) -> None:
    run.faults.append(
        Fault(
            place,
            _time(row, "at"),
            _text(row, "kind"),
            _text(row, "target"),
            _maybe(row, "until"),
            row.get("note") or None,
        )
    )


def _take_row(rows: list[Row], place: str, row: Json) -> None:
    rows.append(Row(place, row))


def _take_record(records: list[Record], topic: str, place: str, row: Json) -> None:
    headers = row.get("headers")
    if not isinstance(headers, list):
        raise MalformedError("headers: a list is needed")
    offset = row.get("offset")
    if type(offset) is not int:
        raise MalformedError("offset: a number is needed")
    pairs = tuple((str(name), _decode(value, "headers")) for name, value in headers)
    key = None if row.get("key") is None else _base64(row, "key")
    records.append(Record(place, topic, offset, key, _base64(row, "value"), pairs))


def _ends(run: Run) -> None:
    """Optional: what Kafka said about where each topic begins and ends, from the dumping client."""
    path = run.folder / "topics" / "ends.json"
    if not path.exists():
        return
    try:
        run.ends = {topic: (int(low), int(high)) for topic, (low, high) in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        run.problems.append("topics/ends.json: malformed")


def _leaf(run: Run, place: str, row: Json) -> None:
    if "format" in row:
        if row["format"] != "lienvien-audit-export" or type(row.get("size")) is not int or run.log_size >= 0:
            raise MalformedError("not the header of an audit export")
        run.log_size = row["size"]
        return
    index, entry = row.get("index"), row.get("entry")
    if type(index) is not int:
        raise MalformedError("index: a number is needed")
    if entry is None:
        run.leaves.append(Leaf(place, index, _text(row, "leaf"), None, None, {}))
        return
    says = json.loads(_text(row, "entry"))
    salt = bytes.fromhex(_text(row, "salt"))
    run.leaves.append(Leaf(place, index, _text(row, "leaf"), salt, str(entry).encode(), says))


def _text(row: Json, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{name}: a text is needed")
    return value


def _maybe(row: Json, name: str) -> str | None:
    return None if row.get(name) is None else _text(row, name)


def _flag(row: Json, name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise MalformedError(f"{name}: true or false is needed")
    return value


def _time(row: Json, name: str) -> str:
    text = _text(row, name)
    try:
        moment(text)
    except ValueError:
        raise MalformedError(f"{name}: a time is needed") from None
    return text


def _base64(row: Json, name: str) -> bytes:
    return _decode(row.get(name), name)


def _decode(value: object, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else _no(name)
    except (binascii.Error, ValueError):
        return _no(name)


def _no(name: str) -> bytes:
    raise MalformedError(f"{name}: base64 is needed")
