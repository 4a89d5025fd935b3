"""What stands on the form: texts in the order of Annex VI, normalised (NFC), ready to print."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from connectors.form import names
from connectors.mapping.elements import parts
from connectors.mapping.source import Source
from connectors.mapping.times import birth_to_fhir, moment, start_of
from connectors.mapping.urgency.words import ONE_YEAR
from connectors.sources.xml13.dialects import DESTINATION_TAG

FormContent = dict[str, Any]

RENDITION: Final = "BẢN THỂ HIỆN, không thay phiếu đã ký"

# Invisible or steering characters have no place on paper; a text that turns around would read as another one.
_STEERING: Final = frozenset("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad")


def form_content(
    source: Source,
    *,
    sender_name: str,
    destination_name: str,
    doctor_name: str | None,
    case_code: str,
    one_year: bool = False,
    demonstration: bool = False,
) -> FormContent:
    """The form's texts for ``render`` (JSON-able: strings, lists, booleans)."""
    text = _reader(source.slip)
    return {
        "case_code": _clean(case_code),
        "rendition": RENDITION,
        "demonstration": demonstration,
        "sender": _clean(sender_name),
        "destination": _clean(destination_name),
        "destination_code": text(DESTINATION_TAG[source.dialect]),
        "sender_code": text("MA_CSKCB"),
        "number": text("GIAY_CHUYEN_TUYEN"),
        "record": text("SO_HOSO"),
        "register": text("SO_CHUYENTUYEN"),
        **_patient(source),
        **_stay(source),
        "signs": text("DAU_HIEU_LS"),
        "results": text("TOMTAT_KQ"),
        "diagnosis": text("CHAN_DOAN_RV"),
        "codes": [*parts(text("MA_BENH_CHINH")), *parts(text("MA_BENH_KT"))],
        "course": text("QT_BENHLY"),
        "treatment": _treatment(source),
        "state": text("TINH_TRANG_CT"),
        "reason": text("MA_LYDO_CT"),
        "plan": text("HUONG_DIEU_TRI"),
        "left": _moment(source.slip.get("NGAY_RA")),
        "vehicle": text("PHUONGTIEN_VC"),
        "escort": _escort(text("HOTEN_NGUOI_HT"), text("CHUCDANH_NGUOI_HT")),
        "one_year": one_year or bool(ONE_YEAR.search(text("DU_PHONG"))),
        "doctor": _clean(doctor_name or ""),
        "doctor_licence": text("MA_BAC_SI"),
        "head": text("MA_TTDV"),
        "day": _day(source.slip.get("NGAY_RA")),
    }


def _reader(row: Mapping[str, str | None]) -> Any:
    return lambda field: _clean(row.get(field) or "")


def _clean(text: str) -> str:
    """NFC, without control and steering characters; line ends stay."""
    composed = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        character
        for character in composed
        if character == "\n" or (character not in _STEERING and unicodedata.category(character) not in {"Cc", "Cs"})
    ).strip()


def _patient(source: Source) -> FormContent:
    text = _reader(source.slip)
    born = birth_to_fhir(source.slip.get("NGAY_SINH"))[0] or ""
    return {
        "name": text("HO_TEN"),
        "sex": text("GIOI_TINH"),
        "born": "/".join(reversed(born.split("-"))),
        "born_at": _moment(source.slip.get("NGAY_SINH")) if born and _has_clock(source.slip.get("NGAY_SINH")) else "",
        "address": text("DIA_CHI"),
        "ethnic_group": names.ethnic_group(text("MA_DANTOC")),
        "nationality": names.nationality(text("MA_QUOCTICH")),
        "occupation": names.occupation(text("MA_NGHE_NGHIEP")),
        "cards": _cards(text("MA_THE_BHYT"), text("GT_THE_DEN")),
    }


def _has_clock(text: str | None) -> bool:
    return moment(text) is not None and not str(text).endswith("0000")


def _cards(numbers: str, ends: str) -> list[list[str]]:
    days = ends.split(";")
    return [
        [number, _day(days[place].strip()) if place < len(days) else ""] for place, number in enumerate(parts(numbers))
    ]


def _stay(source: Source) -> FormContent:
    return {"came": _moment(source.slip.get("NGAY_VAO")), "admitted": _moment(source.slip.get("NGAY_VAO_NOI_TRU"))}


def _treatment(source: Source) -> list[list[str]]:
    """Methods, services and medicines, each with its title; a text given twice is printed once."""
    found: list[list[str]] = []
    for title, field in (
        ("", "PP_DIEUTRI"),
        ("", "PP_DIEU_TRI"),
        ("Dịch vụ kỹ thuật", "TEN_DICH_VU"),
        ("Thuốc", "TEN_THUOC"),
    ):
        text = _clean(source.slip.get(field) or "")
        if text and text not in [given for _, given in found]:
            found.append([title, text])
    return found


def _escort(people: str, titles: str) -> str:
    return f"{people} ({titles})" if people and titles else people or titles


def _moment(text: str | None) -> str:
    """``23 giờ 30 phút, ngày 19/11/2026``; a day without clock as a day; another text as it is."""
    at = moment(text)
    return _day(text) if at is None else f"{at:%H} giờ {at:%M} phút, ngày {at:%d/%m/%Y}"


def _day(text: str | None) -> str:
    at = start_of(text)
    return _clean(text or "") if at is None else f"{at:%d/%m/%Y}"


def plain_form(content: FormContent) -> bytes:
    """The form as plain text (UTF-8), for the case that no PDF can be made: a form always travels."""
    rows = [
        ("Số phiếu", content["number"]),
        ("Mã ca", content["case_code"]),
        ("Nơi gửi", f"{content['sender']} ({content['sender_code']})"),
        ("Kính gửi", f"{content['destination']} ({content['destination_code']})"),
        ("Họ và tên", content["name"]),
        ("Giới tính", {"1": "Nam", "2": "Nữ"}.get(content["sex"], "Chưa xác định")),
        ("Ngày sinh", content["born_at"] or content["born"]),
        ("Địa chỉ", content["address"]),
        *(("Thẻ BHYT", f"{number} đến {end}") for number, end in content["cards"]),
        ("Từ", content["came"]),
        ("Dấu hiệu lâm sàng", content["signs"]),
        ("Quá trình bệnh lý", content["course"]),
        ("Kết quả cận lâm sàng", content["results"]),
        ("Chẩn đoán", f"{content['diagnosis']} ({'; '.join(content['codes'])})"),
        *((title or "Điều trị", text) for title, text in content["treatment"]),
        ("Tình trạng lúc chuyển", content["state"]),
        ("Lý do chuyển", content["reason"]),
        ("Hướng điều trị", content["plan"]),
        ("Chuyển lúc", content["left"]),
        ("Phương tiện", content["vehicle"]),
        ("Người hộ tống", content["escort"]),
        ("Bác sĩ", f"{content['doctor']} {content['doctor_licence']}".strip()),
    ]
    head = ["PHIẾU CHUYỂN CƠ SỞ KHÁM BỆNH, CHỮA BỆNH", content["rendition"], ""]
    return "\n".join([*head, *(f"{title}: {text}" for title, text in rows if text), ""]).encode()
