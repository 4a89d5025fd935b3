"""The rule pack that proposes kind and priority. It is dated, shows its reasons, and never lowers anything.

XML13 says nothing about urgency, so evidence is looked for: diagnosis codes, words about the patient's state, vehicle,
escort, department, category. No evidence at all is *unclassified*, treated as urgent. Routine needs evidence of calm:
an outpatient, a one-year slip, a test, the way back to a smaller hospital, or a patient who goes by own means, alone.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from connectors.mapping.context import Facility
from connectors.mapping.elements import composed, parts
from connectors.mapping.source import Source
from connectors.mapping.stay import OUTPATIENT_FORMS
from connectors.mapping.times import birth_to_fhir, moment
from connectors.mapping.urgency import codes, words
from connectors.mapping.urgency.proposal import Evidence, Proposal
from schemas.urgency import Kind, Priority

VERSION: Final = "2026-11-01"  # date of this pack

_RECENT: Final = timedelta(hours=24)  # a stroke this long after admission is still one of hours
_NEWBORN_DAYS: Final = 28

_EMERGENCY_CATEGORY: Final = "2"  # MA_DOITUONG_KCB: came as an emergency
_CRITICAL_DEPARTMENTS: Final = ("K02", "K48")  # emergency, intensive care (QĐ 5937/QĐ-BYT)
_STATE_FIELDS: Final = ("TINH_TRANG_CT", "DAU_HIEU_LS")
_PLAN_FIELDS: Final = ("HUONG_DIEU_TRI", "TINH_TRANG_CT", "PHUONGTIEN_VC")
_SIZES: Final = {"central": 3, "provincial": 2, "regional": 1}  # role in the directory

_CATEGORY: Final = Evidence("urgent-category", "MA_DOITUONG_KCB", "vào viện vì cấp cứu", "came in as an emergency")
_DEPARTMENT: Final = Evidence(
    "urgent-department", "MA_KHOA", "khoa cấp cứu hoặc hồi sức", "emergency or intensive care department"
)
_AMBULANCE: Final = Evidence("urgent-ambulance", "PHUONGTIEN_VC", "đi xe cứu thương", "goes by ambulance")
_DOCTOR: Final = Evidence("urgent-escort", "CHUCDANH_NGUOI_HT", "có bác sĩ hộ tống", "a doctor rides along")
_BACK: Final = Evidence("calm-back-referral", "MA_LYDO_CT", "chuyển về tuyến dưới", "goes back to a smaller hospital")
_ONE_YEAR: Final = Evidence("calm-one-year", "DU_PHONG", "phiếu có giá trị một năm", "slip valid for one year")
_TEST_ONLY: Final = Evidence("calm-test-only", "HUONG_DIEU_TRI", "chỉ làm cận lâm sàng", "goes for tests only")
_OUTPATIENT: Final = Evidence("calm-outpatient", "MA_LOAI_KCB", "khám hoặc điều trị ngoại trú", "outpatient")
_OWN_MEANS: Final = Evidence(
    "calm-own-means", "PHUONGTIEN_VC", "tự đi, không người hộ tống", "goes by own means, no escort"
)


def propose(source: Source, sender: Facility, destination: Facility) -> Proposal:
    """Kind and priority with what they rest on."""
    back = _goes_back(source, sender, destination)
    stat = [*_stat_words(source), *([] if back else _stat_codes(source))]
    if stat:
        return Proposal(Kind.EMERGENCY, Priority.STAT, False, VERSION, tuple(stat))
    kind, calm = _kind(source, back=back)
    urgent = _urgent(source, kind)
    if urgent:
        return Proposal(kind, Priority.URGENT, False, VERSION, (*urgent, *calm))
    if not calm and _goes_alone(source):
        calm = [_OWN_MEANS]
    if calm:
        return Proposal(kind, Priority.ROUTINE, False, VERSION, tuple(calm))
    return Proposal(kind, Priority.URGENT, True, VERSION)


def _goes_back(source: Source, sender: Facility, destination: Facility) -> bool:
    """A central hospital, or any larger one, sends to a smaller, and says that the rules are met (not: beyond us)."""
    sizes = _SIZES.get(sender.role or "", 0), _SIZES.get(destination.role or "", 0)
    return 0 < sizes[1] < sizes[0] and source.slip.get("MA_LYDO_CT") == "1"


def _kind(source: Source, *, back: bool) -> tuple[Kind, list[Evidence]]:
    if back:
        return Kind.BACK_REFERRAL, [_BACK]
    if _is_emergency(source) or words.says(words.URGENT, _text(source, "HUONG_DIEU_TRI")):
        return Kind.EMERGENCY, []
    if words.ONE_YEAR.search(_text(source, "DU_PHONG")) or words.ONE_YEAR.search(_text(source, "HUONG_DIEU_TRI")):
        return Kind.ONE_YEAR, [_ONE_YEAR]
    if words.TEST_ONLY.search(_text(source, "HUONG_DIEU_TRI")):
        return Kind.TEST_ONLY, [_TEST_ONLY]
    if (source.one.get("MA_LOAI_KCB") or "") in OUTPATIENT_FORMS:
        return Kind.OUTPATIENT, [_OUTPATIENT]
    return Kind.INPATIENT, []


def _is_emergency(source: Source) -> bool:
    return (source.one.get("MA_DOITUONG_KCB") or "") == _EMERGENCY_CATEGORY or _is_critical(source)


def _is_critical(source: Source) -> bool:
    return (source.one.get("MA_KHOA") or "").startswith(_CRITICAL_DEPARTMENTS)


def _urgent(source: Source, kind: Kind) -> list[Evidence]:
    """Evidence below stat. On the way back, admission and diagnosis are history and an ambulance is custom."""
    found = [
        Evidence("urgent-words", field, "lời ghi về mức khẩn", "words about urgency")
        for field in _PLAN_FIELDS
        if words.says(words.URGENT, _text(source, field))
    ]
    if kind is Kind.BACK_REFERRAL:
        return found
    if (source.one.get("MA_DOITUONG_KCB") or "") == _EMERGENCY_CATEGORY:
        found.append(_CATEGORY)
    if _is_critical(source):
        found.append(_DEPARTMENT)
    if kind is not Kind.ONE_YEAR:
        found += _groups(source, codes.URGENT)
    if words.AMBULANCE.search(_text(source, "PHUONGTIEN_VC")):
        found.append(_AMBULANCE)
    if words.DOCTOR.search(_text(source, "CHUCDANH_NGUOI_HT")):
        found.append(_DOCTOR)
    return found


def _goes_alone(source: Source) -> bool:
    escorted = _text(source, "HOTEN_NGUOI_HT").strip() or _text(source, "CHUCDANH_NGUOI_HT").strip()
    return bool(words.OWN_MEANS.search(_text(source, "PHUONGTIEN_VC"))) and not escorted


def _stat_words(source: Source) -> list[Evidence]:
    return [
        Evidence("stat-words", field, "tình trạng nguy kịch ghi trong phiếu", "critical state in the words of the slip")
        for field in _STATE_FIELDS
        if words.says(words.STAT, _text(source, field))
    ]


def _stat_codes(source: Source) -> list[Evidence]:
    found = [*_groups(source, codes.STAT)]
    if _is_recent(source):
        found += _groups(source, codes.STAT_RECENT)
    if _is_newborn(source):
        found += _groups(source, codes.STAT_NEWBORN)
    return found


def _is_recent(source: Source) -> bool:
    """True within a day of admission, and when the times do not tell."""
    came, left = moment(source.slip.get("NGAY_VAO")), moment(source.slip.get("NGAY_RA"))
    return came is None or left is None or left - came <= _RECENT


def _is_newborn(source: Source) -> bool:
    """True in the first 28 days of life; with a birth date that says less than the day, codes of newborns decide."""
    born, left = birth_to_fhir(source.slip.get("NGAY_SINH"))[0], moment(source.slip.get("NGAY_RA"))
    if born is None or left is None:
        return True
    whole = moment(born.replace("-", "") + "0000") if len(born) == len("2026-10-30") else None
    return born.startswith(str(left.year)) if whole is None else (left - whole).days <= _NEWBORN_DAYS


def _groups(source: Source, groups: Sequence[codes.Group]) -> Iterator[Evidence]:
    for field in ("MA_BENH_CHINH", "MA_BENH_KT"):
        found = [code.replace(".", "").upper() for code in parts(source.slip.get(field) or "")]
        for rule, vi, en, prefixes in groups:
            if any(code.startswith(prefixes) for code in found):
                yield Evidence(rule, field, f"mã bệnh: {vi}", f"diagnosis code: {en}")


def _text(source: Source, field: str) -> str:
    return composed(source.slip.get(field))
