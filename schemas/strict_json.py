"""JSON read strictly (RFC 8259), because two readers of one message must never see two messages.

Refused: duplicate members, NaN and Infinity, a byte-order mark, anything but UTF-8, NUL and lone surrogates in strings,
too many bytes, too many levels. Numbers with a fraction or exponent become ``decimal.Decimal``: a written precision is
meaningful in FHIR. So do integers of more digits than a double holds.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson

from schemas.limits import BUNDLE_MAX_BYTES, BUNDLE_MAX_DEPTH
from schemas.reasons import ReasonCode, Refused

_BOM: Final = b"\xef\xbb\xbf"
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NUMBER_MAX_CHARS: Final = 64  # characters of one number; longer ones only serve to burn time
_INTEGER_CHARS: Final = 15  # an integer of more digits becomes a Decimal too: no double holds it exactly


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(ReasonCode.DUPLICATE_MEMBER)
    return found


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _INTEGER_CHARS else _decimal(text)


def _decimal(text: str) -> Decimal:
    if len(text) > _NUMBER_MAX_CHARS:
        raise Refused(ReasonCode.JSON_MALFORMED, "number")
    return Decimal(text)


def _constant(_: str) -> Any:
    raise Refused(ReasonCode.JSON_MALFORMED, "number")


def loads(data: bytes, *, max_bytes: int = BUNDLE_MAX_BYTES, max_depth: int = BUNDLE_MAX_DEPTH) -> Any:
    """The value behind JSON bytes.

    Raises:
        Refused: BUNDLE_TOO_LARGE, JSON_MALFORMED, JSON_TOO_DEEP, DUPLICATE_MEMBER, CHARACTER_NOT_ALLOWED; ``where``
            never holds any of the content.
    """
    if len(data) > max_bytes:
        raise Refused(ReasonCode.BUNDLE_TOO_LARGE)
    if data.startswith(_BOM):
        raise Refused(ReasonCode.JSON_MALFORMED, "byte order mark")
    escapes = b"\\" in data and b"\\u" in data
    value = _parsed(data, hook=None)
    if escapes or not _is_surely_strict(data, value, max_depth):
        value = _parsed(data, hook=_object)
        _check_depth(value, max_depth)
    if escapes and _SUSPECT.search(data):
        _check_strings(value)
    return value


def _parsed(data: bytes, *, hook: Callable[[list[tuple[str, Any]]], Any] | None) -> Any:
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=hook,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_constant,
        )
    except RecursionError:
        raise Refused(ReasonCode.JSON_TOO_DEEP) from None
    except UnicodeDecodeError as error:
        raise Refused(ReasonCode.JSON_MALFORMED, f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Refused(ReasonCode.JSON_MALFORMED, f"character {error.pos}") from None


def _is_surely_strict(data: bytes, value: Any, max_depth: int) -> bool:
    """True when no member was lost and nothing is nested too deep; False when that has to be looked at closely.

    Asking Python about every object costs more than parsing does. So the value is written again, indented. In data
    without ``\\u`` escapes each member has one colon, and texts have as many as in what was written; where a member was
    lost, the second count is smaller. Depth shows as indentation.
    """
    try:
        written = orjson.dumps(value, default=_as_zero, option=orjson.OPT_INDENT_2)
    except TypeError:  # nested deeper than orjson follows
        return False
    return written.count(b":") == data.count(b":") and b"\n" + b"  " * max_depth not in written


def _as_zero(_: Decimal) -> int:
    return 0


def _check_depth(value: Any, max_depth: int) -> None:
    level = [value] if isinstance(value, dict | list) else []
    depth = 0
    while level:
        depth += 1
        if depth > max_depth:
            raise Refused(ReasonCode.JSON_TOO_DEEP)
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]


def _check_strings(value: Any) -> None:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, str) and ("\0" in item or not _is_encodable(item)):
            raise Refused(ReasonCode.CHARACTER_NOT_ALLOWED)


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
