"""The run folder: what every party wrote down, read with other clients than the program's own."""

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql
from psycopg.rows import dict_row

from broker.settings import load as load_exchange
from lienvien import exchange_acts
from tests.chaos.ledgers import read_lines, write_lines
from tests.chaos.stage import Stage

_POLL_S: Final = 20.0
_BELIEVED: Final = (
    "SELECT t.slip_number AS slip, o.case_code, o.message_id, o.case_id, o.transfer_id, o.event, o.state,"
    " o.payload_sha256, o.receipt, o.delivered_at FROM outbox o"
    " LEFT JOIN transfer t ON t.sender = ? AND t.transfer_id = o.transfer_id ORDER BY o.seq"
)
UNANSWERED: Final = "his-unanswered"  # the judge takes it as a reason to repeat this one key, and no other
MADE_BY_POINT: Final = {
    "relay.after-publish": "crash-between-publish-and-mark",
    "outbox.after-send": "crash-between-send-and-mark",
    "handover.delivered": "crash-between-hand-over-and-mark",
}


class IncompleteError(Exception):
    """Something could not be read to its end."""


def believed(stage: Stage) -> None:
    """What each sending connector says of its messages."""
    for code in stage.facilities:
        with closing(sqlite3.connect(f"file:{stage.database_of(code)}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [
                {key: _plain(value) for key, value in dict(row).items()}
                for row in connection.execute(_BELIEVED, (code,))
            ]
        write_lines(stage.run / "believed" / f"{code}.jsonl", rows)


def unanswered(stage: Stage) -> None:
    """Hand-overs that a connector says had no usable answer, when it noticed: a repeat after them is no surprise."""
    with (stage.run / "faults.jsonl").open("a", encoding="utf-8") as file:
        for code in stage.facilities:
            log = stage.world.folder / "logs" / f"connector-{code}.log"
            for line in log.read_text("utf-8", errors="replace").splitlines():
                if '"handover.failed"' in line and (said := _said(line)):
                    row = {"at": said["time"], "kind": UNANSWERED, "target": code, "until": None}
                    file.write(json.dumps({**row, "note": said["message_id"]}) + "\n")


def _said(line: str) -> dict[str, str] | None:
    """A line of a log; None for one that a killed process did not finish."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and {"time", "message_id"} <= said.keys() else None


def database(stage: Stage) -> None:
    """Every table of the exchange."""
    with psycopg.connect(stage.database_url, row_factory=dict_row) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for name in sorted(row["table_name"] for row in names):
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
            write_lines(stage.run / "database" / f"{name}.jsonl",
                        ({key: _plain(value) for key, value in row.items()} for row in rows))  # fmt: skip


def topics(stage: Stage) -> None:
    """Every submit and inbox topic, from its first record to its end."""
    world = stage.world
    admin = str(world.exchange / "keys" / "admin.pem")
    consumer = Consumer(
        {
            "bootstrap.servers": world.kafka.bootstrap,
            "security.protocol": "ssl",
            "ssl.ca.location": str(world.exchange / "ca.pem"),
            "ssl.certificate.location": admin,
            "ssl.key.location": admin,
            "group.id": "judge",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
        }
    )
    try:
        for code in stage.facilities:
            for topic in (f"xfer.submit.{code}", f"xfer.inbox.{code}"):
                write_lines(stage.run / "topics" / f"{topic}.jsonl", _records(consumer, topic))
    finally:
        consumer.close()


def _records(consumer: Consumer, topic: str) -> Iterator[dict[str, Any]]:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=_POLL_S)
    consumer.assign([TopicPartition(topic, 0, first)])
    at = first
    while at < end:
        record = consumer.poll(_POLL_S)
        if record is None or record.error():
            raise IncompleteError(f"{topic} at {at} of {end}: {record.error() if record else 'silence'}")
        at = record.offset() + 1
        yield {
            "offset": record.offset(),
            "timestamp": record.timestamp()[1],
            "key": _plain(record.key()),
            "value": _plain(record.value() or b""),
            "headers": [[name, _plain(value)] for name, value in record.headers() or []],
        }


async def audit(stage: Stage) -> None:
    """The audit export with its salts, as the command writes it; when no worker runs."""
    settings = load_exchange(stage.world.exchange_config)
    await exchange_acts.perform(settings, "audit-export", {"folder": str(stage.run / "audit"), "reader": "auditor"})


def trust(stage: Stage) -> None:
    """Certificates only."""
    shutil.copyfile(stage.world.folder / "ca" / "ca.pem", stage.run / "ca.pem")
    shutil.copyfile(stage.world.exchange / "keys" / "signing.crt", stage.run / "exchange.pem")


def passed_points(stage: Stage) -> dict[str, int]:
    """Deaths by failpoint."""
    hits: dict[str, int] = {}
    for path in sorted((stage.world.folder / "points").glob("*/hits.jsonl")):
        for line in read_lines(path):
            hits[line["name"]] = hits.get(line["name"], 0) + 1
    return hits


def situations(stage: Stage) -> dict[str, int]:
    """What rarely happens, and happened: counted in what was written down."""
    taken = [line for path in sorted((stage.run / "receiver").glob("*.jsonl")) for line in read_lines(path)]
    keys = [line["key"] for line in taken if line["answered"] == 200]
    points = passed_points(stage)
    return {
        **{situation: points.get(name, 0) for name, situation in MADE_BY_POINT.items()},
        "possible-duplicate-said": sum(line["possible_duplicate"] for line in taken),
        "handed-over-more-than-once": len(keys) - len(set(keys)),
        "produce-reply-lost": sum(line.replies_lost for line in stage.lines.values()),
        "connection-cut": sum(line.connections_cut for line in stage.lines.values()),
        "process-ended-by-itself-with-70": sum(code == 70 for _, code in stage.ended),
    }


def write_run(run: Path, facts: dict[str, Any]) -> None:
    """``run.json``."""
    (run / "run.json").write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
