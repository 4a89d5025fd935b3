"""Lines that are on disk before what they tell of happens."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def now_text() -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Ledger:
    """A file of JSON lines that only grows."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")

    def write(self, **facts: Any) -> None:
        """Appends one line; it is on disk when this returns."""
        self._file.write(json.dumps({"at": now_text(), **facts}, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """End."""
        self._file.close()


def write_lines(path: Path, rows: Any) -> int:
    """A whole file of JSON lines at once; how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file; none when it is not there."""
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return []
