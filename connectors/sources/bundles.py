"""Ready FHIR message Bundles, as a hospital with FHIR software of its own exports them (``*.json``).

Read strictly: two readers of one message must never see two messages. Whether it fits the profile is judged where it is
sealed; here it only has to be one message Bundle.
"""

from dataclasses import dataclass, field
from typing import Any

from schemas import strict_json
from schemas.limits import BUNDLE_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

_BLANK = b" \t\r\n\0"


@dataclass(frozen=True, slots=True)
class ReadyBundle:
    """A Bundle, and the bytes it came from: these are what is signed."""

    data: bytes = field(repr=False)
    bundle: dict[str, Any] = field(repr=False)


def read_bundle(data: bytes) -> ReadyBundle:
    """The message Bundle in a file.

    Raises:
        Refused: FILE_EMPTY; BUNDLE_TOO_LARGE; as ``strict_json.loads``; PROFILE_VIOLATED where it is no message Bundle.
    """
    if not data:
        raise Refused(ReasonCode.FILE_EMPTY, "file")
    value = strict_json.loads(data, max_bytes=BUNDLE_MAX_BYTES)
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        raise Refused(ReasonCode.PROFILE_VIOLATED, "Bundle.resourceType")
    if value.get("type") != "message":
        raise Refused(ReasonCode.PROFILE_VIOLATED, "Bundle.type")
    return ReadyBundle(data, value)


def is_whole(data: bytes) -> bool:
    """False while a JSON file may still be being written: empty, or an object that was not closed yet."""
    content = data.strip(_BLANK)
    return bool(content) and (not content.startswith(b"{") or content.endswith(b"}"))
