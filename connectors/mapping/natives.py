"""Each field of XML13, read back from the FHIR element that says it.

A reader gives the text as XML13 would write it, or None where the element is absent. A field without reader has no FHIR
element and travels by name.
"""

from collections.abc import Callable
from typing import Any, Final

from connectors.mapping.addresses import FIELD, SOCIAL_INSURANCE, SOURCE_TABLE, xml13
from connectors.mapping.elements import joined, labelled
from connectors.mapping.parties import DOCTOR, ESCORT, HEAD
from connectors.mapping.patient import GENDERS
from connectors.mapping.request import NOTED
from connectors.mapping.summary import SERVICES, SUMMARY
from connectors.mapping.times import birth_from_fhir, day_from_fhir, from_fhir
from connectors.mapping.view import View, code_of, codes_of, extension_of, identifiers_of, value_of
from schemas.codes import systems

Reader = Callable[[View], str | None]

_GENDERS_BACK: Final = {word: code for code, word in GENDERS.items()}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _first(elements: Any) -> Any:
    return elements[0] if isinstance(elements, list) and elements else {}


def _birth(view: View) -> str | None:
    time = extension_of(view.patient.get("_birthDate"), systems.EXT_BIRTH_TIME, "valueDateTime")
    return birth_from_fhir(view.patient.get("birthDate"), time)


def _cards(view: View) -> str | None:
    return joined(item["value"] for item in identifiers_of(view.patient, systems.INSURANCE)) or None


def _card_ends(view: View) -> str | None:
    ends = [item.get("period", {}).get("end") for item in identifiers_of(view.patient, systems.INSURANCE)]
    return joined(day_from_fhir(end) or "" for end in ends) or None


def _main(view: View) -> Any:
    return _first(view.conditions).get("code", {})


def _other_codes(view: View) -> str | None:
    codes = [code_of(condition.get("code"), systems.ICD10) for condition in view.conditions[1:]]
    return joined(code for code in codes if code) or None


def _medicines(view: View) -> str | None:
    """The pieces are parted as people write a list: with a semicolon and a blank."""
    pieces = [
        str(statement["medicationCodeableConcept"].get("text", ""))
        for statement in view.all("MedicationStatement")
        if code_of(statement.get("category"), SOURCE_TABLE) == "XML13"
    ]
    return "; ".join(pieces) or None


def _escort_names(view: View) -> str | None:
    return "; ".join(_text(_first(person.get("name")).get("text")) or "" for person, _ in view.roles(ESCORT)) or None


def _escort_titles(view: View) -> str | None:
    titles = [_text(_first(role.get("code")).get("text")) for _, role in view.roles(ESCORT)]
    return "; ".join(title for title in titles if title) or None


def _head(view: View) -> str | None:
    for person, _ in view.roles(HEAD):
        return value_of(person, systems.LICENCE) or value_of(person, SOCIAL_INSURANCE)
    return None


def _doctor(view: View) -> str | None:
    return next((value_of(person, systems.LICENCE) for person, _ in view.roles(DOCTOR)), None)


def _came_from(view: View) -> str | None:
    return value_of(view.behind(view.encounter.get("hospitalization", {}).get("origin")), systems.FACILITY)


def _destination(view: View) -> str | None:
    return value_of(view.behind(_first(view.header.get("destination")).get("receiver")), systems.FACILITY)


def _of_field(view: View, kind: str, field: str) -> Any:
    return next((item for item in view.all(kind) if code_of(item.get("code"), FIELD) == field), {})


def _patient_extension(url: str) -> Reader:
    return lambda view: _text(extension_of(view.patient, url, "valueCode"))


def _note(label: str) -> Reader:
    return lambda view: labelled(view.request.get("note"), label)


READERS: Final[dict[str, Reader]] = {
    "MA_LK": lambda view: value_of(view.encounter, systems.EPISODE),
    "SO_HOSO": lambda view: value_of(view.patient, systems.RECORD_NUMBER),
    "SO_CHUYENTUYEN": lambda view: value_of(view.request, systems.REGISTER_NUMBER),
    "GIAY_CHUYEN_TUYEN": lambda view: value_of(view.request, systems.SLIP_NUMBER),
    "MA_CSKCB": lambda view: value_of(view.behind(view.header.get("sender")), systems.FACILITY),
    "MA_NOI_DI": _came_from,
    "MA_CSKCB_DI": _came_from,
    "MA_NOI_DEN": _destination,
    "MA_CSKCB_DEN": _destination,
    "HO_TEN": lambda view: _text(_first(view.patient.get("name")).get("text")),
    "NGAY_SINH": _birth,
    "GIOI_TINH": lambda view: _GENDERS_BACK.get(view.patient.get("gender", "")),
    "MA_QUOCTICH": _patient_extension(systems.EXT_NATIONALITY),
    "MA_DANTOC": _patient_extension(systems.EXT_ETHNIC_GROUP),
    "MA_NGHE_NGHIEP": _patient_extension(systems.EXT_OCCUPATION),
    "DIA_CHI": lambda view: _text(_first(view.patient.get("address")).get("text")),
    "MA_THE_BHYT": _cards,
    "GT_THE_DEN": _card_ends,
    "NGAY_VAO": lambda view: from_fhir(view.encounter.get("period", {}).get("start")),
    "NGAY_VAO_NOI_TRU": lambda view: from_fhir(
        extension_of(view.encounter, systems.EXT_INPATIENT_ORDER, "valueDateTime")
    ),
    "NGAY_RA": lambda view: from_fhir(view.encounter.get("period", {}).get("end")),
    "CHAN_DOAN_RV": lambda view: _text(_main(view).get("text")),
    "TOMTAT_KQ": lambda view: _text(_of_field(view, "DiagnosticReport", SUMMARY).get("conclusion")),
    "MA_BENH_CHINH": lambda view: joined(codes_of(_main(view), systems.ICD10)) or None,
    "MA_BENH_KT": _other_codes,
    "MA_BENH_YHCT": lambda view: joined(codes_of(_main(view), xml13("MA_BENH_YHCT"))) or None,
    "TEN_DICH_VU": lambda view: _text(_of_field(view, "Procedure", SERVICES).get("code", {}).get("text")),
    "TEN_THUOC": _medicines,
    "MA_LOAI_RV": lambda view: code_of(
        view.encounter.get("hospitalization", {}).get("dischargeDisposition"), xml13("MA_LOAI_RV")
    ),
    "MA_LYDO_CT": lambda view: code_of(view.request.get("reasonCode"), xml13("MA_LYDO_CT")),
    "HUONG_DIEU_TRI": lambda view: _text(view.request.get("code", {}).get("text")),
    "HOTEN_NGUOI_HT": _escort_names,
    "CHUCDANH_NGUOI_HT": _escort_titles,
    "MA_BAC_SI": _doctor,
    "MA_TTDV": _head,
    **{field: _note(field) for field in NOTED},
}
