"""What the record says becomes FHIR, row by row; what it does not say is said to be unknown."""

import json
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from connectors.mapping.build import build_bundle
from connectors.mapping.encode import encode_bundle
from connectors.mapping.provinces import is_province_code, province_name
from connectors.mapping.units import UCUM_CODES, ucum
from connectors.mapping.view import View, code_of
from connectors.sources.xml13.dates import VIETNAM
from connectors.sources.xml13.records import Dossier
from schemas.codes import systems
from tests.connectors.mapping_world import bundle_of, context_of, dossier_of, now_of, resources

LETROZOL = {"TEN_THUOC": "Letrozol", "HAM_LUONG": "2,5mg", "LIEU_DUNG": "1 viên/ngày", "NGAY_YL": "202611191000"}


def with_tables(name: str = "05", **tables: Any) -> dict[str, Any]:
    """The Bundle of a sample with other tables: summary (merged), drugs, results, course, slip fields."""
    dossier = dossier_of(name)
    assert dossier.slip is not None
    if "summary" in tables:
        tables["summary"] = {**(dossier.summary or {}), **tables["summary"]}
    if "slip" in tables:
        values = MappingProxyType({**dossier.slip.values, **tables["slip"]})
        tables["slip"] = replace(dossier.slip, values=values)
    changed: Dossier = replace(dossier, **tables)
    return build_bundle(changed, context_of(changed, now_of(name)))


def observation(bundle: dict[str, Any], loinc: str, place: int = 0) -> dict[str, Any]:
    found = [item for item in resources(bundle, "Observation") if code_of(item["code"], systems.LOINC) == loinc]
    return found[place]


def note(text: str) -> dict[str, str | None]:
    return {"THOI_DIEM_DBLS": "202611192200", "DIEN_BIEN_LS": text}


# --- vital signs ---


def test_the_newest_vital_signs_with_their_time() -> None:
    bundle = bundle_of("05")
    pulse = observation(bundle, "8867-4")
    assert pulse["valueQuantity"] == {"value": 62, "unit": "lần/phút", "system": systems.UCUM, "code": "/min"}
    assert pulse["effectiveDateTime"] == "2026-11-19T23:20:00+07:00"
    pressure = observation(bundle, "85354-9")["component"]
    assert [part["valueQuantity"]["value"] for part in pressure] == [104, 64]
    assert [part["code"]["coding"][0]["code"] for part in pressure] == ["8480-6", "8462-4"]
    assert observation(bundle, "8310-5")["valueQuantity"]["value"] == Decimal("36.5")
    assert observation(bundle, "9279-1")["valueQuantity"]["value"] == 20


def test_older_vital_signs_keep_their_own_time() -> None:
    times = [
        item["effectiveDateTime"]
        for item in resources(bundle_of("05"), "Observation")
        if code_of(item["code"], systems.LOINC) == "8867-4"
    ]
    assert times == ["2026-11-19T23:20:00+07:00", "2026-11-19T21:42:00+07:00", "2026-11-19T22:25:00+07:00"]


@pytest.mark.parametrize(
    ("code", "why"),
    [("8867-4", "unknown"), ("85354-9", "unknown"), ("9279-1", "unknown"), ("8310-5", "unknown"),
     ("59408-5", "unsupported"), ("9269-2", "unsupported")],
)  # fmt: skip
def test_a_missing_vital_sign_says_why(code: str, why: str) -> None:
    missing = observation(bundle_of("01"), code)
    assert code_of(missing["dataAbsentReason"], systems.DATA_ABSENT) == why
    assert not [name for name in missing if name.startswith(("value", "effective"))]


