"""The form of each primitive datatype, as JSON Schema.

Calendar and clock are part of the form: a leap day needs its leap year, a time its seconds and its zone. Regular
expressions hold no look-around, so they run in linear time.
"""

from typing import Any, Final

from schemas.limits import BUNDLE_MAX_BYTES, TEXT_MAX_CHARS

UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
URN_UUID: Final = f"^urn:uuid:{UUID}$"

_YEAR: Final = "(?:18|19|20|21)[0-9]{2}"
_LEAP_YEAR: Final = "(?:(?:18|19|20|21)(?:0[48]|[2468][048]|[13579][26])|2000)"
_DAY: Final = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?"
_ZONE: Final = "(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)"
_MOMENT: Final = f"{_DAY}T{_CLOCK}{_ZONE}"
_PARTIAL: Final = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"

STRING_CHARS: Final = 2_000  # characters of a name, title, address or display
_CODE_CHARS: Final = 100
_URI_CHARS: Final = 255
_QUANTITY_BOUND: Final = 10**12  # no clinical quantity in any UCUM unit in use is larger

# What no text may hold: control characters, and anything a careless page would run or fetch.
ACTIVE: Final = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
    r"|<\s*/?\s*(?i:script|iframe|frame|object|embed|applet|style|link|meta|base|svg|math|img|image|video|audio|form)"
    r"(?:[\s/][^<>]*)?>"
    r"|<!|<\?|(?i:javascript)\s*:"
)
# Plain text markup does no harm where pages escape it; it is a fault all the same, which a stat transfer survives.
MARKUP: Final = (
    r"<\s*/?\s*(?i:html|head|body|input|button|textarea|select|option|table|tr|td|th|tbody|thead|div|span|p|a|b|i|u|s|br"
    r"|hr|em|strong|small|big|sub|sup|font|pre|code|ul|ol|li|h[1-6]|center|template|blockquote)(?:[\s/][^<>]*)?>"
)


def _text(longest: int) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": longest,
        "pattern": r"\S",
        "not": {"pattern": ACTIVE},
    }


def _form(pattern: str, longest: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "pattern": f"^(?:{pattern})$"}


PRIMITIVES: Final[dict[str, dict[str, Any]]] = {
    "string": _text(STRING_CHARS),
    "longString": _text(TEXT_MAX_CHARS),  # FHIR string that holds clinical text
    "markdown": _text(TEXT_MAX_CHARS),
    "code": _form(r"[^\s\x00-\x1F\x7F<>]+(?: [^\s\x00-\x1F\x7F<>]+)*", _CODE_CHARS),
    "uuid": _form(UUID, 36),
    "urn-uuid": {"type": "string", "pattern": URN_UUID},
    "uri": _form(r"(?:https?|urn):[^\s\x00-\x1F\x7F<>\"{}|\\^`]+", _URI_CHARS),
    "boolean": {"type": "boolean"},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "decimal": {"type": "number", "minimum": -_QUANTITY_BOUND, "maximum": _QUANTITY_BOUND},
    "date": _form(f"{_PARTIAL}|{_DAY}", 10),
    "dateTime": _form(f"{_PARTIAL}|{_DAY}|{_MOMENT}", 32),
    "moment": _form(_MOMENT, 32),  # FHIR dateTime or instant with time of day and zone
    "sha-256": _form("[0-9a-f]{64}", 64),
    "base64Binary": {
        "type": "string",
        "minLength": 4,
        "maxLength": BUNDLE_MAX_BYTES,
        "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$",
    },
}

TEXTS: Final = ("string", "longString", "markdown")  # the primitives that hold words
CLOCKED: Final = frozenset({"date", "dateTime", "moment"})  # the primitives that are times
