"""Identifiers: what counts as one, and the code that people say and print.

Any text of another form is refused without being echoed.
"""

import re
from datetime import date
from typing import Final

_FACILITY: Final = re.compile(r"[0-9A-Z]{5}", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_CASE_CODE: Final = re.compile(r"([0-9A-Z]{5})-([0-9]{4})-([0-9]{3,6})-([0-9A-Z])", re.ASCII)

FACILITY_URN: Final = "urn:lienvien:facility:"
EXCHANGE_URN: Final = "urn:lienvien:exchange:"

# ISO 7064 MOD 37,36 works on these 36 characters.
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def is_facility_id(text: object) -> bool:
    """A facility code (QĐ 384/QĐ-BYT in form, letters included as real lists have them): five of 0-9 A-Z."""
    return isinstance(text, str) and _FACILITY.fullmatch(text) is not None


def is_uuid(text: object) -> bool:
    """A UUID in canonical lower-case form (RFC 9562 section 4)."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """A SHA-256 digest as 64 lower-case hexadecimal characters."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def is_exchange_name(text: object) -> bool:
    """The name of an exchange: a short lower-case word, part of its URN."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def facility_urn(facility: str) -> str:
    """``urn:lienvien:facility:24Z01``, as in a certificate's SAN and in the directory."""
    return FACILITY_URN + facility


def exchange_urn(name: str) -> str:
    """``urn:lienvien:exchange:bo-y-te``, as every token names the exchange."""
    return EXCHANGE_URN + name


def _check_character(text: str) -> str:
    """ISO 7064 MOD 37,36: finds every single wrong character and 99 of 100 exchanges of neighbours."""
    product = 36
    for character in text:
        total = (product + _ALPHABET.index(character)) % 36 or 36
        product = total * 2 % 37
    return _ALPHABET[(37 - product) % 36]


def case_code(sender: str, day: date, serial: int) -> str:
    """The code that people say: sender, day and month, serial of that day, check character (``24Z01-2211-017-K``)."""
    body = f"{sender}-{day:%d%m}-{serial:03d}"
    return f"{body}-{_check_character(body.replace('-', ''))}"


def facility_of_case_code(code: str) -> str:
    """The facility that made a case code. Only for what ``is_case_code`` accepts."""
    return code[:5]


def is_case_code(text: object) -> bool:
    """True for a case code whose check character fits, written with its hyphens and in capitals."""
    match = _CASE_CODE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return False
    sender, day, serial, check = match.groups()
    return _check_character(sender + day + serial) == check
