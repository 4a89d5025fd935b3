"""The check command's function: verdicts as expected, bundles as they would be signed, nobody named in a report."""

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import drafting
from connectors.check import check
from connectors.mapping.rebuild import rebuild_slip
from connectors.mapping.staff import StaffFileError
from connectors.mapping.writer import write_envelope, write_xml13
from connectors.sources.directory import DirectoryFileError
from connectors.sources.xml13.tables import Row
from connectors.workshop.client import Workshop, WorkshopError
from schemas import strict_json
from schemas.limits import EXPORT_MAX_BYTES
from schemas.message import read_facts
from tests.connectors.mapping_world import SAMPLES, dossier_of, index, names, now_of
from transport.settings import SettingsError

FACILITIES = SAMPLES / "facilities.csv"
# Whose ``now`` each bad sample derives from (SOURCES.md).
BASES = {"b18": "11", "b07": "08", "b21": "08", "b22": "08", "b23": "07", "b24": "09"}
pytestmark = pytest.mark.process

CONFIG = """
[facility]
code = "20Z01"
name = "Bệnh viện Đa khoa tỉnh Lạng Sơn"
phone = "0205 111 111"

[exchange]
name = "bo-y-te"
bootstrap = "localhost:9092"

[sending]
staff = "staff.csv"
legal = [{{ basis = "{basis}", document = "QĐ 5", set_by = "Ông A" }}]
"""


def config_in(folder: Path, basis: str = "written-request", staff: str = "licence,name,phone\n") -> Path:
    (folder / "staff.csv").write_text(staff, encoding="utf-8")
    path = folder / "connector.toml"
    path.write_text(CONFIG.format(basis=basis), encoding="utf-8")
    return path


def sample(name: str) -> Path:
    return next(path for path in sorted(SAMPLES.glob("*.xml")) if path.name.startswith(name))


def one(name: str, **kwargs: Any) -> dict[str, Any]:
    """The report of one good sample at its own time."""
    report: dict[str, Any] = check([sample(name)], FACILITIES, now_of(name), **kwargs)[0]
    return report


def findings(report: dict[str, Any], *, notes: bool = True) -> set[tuple[str, str]]:
    return {
        (found["field"], found["reason"])
        for transfer in report["transfers"]
        for found in transfer["findings"]
        if notes or found["severity"] != "note"
    }


