"""A record that ended processes is looked at by a child first: ``python -m broker.trial CONFIG``.

Standard input: one line of JSON (topic, partition, offset, appended_at, headers in base64), then the value. Exit code 0
means that the record was looked at, whatever was found.
"""

import asyncio
import base64
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from broker.material import CurrentMaterial, load_keys
from broker.settings import load
from broker.stages.examining import examine
from broker.stages.submission import Record
from schemas.times import iso, parse_iso

WITHIN_S: Final = 30.0


async def survives(record: Record, config: Path) -> bool:
    """True when a child process looked at the record and came back in time."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "broker.trial",
        str(config),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            await child.communicate(_written(record))
    except TimeoutError:
        child.kill()
        await child.wait()
    return child.returncode == 0


def main(config: str) -> int:
    """Look at the record on standard input."""
    settings = load(Path(config))
    head, _, value = sys.stdin.buffer.read().partition(b"\n")
    about = json.loads(head)
    headers = tuple((name, base64.b64decode(text)) for name, text in about["headers"])
    record = Record(
        about["topic"], about["partition"], about["offset"], value, headers, parse_iso(about["appended_at"])
    )
    examine(record, CurrentMaterial(settings, load_keys(settings)).current(), datetime.now(UTC))
    return 0


def _written(record: Record) -> bytes:
    about = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "appended_at": iso(record.appended_at),
        "headers": [(name, base64.b64encode(value).decode()) for name, value in record.headers],
    }
    return json.dumps(about).encode() + b"\n" + record.value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
