"""What travels incomplete ("gửi thiếu"), what was held back, and what a reader could infer all the same."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from connectors.mapping.context import BuildContext
from connectors.mapping.elements import Element, annotation, composed, holds, parts
from connectors.mapping.patient import identity_system
from connectors.mapping.source import Source, said
from connectors.mapping.stay import is_masked
from connectors.mapping.times import birth_to_fhir, moment
from connectors.mapping.vitals import has_vitals
from connectors.sources.xml13.dialects import FIELDS
from connectors.sources.xml13.fields import Need
from connectors.sources.xml13.identity import says_hiv
from connectors.sources.xml13.records import Dossier
from schemas.limits import TEXT_MAX_CHARS
from schemas.reasons import ReasonCode


@dataclass(frozen=True, slots=True)
class Gap:
    """Something missing or telling: the field it concerns, and its name in Vietnamese and in English."""

    field: str
    vi: str
    en: str


def missing(source: Source, context: BuildContext) -> list[Gap]:
    """What the profile asks for and neither the record nor the directory says, where it could have been known.

    What the insurance tables can never say (oxygen saturation, consciousness, allergies) is not counted: a mark that
    every transfer bears tells nobody anything.
    """
    checks = [
        (context.sender.phone, Gap("Organization.telecom", "điện thoại nơi gửi", "phone of the sender")),
        (context.destination.phone, Gap("Organization.telecom", "điện thoại nơi nhận", "phone of the destination")),
        (
            _doctor_is_known(source, context),
            Gap("Practitioner.name", "tên bác sĩ chuyển", "name of the referring doctor"),
        ),
        (birth_to_fhir(source.slip.get("NGAY_SINH"))[0], Gap("NGAY_SINH", "ngày sinh", "date of birth")),
        (moment(source.slip.get("NGAY_RA")), Gap("NGAY_RA", "ngày giờ chuyển", "time of transfer")),
        (_is_identified(source), Gap("SO_CCCD", "số định danh hoặc thẻ BHYT", "national or insurance number")),
        (has_vitals(source), Gap("DIEN_BIEN_LS", "sinh hiệu (CSST trong XML5)", "vital signs (CSST in XML5)")),
    ]
    found = [*_empty_fields(source), *(gap for present, gap in checks if not present), *_unreadable(source)]
    return list({gap.field: gap for gap in reversed(found)}.values())[::-1]


def left_out(dossier: Dossier, context: BuildContext) -> list[Gap]:
    """Tables of the record that could not be read, or not be joined, and files that do not fit."""
    files = [
        Gap(file.purpose, f"tệp quá lớn: {file.title}", f"file too large: {file.title}")
        for file in context.not_attached
    ]
    names = dict.fromkeys(found.field for found in dossier.findings if found.reason is ReasonCode.TABLE_LEFT_OUT)
    return [*files, *(Gap(name, f"bảng {name}", f"table {name}") for name in names)]


def held_back(source: Source, withheld_tables: Iterable[str]) -> list[Gap]:
    """What was in the record and is not sent. The words do not say which illness a table is about."""
    kept = [Gap(name, "bảng dữ liệu nhạy cảm", "sensitive table") for name in sorted(set(withheld_tables))]
    if is_masked(source):
        kept.append(Gap("MA_DOITUONG_KCB", "mã đối tượng", "category code"))
    return kept


def leaks(source: Source) -> list[tuple[str, str]]:
    """``(field, table)`` of every place that tells of HIV although the tables about it are held back.

    Shown to the sender before sending; nothing is cut out of a text. The table is "" for the slip itself.
    """
    found = [
        (field, "")
        for field, value in source.slip.items()
        if (field in _CODE_FIELDS and any(says_hiv(code) for code in parts(value or "")))
        or (field not in _NAME_FIELDS and _TELLING_WORD.search(composed(value)))
    ]
    tables = (
        ("XML2", "TEN_THUOC", source.drugs),
        ("XML4", "TEN_CHI_SO", source.results),
        ("XML5", "DIEN_BIEN_LS", source.course),
        ("XML5", "HOI_CHAN", source.course),
    )
    for table, field, rows in tables:
        if any(_TELLING_WORD.search(composed(row.get(field))) for row in rows):
            found.append((field, table))
    return found


def notes(gaps: list[Gap], kept: list[Gap]) -> list[Element]:
    """The two notes of the Task that both ends show; none when there is nothing to say."""
    told = []
    if gaps:
        vi, en = "; ".join(gap.vi for gap in gaps), "; ".join(gap.en for gap in gaps)
        told.append(annotation("incomplete", f"Gửi thiếu: {vi}. / Sent incomplete: {en}."))
    if kept:
        told.append(annotation("held-back", "Có dữ liệu nhạy cảm không gửi kèm. / Something sensitive is held back."))
    return told


# Names of the illness, its medicines and its tests say it as well as a code does.
_TELLING_WORD: Final = re.compile(
    r"\b(?:HIV|AIDS|ARV|TLD|LPV/?r|tenofovir|lamivudine?|dolutegravir|efavirenz|nevirapine?|zidovudine?|abacavir"
    r"|lopinavir|ritonavir|raltegravir|emtricitabine?|suy giảm miễn dịch)\b",
    re.IGNORECASE,
)
_DIAGNOSIS: Final = ("CHAN_DOAN_RV", "MA_BENH_CHINH")
_CODE_FIELDS: Final = ("MA_BENH_CHINH", "MA_BENH_KT")
_NAME_FIELDS: Final = ("HO_TEN", "HOTEN_NGUOI_HT", "DIA_CHI")


def _empty_fields(source: Source) -> list[Gap]:
    """Fields that the form asks for; a diagnosis in words and one in codes are both asked for."""
    return [
        Gap(field.tag, field.vi, field.en)
        for field in FIELDS[source.dialect]
        if (field.need is Need.WANTED or field.tag in _DIAGNOSIS) and not (source.slip.get(field.tag) or "").strip()
    ]


def _doctor_is_known(source: Source, context: BuildContext) -> bool:
    return (source.text("MA_BAC_SI") or "") in context.staff


def _is_identified(source: Source) -> bool:
    number = said(source.one, "SO_CCCD")
    return bool((number and identity_system(number)) or source.text("MA_THE_BHYT"))


def _unreadable(source: Source) -> list[Gap]:
    """Texts that are there and that no FHIR text can show; they travel for the receiver's HIS only."""
    return [
        Gap(field, f"{field} (không hiển thị được)", f"{field} (cannot be displayed)")
        for field, value in source.slip.items()
        if value and value.strip() and not holds(value, TEXT_MAX_CHARS)
    ]
