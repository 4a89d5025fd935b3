"""What can be checked on numbers and codes without asking anybody. Nothing here refuses a slip by itself.

Personal number (Decree 137/2015 article 13, TT 07/2016/TT-BCA article 7): three digits of the place where the birth was
registered, one of century and sex, two of the year, six at random. There is no check digit in law, and sex or year may
lawfully differ from the document, so that a mismatch is a note.
"""

import re
from typing import Final

from connectors.sources.xml13.dates import SourceTime
from connectors.sources.xml13.fields import tags

# The 63 provinces up to 30 June 2025 (QĐ 124/2004/QĐ-TTg). The 34 since (QĐ 19/2025/QĐ-TTg) reuse some of these codes.
PROVINCE_CODES: Final = frozenset(
    tags(
        """01 02 04 06 08 10 11 12 14 15 17 19 20 22 24 25 26 27 30 31 33 34 35 36 37 38 40 42 44 45 46 48 49 51 52 54
        56 58 60 62 64 66 67 68 70 72 74 75 77 79 80 82 83 84 86 87 89 91 92 93 94 95 96"""
    )
)
ETHNIC_CODES: Final = frozenset([*(f"{number:02d}" for number in range(1, 57)), "99"])  # 55, 56 foreigner; 99 unknown

_CITIZEN: Final = re.compile(r"[0-9]{12}", re.ASCII)
_OTHER_DOCUMENT: Final = re.compile(r"[0-9]{9}|[A-Z]{1,2}[0-9]{6,8}", re.ASCII)  # old identity card, passport
_CARD: Final = re.compile(r"[A-Z]{2}[1-5][0-9]{12}|[0-9]{10}", re.ASCII)
_ICD: Final = re.compile(r"[A-Z][0-9]{2}(?:\.?[0-9X][0-9A-Z]?|/[0-9])?[*†+]?", re.ASCII)
_NATIONALITY: Final = re.compile(r"[0-9]{3}", re.ASCII)
_HIV: Final = re.compile(r"B2[0-4]|F02\.?4|O98\.?7|R75|Z21", re.ASCII)  # ICD-10 codes that say HIV


def personal_number_fits(number: str, birth: SourceTime | None, sex: str) -> bool:
    """False for a doubtful number: another form, unknown place, or another sex or year of birth than stated.

    ``sex`` is GIOI_TINH: 1 male, 2 female; anything else is not compared.
    """
    if _CITIZEN.fullmatch(number) is None:
        return _OTHER_DOCUMENT.fullmatch(number) is not None
    if number[0] == "0" and number[1:3] not in PROVINCE_CODES:
        return False
    century_and_sex = int(number[3])
    year = (19 + century_and_sex // 2) * 100 + int(number[4:6])
    if birth is not None and birth.year != year:
        return False
    return sex not in {"1", "2"} or (century_and_sex % 2 == 0) == (sex == "1")


def is_card(text: str) -> bool:
    """An insurance card: group, benefit 1 to 5, province, ten digits; or the ten alone, as printed since 2021."""
    return _CARD.fullmatch(text) is not None


def is_icd(text: str) -> bool:
    """The form of an ICD-10 code, dotted or not, with the misprint of TT 06/2026 (``U13/9``). Not whether it exists."""
    return _ICD.fullmatch(text) is not None


def is_nationality(text: str) -> bool:
    """Three digits (TT 07/2016/TT-BCA annex 2)."""
    return _NATIONALITY.fullmatch(text) is not None


def says_hiv(code: str) -> bool:
    """An ICD-10 code that names HIV."""
    return _HIV.match(code) is not None


def codes_in(text: str) -> tuple[str, ...]:
    """The parts of a list written with semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())