@pytest.mark.parametrize("name", names())
def test_each_good_sample_is_accepted_and_written(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = one(name, out_dir=out)
    transfer = report["transfers"][0]
    assert (report["verdict"], transfer["verdict"]) == ("accepted", "accepted")
    assert findings(report, notes=False) == set()
    assert [path.name for path in out.iterdir()] == [transfer["bundle"]] == [Path(name).stem + ".json"]
    bundle = strict_json.loads((out / transfer["bundle"]).read_bytes())
    facts = read_facts(bundle)
    row = next(row for row in index() if row["file"] == name)
    assert (facts.sender, facts.recipient) == (row["sender"], row["receiver"])
    assert (transfer["sender"], transfer["destination"]) == (row["sender"], row["receiver"])
    assert (facts.kind, facts.priority) == (transfer["kind"], transfer["priority"])
    slip = dossier_of(name).slip
    assert slip is not None
    assert rebuild_slip(bundle).values == slip.values


@pytest.mark.parametrize("name", sorted(path.stem for path in (SAMPLES / "bad").glob("*.xml")))
def test_each_bad_sample_is_judged_as_expected(name: str, tmp_path: Path) -> None:
    expected, *facts = (part.strip() for part in (SAMPLES / "bad" / f"{name}.expect").read_text("utf-8").split("|"))
    keys = dict(fact.split("=", 1) for fact in facts[:-1])
    report = check([SAMPLES / "bad" / f"{name}.xml"], FACILITIES, now_of(BASES.get(name[:3], "05")), None, tmp_path)[0]
    assert report["verdict"] == expected
    told = [found for transfer in report["transfers"] for found in transfer["findings"]]
    assert any(found["field"] in keys["field"].split(",") for found in told)
    if "severity" in keys:
        assert keys["severity"] in {found["severity"] for found in told if found["field"] in keys["field"].split(",")}
    assert all(found["vi"] and found["en"] and found["fixer"] for found in told)
    assert len(list(tmp_path.iterdir())) == (1 if expected == "accepted" else 0)


def test_a_report_names_no_patient_and_no_diagnosis(tmp_path: Path) -> None:
    paths = [*sorted(SAMPLES.glob("*.xml")), *sorted((SAMPLES / "bad").glob("*.xml"))]
    reports = check(paths, FACILITIES, now_of("05"), None, tmp_path)
    for report in reports:
        report.pop("file")
        for transfer in report["transfers"]:
            transfer["bundle"] = None
    told = json.dumps(reports, ensure_ascii=False)
    for name in names():
        dossier = dossier_of(name)
        assert dossier.slip is not None
        row: Row = {**(dossier.summary or {}), **dossier.slip.values}
        for field in ("HO_TEN", "CHAN_DOAN_RV", "MA_BENH_CHINH", "SO_CCCD", "MA_THE_BHYT", "DIA_CHI", "MA_LK"):
            value = row.get(field)
            assert not value or value not in told, field


def test_many_records_in_one_file_are_judged_each_on_its_own(tmp_path: Path) -> None:
    slips = []
    for name in ("05", "11"):
        slip = dossier_of(name).slip
        assert slip is not None
        slips.append(write_xml13(slip))
    broken = slips[0].replace(b"<HO_TEN>", b"<HO_TEN_X>").replace(b"</HO_TEN>", b"</HO_TEN_X>")
    single = [write_envelope("20Z01", now_of("05").date(), [("XML13", data)]).decode() for data in (*slips, broken)]
    records = [re.search(r"<HOSO>.*?</HOSO>", text, re.DOTALL) for text in single]
    whole = single[0].replace(records[0].group(0), "".join(found.group(0) for found in records if found))  # type: ignore[union-attr]
    path = tmp_path / "lô.xml"
    path.write_text(whole.replace("<SOLUONGHOSO>1<", "<SOLUONGHOSO>3<"), encoding="utf-8")
    now = now_of("05")
    report = check([path], FACILITIES, now, None, tmp_path / "out")[0]
    assert [transfer["verdict"] for transfer in report["transfers"]] == ["accepted", "wait", "refused"]
    assert [transfer["slip_index"] for transfer in report["transfers"]] == [1, 2, 3]
    assert [transfer["bundle"] for transfer in report["transfers"]] == ["lô-1.json", None, None]
    assert report["verdict"] == "refused"


def test_an_ordinary_discharge_is_left_in_peace(tmp_path: Path) -> None:
    path = tmp_path / "ra-vien.xml"
    path.write_bytes(write_envelope("20Z01", now_of("05").date(), [("XML7", b"<CHI_TIEU/>")]))
    report = check([path], FACILITIES, now_of("05"))[0]
    assert (report["verdict"], report["transfers"], report["ordinary"]) == ("no-transfer", [], 1)


def test_an_old_slip_waits_for_a_person(tmp_path: Path) -> None:
    report = check([sample("05")], FACILITIES, now_of("05") + timedelta(days=2), None, tmp_path)[0]
    assert report["verdict"] == "wait"
    assert ("NGAY_RA", "slip-old") in findings(report)
    assert list(tmp_path.iterdir()) == []


def test_a_known_hospital_that_is_not_connected_waits(tmp_path: Path) -> None:
    lines = FACILITIES.read_text("utf-8").splitlines()
    marked = [lines[0] + ",connected,phone", *(f"{line},no,024 1" for line in lines[1:])]
    directory = tmp_path / "facilities.csv"
    directory.write_text("\n".join(marked), encoding="utf-8")
    report = check([sample("05")], directory, now_of("05"))[0]
    assert report["verdict"] == "wait"
    assert ("MA_CSKCB_DEN", "destination-not-connected") in findings(report)


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    huge = tmp_path / "huge.xml"
    with huge.open("wb") as file:
        file.truncate(EXPORT_MAX_BYTES + 1)
    reports = check([tmp_path / "none.xml", tmp_path, huge], FACILITIES, now_of("05"))
    assert [report["verdict"] for report in reports] == ["refused"] * 3
    assert [found for report in reports for found in findings(report)] == [
        ("file", "file-unreadable"),
        ("file", "file-unreadable"),
        ("file", "file-too-large"),
    ]


def test_sources_are_untouched_and_only_bundles_are_written(tmp_path: Path) -> None:
    before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in SAMPLES.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    check([sample("05"), sample("05"), SAMPLES / "bad" / "b01-missing-ma-lk.xml"], FACILITIES, now_of("05"), None, out)
    after = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in SAMPLES.rglob("*") if path.is_file()}
    assert before == after
    stem = sample("05").stem
    assert sorted(path.name for path in out.iterdir()) == [f"{stem}-2.json", f"{stem}.json"]


