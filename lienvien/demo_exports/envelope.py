"""A story as the file a HIS would export: GIAMDINHHS with base64 tables (QĐ 4750 and QĐ 3176 name the fields)."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape

from lienvien.demo_exports.cases import DemoCase

_COMMON_HEAD: Final = ("MA_LK", "SO_HOSO", "SO_CHUYENTUYEN", "GIAY_CHUYEN_TUYEN", "MA_CSKCB")
_COMMON_PATIENT: Final = (
    "HO_TEN",
    "NGAY_SINH",
    "GIOI_TINH",
    "MA_QUOCTICH",
    "MA_DANTOC",
    "MA_NGHE_NGHIEP",
    "DIA_CHI",
    "MA_THE_BHYT",
    "GT_THE_DEN",
    "NGAY_VAO",
    "NGAY_VAO_NOI_TRU",
    "NGAY_RA",
    "DAU_HIEU_LS",
    "CHAN_DOAN_RV",
    "QT_BENHLY",
    "TOMTAT_KQ",
    "PP_DIEUTRI",
    "MA_BENH_CHINH",
    "MA_BENH_KT",
    "MA_BENH_YHCT",
)
_COMMON_TAIL: Final = (
    "MA_LOAI_RV",
    "MA_LYDO_CT",
    "HUONG_DIEU_TRI",
    "PHUONGTIEN_VC",
    "HOTEN_NGUOI_HT",
    "CHUCDANH_NGUOI_HT",
    "MA_BAC_SI",
    "MA_TTDV",
    "DU_PHONG",
)
SLIP_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "4750": (
        *_COMMON_HEAD,
        "MA_NOI_DI",
        "MA_NOI_DEN",
        *_COMMON_PATIENT,
        "TEN_DICH_VU",
        "TEN_THUOC",
        "PP_DIEU_TRI",
        *_COMMON_TAIL,
    ),
    "3176": (*_COMMON_HEAD, "MA_CSKCB_DI", "MA_CSKCB_DEN", *_COMMON_PATIENT, "TINH_TRANG_CT", *_COMMON_TAIL),
}
_XML1_FIELDS: Final = (
    "MA_LK", "STT", "MA_BN", "HO_TEN", "SO_CCCD", "NGAY_SINH", "GIOI_TINH", "NHOM_MAU", "MA_QUOCTICH", "MA_DANTOC",
    "MA_NGHE_NGHIEP", "DIA_CHI", "MATINH_CU_TRU", "MAHUYEN_CU_TRU", "MAXA_CU_TRU", "DIEN_THOAI", "MA_THE_BHYT",
    "MA_DKBD", "GT_THE_TU", "GT_THE_DEN", "NGAY_MIEN_CCT", "LY_DO_VV", "LY_DO_VNT", "MA_LY_DO_VNT", "CHAN_DOAN_VAO",
    "CHAN_DOAN_RV", "MA_BENH_CHINH", "MA_BENH_KT", "MA_BENH_YHCT", "MA_PTTT_QT", "MA_DOITUONG_KCB", "MA_NOI_DI",
    "MA_NOI_DEN", "MA_TAI_NAN", "NGAY_VAO", "NGAY_VAO_NOI_TRU", "NGAY_RA", "GIAY_CHUYEN_TUYEN", "SO_NGAY_DTRI",
    "PP_DIEU_TRI", "KET_QUA_DTRI", "MA_LOAI_RV", "GHI_CHU", "NGAY_TTOAN", "T_THUOC", "T_VTYT", "T_TONGCHI_BV",
    "T_TONGCHI_BH", "T_BNTT", "T_BNCCT", "T_BHTT", "T_NGUONKHAC", "T_BHTT_GDV", "NAM_QT", "THANG_QT", "MA_LOAI_KCB",
    "MA_KHOA", "MA_CSKCB", "MA_KHUVUC", "CAN_NANG", "CAN_NANG_CON", "NAM_NAM_LIEN_TUC", "NGAY_TAI_KHAM", "MA_HSBA",
    "MA_TTDV", "DU_PHONG",
)  # fmt: skip
_LAB_FIELDS: Final = (
    "MA_LK",
    "STT",
    "MA_DICH_VU",
    "MA_CHI_SO",
    "TEN_CHI_SO",
    "GIA_TRI",
    "DON_VI_DO",
    "MO_TA",
    "KET_LUAN",
    "NGAY_KQ",
    "MA_BS_DOC_KQ",
    "DU_PHONG",
)
_NOTE_FIELDS: Final = (
    "MA_LK",
    "STT",
    "DIEN_BIEN_LS",
    "GIAI_DOAN_BENH",
    "HOI_CHAN",
    "PHAU_THUAT",
    "THOI_DIEM_DBLS",
    "NGUOI_THUC_HIEN",
    "DU_PHONG",
)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M}"


def slip_number(case: DemoCase, now: datetime) -> str:
    """``24Z01/2026/1001``: the number printed on the slip."""
    return f"{case.sender}/{now:%Y}/{1000 + case.serial}"


def slip_values(case: DemoCase, now: datetime) -> dict[str, str]:
    """The fields of the slip (XML13) by name. ``now`` is local time of the hospital (UTC+7)."""
    left = now - timedelta(minutes=case.minutes_ago)
    came = left - timedelta(hours=3)
    values = {
        "MA_LK": f"{case.sender}.{left:%y%m%d}{case.serial:04d}",
        "SO_HOSO": f"HS-{left:%y%m}-{case.serial:04d}",
        "SO_CHUYENTUYEN": f"{1000 + case.serial}",
        "GIAY_CHUYEN_TUYEN": slip_number(case, now),
        "MA_CSKCB": case.sender,
        "HO_TEN": case.name,
        "NGAY_SINH": case.born or _minute(came),
        "GIOI_TINH": case.sex,
        "MA_QUOCTICH": "000",
        "MA_DANTOC": "01",
        "MA_NGHE_NGHIEP": "00000",
        "DIA_CHI": case.address,
        "MA_THE_BHYT": f"HT3{case.sender[:2]}9999{case.serial:06d}",
        "GT_THE_DEN": f"{now:%Y}1231",
        "NGAY_VAO": _minute(came),
        "NGAY_VAO_NOI_TRU": _minute(came + timedelta(minutes=20)) if case.visit_kind == "03" else "",
        "NGAY_RA": _minute(left),
        "DAU_HIEU_LS": case.signs,
        "CHAN_DOAN_RV": case.diagnosis,
        "QT_BENHLY": case.course,
        "TOMTAT_KQ": "; ".join(f"{row[1]} {row[2]} {row[3]}".strip() for row in case.labs),
        "PP_DIEUTRI": case.treatment,
        "MA_BENH_CHINH": case.icd,
        "MA_BENH_KT": case.other_icd,
        "MA_LOAI_RV": case.exit_kind,
        "MA_LYDO_CT": case.reason,
        "HUONG_DIEU_TRI": case.plan,
        "PHUONGTIEN_VC": case.vehicle,
        "HOTEN_NGUOI_HT": case.escort,
        "CHUCDANH_NGUOI_HT": case.escort_title,
        "MA_BAC_SI": f"{case.serial:06d}/ZZ-GPHN",
        "MA_TTDV": "9999000901",
    }
    if case.dialect == "4750":
        values |= {"MA_NOI_DEN": case.destination, "TEN_THUOC": case.drugs, "PP_DIEU_TRI": case.treatment}
        values |= {"TEN_DICH_VU": "Điện tim thường"}
    else:
        values |= {"MA_CSKCB_DEN": case.destination, "TINH_TRANG_CT": case.state}
    return values


def _table(root: str, fields: Sequence[str], values: Mapping[str, str]) -> str:
    lines = [f"  <{name}>{escape(values.get(name, ''))}</{name}>" for name in fields]
    return "\n".join([f"<{root}>", *lines, f"</{root}>"])


def _summary(case: DemoCase, slip: Mapping[str, str]) -> str:
    values = dict(slip) | {
        "STT": "1",
        "MA_BN": f"BN{case.serial:08d}",
        "SO_CCCD": "",
        "MA_NOI_DEN": case.destination,
        "PP_DIEU_TRI": case.treatment,
        "GIAY_CHUYEN_TUYEN": "",
        "MA_DOITUONG_KCB": "2" if case.department == "K02" else "1.1",
        "MA_LOAI_KCB": case.visit_kind,
        "MA_KHOA": case.department,
        "KET_QUA_DTRI": "3",
        "MATINH_CU_TRU": case.sender[:2],
        "T_THUOC": "1250000.00",
        "T_BHTT": "3720000.00",
    }
    return _table("TONG_HOP", _XML1_FIELDS, values)


def _labs(case: DemoCase, slip: Mapping[str, str]) -> str:
    rows = [
        _table("CHI_TIET_CLS", _LAB_FIELDS, {
            "MA_LK": slip["MA_LK"], "STT": str(number), "MA_DICH_VU": "ZZ.0001.0001", "MA_CHI_SO": row[0],
            "TEN_CHI_SO": row[1], "GIA_TRI": row[2], "DON_VI_DO": row[3], "NGAY_KQ": slip["NGAY_VAO"],
            "MA_BS_DOC_KQ": slip["MA_BAC_SI"],
        })
        for number, row in enumerate(case.labs, 1)
    ]  # fmt: skip
    body = "\n".join(rows)
    tag = "CHITIEU_CHITIET_DICHVUCANLAMSANG"
    return f"<{tag}><DSACH_CHI_TIET_CLS>\n{body}\n</DSACH_CHI_TIET_CLS></{tag}>"


def _notes(case: DemoCase, slip: Mapping[str, str]) -> str:
    rows = [
        _table("CHI_TIET_DIEN_BIEN_BENH", _NOTE_FIELDS, {
            "MA_LK": slip["MA_LK"], "STT": str(number), "DIEN_BIEN_LS": row[0], "THOI_DIEM_DBLS": slip["NGAY_RA"],
            "NGUOI_THUC_HIEN": slip["MA_BAC_SI"],
        })
        for number, row in enumerate(case.notes, 1)
    ]  # fmt: skip
    body = "\n".join(rows)
    tag = "CHITIEU_CHITIET_DIENBIENLAMSANG"
    return f"<{tag}><DSACH_CHI_TIET_DIEN_BIEN_BENH>\n{body}\n</DSACH_CHI_TIET_DIEN_BIEN_BENH></{tag}>"


def _file(kind: str, content: str) -> str:
    encoded = base64.b64encode(f'<?xml version="1.0" encoding="utf-8"?>\n{content}\n'.encode()).decode()
    return f"<FILEHOSO><LOAIHOSO>{kind}</LOAIHOSO><NOIDUNGFILE>{encoded}</NOIDUNGFILE></FILEHOSO>"


def _wrap(facility: str, now: datetime, files: Sequence[str]) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f"<GIAMDINHHS><THONGTINDONVI><MACSKCB>{facility}</MACSKCB></THONGTINDONVI>"
        f"<THONGTINHOSO><NGAYLAP>{now:%Y%m%d}</NGAYLAP><SOLUONGHOSO>1</SOLUONGHOSO>"
        f"<DANHSACHHOSO><HOSO>{''.join(files)}</HOSO></DANHSACHHOSO></THONGTINHOSO><CHUKYDONVI/></GIAMDINHHS>\n"
    ).encode()


def transfer_file(case: DemoCase, now: datetime, corrections: Mapping[str, str] | None = None) -> bytes:
    """The export of one transfer; ``corrections`` replace fields of the slip, as a corrected export would."""
    slip = slip_values(case, now) | dict(corrections or {})
    root = _table("CHI_TIEU_GIAYCHUYENTUYEN", SLIP_FIELDS[case.dialect], slip)
    if not case.with_tables:
        return _wrap(case.sender, now, [_file("XML13", root)])
    tables = [_file("XML1", _summary(case, slip))]
    tables += [_file("XML4", _labs(case, slip))] if case.labs else []
    tables += [_file("XML5", _notes(case, slip))] if case.notes else []
    return _wrap(case.sender, now, [*tables, _file("XML13", root)])


def discharge_file(case: DemoCase, number: int, now: datetime) -> bytes:
    """The export of an ordinary discharge: no slip in it, and none of our business."""
    slip = slip_values(case, now) | {
        "MA_LK": f"{case.sender}.R{number:06d}",
        "MA_LOAI_RV": "1",
        "HO_TEN": f"RA VIỆN MẪU {number}",
    }
    return _wrap(case.sender, now, [_file("XML1", _summary(case, slip))])