@pytest.mark.parametrize(
    ("text", "code", "value"),
    [
        ("CSST<T36,7>", "8310-5", "36,7"),  # a decimal comma is not understood for anybody
        ("CSST<M~90>", "8867-4", "~90"),
        ("CSST<HA120>", "85354-9", "120"),
        ("CSST<HA120/70/90>", "85354-9", "120/70/90"),
        ("CSST<NT18l/p>", "9279-1", "18l/p"),
    ],
)
def test_what_is_no_plain_number_stays_text(text: str, code: str, value: str) -> None:
    found = observation(with_tables(course=(note(text),)), code)
    assert found["valueString"] == value
    assert "valueQuantity" not in found


def test_an_item_that_nobody_defined_is_carried_with_its_letters() -> None:
    bundle = with_tables(course=(note("Tỉnh. CSST<M75_T37_HA120/70_NT18_HL2>"),))
    odd = [item for item in resources(bundle, "Observation") if item["code"].get("text") == "HL"]
    assert [item["valueString"] for item in odd] == ["2"]


def test_weight_and_blood_group() -> None:
    bundle = bundle_of("06")
    assert observation(bundle, "29463-7")["valueQuantity"]["value"] == Decimal("1.18")
    assert observation(bundle_of("05"), "882-1")["valueString"] == "O+"
    assert observation(with_tables(summary={"CAN_NANG": "52,5"}), "29463-7")["valueString"] == "52,5"


# --- results ---


def result(**fields: str) -> dict[str, str | None]:
    row = {"MA_CHI_SO": "GLU", "TEN_CHI_SO": "Glucose", "GIA_TRI": "5.60", "DON_VI_DO": "mmol/L"}
    return {**row, "NGAY_KQ": "202611192200", "MA_BS_DOC_KQ": "000204/ZZ-GPHN", **fields}


def laboratory(**fields: str) -> dict[str, Any]:
    bundle = with_tables(results=(result(**fields),), summary={"NHOM_MAU": ""})
    return next(
        item for item in resources(bundle, "Observation") if item["category"][0]["coding"][0]["code"] == "laboratory"
    )


def test_a_result_has_the_time_of_the_result_and_no_other() -> None:
    found = laboratory()
    assert found["issued"] == "2026-11-19T22:00:00+07:00"
    assert not [name for name in found if name.startswith("effective")]
    assert "referenceRange" not in found
    assert found["performer"][0]["identifier"]["value"] == "000204/ZZ-GPHN"
    assert found["valueQuantity"] == {
        "value": Decimal("5.60"), "unit": "mmol/L", "system": systems.UCUM, "code": "mmol/L"
    }  # fmt: skip


@pytest.mark.parametrize("text", ["1,0", "> 20", "<0.01", "Âm tính", "1.2.3", "01.5", "5.", "1e3", "٣", " 5 6", "+5"])
def test_a_value_that_is_no_plain_number_stays_text_with_its_unit_said(text: str) -> None:
    found = laboratory(GIA_TRI=text)
    assert found["valueString"] == text
    assert found["note"][0]["text"] == "Đơn vị: mmol/L"


@pytest.mark.parametrize(
    ("text", "written"), [("5.60", b'"value":5.60,'), ("-2.0", b'"value":-2.0,'), ("7", b'"value":7,')]
)
def test_digits_are_kept_when_written(text: str, written: bytes) -> None:
    bundle = with_tables(results=(result(GIA_TRI=text),))
    assert written in encode_bundle(bundle)


def test_an_unknown_unit_is_printed_and_not_coded() -> None:
    assert laboratory(DON_VI_DO="mg/L FEU")["valueQuantity"] == {"value": Decimal("5.60"), "unit": "mg/L FEU"}
    assert laboratory(DON_VI_DO="")["valueQuantity"] == {"value": Decimal("5.60")}
    assert (ucum("\u03bcmol/L"), ucum("\u00b5mol/L"), ucum("đv")) == ("umol/L", "umol/L", None)
    assert all(code and " " not in code for code in UCUM_CODES.values())