# --- with a configuration -----------------------------------------------------------------------------------------


def test_the_configuration_gives_phone_staff_and_legal_basis(tmp_path: Path) -> None:
    staff = "licence,name,phone\n000201/ZZ-GPHN,BS. Nông Văn Mẫu,0912 000 000\n"
    out = tmp_path / "out"
    report = one("05", config=config_in(tmp_path, staff=staff), out_dir=out)
    assert report["verdict"] == "accepted"
    assert findings(report) == {("Organization.telecom", "field-missing")}  # the destination's: not in this directory
    data = (out / report["transfers"][0]["bundle"]).read_text("utf-8")
    for text in ("0205 111 111", "BS. Nông Văn Mẫu", "0912 000 000", '"valueCode":"written-request"', "Ông A"):
        assert text in data


def test_another_hospitals_slip_is_refused(tmp_path: Path) -> None:
    report = one("04", config=config_in(tmp_path))
    assert report["verdict"] == "refused"
    assert ("MA_CSKCB", "not-our-slip") in findings(report)


def test_the_emergency_ground_holds_for_emergencies_only(tmp_path: Path) -> None:
    config = config_in(tmp_path, basis="emergency")
    assert one("05", config=config)["verdict"] == "accepted"
    report = one("03", config=config)
    assert report["verdict"] == "refused"
    assert ("MessageHeader.extension(legal-basis)", "legal-basis-missing") in findings(report, notes=False)


def test_what_the_check_itself_needs_must_be_readable(tmp_path: Path) -> None:
    now = datetime.fromisoformat("2026-11-19T23:35:00+07:00")
    with pytest.raises(SettingsError):
        check([], FACILITIES, now, tmp_path / "none.toml")
    broken = tmp_path / "broken.csv"
    broken.write_text("name\nx\n")
    with pytest.raises(DirectoryFileError):
        check([], broken, now)
    with pytest.raises(StaffFileError):
        check([], FACILITIES, now, config_in(tmp_path, staff="name\nx\n"))


# --- the form ------------------------------------------------------------------------------------------------------


def documents(path: Path) -> list[dict[str, Any]]:
    bundle = json.loads(path.read_bytes())
    kinds = [entry["resource"] for entry in bundle["entry"]]
    return [item for item in kinds if item["resourceType"] == "DocumentReference"]


def purpose(document: dict[str, Any]) -> str:
    return str(document["type"]["coding"][0]["code"])


def beside(folder: Path, pdf: bytes | None) -> Path:
    """A copy of a sample with a PDF of the same stem."""
    path = folder / "phieu.xml"
    path.write_bytes(sample("05").read_bytes())
    if pdf is not None:
        path.with_suffix(".pdf").write_bytes(pdf)
    return path


