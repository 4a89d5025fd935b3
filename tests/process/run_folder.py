"""A run folder for the independent judge, from a world of processes whose hospitals hand over into folders.

Ledgers of the HIS are written while the world runs; the rest is read when it has come to rest and stopped. The judge
itself (``tests.judge``) imports nothing of this.
"""

import asyncio
import base64
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from broker.audit.export import AUDITOR
from broker.settings import DATABASE_NAME as EXCHANGE_DATABASE
from broker.settings import load as load_exchange
from connectors.parcel import BUNDLE, POSSIBLE_DUPLICATE
from connectors.settings import DATABASE_NAME as CONNECTOR_DATABASE
from lienvien import exchange_acts
from lienvien.demo_exports.cases import DemoCase
from lienvien.demo_exports.envelope import slip_number
from lienvien.enrolment import KeyFolder
from lienvien.world.build import EXCHANGE
from schemas.codes.systems import SLIP_NUMBER
from schemas.times import iso
from schemas.topics import inbox_topic, submit_topic
from tests.process.world import ProcessWorld, export_of

ROOT: Final = Path(__file__).parents[2]
DUMP_WITHIN_S: Final = 120.0
_BELIEVED: Final = (
    "SELECT t.slip_number AS slip, o.case_code, o.message_id, o.case_id, o.transfer_id, o.event, o.state,"
    " o.payload_sha256, o.receipt, o.delivered_at FROM outbox o"
    " LEFT JOIN transfer t ON t.sender = ? AND t.transfer_id = o.transfer_id ORDER BY o.seq"
)
# What must be 0 before the books are closed. A number is closed when the inbox's owner has said that it holds it.
_OF_THE_EXCHANGE: Final = (
    "SELECT count(*) FROM outbox WHERE delivery_seq IS NULL OR resend",
    "SELECT count(*) FROM held",
    "SELECT count(*) FROM audit_entry WHERE log_index IS NULL",
    "SELECT (SELECT count(*) FROM audit_entry) - (SELECT coalesce(max(size), 0) FROM checkpoint)",
    "SELECT count(*) FROM inbox_counter WHERE next_seq - 1 > published_through",
    "SELECT count(*) FROM inbox_counter NATURAL LEFT JOIN inbox_status WHERE next_seq > 1 + coalesce(complete_to, 0)",
)
_OF_A_CONNECTOR: Final = (
    "SELECT count(*) FROM outbox WHERE state IN ('waiting-key', 'ready', 'sent', 'held')",
    "SELECT count(*) FROM outbox WHERE state = 'accepted' AND delivered_at IS NULL",
    "SELECT count(*) FROM handover WHERE state = 'waiting'",
    "SELECT count(*) FROM ack_due WHERE token_id IS NULL",
    "SELECT count(*) FROM ack_token WHERE sent_at IS NULL",
    "SELECT count(*) FROM missing_range",
)


