"""Letters that mislead: hidden, turning the reading direction, from another alphabet, damaged.

Nothing is changed or refused here. Vietnamese is Latin with two layers of marks, composed or not; both are fine.
"""

import unicodedata
from typing import Final

from connectors.sources.xml13.fields import Form

MARKS_MAX: Final = 2  # marks left on one letter after composing: Vietnamese needs none
_ALLOWED_CONTROLS: Final = frozenset("\t\n\r")
_DAMAGED: Final = "\ufffd"  # somebody replaced what he could not read
_ETH: Final = frozenset("Ðð")  # the Icelandic letter; Vietnamese uses Đđ, which looks the same
_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def is_suspect(text: str, form: Form) -> bool:
    """True when a person could read something else than what stands there.

    Names: Latin letters only. Texts: other alphabets are allowed (β, µ, Ω stand in results). Codes: ASCII only.
    """
    if text.isascii():
        return any(_is_hidden(character) for character in text)
    if form in {Form.CODE, Form.DATE}:
        return True
    composed = unicodedata.normalize("NFC", text)
    return (
        any(_is_hidden(character) or character == _DAMAGED for character in composed)
        or any(_is_foreign(character) for character in composed if form is Form.NAME or character in _ETH)
        or _most_marks(composed) > MARKS_MAX
    )


def _is_hidden(character: str) -> bool:
    return character not in _ALLOWED_CONTROLS and unicodedata.category(character) in _HIDDEN


def _is_foreign(character: str) -> bool:
    """A letter or digit outside the Latin alphabet, full width included, or Ð for Đ."""
    if character in _ETH:
        return True
    if not character.isalnum() or character.isascii():
        return False
    return not unicodedata.name(character, "").startswith("LATIN ")


def _most_marks(text: str) -> int:
    most = run = 0
    for character in text:
        run = run + 1 if unicodedata.combining(character) else 0
        most = max(most, run)
    return most
