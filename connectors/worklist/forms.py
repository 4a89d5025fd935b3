"""What a form on our pages may say: read strictly, as the arguments of an act of ``connectors.control_acts``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request

from connectors.sources.xml13.dates import VIETNAM

FORM_MAX_BYTES: Final = 16 * 1024
BOARD_ACTS: Final[Mapping[str, frozenset[str]]] = {
    "received": frozenset({"case", "by"}),
    "accept": frozenset({"case", "by", "ward", "until", "contact"}),
    "decline": frozenset({"case", "by", "reason", "text"}),
    "arrived": frozenset({"case", "by"}),
    "raise": frozenset({"case", "priority"}),
}
SENDING_ACTS: Final[Mapping[str, frozenset[str]]] = {
    "release": frozenset({"case"}),
    "discard": frozenset({"case"}),
    "dismiss": frozenset({"findings", "alarms", "messages"}),
}
_NUMBERS: Final = frozenset({"findings", "alarms", "messages"})


class BadFormError(Exception):
    """Not a form of ours."""


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form, each once, empty ones left out. Raises BadFormError."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BadFormError
    body = await request.body()
    if len(body) > FORM_MAX_BYTES:
        raise BadFormError
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadFormError from None
    if any(len(values) > 1 for values in fields.values()):
        raise BadFormError
    return {name: text for name, values in fields.items() if (text := values[0].strip())}


def act_of(fields: Mapping[str, str], allowed: Mapping[str, frozenset[str]]) -> tuple[str, dict[str, Any]]:
    """The act that a form asks for and its arguments; fields of other acts on the same form are left out.

    Raises:
        BadFormError: no such act here, or a field of no possible form.
    """
    name = fields.get("act", "")
    if name not in allowed:
        raise BadFormError
    return name, {key: _value(key, fields[key]) for key in allowed[name] if key in fields}


def _value(key: str, text: str) -> Any:
    try:
        if key in _NUMBERS:
            return [int(text)]
        if key == "until":  # a browser's local time has no zone; this desk lives in Vietnam's
            return datetime.fromisoformat(text).replace(tzinfo=VIETNAM).isoformat()
    except ValueError:
        raise BadFormError from None
    return text
