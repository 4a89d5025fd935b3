"""One JSON object whose members are all checked by their own form: a JOSE header or an envelope.

``schemas.strict_json`` reads content; this reads the frame around it, in half the time, because strings are not
searched for characters (every string here must be base64url or equal a known word) and nothing is nested.
"""

import json
from typing import Any, Final

from schemas.reasons import ReasonCode, Refused


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(ReasonCode.DUPLICATE_MEMBER)
    return found


def _no_constant(_: str) -> Any:
    raise ValueError("not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant)


def read_object(data: bytes) -> dict[str, Any]:
    """The members of a JSON object.

    Raises:
        Refused: DUPLICATE_MEMBER, at any depth.
        ValueError: not UTF-8, not JSON, not an object, too deep; the text names nothing of the content.
    """
    try:
        found = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
