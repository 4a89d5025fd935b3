"""What a slip must say about patient, diagnosis and reason, and where XML1 contradicts it."""

import unicodedata
from typing import Final

from connectors.sources.xml13.checks import Case, Remarks, Said, readable_birth
from connectors.sources.xml13.identity import codes_in, is_icd
from schemas.limits import TEXT_MAX_CHARS
from schemas.reasons import ReasonCode

_BY_REQUEST: Final = "5"  # MA_LOAI_RV: at the patient's request
_WISH: Final = "3"  # MA_LYDO_CT: request of the patient or the legal representative
_COMPARED: Final = (
    "NGAY_VAO",
    "NGAY_VAO_NOI_TRU",
    "NGAY_RA",
    "MA_THE_BHYT",
    "CHAN_DOAN_RV",
    "MA_BENH_CHINH",
    "MA_BENH_KT",
    "MA_LOAI_RV",
)


def check_key(case: Case) -> Remarks:
    """MA_LK joins the tables and finds the slip again."""
    if not case.slip.text("MA_LK"):
        yield Said(ReasonCode.EPISODE_KEY_MISSING, "MA_LK")


def check_patient(case: Case) -> Remarks:
    """A name, and a sex that exists; an empty one is a gap."""
    if not case.slip.text("HO_TEN"):
        yield Said(ReasonCode.PATIENT_MISSING, "HO_TEN")
    if case.slip.text("GIOI_TINH") not in {"", "1", "2", "3"}:
        yield Said(ReasonCode.SEX_CODE_INVALID, "GIOI_TINH")


def check_same_patient(case: Case) -> Remarks:
    """Two patients under one key: nobody but the HIS's users can say which one was meant."""
    about, slip = case.dossier.about, case.slip
    names = _comparable(about("HO_TEN")), _comparable(slip.text("HO_TEN"))
    if all(names) and names[0] != names[1]:
        yield Said(ReasonCode.PATIENTS_DIFFER, "HO_TEN", "XML1")
    births = readable_birth(about("NGAY_SINH")), case.birth
    if births[0] and births[1] and not births[0].may_equal(births[1]):
        yield Said(ReasonCode.PATIENTS_DIFFER, "NGAY_SINH", "XML1")
    if about("GIOI_TINH") and slip.text("GIOI_TINH") and about("GIOI_TINH") != slip.text("GIOI_TINH"):
        yield Said(ReasonCode.PATIENTS_DIFFER, "GIOI_TINH", "XML1")


def check_diagnosis(case: Case) -> Remarks:
    """Text or code; a main code of another form than ICD-10 is never corrected."""
    main = codes_in(case.slip.text("MA_BENH_CHINH"))
    if not main and not case.slip.text("CHAN_DOAN_RV") and not case.slip.text("MA_BENH_YHCT"):
        yield Said(ReasonCode.DIAGNOSIS_MISSING, "CHAN_DOAN_RV")
    if not all(is_icd(code) for code in main):
        yield Said(ReasonCode.ICD_MALFORMED, "MA_BENH_CHINH")


def check_reason(case: Case) -> Remarks:
    """MA_LOAI_RV 2 or 5 is a transfer; 5 goes with reason 3, and 3 only with 5."""
    leaving, reason = case.slip.text("MA_LOAI_RV"), case.slip.text("MA_LYDO_CT")
    if leaving not in {"", "2", "5"}:
        yield Said(ReasonCode.NOT_A_TRANSFER, "MA_LOAI_RV")
    elif leaving and reason and (leaving == _BY_REQUEST) != (reason == _WISH):
        yield Said(ReasonCode.REASON_AT_ODDS, "MA_LYDO_CT")
    elif reason not in {"", "1", "2", "3"}:
        yield Said(ReasonCode.CODE_UNKNOWN, "MA_LYDO_CT")


def check_length(case: Case) -> Remarks:
    """What cannot travel whole does not travel; what is only longer than the form allows does."""
    for field in case.slip.fields:
        length = len(case.slip.text(field.tag))
        if length > TEXT_MAX_CHARS:
            yield Said(ReasonCode.TEXT_TOO_LONG, field.tag)
        elif length > field.limit:
            yield Said(ReasonCode.FIELD_TOO_LONG, field.tag)


def check_agreement(case: Case) -> Remarks:
    """Other fields that XML1 and the slip share."""
    for tag in _COMPARED:
        one, slip = _comparable(case.dossier.about(tag)), _comparable(case.slip.text(tag))
        if one and slip and one != slip:
            yield Said(ReasonCode.TABLES_DISAGREE, tag, "XML1")


def _comparable(text: str) -> str:
    """The text without differences that no reader would see as one: composition, case, blanks."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