class RunFolder:
    """One run of one world, being written down."""

    def __init__(self, world: ProcessWorld, folder: Path) -> None:
        self._world = world
        self.folder = folder
        self._codes = sorted(world.settings)
        self._began = self._now()
        for name in ("sender", "receiver", "believed", "topics", "database"):
            (folder / name).mkdir(parents=True)
        for code in self._codes:
            (folder / "sender" / f"{code}.jsonl").touch()
        (folder / "faults.jsonl").touch()

    # --- while it runs ---

    def export(self, cases: Iterable[DemoCase]) -> None:
        """The HIS writes down what it intends, then drops the file."""
        for case in cases:
            intent = {
                "do": "intend",
                "slip": slip_number(case, datetime.now(UTC)),
                "destination": case.destination,
                "repeats": None,
            }
            self._append(f"sender/{case.sender}.jsonl", intent)
            self._world.export(case.sender, f"{case.serial}.xml", export_of(case))

    def kill(self, name: str, kind: str) -> None:
        """``kill -9``, and the line about it."""
        self._world.kill(name)
        self._append("faults.jsonl", {"kind": kind, "target": name, "until": None, "note": "kill -9"})

    # --- when it has come to rest ---

    def pending(self) -> list[str]:
        """What is not at rest, as questions with their counts; empty when everything is."""
        found = [(self._exchange_database, question) for question in _OF_THE_EXCHANGE]
        found += [(self._connector_database(code), question) for code in self._codes for question in _OF_A_CONNECTOR]
        counted = ((database, question, _count(database, question)) for database, question in found)
        return [f"{count}: {database}: {question}" for database, question, count in counted if count]

    async def close(self, minimums: Mapping[str, Mapping[str, int]], calm_at: str) -> Path:
        """Stops all processes but Kafka, and reads everything that they left."""
        await self._world.running.supervisor.stop()
        small = self._world.running.world
        await self._dump_topics()
        await exchange_acts.perform(
            load_exchange(small.exchange_config),
            "audit-export",
            {"folder": str(self.folder / "audit"), "reader": AUDITOR},
        )
        self._dump_database()
        for code in self._codes:
            rows = _rows(self._connector_database(code), _BELIEVED, code)
            _write(self.folder / "believed" / f"{code}.jsonl", rows)
            _write(self.folder / "receiver" / f"{code}.jsonl", _taken(small.hospitals[code].incoming))
        shutil.copyfile(small.folder / "ca" / "ca.pem", self.folder / "ca.pem")
        shutil.copyfile(KeyFolder(small.exchange / "keys").certificate("signing"), self.folder / "exchange.pem")
        self._write_facts(minimums, calm_at)
        return self.folder

    async def _dump_topics(self) -> None:
        """By the judge's own client, in a process of its own."""
        small = self._world.running.world
        keys = KeyFolder(small.exchange / "keys")
        topics = [topic(code) for code in self._codes for topic in (submit_topic, inbox_topic)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.judge.dump"),
            *("--bootstrap", small.kafka.bootstrap, "--ca", str(small.exchange / "ca.pem")),
            *("--cert", str(keys.certificate("admin")), "--key", str(keys.key("admin"))),
            *("--out", str(self.folder / "topics"), *topics),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(DUMP_WITHIN_S):
            assert await process.wait() == 0, "the topics could not be dumped"

    def _dump_database(self) -> None:
        names = _rows(self._exchange_database, "SELECT name FROM sqlite_master WHERE type = 'table'")
        for row in names:
            name = row["name"]
            table = _rows(self._exchange_database, f'SELECT * FROM "{name}"')
            _write(self.folder / "database" / f"{name}.jsonl", table)

    def _write_facts(self, minimums: Mapping[str, Mapping[str, int]], calm_at: str) -> None:
        actions: Counter[str] = Counter()
        for line in (self.folder / "audit" / "entries.jsonl").read_text("utf-8").splitlines()[1:]:
            actions[json.loads(json.loads(line)["entry"])["action"]] += 1
        facts = {
            "commit": "of the tree under test",
            "seed": 0,
            "machine": f"{os.cpu_count()} CPUs, Python {sys.version.split()[0]}",
            "started_at": self._began,
            "faults_ended_at": calm_at,
            "ended_at": self._now(),
            "exchange": EXCHANGE,
            "facilities": self._codes,
            "minimums": {name: dict(minimums.get(name, {})) for name in ("faults", "failpoints", "situations")},
            "failpoints": {},
            "situations": {"repeat-answered": actions["message-repeated"]},
        }
        (self.folder / "run.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")

    # --- small things ---

    @property
    def _exchange_database(self) -> Path:
        return load_exchange(self._world.running.world.exchange_config).folders.data / EXCHANGE_DATABASE

    def _connector_database(self, code: str) -> Path:
        return self._world.settings[code].folders.data / CONNECTOR_DATABASE

    @staticmethod
    def _now() -> str:
        return iso(datetime.now(UTC))

    def _append(self, name: str, facts: Mapping[str, Any]) -> None:
        """One line, on disk when this returns."""
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": self._now(), **facts}, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _taken(incoming: Path) -> list[dict[str, Any]]:
    """What lies in a hospital's folder is what its HIS took."""
    return [_one_taken(path) for path in sorted(incoming.rglob(BUNDLE), key=lambda path: path.stat().st_mtime_ns)]


def _one_taken(path: Path) -> dict[str, Any]:
    body = path.read_bytes()
    resources = [entry["resource"] for entry in json.loads(body)["entry"]]
    header = next(resource for resource in resources if resource["resourceType"] == "MessageHeader")
    return {
        "at": iso(datetime.fromtimestamp(path.stat().st_mtime, UTC)),
        "key": header["id"],
        "possible_duplicate": (path.parent / POSSIBLE_DUPLICATE).exists(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "slip": _slip(resources),
        "event": header["eventCoding"]["code"],
        "answered": 200,
    }


def _slip(value: Any) -> str | None:
    """The first slip number anywhere in a Bundle."""
    if isinstance(value, dict):
        if value.get("system") == SLIP_NUMBER:
            return str(value["value"])
        value = list(value.values())
    if isinstance(value, list):
        return next((found for one in value if (found := _slip(one)) is not None), None)
    return None


def _count(database: Path, question: str) -> int:
    return int(next(iter(_rows(database, question)[0].values())))


def _rows(database: Path, question: str, *values: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return [
            {name: _plain(value) for name, value in dict(row).items()} for row in connection.execute(question, values)
        ]


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
