"""What a reader could infer although tables are held back, and lists of people and facilities."""

import unicodedata
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from connectors.mapping.gaps import leaks, missing
from connectors.mapping.source import Source, source_of
from connectors.mapping.staff import STAFF_MAX_BYTES, StaffFileError, read_staff
from connectors.mapping.times import birth_from_fhir, birth_to_fhir, day_to_fhir, from_fhir, start_of, to_fhir, words
from connectors.preparing import Desk, Sides, prepare, side, sides_of
from connectors.sources.directory import read_directory
from schemas.urgency import Kind, Priority
from tests.connectors.mapping_world import GROUNDS, SAMPLES, context_of, counting, dossier_of, now_of


def source(tables: dict[str, Any] | None = None, **fields: str) -> Source:
    base = source_of(dossier_of("05"))
    return replace(base, slip=MappingProxyType({**base.slip, **fields}), **(tables or {}))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"MA_BENH_CHINH": "B20.1"}, "MA_BENH_CHINH"),
        ({"MA_BENH_KT": "I10;B24"}, "MA_BENH_KT"),
        ({"MA_BENH_KT": "Z21"}, "MA_BENH_KT"),
        ({"CHAN_DOAN_RV": "Nhiễm HIV giai đoạn 3"}, "CHAN_DOAN_RV"),
        ({"PP_DIEUTRI": "TLD 1 viên/ngày"}, "PP_DIEUTRI"),
        ({"QT_BENHLY": "đang dùng tenofovir, lamivudin"}, "QT_BENHLY"),
        ({"QT_BENHLY": unicodedata.normalize("NFD", "hội chứng suy giảm miễn dịch")}, "QT_BENHLY"),
    ],
)
def test_what_tells_although_it_is_held_back(fields: dict[str, str], where: str) -> None:
    assert leaks(source(**fields)) == [(where, "")]


@pytest.mark.parametrize(
    ("table", "field", "name"),
    [("drugs", "TEN_THUOC", "XML2"), ("results", "TEN_CHI_SO", "XML4"), ("course", "HOI_CHAN", "XML5")],
)
def test_other_tables_tell_too(table: str, field: str, name: str) -> None:
    assert leaks(source({table: ({field: "Anti HIV"},)})) == [(field, name)]


@pytest.mark.parametrize(
    "fields", [{}, {"MA_BENH_KT": "B18.1;A15.0"}, {"HO_TEN": "NGUYỄN THỊ HIV"}, {"QT_BENHLY": "chivas, archive, HIVE"}]
)
def test_what_does_not_tell(fields: dict[str, str]) -> None:
    assert leaks(source(**fields)) == []


def test_gaps_are_named_once_each() -> None:
    dossier = dossier_of("01")
    context = context_of(dossier, now_of("01"), staff={})
    bare = replace(
        context, sender=replace(context.sender, phone=None), destination=replace(context.destination, phone=None)
    )
    found = missing(source_of(dossier), bare)
    assert [gap.field for gap in found] == ["Organization.telecom", "Practitioner.name", "DIEN_BIEN_LS"]
    assert all(gap.vi and gap.en for gap in found)


def test_a_text_that_cannot_be_shown_is_a_gap() -> None:
    dossier = dossier_of("05")
    fields = [gap.field for gap in missing(source(QT_BENHLY="<script>x</script>"), context_of(dossier, now_of("05")))]
    assert fields == ["QT_BENHLY"]


# --- staff list ---


def test_a_staff_list_with_mark_blanks_and_gaps() -> None:
    data = "\ufefflicence,name,phone,khoa\n 01 , BS. A ,0900,X\n02,,0901,\n,B,1,\n03,C\n01,BS. A2,,\n".encode()
    staff = read_staff(data)
    assert {licence: (one.name, one.phone) for licence, one in staff.items()} == {
        "01": ("BS. A2", None),
        "03": ("C", None),
    }


@pytest.mark.parametrize("data", [b"name\nA\n", b"\xff", b"", b'licence,name\n"x', b"x" * (STAFF_MAX_BYTES + 1)])
def test_a_broken_staff_list_names_nobody(data: bytes) -> None:
    with pytest.raises(StaffFileError) as caught:
        read_staff(data)
    assert "x,y" not in str(caught.value)


# --- preparing ---

CSV = """code,name,role,valid_from,valid_to,phone
20Z01,Cũ,regional,2019-01-01,2025-12-31,1
20Z01,Mới,provincial,2026-01-01,,2
"""


def test_a_facility_is_what_it_was_that_day() -> None:
    book = read_directory(CSV.encode())
    then, now = start_of("202411050830"), start_of("202611192330")
    assert then is not None
    assert now is not None
    assert (side(book, "20Z01", then).name, side(book, "20Z01", then).phone) == ("Cũ", "1")
    assert (side(book, "20Z01", now).name, side(book, "20Z01", now).role) == ("Mới", "provincial")
    assert side(book, "99X99", now).name is None


def test_a_prepared_transfer_has_its_form_and_its_proposal() -> None:
    dossier = dossier_of("05")
    book = read_directory((SAMPLES / "facilities.csv").read_bytes())
    left = start_of("202611192330")
    assert left is not None
    sides = sides_of(dossier, book, left)
    assert isinstance(sides, Sides)
    ids = context_of(dossier, now_of("05")).ids
    prepared = prepare(dossier, sides, Desk(GROUNDS, "1"), ids, new_id=counting(), now=now_of("05"))
    assert prepared.context.proposal.priority is Priority.STAT
    assert prepared.form["case_code"] == ids.case_code
    assert prepared.form["destination"] == "Bệnh viện Bạch Mai"


def test_a_folder_raises_and_never_lowers() -> None:
    for name, asked, got in (
        ("03", Priority.STAT, (Kind.EMERGENCY, Priority.STAT)),
        ("05", Priority.ROUTINE, (Kind.EMERGENCY, Priority.STAT)),
    ):
        dossier = dossier_of(name)
        base = context_of(dossier, now_of(name))
        sides = Sides(base.sender, base.destination)
        prepared = prepare(
            dossier, sides, Desk(GROUNDS, "1"), base.ids, new_id=counting(), now=base.now, at_least=asked
        )
        assert (prepared.context.proposal.kind, prepared.context.proposal.priority) == got


# --- times ---


@pytest.mark.parametrize(
    ("text", "fhir"),
    [
        ("202611192330", "2026-11-19T23:30:00+07:00"),
        ("20261119", "2026-11-19"),
        ("202602300000", None),
        ("202611192400", None),
        ("99991231", None),
        ("٢٠٢٦١١١٩", None),
        ("", None),
        (None, None),
    ],
)
def test_times_go_there_and_back(text: str | None, fhir: str | None) -> None:
    assert to_fhir(text) == fhir
    assert from_fhir(fhir) == (text if fhir else None)


@pytest.mark.parametrize("value", ["2026-11-19T23:30:01+07:00", "2026-11-19T23:30:00Z", "2026-11", 7, None])
def test_foreign_times_are_not_written_as_if_they_were_ours(value: object) -> None:
    assert from_fhir(value) is None


def test_birth_dates_go_back_with_their_unknown_parts() -> None:
    for text in ("196600000000", "196608000000", "196208240000", "202610300317"):
        assert birth_from_fhir(*birth_to_fhir(text)) == text
    assert birth_from_fhir("1966-1", None) is None
    assert day_to_fhir("202611190000") is None


def test_times_in_words() -> None:
    assert words("202611192330") == "23:30 ngày 19/11/2026"
    assert words("hôm qua") == "hôm qua"
    assert words(None) == ""