def test_a_row_without_value_is_absent_and_one_of_words_is_a_report() -> None:
    assert code_of(laboratory(GIA_TRI="")["dataAbsentReason"], systems.DATA_ABSENT) == "unknown"
    bundle = with_tables(
        results=(result(GIA_TRI="", MO_TA="Mờ hai phổi", KET_LUAN="Phù phổi"),), slip={"TOMTAT_KQ": ""}
    )
    report = resources(bundle, "DiagnosticReport")[0]
    assert report["conclusion"] == "Mờ hai phổi\nKết luận: Phù phổi"
    assert report["issued"] == "2026-11-19T22:00:00+07:00"


# --- medicines and allergies ---


def test_the_source_does_not_say_is_never_none() -> None:
    bundle = bundle_of("05")
    assert [code_of(item["code"], systems.ABSENT_UNKNOWN) for item in resources(bundle, "AllergyIntolerance")] == [
        "no-allergy-info"
    ]
    statement = resources(bundle, "MedicationStatement")
    assert [code_of(item["medicationCodeableConcept"], systems.ABSENT_UNKNOWN) for item in statement] == [
        "no-medication-info"
    ]
    written = encode_bundle(bundle)
    assert b"no-known" not in written


def test_medicines_of_the_slip_are_parted() -> None:
    texts = [item["medicationCodeableConcept"]["text"] for item in resources(bundle_of("04"), "MedicationStatement")]
    assert texts == ["Alteplase 50mg", "Nicardipin 10mg/10ml", "Natri clorid 0,9%"]


def test_medicines_of_xml2_with_the_time_of_the_order() -> None:
    older = {**LETROZOL, "LIEU_DUNG": "2 viên/ngày", "NGAY_YL": "202611181000"}
    other = {**LETROZOL, "TEN_THUOC": "Calci"}
    statements = resources(with_tables(drugs=(LETROZOL, older, other)), "MedicationStatement")
    assert [item["medicationCodeableConcept"]["text"] for item in statements] == ["Letrozol 2,5mg", "Calci 2,5mg"]
    assert statements[0]["dosage"][0]["text"] == "1 viên/ngày; y lệnh 10:00 ngày 19/11/2026"
    assert not [name for name in statements[0] if name.startswith("effective")]


def test_more_medicines_than_fit_go_into_a_text() -> None:
    drugs = tuple({**LETROZOL, "TEN_THUOC": f"Thuốc {place}"} for place in range(30))
    bundle = with_tables(drugs=drugs)
    assert len(resources(bundle, "MedicationStatement")) == 15
    purposes = [
        code_of(item["type"], "urn:lienvien:codesystem:document") for item in resources(bundle, "DocumentReference")
    ]
    assert "medicines" in purposes


# --- people ---


@pytest.mark.parametrize(
    ("number", "system"),
    [
        ("020162990201", systems.NATIONAL_ID),
        ("142567890", systems.CITIZEN_ID),
        ("C1234567", systems.PASSPORT),
        ("12345", None),
        ("", None),
    ],
)
def test_the_number_in_so_cccd_is_told_by_its_form(number: str, system: str | None) -> None:
    patient = resources(with_tables(summary={"SO_CCCD": number}), "Patient")[0]
    found = [
        item["system"]
        for item in patient["identifier"]
        if item["system"] not in (systems.INSURANCE, systems.RECORD_NUMBER)
    ]
    assert found == ([system] if system else [])


def test_the_record_number_stands_in_for_a_patient_without_numbers() -> None:
    patient = resources(with_tables(summary={"SO_CCCD": ""}, slip={"MA_THE_BHYT": ""}), "Patient")[0]
    assert [item["system"] for item in patient["identifier"]] == [systems.RECORD_NUMBER]


@pytest.mark.parametrize(("code", "gender"), [("1", "male"), ("2", "female"), ("3", "unknown"), ("", "unknown")])
def test_gender_three_is_unknown(code: str, gender: str) -> None:
    assert resources(with_tables(slip={"GIOI_TINH": code}), "Patient")[0]["gender"] == gender


