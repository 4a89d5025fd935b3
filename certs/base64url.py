"""base64url without padding (RFC 7515 section 2), canonical only: one value has one spelling.

A lax decoder gives one token many spellings, and a digest of a token then stops being its identity.
"""

import base64
from typing import Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

# pydantic's base64 reader is four times as fast as binascii and refuses unused trailing bits by itself. It also takes
# the standard alphabet, padding and, because it reads a JSON string, escapes: those characters are refused beforehand.
_READER: Final = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))
_FOREIGN: Final = (b"+", b"/", b"=", b"\\", b'"')


def encode(data: bytes) -> bytes:
    """The base64url text of some bytes, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The bytes behind a canonical base64url text. Raises ValueError for every other spelling, without naming it."""
    for character in _FOREIGN:
        if character in text:
            raise ValueError("not base64url")
    try:
        return _READER.validate_json(b'"' + text + b'"')
    except ValidationError:
        raise ValueError("not base64url") from None


def decode_text(text: object) -> bytes:
    """The same for a member of a JSON object. Raises ValueError for anything but a canonical base64url string."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url")
    return decode(text.encode("ascii"))


def decode_standard(text: object) -> bytes:
    """The bytes behind canonical standard base64 with padding, as ``x5c`` has it (RFC 7515 section 4.1.6)."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise ValueError("not base64")
    return data
