"""Where a running process can be asked: ``control.json`` in its data folder, for the same user on the same machine."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FILE: Final = "control.json"
_OWNER_ONLY: Final = 0o600


class NotRunningError(Exception):
    """Nobody answers for this data folder."""


@dataclass(frozen=True)
class ControlDoor:
    """Address and secret of a running process."""

    url: str
    secret: str


def new_secret() -> str:
    """32 random bytes as text; made anew at each start."""
    return secrets.token_urlsafe(32)


def write_control(data: Path, door: ControlDoor) -> None:
    """Tells the user's own commands where the process listens; mode 0600, replaced as a whole."""
    fresh = data / f".{FILE}.new"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": door.url, "secret": door.secret}, file)
    fresh.replace(data / FILE)


def remove_control(data: Path) -> None:
    """At a clean stop: a file that was left behind is the sign of a process that is to come back."""
    (data / FILE).unlink(missing_ok=True)


def is_left_behind(data: Path) -> bool:
    """True when a process runs on this data folder, or did not end by a clean stop."""
    return (data / FILE).exists()


def port_left_behind(data: Path) -> int | None:
    """Where the last process listened, if it did not end by a clean stop: the next one had better listen there too."""
    try:
        return urlsplit(read_control(data).url).port
    except (NotRunningError, ValueError):
        return None


def read_control(data: Path) -> ControlDoor:
    """The door of whoever runs on this data folder, or ran there last. Raises NotRunningError."""
    try:
        content = json.loads((data / FILE).read_text("utf-8"))
        return ControlDoor(str(content["url"]), str(content["secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise NotRunningError from None
