"""Stage 4: what a message says. Its sender is proven, so whatever is wrong from here on gets a signed answer."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from broker.stages.submission import Submission
from broker.stages.verifying import VerifiedSubmission
from schemas.codes import systems
from schemas.codes.lists import Tag
from schemas.content import content_sha256
from schemas.events import CARRIES_THE_CASE, SUPPORTED
from schemas.ids import is_case_code, is_uuid
from schemas.message import MessageFacts, read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode, Refused
from schemas.strict_json import loads

_TAGS: Final = frozenset(tag.value for tag in Tag)


@dataclass(frozen=True, slots=True)
class CheckedMessage:
    """A message that may be decided on.

    ``tags`` go into the stamp. ``duplicate_key`` is a keyed digest of sender and content, None for messages that do
    not carry the case. ``flags`` are what verification tolerated.
    """

    submission: Submission
    facts: MessageFacts
    payload_sha256: str
    content_sha256: str
    duplicate_key: str | None
    case_code: str | None
    tags: frozenset[str]
    flags: frozenset[str]
    kid: str

    @property
    def origin(self) -> str:
        """The connector's database and its counter, as one key."""
        return f"{self.facts.incarnation}/{self.facts.counter}"


@dataclass(frozen=True, slots=True)
class FaultyMessage:
    """A message of a proven sender whose content is refused. ``message_id`` is None where none could be read.

    Only with a ``content_sha256`` was the content read far enough for the refusal to be kept under the id.
    """

    submission: Submission
    payload_sha256: str
    reason: ReasonCode
    where: str
    flags: frozenset[str] = frozenset()
    message_id: str | None = None
    facts: MessageFacts | None = None
    content_sha256: str | None = None


def check(verified: VerifiedSubmission, duplicate_secret: bytes) -> CheckedMessage | FaultyMessage:
    """Read the signed bytes strictly, take the facts, ask the gate, and make the digests. Never raises Refused."""
    message, submission = verified.message, verified.submission
    digest = message.payload_sha256
    try:
        bundle = loads(message.payload)
    except Refused as refused:
        named = _plain_message_id(message.payload)
        return FaultyMessage(submission, digest, refused.reason, refused.where, message.flags, named)
    content = content_sha256(bundle) if isinstance(bundle, dict) else None
    try:
        facts = read_facts(bundle)
    except Refused as refused:
        return FaultyMessage(
            submission, digest, refused.reason, refused.where, message.flags, _message_id(bundle), None, content
        )
    fault = _fault(bundle, facts, submission.facility, message.iat)
    if isinstance(fault, Refused):
        return FaultyMessage(
            submission, digest, fault.reason, fault.where, message.flags, facts.message_id, facts, content
        )
    carries = facts.event in CARRIES_THE_CASE
    return CheckedMessage(
        submission=submission,
        facts=facts,
        payload_sha256=digest,
        content_sha256=content or "",
        duplicate_key=_duplicate_key(facts.sender, content or "", duplicate_secret) if carries else None,
        case_code=_case_code(bundle) if carries else None,
        tags=(facts.tags & _TAGS) | fault,
        flags=message.flags,
        kid=message.kid,
    )


def _fault(bundle: Any, facts: MessageFacts, signer: str, iat: int) -> Refused | frozenset[str]:
    """What refuses the message, or the tags that the exchange adds to it."""
    if facts.sender != signer:
        return Refused(ReasonCode.SENDER_MISMATCH, "MessageHeader.sender")
    if facts.event not in SUPPORTED:
        return Refused(ReasonCode.EVENT_UNKNOWN, "MessageHeader.eventCoding")
    if facts.recipient == facts.sender:
        return Refused(ReasonCode.DESTINATION_IS_SENDER, "MessageHeader.destination")
    judgement = judge(bundle, facts, signed_at=datetime.fromtimestamp(iat, UTC))
    for finding in judgement.refusals:
        return Refused(finding.reason, finding.where)
    return frozenset({Tag.INCOMPLETE.value}) if judgement.missing else frozenset()


def _duplicate_key(sender: str, content: str, secret: bytes) -> str:
    return hmac.digest(secret, f"{sender}/{content}".encode(), hashlib.sha256).hex()


def _message_id(bundle: Any) -> str | None:
    """The id of a Bundle whose other facts cannot be read: where it is plainly there, the refusal can name it."""
    from_first = bundle["entry"][0] if _has_entries(bundle) else None
    header = from_first.get("resource") if isinstance(from_first, dict) else None
    found = header.get("id") if isinstance(header, dict) and header.get("resourceType") == "MessageHeader" else None
    return found if isinstance(found, str) and is_uuid(found) else None


def _plain_message_id(payload: bytes) -> str | None:
    """The id in a Bundle that the strict reader refuses: good to name in an answer, never to keep anything by."""
    try:
        return _message_id(json.loads(payload))
    except (ValueError, RecursionError):
        return None


def _has_entries(bundle: Any) -> bool:
    return isinstance(bundle, dict) and isinstance(bundle.get("entry"), list) and bool(bundle["entry"])


def _case_code(bundle: Mapping[str, Any]) -> str | None:
    for entry in bundle["entry"]:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == "Task":
            identifiers = resource.get("identifier")
            codes = [
                one.get("value")
                for one in (identifiers if isinstance(identifiers, list) else [])
                if isinstance(one, dict) and one.get("system") == systems.CASE_CODE
            ]
            return codes[0] if len(codes) == 1 and is_case_code(codes[0]) else None
    return None