def test_a_signed_pdf_travels_byte_for_byte(tmp_path: Path) -> None:
    pdf = b"%PDF-1.7\n" + bytes(range(256)) * 50
    check([beside(tmp_path, pdf)], FACILITIES, now_of("05"), None, tmp_path / "out")
    found = documents(tmp_path / "out" / "phieu.json")
    assert [purpose(item) for item in found] == ["signed-form", "rendition", "course"]
    attachment = found[0]["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == pdf
    assert attachment["size"] == len(pdf)
    assert attachment["extension"][0]["valueString"] == hashlib.sha256(pdf).hexdigest()
    assert "chưa được kiểm tra" in found[0]["description"]


def test_a_signed_pdf_that_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    pdf = b"%PDF-1.7\n" + b"x" * 390_000
    report = check([beside(tmp_path, pdf)], FACILITIES, now_of("05"), None, tmp_path / "out")[0]
    assert report["verdict"] == "accepted"
    assert ("PDF", "attachment-left-out") in findings(report)
    assert [purpose(item) for item in documents(tmp_path / "out" / "phieu.json")] == ["rendition", "course"]
    assert "tệp quá lớn" in (tmp_path / "out" / "phieu.json").read_text("utf-8")


@pytest.mark.parametrize("pdf", [b"", b"not a pdf", b"%PDF-1.7\n" + b"x" * (512 * 1024)])
def test_what_is_no_form_is_not_sent_and_said(tmp_path: Path, pdf: bytes) -> None:
    report = check([beside(tmp_path, pdf)], FACILITIES, now_of("05"), None, tmp_path / "out")[0]
    assert report["verdict"] == "accepted"
    assert ("PDF", "attachment-left-out") in findings(report)
    assert [purpose(item) for item in documents(tmp_path / "out" / "phieu.json")] == ["rendition", "course"]


def test_without_a_printer_the_form_travels_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Workshop, form: dict[str, Any]) -> bytes:
        raise WorkshopError("no answer in time")

    monkeypatch.setattr(Workshop, "render", broken)
    report = one("05", out_dir=tmp_path)
    assert report["verdict"] == "accepted"
    assert ("PDF", "helper-failed") in findings(report)
    form = documents(next(tmp_path.iterdir()))[0]["content"][0]["attachment"]
    assert form["contentType"].startswith("text/plain")
    assert "VI THỊ TƯỞNG TƯỢNG" in base64.b64decode(form["data"]).decode()


def test_our_own_fault_is_refused_and_named_as_the_vendors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(*arguments: Any) -> Any:
        assembled = real(*arguments)
        data = assembled.data.replace(b'"intent":"order"', b'"intent":"plan"', 1)
        return type(assembled)(assembled.bundle, data, ())

    real = drafting.assemble
    monkeypatch.setattr(drafting, "assemble", spoilt)
    report = one("05", out_dir=tmp_path)
    assert report["verdict"] == "refused"
    faults = [f for f in report["transfers"][0]["findings"] if f["severity"] != "note"]
    assert {fault["fixer"] for fault in faults} == {"vendor"}
    assert report["transfers"][0]["bundle"] is None
    assert list(tmp_path.iterdir()) == []


def test_what_fhir_does_not_accept_is_told_as_the_vendors_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def strict(self: Workshop, bundle: bytes) -> tuple[str, ...]:
        return ("Bundle.entry.3.resource.gender",)

    monkeypatch.setattr(Workshop, "check_r4b", strict)
    told = [f for f in one("05")["transfers"][0]["findings"] if f["field"] == "Bundle.entry.3.resource.gender"]
    assert [(found["reason"], found["fixer"]) for found in told] == [("profile-violated", "vendor")]


def test_the_folders_priority_raises(tmp_path: Path) -> None:
    exports = tmp_path / "cap-cuu"
    exports.mkdir()
    path = exports / "phieu.xml"
    path.write_bytes(sample("03").read_bytes())
    config = config_in(tmp_path)
    text = config.read_text("utf-8").replace(
        "[sending]", '[[folders.exports]]\npath = "cap-cuu"\npriority = "stat"\n\n[sending]'
    )
    config.write_text(text, encoding="utf-8")
    assert one("03", config=config)["transfers"][0]["priority"] == "routine"
    assert check([path], FACILITIES, now_of("03"), config)[0]["transfers"][0]["priority"] == "stat"


def test_ids_are_the_callers_choice() -> None:
    given = (f"00000000-0000-4000-8000-{count:012x}" for count in range(1, 10_000))
    report = one("05", new_id=lambda: next(given))
    assert report["transfers"][0]["case"].startswith("20Z01-1911-001-")
