"""Whatever the record holds, the Bundle keeps its limits, and what did not fit is counted in words."""

import base64
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from connectors.mapping.assemble import assemble
from connectors.mapping.build import build_bundle
from connectors.mapping.context import Attachment, LegalGround
from connectors.mapping.documents import TEXT_MAX_BYTES, shortened
from connectors.mapping.elements import labelled
from connectors.mapping.encode import encode_bundle
from connectors.mapping.order import choose_ground
from connectors.mapping.results import choose, newest_per_indicator
from connectors.mapping.view import View, code_of
from connectors.sources.xml13.records import Dossier
from schemas import strict_json
from schemas.codes.lists import LegalBasis
from schemas.limits import BUNDLE_MAX_BYTES, BUNDLE_MAX_ENTRIES
from schemas.message import read_facts
from schemas.profile.gate import judge
from schemas.reasons import ReasonCode, Refused
from schemas.urgency import Kind
from tests.connectors.mapping_world import PDF, context_of, dossier_of, now_of, resources


def lab(place: int, code: str = "GLU", time: str = "202611192200", **fields: str) -> dict[str, str | None]:
    return {"MA_CHI_SO": code, "TEN_CHI_SO": code, "GIA_TRI": str(place), "NGAY_KQ": time, **fields}


def record(name: str = "05", **changes: Any) -> Dossier:
    return replace(dossier_of(name), **changes)


def built(dossier: Dossier, **changes: Any) -> dict[str, Any]:
    bundle = build_bundle(dossier, context_of(dossier, now_of("05"), **changes))
    read: dict[str, Any] = strict_json.loads(encode_bundle(bundle))
    assert judge(read, read_facts(read)).refusals == ()
    return read


def attached(bundle: dict[str, Any], purpose: str) -> str:
    document = next(
        item
        for item in resources(bundle, "DocumentReference")
        if code_of(item["type"], "urn:lienvien:codesystem:document") == purpose
    )
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


# --- results ---


def test_all_results_stand_in_the_bundle_when_they_fit() -> None:
    rows = [lab(place, f"C{place % 3}") for place in range(9)]
    assert choose(rows, 9) == (rows, [])


def test_else_the_newest_of_each_indicator() -> None:
    rows = [
        lab(1, "A", "202611190100"),
        lab(2, "A", "202611190300"),
        lab(3, "B", "202611190200"),
        lab(4, "A", "202611190200"),
    ]
    kept, rest = choose(rows, 3)
    assert [row["GIA_TRI"] for row in kept] == ["2", "3"]
    assert [row["GIA_TRI"] for row in rest] == ["1", "4"]


def test_of_two_results_at_one_time_the_later_row_counts() -> None:
    assert newest_per_indicator([lab(1), lab(2)]) == [lab(2)]


def test_else_the_newest_of_those() -> None:
    rows = [lab(place, f"C{place}", f"2026111922{place:02d}") for place in range(10)]
    kept, rest = choose(rows, 4)
    assert [row["GIA_TRI"] for row in kept] == ["6", "7", "8", "9"]
    assert len(rest) == 6
    assert choose(rows, 0) == ([], rows)
    assert choose(rows, -3) == ([], rows)


def test_the_rest_travels_as_one_text_and_is_counted_in_words() -> None:
    rows = tuple(lab(place, f"C{place % 60}", f"2026111{place % 9 + 1}2200") for place in range(400))
    bundle = built(record(results=rows))
    assert len(bundle["entry"]) <= BUNDLE_MAX_ENTRIES
    told = labelled(View(bundle).task["note"], "labs") or ""
    text = attached(bundle, "labs")
    inside = sum("issued" in item for item in resources(bundle, "Observation"))
    assert f"Có 400 kết quả: {inside} kết quả mới nhất" in told
    assert f"the newest {inside} stand in the Bundle" in told
    assert len(text.splitlines()) == 400 - inside
    assert inside == 60


def test_a_result_too_long_for_an_element_is_text() -> None:
    rows = (lab(1), lab(2, "X", MO_TA="dài " * 3_900, KET_LUAN="dài " * 3_900))
    bundle = built(record(results=rows))
    assert "dài dài" in attached(bundle, "labs")


def test_older_vital_signs_give_way_to_results() -> None:
    course = tuple(
        {"THOI_DIEM_DBLS": f"202611191{hour:03d}", "DIEN_BIEN_LS": f"CSST<M{hour}_T37_HA120/70_NT18>"}
        for hour in range(50, 90)
    )
    rows = tuple(lab(place, f"C{place}") for place in range(60))
    bundle = built(record(results=rows, course=course))
    assert len(bundle["entry"]) <= BUNDLE_MAX_ENTRIES
    assert sum("issued" in item for item in resources(bundle, "Observation")) == 60
    text = attached(bundle, "course")
    assert all(f"CSST<M{hour}_" in text for hour in range(50, 90))


