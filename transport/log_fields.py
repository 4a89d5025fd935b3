"""What a log line may say: a closed list of fields, each with the form of its values. Pure.

Patient data must not be able to reach a log even by mistake, so a field that is not here is dropped, and so is a value
that does not have the form of its field: a name in the place of an id does not pass. What was dropped is counted.
"""

import math
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from schemas.events import Event
from schemas.reasons import Disposition, ReasonCode
from schemas.topics import RecordType
from schemas.urgency import Kind, Priority

_Check = Callable[[Any], bool]


def _form(pattern: str) -> _Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _one_of(words: type[StrEnum]) -> _Check:
    allowed = frozenset(words)
    return lambda value: isinstance(value, str) and value in allowed


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


_UUID: Final = _form(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256: Final = _form(r"[0-9a-f]{64}")
_FACILITY: Final = _form(r"[0-9A-Z]{5}")
_WORD: Final = _form(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*")  # codes, states, kinds, names of ours
_CODE_NAME: Final = _form(r"[A-Za-z_][A-Za-z0-9_.]*")  # classes, loggers
_TIME: Final = _form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PLACE: Final = _form(r"[A-Za-z0-9_./\-]+\.py:\d+|[A-Za-z_][A-Za-z0-9_.]*:\d+")  # file or module, and line
_PATH_IN_BUNDLE: Final = _form(r"[A-Za-z0-9_]+(\[[0-9]+\])?([.][A-Za-z0-9_]+(\[[0-9]+\])?)*")
_ADDRESS: Final = _form(r"[a-z0-9.\-]+:\d+(,[a-z0-9.\-]+:\d+)*|https?://[a-z0-9.\-]+(:\d+)?")
_PRINCIPAL: Final = _form(r"[0-9A-Z]{5}\.k[0-9]+|[a-z0-9-]+")

MAX_VALUE_CHARS: Final = 200  # the longest lawful value is a list of brokers

FIELDS: Final[Mapping[str, _Check]] = {
    # which message
    "message_id": _UUID,
    "bundle_id": _UUID,
    "case_id": _UUID,
    "transfer_id": _UUID,
    "incarnation": _UUID,
    "case_code": _form(r"[0-9A-Z]{5}-\d{4}-\d{3,6}-[0-9A-Z]"),
    "record_sha256": _SHA256,
    "payload_sha256": _SHA256,
    "kid": _form(r"[A-Za-z0-9_-]{43}"),
    # between whom, and where
    "facility": _FACILITY,
    "sender": _FACILITY,
    "recipient": _FACILITY,
    "exchange": _WORD,
    "principal": _PRINCIPAL,
    "topic": _form(r"xfer\.[a-z]+\.[0-9A-Z]{5}"),
    "lane": _is_whole,
    "offset": _is_whole,
    "next_offset": _is_whole,
    "event_seq": _is_whole,
    "delivery_seq": _is_whole,
    "generation": _is_whole,
    "epoch": _is_whole,
    "counter": _is_whole,
    # what happened
    "transfer_event": _one_of(Event),
    "record_type": _one_of(RecordType),
    "reason": _one_of(ReasonCode),
    "disposition": _one_of(Disposition),
    "where": _PATH_IN_BUNDLE,
    "verdict": _WORD,
    "state": _WORD,
    "priority": _one_of(Priority),
    "kind": _one_of(Kind),
    "stage": _WORD,
    "purpose": _WORD,
    "duplicate": _is_flag,
    "incomplete": _is_flag,
    # how much, how long
    "count": _is_whole,
    "bytes": _is_whole,
    "pending": _is_whole,
    "attempt": _is_whole,
    "restarts": _is_whole,
    "status": _is_whole,
    "exit_code": _is_whole,
    "days_left": _is_whole,
    "lag": _is_whole,
    "seconds": _is_number,
    "milliseconds": _is_number,
    # the process and its surroundings
    "child": _WORD,
    "child_pid": _is_whole,
    "version": _form(r"[0-9]+(\.[0-9a-z]+)*"),
    "address": _ADDRESS,
    "until": _TIME,
    # faults: the kind and the place, never the text
    "error": _CODE_NAME,
    "cause": _CODE_NAME,
    "error_at": _PLACE,
    "logger": _CODE_NAME,
    "logged_at": _PLACE,
}

EVENT: Final = _WORD  # the name of a line: "transfer.accepted", "kafka.link-lost"
UNNAMED: Final = "unnamed"


def permitted(fields: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """The fields that may be written, and how many were dropped. None means "absent" and is not counted."""
    kept: dict[str, Any] = {}
    dropped = 0
    for name, value in fields.items():
        if value is None:
            continue
        check = FIELDS.get(name)
        if check is not None and len(str(value)) <= MAX_VALUE_CHARS and check(value):
            kept[name] = value
        else:
            dropped += 1
    return kept, dropped


def event_name(event: object) -> str:
    """The name of a line, or ``unnamed`` for anything that is a sentence: sentences hold values."""
    return event if isinstance(event, str) and len(event) <= MAX_VALUE_CHARS and EVENT(event) else UNNAMED
