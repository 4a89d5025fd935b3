"""The fields of Table 13 in both dialects, in order, and of Table 1.

QĐ 4750/QĐ-BYT (39 fields) from its annex; QĐ 3176/QĐ-BYT (37 fields) from four public implementations that agree, since
none of them shows the annex itself. ``limit`` is the looser one of the annex and of the portal's validation sheet.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Need(StrEnum):
    """How much a transfer misses a field."""

    KEY = "key"  # without it the slip is refused; rules.py says which of them may stand for one another
    WANTED = "wanted"  # required on the form: an empty one travels marked incomplete
    OPTIONAL = "optional"


class Form(StrEnum):
    """What kind of content a field holds."""

    TEXT = "text"  # free text
    NAME = "name"  # a person
    CODE = "code"  # ASCII only
    DATE = "date"  # yyyymmddHHMM or yyyymmdd


@dataclass(frozen=True, slots=True)
class Field:
    """One field: tag, content, most characters, need, and what people call it."""

    tag: str
    form: Form
    limit: int
    need: Need
    vi: str
    en: str


_PLAIN: Final = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII)
_K, _W, _O = Need.KEY, Need.WANTED, Need.OPTIONAL
_T, _N, _C, _D = Form.TEXT, Form.NAME, Form.CODE, Form.DATE

_HEAD: Final = (
    Field("MA_LK", _C, 250, _K, "mã liên kết đợt điều trị", "key of the treatment episode"),
    Field("SO_HOSO", _C, 100, _W, "số hồ sơ", "record number"),
    Field("SO_CHUYENTUYEN", _C, 100, _W, "số vào sổ chuyển viện", "number in the transfer register"),
    Field("GIAY_CHUYEN_TUYEN", _C, 100, _W, "số phiếu chuyển", "slip number"),
    Field("MA_CSKCB", _C, 5, _K, "mã cơ sở chuyển đi", "facility that issues the slip"),
)
_CAME_FROM_4750: Final = Field("MA_NOI_DI", _C, 5, _O, "nơi đã chuyển đến trước đó", "facility the patient came from")
_CAME_FROM_3176: Final = Field(
    "MA_CSKCB_DI", _C, 100, _O, "nơi đã chuyển đến trước đó", "facilities the patient came from"
)
_DESTINATION_4750: Final = Field("MA_NOI_DEN", _C, 5, _K, "mã cơ sở chuyển đến", "destination")
_DESTINATION_3176: Final = Field("MA_CSKCB_DEN", _C, 5, _K, "mã cơ sở chuyển đến", "destination")
_PATIENT: Final = (
    Field("HO_TEN", _N, 255, _K, "họ tên người bệnh", "patient's name"),
    Field("NGAY_SINH", _D, 12, _W, "ngày sinh", "date of birth"),
    Field("GIOI_TINH", _C, 1, _W, "giới tính", "sex"),
    Field("MA_QUOCTICH", _C, 3, _O, "quốc tịch", "nationality"),
    Field("MA_DANTOC", _C, 2, _O, "dân tộc", "ethnic group"),
    Field("MA_NGHE_NGHIEP", _C, 5, _O, "nghề nghiệp", "occupation"),
    Field("DIA_CHI", _T, 1024, _W, "địa chỉ", "address"),
    Field("MA_THE_BHYT", _C, 200, _W, "số thẻ BHYT", "insurance card"),
    Field("GT_THE_DEN", _C, 200, _O, "hạn thẻ BHYT", "end date of the card"),
    Field("NGAY_VAO", _D, 100, _W, "ngày giờ vào", "time of arrival"),
    Field("NGAY_VAO_NOI_TRU", _D, 12, _O, "ngày giờ vào nội trú", "time of admission as inpatient"),
    Field("NGAY_RA", _D, 100, _W, "ngày giờ chuyển", "time of transfer"),
    Field("DAU_HIEU_LS", _T, 4000, _W, "dấu hiệu lâm sàng", "clinical signs"),
    Field("CHAN_DOAN_RV", _T, 4000, _K, "chẩn đoán", "diagnosis"),
    Field("QT_BENHLY", _T, 4000, _W, "quá trình bệnh lý", "course of the illness"),
    Field("TOMTAT_KQ", _T, 4000, _O, "tóm tắt kết quả xét nghiệm", "summary of results"),
    Field("PP_DIEUTRI", _T, 4000, _W, "phương pháp điều trị", "treatment given"),
)
_ICD_MAIN_4750: Final = Field("MA_BENH_CHINH", _C, 50, _K, "mã bệnh chính", "main ICD-10 code")
_ICD_MAIN_3176: Final = Field("MA_BENH_CHINH", _C, 100, _K, "mã bệnh chính", "main ICD-10 code")
_ICD_OTHER: Final = (
    Field("MA_BENH_KT", _C, 200, _O, "mã bệnh kèm theo", "accompanying ICD-10 codes"),
    Field("MA_BENH_YHCT", _C, 255, _O, "mã bệnh y học cổ truyền", "traditional medicine codes"),
)
_TREATMENT_4750: Final = (
    Field("TEN_DICH_VU", _T, 1024, _O, "dịch vụ đã dùng", "services used"),
    Field("TEN_THUOC", _T, 1024, _O, "thuốc đã dùng", "drugs used"),
    Field("PP_DIEU_TRI", _T, 4000, _O, "phương pháp điều trị (lặp lại)", "treatment given (repeated)"),
)
_STATE_3176: Final = Field("TINH_TRANG_CT", _T, 4000, _W, "tình trạng khi chuyển", "state at transfer")
_TAIL: Final = (
    Field("MA_LOAI_RV", _C, 1, _W, "loại ra viện", "kind of discharge"),
    Field("MA_LYDO_CT", _C, 1, _W, "lý do chuyển", "reason for transfer"),
    Field("HUONG_DIEU_TRI", _T, 4000, _W, "hướng điều trị", "planned treatment"),
    Field("PHUONGTIEN_VC", _T, 255, _W, "phương tiện vận chuyển", "means of transport"),
    Field("HOTEN_NGUOI_HT", _N, 255, _O, "người hộ tống", "escort"),
    Field("CHUCDANH_NGUOI_HT", _T, 255, _O, "chức danh người hộ tống", "escort's title"),
    Field("MA_BAC_SI", _C, 255, _W, "bác sĩ chuyển", "referring doctor"),
)
_HEAD_OF_4750: Final = Field("MA_TTDV", _C, 10, _W, "thủ trưởng đơn vị", "head of the facility")
_HEAD_OF_3176: Final = Field("MA_TTDV", _C, 255, _W, "thủ trưởng đơn vị", "head of the facility")
_SPARE: Final = Field("DU_PHONG", _T, 16_000, _O, "dự phòng", "spare")

QD4750_FIELDS: Final = (
    *_HEAD,
    _CAME_FROM_4750,
    _DESTINATION_4750,
    *_PATIENT,
    _ICD_MAIN_4750,
    *_ICD_OTHER,
    *_TREATMENT_4750,
    *_TAIL,
    _HEAD_OF_4750,
    _SPARE,
)
QD3176_FIELDS: Final = (
    *_HEAD,
    _CAME_FROM_3176,
    _DESTINATION_3176,
    *_PATIENT,
    _ICD_MAIN_3176,
    *_ICD_OTHER,
    _STATE_3176,
    *_TAIL,
    _HEAD_OF_3176,
    _SPARE,
)

# Spellings seen in exports, and the tag they stand for.
MISSPELT: Final = {"MA_BACSI": "MA_BAC_SI", "PHUONG_TIEN_VC": "PHUONGTIEN_VC"}


def is_plain_tag(text: str) -> bool:
    """A tag that may be repeated in a message: short, capitals, digits and underscores."""
    return _PLAIN.fullmatch(text) is not None


def tags(text: str) -> tuple[str, ...]:
    """Tags written with blanks between them."""
    return tuple(text.split())


XML1_TAGS: Final = tags(
    """MA_LK STT MA_BN HO_TEN SO_CCCD NGAY_SINH GIOI_TINH NHOM_MAU MA_QUOCTICH MA_DANTOC MA_NGHE_NGHIEP DIA_CHI
    MATINH_CU_TRU MAHUYEN_CU_TRU MAXA_CU_TRU DIEN_THOAI MA_THE_BHYT MA_DKBD GT_THE_TU GT_THE_DEN NGAY_MIEN_CCT LY_DO_VV
    LY_DO_VNT MA_LY_DO_VNT CHAN_DOAN_VAO CHAN_DOAN_RV MA_BENH_CHINH MA_BENH_KT MA_BENH_YHCT MA_PTTT_QT MA_DOITUONG_KCB
    MA_NOI_DI MA_NOI_DEN MA_TAI_NAN NGAY_VAO NGAY_VAO_NOI_TRU NGAY_RA GIAY_CHUYEN_TUYEN SO_NGAY_DTRI PP_DIEU_TRI
    KET_QUA_DTRI MA_LOAI_RV GHI_CHU NGAY_TTOAN T_THUOC T_VTYT T_TONGCHI_BV T_TONGCHI_BH T_BNTT T_BNCCT T_BHTT
    T_NGUONKHAC T_BHTT_GDV NAM_QT THANG_QT MA_LOAI_KCB MA_KHOA MA_CSKCB MA_KHUVUC CAN_NANG CAN_NANG_CON
    NAM_NAM_LIEN_TUC NGAY_TAI_KHAM MA_HSBA MA_TTDV DU_PHONG"""
)
MONEY_TAGS: Final = frozenset(tag for tag in XML1_TAGS if tag.startswith("T_"))
