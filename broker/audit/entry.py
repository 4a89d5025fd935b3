"""One audit entry: a decision as canonical JSON, salted and hashed.

The hashes, from the inside out:

    commitment = SHA-256(salt || entry)           32 bytes; this is the log's leaf *data*
    leaf hash  = SHA-256(0x00 || commitment)      RFC 6962 section 2.1, what the tree is built of

Only the commitment is needed to build or serve the log, so a public log tells nobody who sends and who declines;
entry and salt go to the case's parties and the auditor. The salt has a fixed length, so that salt || entry splits one
way only.

An entry is a flat JSON object in RFC 8785 form: ``v``, ``action``, ``at`` and facts. Facts are ids, digests, times,
codes, numbers and account names, each name with its one form; there is no free text, so no patient can be named in it,
not even through a field path (those stay in the signed refusal).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

import orjson

from broker.audit.actions import Action
from schemas.times import iso

SALT_BYTES: Final = 32  # random; as long as the hash, so that guessing an entry from its leaf is hopeless
ENTRY_VERSION: Final = 1
_FRAME: Final = frozenset({"v", "action", "at"})
_EXACT_INTEGER: Final = 2**53  # above it, JSON numbers are not the same everywhere (RFC 8785 section 3.2.2.3)

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_FACILITY: Final = re.compile(r"[0-9A-Z]{5}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # base64url of a SHA-256
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_CODES: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}(?: [a-z0-9][a-z0-9-]{0,63}){0,15}", re.ASCII)
_TOPIC: Final = re.compile(r"xfer\.(?:submit|inbox)\.[0-9A-Z]{5}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}", re.ASCII)
_CASE_CODE: Final = re.compile(r"[0-9A-Z]{5}-[0-9]{4}-[0-9]{3,6}-[0-9A-Z]", re.ASCII)


def _forms(pattern: re.Pattern[str], *names: str) -> dict[str, re.Pattern[str]]:
    return dict.fromkeys(names, pattern)


TEXT_FACTS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    _forms(_UUID, "message_id", "bundle_id", "case_id", "transfer_id", "notice_id", "duplicate_of", "incarnation")
    | _forms(_FACILITY, "facility", "sender", "destination", "recipient")
    | _forms(_SHA256, "record_sha256", "payload_sha256", "content_sha256", "anchor_sha256", "answer_sha256")
    | _forms(_SHA256, "certificate_sha256", "previous_leaf")
    | _forms(_KID, "kid")
    | _forms(_MOMENT, "appended_at", "accepted_at", "signed_at", "due_at", "from_at", "until_at")
    | _forms(_CODE, "verdict", "reason", "disposition", "event", "record_type", "priority", "kind", "notice", "stage")
    | _forms(_CODE, "delivery", "decision", "journey", "loop", "policy_version", "purpose", "error_class")
    | _forms(_CODES, "flags", "tags")
    | _forms(_TOPIC, "topic")
    | _forms(_ACCOUNT, "actor")
    | _forms(_CASE_CODE, "case_code")
)

NUMBER_FACTS: Final = frozenset(
    {"partition", "offset", "event_seq", "winning_event_seq", "delivery_seq", "generation", "version", "counter"}
    | {"count", "size_bytes", "attempts", "lane", "epoch", "complete_to", "missing_count", "open_stat_cases"}
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry as it is stored: canonical bytes, salt (SALT_BYTES), and the leaf hash as lower-case hexadecimal."""

    entry: bytes
    leaf_hash: str
    salt: bytes


def make_entry(action: str, at: datetime, facts: Mapping[str, str | int | None], salt: bytes) -> AuditEntry:
    """The entry of one decision. Facts whose value is None are left out.

    Args:
        action: a member of ``Action`` or its value.
        at: aware; written in UTC with milliseconds.
        facts: names of TEXT_FACTS and NUMBER_FACTS only, each in its form.
        salt: SALT_BYTES random bytes, fresh for every entry.

    Raises:
        ValueError: unknown action or fact, or a fact of another form. That is an error of the program, never of a
            hospital; the message names the fact, never its value.
    """
    record: dict[str, str | int] = {"v": ENTRY_VERSION, "action": _action(action), "at": iso(at)}
    for name, value in facts.items():
        if value is not None:
            record[name] = _checked(name, value)
    entry = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    return AuditEntry(entry, leaf_hash(entry, salt).hex(), salt)


def read_entry(entry: bytes) -> dict[str, str | int]:
    """The members of an entry, exactly as ``make_entry`` would write them.

    Raises:
        ValueError: not canonical, or it holds what no entry may hold; the message holds nothing of it.
    """
    record = orjson.loads(entry)
    if not isinstance(record, dict) or orjson.dumps(record, option=orjson.OPT_SORT_KEYS) != entry:
        raise ValueError("the entry is not canonical")
    version, at, action = record.get("v"), record.get("at"), record.get("action")
    if type(version) is not int or version != ENTRY_VERSION:
        raise ValueError("the entry has no known version")
    if not isinstance(at, str) or _MOMENT.fullmatch(at) is None or not isinstance(action, str):
        raise ValueError("the entry has no time or no action")
    _action(action)
    for name, value in record.items():
        if name not in _FRAME:
            _checked(name, value)
    return record


def commitment(entry: bytes, salt: bytes) -> bytes:
    """SHA-256 over salt and entry: the data of the leaf, 32 bytes. Raises ValueError for a salt of another length."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(salt + entry).digest()


def leaf_hash(entry: bytes, salt: bytes) -> bytes:
    """The RFC 6962 leaf hash of a salted entry, 32 bytes."""
    return hashlib.sha256(b"\0" + commitment(entry, salt)).digest()


def _action(action: str) -> str:
    try:
        return Action(action).value
    except ValueError:
        raise ValueError("not an audit action") from None


def _checked(name: str, value: str | int) -> str | int:
    if name in NUMBER_FACTS:
        if type(value) is not int or not 0 <= value < _EXACT_INTEGER:
            raise ValueError(f"audit fact {name} is not a number from 0")
        return value
    form = TEXT_FACTS.get(name)
    if form is None:
        raise ValueError("not an audit fact" if not name.isidentifier() else f"not an audit fact: {name}")
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise ValueError(f"audit fact {name} has another form")
    return str(value)
