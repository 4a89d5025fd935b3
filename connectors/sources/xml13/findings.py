"""What was found in a file or in one of its records: reason, place, two sentences, who must act. Never a value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from connectors.sources.xml13.fields import QD3176_FIELDS, QD4750_FIELDS
from schemas.reasons import Disposition, Fixer, ReasonCode, reason


class Severity(StrEnum):
    """How a finding weighs on the slip."""

    REJECT = "reject"  # nothing leaves the hospital
    FIX = "fix"  # nothing leaves before somebody corrects it in the HIS
    NOTE = "note"  # the slip travels; a person is told


_FIX: Final = frozenset(
    {
        ReasonCode.DIAGNOSIS_MISSING,
        ReasonCode.PATIENTS_DIFFER,
        ReasonCode.DESTINATIONS_DIFFER,
        ReasonCode.DATES_OUT_OF_ORDER,
        ReasonCode.ICD_MALFORMED,
        ReasonCode.REASON_AT_ODDS,
        ReasonCode.TEXT_TOO_LONG,
    }
)
# Not a fault of the slip: it can go out later as it is.
_WAITING: Final = frozenset({ReasonCode.FILE_STILL_GROWING, ReasonCode.SLIP_OLD, ReasonCode.DESTINATION_NOT_CONNECTED})

# Notes that mean: the receiver gets less than the form asks for.
INCOMPLETE: Final = frozenset({ReasonCode.FIELD_MISSING, ReasonCode.TABLE_LEFT_OUT})

_PLACES: Final = {
    "file": ("tệp", "the file"),
    "encoding": ("bảng mã", "encoding"),
    "DOCTYPE": ("khai báo kiểu tài liệu", "document type declaration"),
    "NOIDUNGFILE": ("nội dung bảng", "content of a table"),
    "LOAIHOSO": ("loại bảng", "kind of table"),
    "HOSO": ("hồ sơ", "record"),
    "SOLUONGHOSO": ("số lượng hồ sơ", "number of records"),
    "MACSKCB": ("mã cơ sở gửi tệp", "facility that sends the file"),
    "XML1": ("bảng tổng hợp", "summary"),
    "XML2": ("bảng thuốc", "drugs"),
    "XML4": ("bảng kết quả cận lâm sàng", "results"),
    "XML5": ("bảng diễn biến lâm sàng", "clinical course"),
    "XML6": ("bảng điều trị HIV", "HIV treatment"),
    "XML13": ("phiếu chuyển", "transfer slip"),
    "XML15": ("bảng điều trị lao", "tuberculosis treatment"),
    "SO_CCCD": ("số định danh cá nhân", "personal number"),
    "MATINH_CU_TRU": ("mã tỉnh cư trú", "province of residence"),
}
_LABELS: Final = {
    **{field.tag: (field.vi, field.en) for field in (*QD4750_FIELDS, *QD3176_FIELDS)},
    **_PLACES,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    ``field`` is a tag or a place (``NGAY_RA``, ``DOCTYPE``, ``file``), ``table`` the table it stands in where that is
    not plain, ``hoso`` the record's number in the file (0: the file itself). ``vi`` and ``en`` are whole messages.
    """

    reason: ReasonCode
    severity: Severity
    field: str
    vi: str
    en: str
    fixer: Fixer
    table: str = ""
    hoso: int = 0


def finding(code: ReasonCode, field: str, *, table: str = "", hoso: int = 0) -> Finding:
    """The finding behind a reason code at a place."""
    about = reason(code)
    label_vi, label_en = _LABELS.get(field, ("", ""))
    return Finding(
        reason=code,
        severity=severity_of(code),
        field=field,
        vi=f"{_place(field, label_vi, table)}: {about.vi}",
        en=f"{_place(field, label_en, table)}: {about.en}",
        fixer=about.fixer,
        table=table,
        hoso=hoso,
    )


def severity_of(code: ReasonCode) -> Severity:
    """Note where nothing is refused, fix where the HIS must be corrected first, else reject."""
    if code in _WAITING or reason(code).disposition is Disposition.NOTE:
        return Severity.NOTE
    return Severity.FIX if code in _FIX else Severity.REJECT


def _place(field: str, label: str, table: str) -> str:
    within = ", ".join(part for part in (table, label) if part)
    return f"{field} ({within})" if within else field
