"""``python -m tests.judge.dump``: topics as they are, by confluent-kafka, from the first record to the present end.

    --bootstrap HOST:PORT --ca CA.pem --cert CERT.pem --key KEY.pem --out RUN/topics TOPIC…

One file for each topic, and ``ends.json``: where Kafka said that each begins and ends. Exit 1 when a topic could not be
read to its end.
"""

import argparse
import base64
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

_PATIENCE_S: Final = 30.0


class CutShortError(Exception):
    """A topic could not be read to its end."""


@dataclass(frozen=True)
class Access:
    """How to reach the brokers."""

    bootstrap: str
    ca: Path
    cert: Path
    key: Path

    def settings(self) -> Mapping[str, Any]:
        """For librdkafka. The group is never used: partitions are assigned, and nothing is committed."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.ca),
            "ssl.certificate.location": str(self.cert),
            "ssl.key.location": str(self.key),
            "ssl.endpoint.identification.algorithm": "none",  # a local broker; who it is, the records prove
            "group.id": "judge",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "fetch.message.max.bytes": 4 * 1024 * 1024,
        }


def dump(access: Access, topics: list[str], out: Path) -> dict[str, int]:
    """Writes each topic; how many records each had. Raises CutShortError, KafkaException, OSError."""
    out.mkdir(parents=True, exist_ok=True)
    consumer = Consumer(dict(access.settings()))
    counts: dict[str, int] = {}
    ends: dict[str, tuple[int, int]] = {}
    try:
        for topic in topics:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=_PATIENCE_S)
            ends[topic] = (low, high)
            with (out / f"{topic}.jsonl").open("w", encoding="ascii") as file:
                counts[topic] = sum(1 for line in _lines(consumer, topic, low, high) if file.write(line))
    finally:
        consumer.close()
    (out / "ends.json").write_text(json.dumps(ends) + "\n", "ascii")
    return counts


def _lines(consumer: Consumer, topic: str, low: int, high: int) -> Iterator[str]:
    """The records up to the end that was there at the start."""
    if high <= low:
        return
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    last, give_up = low - 1, time.monotonic() + _PATIENCE_S
    while last < high - 1:
        message = consumer.poll(1.0)
        error = message.error() if message is not None else None
        if message is None or error is not None:  # a line that breaks is taken up again; silence has an end
            if time.monotonic() > give_up:
                raise CutShortError(f"{topic}: {error.name() if error else 'nothing'} after {last}")
            continue
        last, give_up = message.offset() or 0, time.monotonic() + _PATIENCE_S
        yield json.dumps(_row(message)) + "\n"


def _row(message: Any) -> dict[str, Any]:
    return {
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "key": _text(message.key()),
        "value": _text(message.value() or b""),
        "headers": [[name, _text(value or b"")] for name, value in message.headers() or ()],
    }


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def main(arguments: list[str] | None = None) -> int:
    """Dumps the topics named."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge.dump")
    parser.add_argument("--bootstrap", required=True)
    for name in ("ca", "cert", "key", "out"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    parser.add_argument("topics", nargs="+", metavar="TOPIC")
    given = parser.parse_args(arguments)
    try:
        counts = dump(Access(given.bootstrap, given.ca, given.cert, given.key), given.topics, given.out)
    except (CutShortError, KafkaException) as error:
        print(f"dump: {error}", file=sys.stderr)
        return 1
    for topic, count in counts.items():
        print(f"{count:>8}  {topic}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