@pytest.mark.parametrize(
    ("text", "date", "time"),
    [
        ("196600000000", "1966", None),
        ("196608000000", "1966-08", None),
        ("196208240000", "1962-08-24", None),
        ("202610300317", "2026-10-30", "2026-10-30T03:17:00+07:00"),
        ("19620824", "1962-08-24", None),
        ("196602310000", None, None),
        ("000000000000", None, None),
        ("1966", None, None),
        ("196613000000", None, None),
        ("196600150000", None, None),
    ],
)
def test_birth_dates_with_unknown_parts(text: str, date: str | None, time: str | None) -> None:
    patient = resources(with_tables(slip={"NGAY_SINH": text}), "Patient")[0]
    assert patient.get("birthDate") == date
    extension = patient.get("_birthDate", {}).get("extension", [{}])[0]
    assert extension.get("valueDateTime") == time
    if date is None:
        assert extension["valueCode"] == "unknown"


def test_a_province_code_means_what_it_meant_that_day() -> None:
    assert resources(bundle_of("04"), "Patient")[0]["address"][0]["state"] == "Bắc Giang"
    assert resources(bundle_of("12"), "Patient")[0]["address"][0]["state"] == "Bắc Ninh"
    unknown = resources(with_tables(summary={"MATINH_CU_TRU": "03"}), "Patient")[0]["address"][0]
    assert "state" not in unknown
    assert unknown["text"]
    day = now_of("04").astimezone(VIETNAM).date()
    assert (province_name("27", day), province_name(None, day)) == ("Bắc Ninh", None)
    assert (is_province_code("27"), is_province_code("03")) == (True, False)


def test_cards_with_their_dates() -> None:
    bundle = bundle_of("09")
    coverage = resources(bundle, "Coverage")
    assert [item["identifier"][0]["value"] for item in coverage] == ["DK2669999000601", "GD4669999000601"]
    assert [item["period"] for item in coverage] == [
        {"start": "2026-01-01", "end": "2026-12-31"},
        {"start": "2026-07-01", "end": "2027-06-30"},
    ]
    assert View(bundle).request["insurance"]
    assert coverage[0]["payor"] == [{"display": "Bảo hiểm xã hội Việt Nam"}]


def test_staff_phones_and_escorts() -> None:
    bundle = bundle_of("05")
    people = {code: View(bundle).roles(code) for code in ("doctor", "head", "escort")}
    doctor, role = people["doctor"][0]
    assert doctor["name"][0]["text"] == "BS. Nguyễn Văn Mẫu"
    assert doctor["telecom"][0]["value"] == "0900000000"
    assert role["telecom"][0]["value"] == View(bundle).behind(role["organization"])["telecom"][0]["value"]
    assert [person["name"][0]["text"] for person, _ in people["escort"]] == ["LÂM VĂN GIẢ", "HOÀNG THỊ ĐỊNH"]
    assert [role["code"][0]["text"] for _, role in people["escort"]] == ["Bác sĩ", "Điều dưỡng"]
    assert people["head"][0][0]["identifier"][0] == {"system": systems.LICENCE, "value": "000209/ZZ-GPHN"}
    unknown = bundle_of("05", staff={})
    doctor, _ = View(unknown).roles("doctor")[0]
    assert doctor["name"][0]["_text"]["extension"][0]["valueCode"] == "unknown"
    assert doctor["telecom"][0]["_value"]["extension"][0]["valueCode"] == "unknown"


def test_the_head_of_a_4750_slip_is_known_by_social_insurance() -> None:
    person, _ = View(bundle_of("04")).roles("head")[0]
    assert person["identifier"][0]["system"] == "urn:lienvien:identifier:social-insurance-number"


