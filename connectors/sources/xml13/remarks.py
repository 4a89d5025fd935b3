"""What is worth a word to the sender although the slip travels: gaps, unknown codes, doubtful numbers, odd letters."""

import re
from collections.abc import Iterator
from typing import Final

from connectors.sources.xml13.checks import Case, Remarks, Said
from connectors.sources.xml13.fields import Form, Need, is_plain_tag, tags
from connectors.sources.xml13.identity import (
    ETHNIC_CODES,
    PROVINCE_CODES,
    codes_in,
    is_card,
    is_icd,
    is_nationality,
    personal_number_fits,
    says_hiv,
)
from connectors.sources.xml13.spoofing import is_suspect
from schemas.reasons import ReasonCode

ACCOMPANYING_MAX: Final = 12  # ICD-10 codes in MA_BENH_KT (QĐ 4750/QĐ-BYT)
_ABBREVIATIONS: Final = frozenset(
    tags("BN BV THA ĐTĐ NMCT TBMMN TMCT XHTH VPQ RLLP RLCN SHH NKH SNK CTSN CLVT XQ XN ĐMV HCTH TDMP VTC KSĐT")
)
_WORD: Final = re.compile(r"\w+")
_HIV_WORD: Final = re.compile(r"\b(?:HIV|AIDS|ARV)\b", re.IGNORECASE)


def note_gaps(case: Case) -> Remarks:
    """What the form asks for and the slip does not say. A diagnosis may lack its text or its code."""
    diagnosed = case.slip.text("CHAN_DOAN_RV") or case.slip.text("MA_BENH_CHINH")
    for field in case.slip.fields:
        wanted = field.need is Need.WANTED or (diagnosed and field.tag in {"CHAN_DOAN_RV", "MA_BENH_CHINH"})
        if wanted and not case.slip.text(field.tag):
            yield Said(ReasonCode.FIELD_MISSING, field.tag)
    if case.slip.text("NGAY_SINH").startswith("0000"):
        yield Said(ReasonCode.FIELD_MISSING, "NGAY_SINH")


def note_tags(case: Case) -> Remarks:
    """Misspelt and unknown tags, for the vendor."""
    for tag in case.slip.misspelt:
        yield Said(ReasonCode.FIELD_MISSPELT, tag)
    for tag in case.slip.unknown:
        yield Said(ReasonCode.FIELD_UNKNOWN, tag if is_plain_tag(tag) else "XML13")


def note_codes(case: Case) -> Remarks:
    """Codes in no list; they stay as text."""
    text, about = case.slip.text, case.dossier.about
    if text("MA_DANTOC") and text("MA_DANTOC") not in ETHNIC_CODES:
        yield Said(ReasonCode.CODE_UNKNOWN, "MA_DANTOC")
    if text("MA_QUOCTICH") and not is_nationality(text("MA_QUOCTICH")):
        yield Said(ReasonCode.CODE_UNKNOWN, "MA_QUOCTICH")
    if about("MATINH_CU_TRU") and about("MATINH_CU_TRU") not in PROVINCE_CODES:
        yield Said(ReasonCode.CODE_UNKNOWN, "MATINH_CU_TRU", "XML1")
    accompanying = codes_in(text("MA_BENH_KT"))
    if not all(is_icd(code) for code in accompanying):
        yield Said(ReasonCode.CODE_UNKNOWN, "MA_BENH_KT")
    if len(accompanying) > ACCOMPANYING_MAX:
        yield Said(ReasonCode.TOO_MANY_DIAGNOSES, "MA_BENH_KT")


def note_numbers(case: Case) -> Remarks:
    """Personal number and insurance cards."""
    number = case.dossier.about("SO_CCCD")
    if number and not personal_number_fits(number, case.birth, case.slip.text("GIOI_TINH")):
        yield Said(ReasonCode.IDENTITY_NUMBER_DOUBTFUL, "SO_CCCD", "XML1")
    if not all(is_card(card) for card in codes_in(case.slip.text("MA_THE_BHYT"))):
        yield Said(ReasonCode.CARD_DOUBTFUL, "MA_THE_BHYT")


def note_letters(case: Case) -> Remarks:
    """Letters that mislead, and abbreviations in texts for another facility."""
    for field in case.slip.fields:
        text = case.slip.text(field.tag)
        if is_suspect(text, field.form):
            yield Said(ReasonCode.TEXT_SUSPECT, field.tag)
        if field.form is Form.TEXT and not _ABBREVIATIONS.isdisjoint(_WORD.findall(text)):
            yield Said(ReasonCode.ABBREVIATION, field.tag)


def note_sensitive(case: Case) -> Remarks:
    """What is held back, and where the slip tells it all the same."""
    for kind in case.dossier.held_back:
        yield Said(ReasonCode.HELD_BACK, kind)
    for field in _telling_hiv(case):
        yield Said(ReasonCode.SENSITIVE_SHOWS, field)


def _telling_hiv(case: Case) -> Iterator[str]:
    for field in case.slip.fields:
        text = case.slip.text(field.tag)
        if field.tag in {"MA_BENH_CHINH", "MA_BENH_KT"}:
            if any(says_hiv(code) for code in codes_in(text)):
                yield field.tag
        elif field.form is Form.TEXT and _HIV_WORD.search(text):
            yield field.tag
