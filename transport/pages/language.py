"""Vietnamese or English: by the cookie that the switch sets, else by what the browser asks for; else Vietnamese."""

from collections.abc import Mapping
from typing import Final, Literal

Language = Literal["vi", "en"]
COOKIE: Final = "lienvien_language"
COOKIE_AGE_S: Final = 365 * 24 * 3600


def chosen(cookies: Mapping[str, str], accept_language: str) -> Language:
    """The language of an answer. Both arguments come from the request and are compared, never shown."""
    by_switch = as_language(cookies.get(COOKIE))
    if by_switch is not None:
        return by_switch
    for part in accept_language.lower().split(","):
        asked = part.split(";")[0].strip().split("-")[0]
        if (language := as_language(asked)) is not None:
            return language
    return "vi"


def as_language(text: str | None) -> Language | None:
    """The language that a text names; None for anything else."""
    if text == "vi":
        return "vi"
    return "en" if text == "en" else None


def other(language: Language) -> Language:
    """The one that the switch offers."""
    return "en" if language == "vi" else "vi"
