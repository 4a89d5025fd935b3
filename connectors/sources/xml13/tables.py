"""The tables beside the slip: summary (XML1), drugs (XML2), results (XML4), course (XML5).

Only the tags listed here leave this module. Money (T_*, prices, rates) is not among them, so that nothing later can
forward it by mistake. A row is a mapping of tag to text: ``""`` if empty, None if absent.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lxml import etree

from connectors.sources.xml13.dialects import single_values
from connectors.sources.xml13.documents import parse_table, tag_of
from connectors.sources.xml13.fields import MONEY_TAGS, XML1_TAGS, tags
from schemas.reasons import ReasonCode, Refused

Row = Mapping[str, str | None]

ROWS_MAX: Final = 5_000  # rows of one table; a month in intensive care makes about 3,000 laboratory lines

SUMMARY_TAGS: Final = tuple(tag for tag in XML1_TAGS if tag not in MONEY_TAGS)
DRUG_TAGS: Final = tags(
    """MA_LK STT MA_THUOC TEN_THUOC DON_VI_TINH HAM_LUONG DUONG_DUNG DANG_BAO_CHE LIEU_DUNG CACH_DUNG SO_DANG_KY
    SO_LUONG MA_KHOA MA_BAC_SI NGAY_YL NGAY_TH_YL"""
)
RESULT_TAGS: Final = tags(
    "MA_LK STT MA_DICH_VU MA_CHI_SO TEN_CHI_SO GIA_TRI DON_VI_DO MO_TA KET_LUAN NGAY_KQ MA_BS_DOC_KQ DU_PHONG"
)
COURSE_TAGS: Final = tags(
    "MA_LK STT DIEN_BIEN_LS GIAI_DOAN_BENH HOI_CHAN PHAU_THUAT THOI_DIEM_DBLS NGUOI_THUC_HIEN DU_PHONG"
)

# LOAIHOSO: item tag, the tags that are kept. XML2, XML4 and XML5 are a root, a list and items.
_LISTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "XML2": ("CHI_TIET_THUOC", DRUG_TAGS),
    "XML4": ("CHI_TIET_CLS", RESULT_TAGS),
    "XML5": ("CHI_TIET_DIEN_BIEN_BENH", COURSE_TAGS),
}


def read_summary(raw: bytes) -> Row:
    """XML1 without its money fields.

    Raises:
        Refused: as ``parse_table`` and ``single_values``; TABLE_UNREADABLE for an unknown root.
    """
    root = parse_table(raw)
    if tag_of(root) != "TONG_HOP":
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE")
    return _row(root, SUMMARY_TAGS)


def read_rows(kind: str, raw: bytes) -> tuple[Row, ...]:
    """The rows of XML2, XML4 or XML5, in the file's order.

    Raises:
        Refused: as ``parse_table`` and ``single_values``; TABLE_TOO_LARGE above 5,000 rows.
    """
    item, kept = _LISTS[kind]
    root = parse_table(raw)
    if tag_of(root) == item:
        return (_row(root, kept),)
    items = [element for element in root.iter() if tag_of(element) == item]
    if len(items) > ROWS_MAX:
        raise Refused(ReasonCode.TABLE_TOO_LARGE, "NOIDUNGFILE")
    if not items and any(tag_of(child) == "MA_LK" for child in root):
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE")
    return tuple(_row(element, kept) for element in items)


def _row(record: etree._Element, kept: tuple[str, ...]) -> Row:
    found = single_values(record)
    return MappingProxyType({tag: found.get(tag) for tag in kept})
