"""The authority's memory: one JSON object a line, appended and synced before anything it tells of leaves the house."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from schemas.reasons import ReasonCode, Refused

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_OWNER_ONLY: Final = 0o600


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two commands at once would give one number twice."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line durably. The caller holds the lock; a line torn by a crash, never acted upon, is cut off first."""
    line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    with os.fdopen(descriptor, "r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def entries(path: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first. Raises Refused(AUTHORITY_UNREADABLE) with the number of a damaged line."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError:
        raise Refused(ReasonCode.AUTHORITY_UNREADABLE, path.name) from None
    return [_entry(line, f"{path.name} line {number}") for number, line in enumerate(lines, start=1)]


def _entry(line: bytes, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or not isinstance(entry.get("event"), str):
        raise Refused(ReasonCode.AUTHORITY_UNREADABLE, where)
    return entry


def replace_file(path: Path, data: bytes) -> None:
    """Write a whole file or leave the old one: the new name appears only when every byte is on the disk."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable, where the system has such a thing."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
