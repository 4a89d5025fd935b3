"""Where a running process can be asked: ``control.json`` in its data folder, for the same user on the same machine."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

FILE: Final = "control.json"
_OWNER_ONLY: Final = 0o600
_PATIENCE_S: Final = 30.0  # admitting a facility waits for Kafka


class NotRunningError(Exception):
    """Nobody answers for this data folder."""


class RefusedByProcessError(Exception):
    """The running process said no; ``problem`` is its JSON answer (code, vi, en …)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("code", status)))
        self.status = status
        self.problem = problem


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


def read_control(data: Path) -> ControlDoor:
    """The door of whoever runs on this data folder, or ran there last. Raises NotRunningError."""
    try:
        content = json.loads((data / FILE).read_text("utf-8"))
        return ControlDoor(content["url"], content["secret"])
    except (OSError, ValueError, KeyError):
        raise NotRunningError from None


def ask(
    data: Path, method: str, path: str, body: dict[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
) -> Any:
    """One question to the running process; its JSON answer.

    Raises:
        NotRunningError: nobody listens. RefusedByProcessError: an answer that is not 2xx.
    """
    door = read_control(data)
    headers = {"authorization": f"Bearer {door.secret}"}
    try:
        with httpx2.Client(timeout=_PATIENCE_S, trust_env=False) as client:
            response = client.request(method, door.url + path, json=body, params=query, headers=headers)
    except httpx2.TransportError:
        raise NotRunningError from None
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    if not response.is_success:
        raise RefusedByProcessError(response.status_code, answer if isinstance(answer, dict) else {})
    return answer
