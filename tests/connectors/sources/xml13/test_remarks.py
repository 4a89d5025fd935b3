"""What is worth a word although the slip travels."""

import pytest

from connectors.sources.xml13.findings import Severity
from connectors.sources.xml13.rules import Verdict
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import export, slip_table, slip_values
from tests.connectors.sources.judging import judge, said, slip, with_summary

NOTES: list[tuple[dict[str, str | None], ReasonCode, str]] = [
    ({"GIAY_CHUYEN_TUYEN": ""}, ReasonCode.FIELD_MISSING, "GIAY_CHUYEN_TUYEN"),
    ({"NGAY_SINH": "000000000000"}, ReasonCode.FIELD_MISSING, "NGAY_SINH"),
    ({"MA_BENH_CHINH": ""}, ReasonCode.FIELD_MISSING, "MA_BENH_CHINH"),
    ({"CHAN_DOAN_RV": ""}, ReasonCode.FIELD_MISSING, "CHAN_DOAN_RV"),
    ({"MA_LOAI_RV": ""}, ReasonCode.FIELD_MISSING, "MA_LOAI_RV"),
    ({"MA_LYDO_CT": "9"}, ReasonCode.CODE_UNKNOWN, "MA_LYDO_CT"),
    ({"MA_CSKCB_DI": "20Z55;tuyến huyện"}, ReasonCode.CODE_UNKNOWN, "MA_CSKCB_DI"),
    ({"MA_DANTOC": "60"}, ReasonCode.CODE_UNKNOWN, "MA_DANTOC"),
    ({"MA_QUOCTICH": "VN"}, ReasonCode.CODE_UNKNOWN, "MA_QUOCTICH"),
    ({"MA_BENH_KT": "I10;đau"}, ReasonCode.CODE_UNKNOWN, "MA_BENH_KT"),
    ({"MA_BENH_KT": ";".join(["I10"] * 13)}, ReasonCode.TOO_MANY_DIAGNOSES, "MA_BENH_KT"),
    ({"MA_THE_BHYT": "DT22099"}, ReasonCode.CARD_DOUBTFUL, "MA_THE_BHYT"),
    ({"GT_THE_DEN": "20261331"}, ReasonCode.CARD_DOUBTFUL, "GT_THE_DEN"),
    ({"HO_TEN": "NÔNG THỊ \u0410"}, ReasonCode.TEXT_SUSPECT, "HO_TEN"),
    ({"DIA_CHI": "x" * 1025}, ReasonCode.FIELD_TOO_LONG, "DIA_CHI"),
    ({"QT_BENHLY": "BN vào viện vì THA"}, ReasonCode.ABBREVIATION, "QT_BENHLY"),
    ({"MA_BENH_KT": "B20"}, ReasonCode.SENSITIVE_SHOWS, "MA_BENH_KT"),
    ({"QT_BENHLY": "đang điều trị ARV"}, ReasonCode.SENSITIVE_SHOWS, "QT_BENHLY"),
]


@pytest.mark.parametrize(("changes", "reason", "field"), NOTES, ids=lambda part: str(part)[:50])
def test_what_is_told_and_travels(changes: dict[str, str | None], reason: ReasonCode, field: str) -> None:
    examined = slip(**changes)

    assert examined.verdict is Verdict.ACCEPTED
    assert (reason, field) in said(examined)
    assert all(found.severity is Severity.NOTE for found in examined.findings)


def test_diagnosis_of_traditional_medicine_is_a_diagnosis() -> None:
    assert slip(CHAN_DOAN_RV="", MA_BENH_CHINH="", MA_BENH_YHCT="U58.471").verdict is Verdict.ACCEPTED


def test_twelve_accompanying_codes_are_allowed() -> None:
    assert slip(MA_BENH_KT=";".join(["I10"] * 12)).findings == ()


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"SO_CCCD": "020062990201"}, ReasonCode.IDENTITY_NUMBER_DOUBTFUL, "SO_CCCD"),
        ({"MATINH_CU_TRU": "03"}, ReasonCode.CODE_UNKNOWN, "MATINH_CU_TRU"),
    ],
)
def test_notes_about_the_summary(changes: dict[str, str], reason: ReasonCode, field: str) -> None:
    examined = with_summary(**changes)

    assert examined.verdict is Verdict.ACCEPTED
    assert said(examined) == [(reason, field)]


@pytest.mark.parametrize("kind", ["XML6", "XML15"])
def test_what_is_held_back_is_told(kind: str) -> None:
    examined = judge(export((kind, b"secret"), ("XML13", slip_table(slip_values()))))

    assert examined.verdict is Verdict.ACCEPTED
    assert said(examined) == [(ReasonCode.HELD_BACK, kind)]
    assert examined.incomplete == ()


def test_missing_table_makes_the_slip_incomplete() -> None:
    examined = judge(export(("XML4", b"garbage"), ("XML13", slip_table(slip_values()))))

    assert examined.verdict is Verdict.ACCEPTED
    assert examined.incomplete == ("XML4",)


def test_misspelt_and_unknown_tags_are_told() -> None:
    table = slip_table(slip_values()).replace(b"MA_BAC_SI", b"MA_BACSI")
    table = table.replace(b"<MA_LK>", b"<GHI_CHU>x</GHI_CHU><thu-thach>y</thu-thach><MA_LK>")
    examined = judge(export(("XML13", table)))

    assert said(examined) == [
        (ReasonCode.FIELD_MISSPELT, "MA_BACSI"),
        (ReasonCode.FIELD_UNKNOWN, "GHI_CHU"),
        (ReasonCode.FIELD_UNKNOWN, "XML13"),
    ]
