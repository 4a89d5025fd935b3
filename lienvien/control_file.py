"""Asking a running process through its local door; where that is stands in ``transport.control_file``."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from transport.control_file import (
    ControlDoor,
    NotRunningError,
    is_left_behind,
    new_secret,
    read_control,
    write_control,
)

__all__ = [
    "AnswerLostError",
    "ControlDoor",
    "NotRunningError",
    "RefusedByProcessError",
    "ask",
    "is_left_behind",
    "new_secret",
    "read_control",
    "write_control",
]

_PATIENCE_S: Final = 30.0  # admitting a facility waits for Kafka
_NEVER_LEFT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
# The door speaks plain HTTP on loopback; reading all authorities of the system would cost more than the question.
_TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_NOT_OURS: Final = 403  # the secret is wrong: another process has the address that ours had


class AnswerLostError(NotRunningError):
    """The process ended, or was silent, after it had the question: nobody knows whether it did what was asked."""


class RefusedByProcessError(Exception):
    """The running process said no; ``problem`` is its JSON answer (code, vi, en …)."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("code", status)))
        self.status = status
        self.problem = problem


def ask(
    data: Path, method: str, path: str, body: dict[str, Any] | None = None, *, query: Mapping[str, Any] | None = None
) -> Any:
    """One question to the running process; its JSON answer.

    Raises:
        NotRunningError: nobody listens. AnswerLostError: somebody did. RefusedByProcessError: an answer that is no 2xx.
    """
    door = read_control(data)
    headers = {"authorization": f"Bearer {door.secret}"}
    try:
        with httpx2.Client(timeout=_PATIENCE_S, trust_env=False, verify=_TRUSTS_NOBODY) as client:
            response = client.request(method, door.url + path, json=body, params=query, headers=headers)
    except _NEVER_LEFT:
        raise NotRunningError from None
    except httpx2.TransportError:
        raise AnswerLostError from None
    if response.status_code == _NOT_OURS:
        raise NotRunningError
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    if not response.is_success:
        raise RefusedByProcessError(response.status_code, answer if isinstance(answer, dict) else {})
    return answer