def test_the_fullest_record_keeps_the_limits() -> None:
    dossier = dossier_of("04")
    assert dossier.slip is not None
    crowded = {
        "MA_BENH_KT": ";".join(f"A{code:02d}" for code in range(60)),
        "MA_THE_BHYT": ";".join(f"HT32499990001{code:02d}" for code in range(9)),
        "TEN_THUOC": "; ".join(f"Thuốc {code}" for code in range(20)),
        "HOTEN_NGUOI_HT": "; ".join(f"Người {code}" for code in range(4)),
        "TEN_DICH_VU": "Chụp",
    }
    course = tuple(
        {
            "THOI_DIEM_DBLS": f"2024091806{minute:02d}",
            "DIEN_BIEN_LS": "CSST<" + "_".join(f"{chr(65 + minute % 26)}{letter}1" for letter in "ABCDEFGH") + "_M70>",
            "PHAU_THUAT": f"Mổ {minute}",
        }
        for minute in range(15, 55)
    )
    drugs = tuple({"TEN_THUOC": f"T{code}", "NGAY_YL": "202409180700"} for code in range(200))
    rows = tuple(lab(place, f"C{place}", "202409180700") for place in range(3000))
    full = replace(
        dossier,
        slip=replace(dossier.slip, values=MappingProxyType({**dossier.slip.values, **crowded})),
        summary={**(dossier.summary or {}), "MA_PTTT_QT": ";".join(f"{code}.1" for code in range(10, 60))},
        course=course,
        drugs=drugs,
        results=rows,
    )
    context = context_of(full, now_of("04"))
    context = replace(context, attachments=(Attachment("ký", PDF, "signed-form"), Attachment("in", PDF * 4000)))
    made = assemble(full, context)
    read = strict_json.loads(made.data)
    assert judge(read, read_facts(read)).refusals == ()
    assert len(read["entry"]) == BUNDLE_MAX_ENTRIES
    assert len(made.data) <= BUNDLE_MAX_BYTES
    assert "dòng không gửi kèm" in attached(read, "labs")


# --- texts and files ---


def test_a_text_is_shortened_by_lines_and_says_by_how_many() -> None:
    lines = [f"dòng {place}" for place in range(100)]
    text = shortened(lines, 60)
    assert text.startswith("dòng 0\ndòng 1\n")
    kept = text.count("\n")
    assert f"Còn {100 - kept} dòng" in text
    assert shortened(lines) == "\n".join(lines)
    assert len(shortened(["x" * 80] * 10_000).encode()) < TEXT_MAX_BYTES + 200


@pytest.mark.parametrize(
    ("signed", "own", "kept", "left"),
    [(1000, 1000, ["signed-form", "rendition"], 0), (300_000, 200_000, ["signed-form"], 0),
     (500_000, 60_000, ["rendition"], 1)],
)  # fmt: skip
def test_files_that_do_not_fit_are_left_out_in_order(signed: int, own: int, kept: list[str], left: int) -> None:
    dossier = dossier_of("03")
    files = (Attachment("ký", b"s" * signed, "signed-form"), Attachment("in", b"o" * own))
    made = assemble(dossier, context_of(dossier, now_of("03"), attachments=files))
    documents = resources(made.bundle, "DocumentReference")
    assert [code_of(item["type"], "urn:lienvien:codesystem:document") for item in documents] == kept
    assert len(made.not_attached) == left
    assert ("tệp quá lớn: ký" in made.data.decode()) is bool(left)


def test_texts_that_never_fit_are_refused() -> None:
    dossier = dossier_of("03")
    with pytest.raises(Refused) as caught:
        assemble(dossier, context_of(dossier, now_of("03")), longest=5_000)
    assert caught.value.reason is ReasonCode.BUNDLE_TOO_LARGE


def test_a_form_always_travels() -> None:
    dossier = dossier_of("03")
    with pytest.raises(ValueError, match="form"):
        build_bundle(dossier, context_of(dossier, now_of("03"), attachments=()))
    with pytest.raises(ValueError, match="slip"):
        build_bundle(replace(dossier, slip=None), context_of(dossier, now_of("03")))


# --- the legal ground ---


def test_the_ground_fits_the_kind() -> None:
    law, emergency = LegalGround(LegalBasis.LAW), LegalGround(LegalBasis.EMERGENCY)
    assert choose_ground((law, emergency), Kind.EMERGENCY) is emergency
    assert choose_ground((law, emergency), Kind.INPATIENT) is law
    assert choose_ground((law,), Kind.EMERGENCY) is law
    for grounds in ((), (emergency,)):
        with pytest.raises(Refused) as caught:
            choose_ground(grounds, Kind.OUTPATIENT)
        assert caught.value.reason is ReasonCode.LEGAL_BASIS_MISSING