def test_where_the_patient_came_from() -> None:
    view = View(bundle_of("11"))
    assert view.behind(view.encounter["hospitalization"]["origin"])["name"] == "Trung tâm Y tế khu vực Tràng Định"
    back = View(bundle_of("12"))
    assert back.encounter["hospitalization"]["origin"] == back.request["performer"][0]
    assert len(resources(bundle_of("12"), "Organization")) == 2


# --- the stay ---


@pytest.mark.parametrize(
    ("form", "order", "stay"),
    [("03", "", "IMP"), ("04", "", "IMP"), ("09", "", "IMP"), ("01", "202611192150", "AMB"), ("08", "", "AMB"),
     ("", "202611192150", "IMP"), ("", "", "AMB"), ("14", "202611192150", "IMP"), ("14", "", "AMB")],
)  # fmt: skip
def test_encounter_class(form: str, order: str, stay: str) -> None:
    bundle = with_tables(summary={"MA_LOAI_KCB": form}, slip={"NGAY_VAO_NOI_TRU": order})
    assert View(bundle).encounter["class"]["code"] == stay


def test_validity_is_fourteen_days_or_a_year() -> None:
    assert View(bundle_of("05")).task["restriction"]["period"]["end"] == "2026-12-03T23:30:00+07:00"
    assert View(bundle_of("08")).task["restriction"]["period"]["end"] == "2025-11-12T10:30:00+07:00"


@pytest.mark.parametrize(
    ("text", "sure"), [("Theo dõi viêm ruột thừa", "provisional"), ("Viêm ruột thừa", "confirmed")]
)
def test_a_diagnosis_observed_for_is_provisional(text: str, sure: str) -> None:
    condition = View(with_tables(slip={"CHAN_DOAN_RV": text})).conditions[0]
    assert code_of(condition["verificationStatus"], systems.CONDITION_VERIFICATION) == sure


def test_operations_are_dated_in_words_only() -> None:
    procedure = resources(bundle_of("07"), "Procedure")[0]
    assert procedure["code"]["text"] == "Dẫn lưu màng phổi trái lúc 01:50"
    assert procedure["performedString"] == "ghi trong diễn biến lúc 02:00 ngày 08/11/2026"
    assert "performedDateTime" not in procedure


# --- what is held back, what leaks, what is missing ---


def tags(bundle: dict[str, Any]) -> set[str]:
    return {tag["code"] for tag in bundle["meta"].get("tag", [])}


def test_a_category_that_tells_a_diagnosis_is_masked() -> None:
    bundle = with_tables(summary={"MA_DOITUONG_KCB": "1.9"})
    assert "held-back" in tags(bundle)
    assert b'"1.9"' not in encode_bundle(bundle)
    assert "held-back" not in tags(bundle_of("05"))


def test_a_withheld_table_is_marked_and_not_named() -> None:
    bundle = with_tables(held_back=("XML6",))
    assert "held-back" in tags(bundle)
    assert b"XML6" not in encode_bundle(bundle)
    assert b"HIV" not in encode_bundle(bundle)


def test_what_is_missing_is_tagged_and_named() -> None:
    bundle = with_tables(slip={"DAU_HIEU_LS": "", "TINH_TRANG_CT": None})
    assert "incomplete" in tags(bundle)
    told = next(text["text"] for text in View(bundle).task["note"])
    assert told == (
        "Gửi thiếu: dấu hiệu lâm sàng; tình trạng khi chuyển. / Sent incomplete: clinical signs; state at transfer."
    )
    assert "incomplete" not in tags(bundle_of("05"))


def test_unclassified_and_demonstration_are_tags() -> None:
    bundle = bundle_of("05", demonstration=True)
    assert tags(bundle) == {"demonstration"}


def test_money_and_other_hospital_secrets_are_nowhere() -> None:
    written = json.loads(encode_bundle(bundle_of("05")))
    assert "T_THUOC" not in json.dumps(written)
    assert "1250000" not in json.dumps(written)
