"""What parent and child write to each other: one JSON object per line, bytes as base64."""

import base64
import json
from typing import Any, Final

RENDER: Final = "render"
CHECK: Final = "check"

LINE_MAX_BYTES: Final = 4 * 1024 * 1024  # a Bundle of 512 KiB as base64 in JSON needs 0.7 MiB
IDLE_SECONDS: Final = 10.0  # without a request the child ends: its libraries need not stay in memory


def line(content: dict[str, Any]) -> bytes:
    """One line, ending included."""
    return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def parse(data: bytes) -> dict[str, Any]:
    """The object in a line. Raises ValueError for anything else."""
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("a line holds an object")
    return found


def pack(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode("ascii")


def unpack(text: str) -> bytes:
    """Bytes from base64. Raises ValueError."""
    return base64.b64decode(text, validate=True)
