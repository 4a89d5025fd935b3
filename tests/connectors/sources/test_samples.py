"""Every synthetic sample gets the verdict that its index or ``.expect`` line states."""

import base64
import re
from pathlib import Path

import pytest

from connectors.sources.reading import read_file
from connectors.sources.xml13.dialects import FIELDS, Dialect
from connectors.sources.xml13.fields import MONEY_TAGS, Need
from connectors.sources.xml13.rules import Verdict
from tests.connectors.sources.exports import bad_files, directory, expectation, good_files, index, now_of


def ids(paths: list[Path]) -> list[str]:
    return [path.stem for path in paths]


def test_all_samples_are_here() -> None:
    assert len(good_files()) == 12
    assert len(bad_files()) == 24


@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_good_file_is_accepted_as_the_index_says(path: Path) -> None:
    report = read_file(path.read_bytes(), path.name, directory(), None, now_of(path))
    stated = index()[path.name]

    assert report.verdict is Verdict.ACCEPTED
    assert report.all_findings == ()
    (examined,) = report.slips
    slip = examined.dossier.slip
    assert slip is not None
    assert slip.dialect == stated["dialect"]
    assert slip.text("MA_CSKCB") == stated["sender"] == examined.dossier.sender
    assert slip.destination == stated["receiver"]
    assert slip.came_from == stated["came_from"] or not stated["came_from"]
    assert slip.text("MA_LOAI_RV") == stated["loai_rv"]
    assert slip.text("MA_LYDO_CT") == stated["lydo_ct"]
    assert list(examined.dossier.tables) == stated["tables"].split()
    assert len(examined.dossier.results) == int(stated["lab_lines"])
    assert (examined.dossier.summary is not None) == ("XML1" in stated["tables"].split())
    assert bool(examined.dossier.course) == ("XML5" in stated["tables"])


@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_own_facility_is_accepted_and_another_refused(path: Path) -> None:
    own = index()[path.name]["sender"]

    assert read_file(path.read_bytes(), "x", directory(), own, now_of(path)).verdict is Verdict.ACCEPTED
    other = read_file(path.read_bytes(), "x", directory(), "22Z01", now_of(path))
    assert other.verdict is Verdict.REFUSED
    assert [found.field for found in other.all_findings] == ["MA_CSKCB"]


@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_slip_holds_every_field_as_a_plain_reader_sees_it(path: Path) -> None:
    """Judged by a regular expression instead of the parser under test."""
    raw = path.read_text("utf-8")
    packed = re.search(r"<LOAIHOSO>XML13</LOAIHOSO>\s*<NOIDUNGFILE>(.*?)</NOIDUNGFILE>", raw, re.DOTALL)
    assert packed is not None
    inner = base64.b64decode(packed[1])
    seen = dict(re.findall(r"<([A-Z_]+)>([^<]*)</\1>", inner.decode()))
    report = read_file(path.read_bytes(), path.name, directory(), None, now_of(path))
    slip = report.slips[0].dossier.slip
    assert slip is not None

    assert list(slip.values) == [field.tag for field in FIELDS[slip.dialect]]
    assert dict(slip.values) == {tag: text.replace("&lt;", "<").replace("&gt;", ">") for tag, text in seen.items()}
    assert slip.raw == inner


@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_no_money_is_kept(path: Path) -> None:
    dossier = read_file(path.read_bytes(), path.name, directory(), None, now_of(path)).slips[0].dossier

    assert MONEY_TAGS.isdisjoint(dossier.summary or {})
    assert "1250000.00" not in repr(dossier.summary)


def with_field(path: Path, tag: str, text: str | None) -> bytes:
    """The sample with one field of its slip changed, or taken out; nothing else in the file differs."""
    data = path.read_bytes()
    packed = re.search(rb"<LOAIHOSO>XML13</LOAIHOSO>\s*<NOIDUNGFILE>([^<]*)<", data)
    assert packed is not None
    put = "" if text is None else f"<{tag}>{text}</{tag}>"
    inner, changed = re.subn(f"<{tag}>[^<]*</{tag}>", put, base64.b64decode(packed[1]).decode())
    assert changed == 1
    return data[: packed.start(1)] + base64.b64encode(inner.encode()) + data[packed.end(1) :]


# Without these nothing leaves: nobody could say whose slip it is, from whom, or for whom.
NEEDED = frozenset({"MA_LK", "MA_CSKCB", "MA_NOI_DEN", "MA_CSKCB_DEN", "HO_TEN"})


@pytest.mark.parametrize("missing", ["", None], ids=["empty", "absent"])
@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_each_field_alone_may_be_missing_but_for_the_needed_ones(path: Path, missing: str | None) -> None:
    dialect = Dialect(index()[path.name]["dialect"])
    for field in FIELDS[dialect]:
        report = read_file(with_field(path, field.tag, missing), path.name, directory(), None, now_of(path))
        refused = field.tag in NEEDED

        assert report.verdict is (Verdict.REFUSED if refused else Verdict.ACCEPTED), field.tag
        if refused or field.need is Need.WANTED:
            assert field.tag in {found.field for found in report.all_findings}


@pytest.mark.parametrize("tag", ["NGAY_SINH", "NGAY_VAO", "NGAY_VAO_NOI_TRU", "NGAY_RA"])
@pytest.mark.parametrize("text", ["202602310000", "202613010000", "202611192460", "20261119T2330", "hôm qua"])
@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_impossible_dates_refuse_every_sample(path: Path, text: str, tag: str) -> None:
    report = read_file(with_field(path, tag, text), path.name, directory(), None, now_of(path))

    assert report.verdict is Verdict.REFUSED
    assert tag in {found.field for found in report.all_findings}


@pytest.mark.parametrize("path", bad_files(), ids=ids(bad_files()))
def test_bad_file_gets_what_its_expect_line_says(path: Path) -> None:
    expected = expectation(path)
    report = read_file(path.read_bytes(), path.name, directory(), None, now_of(path))

    assert report.verdict.value == expected.verdict
    telling = [found for found in report.all_findings if found.field in expected.fields]
    assert telling, [found.field for found in report.all_findings]
    if expected.severity:
        assert telling[0].severity.value == expected.severity
    for found in telling:
        assert found.field in found.vi
        assert found.field in found.en


@pytest.mark.parametrize("path", bad_files(), ids=ids(bad_files()))
def test_findings_of_a_bad_file_hold_nothing_of_the_patient(path: Path) -> None:
    report = read_file(path.read_bytes(), path.name, directory(), None, now_of(path))
    said = " ".join(found.vi + found.en for found in report.all_findings)

    for word in ("NÔNG", "MẪU", "root:", "passwd", "9999", "nhồi máu"):
        assert word.lower() not in said.lower()


@pytest.mark.parametrize("path", good_files(), ids=ids(good_files()))
def test_no_patient_in_what_a_traceback_would_print(path: Path) -> None:
    examined = read_file(path.read_bytes(), path.name, directory(), None, now_of(path)).slips[0]
    slip = examined.dossier.slip
    assert slip is not None

    assert slip.text("HO_TEN") not in repr(examined)
    assert slip.text("MA_THE_BHYT") not in repr(examined)
    assert "MA_BENH_CHINH" not in repr(examined)
