"""Whatever lies in the folder: a verdict, in bounded time, and nothing of the patient in what is said."""

import hashlib
import random
import time
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.sources.directory import Directory
from connectors.sources.reading import FileReport, read_file
from connectors.sources.xml13.findings import Severity
from connectors.sources.xml13.rules import Verdict
from schemas.limits import MIB
from schemas.reasons import ReasonCode
from tests.connectors.sources.exports import (
    NOW,
    b64,
    bad_files,
    directory,
    envelope,
    export,
    filehoso,
    good_files,
    hoso,
    sample,
    slip_export,
    slip_table,
    slip_values,
    summary_table,
)


def read(data: bytes, own: str | None = None) -> FileReport:
    return read_file(data, "a.xml", directory(), own, NOW)


def check(report: FileReport) -> None:
    """What holds for every report."""
    assert report.verdict in set(Verdict)
    if report.verdict is Verdict.REFUSED:
        assert any(found.severity is not Severity.NOTE for found in report.all_findings)
    if report.verdict is Verdict.ACCEPTED:
        assert report.slips
        assert all(found.severity is Severity.NOTE for found in report.all_findings)
    for found in report.all_findings:
        assert found.vi
        assert found.en
        assert len(found.vi) < 400


def test_report_names_the_file_and_its_digest() -> None:
    report = read(sample("05"))

    assert (report.name, report.size) == ("a.xml", len(sample("05")))
    assert report.sha256 == hashlib.sha256(sample("05")).hexdigest()


def slip_record(**changes: str | None) -> str:
    return hoso(("XML13", slip_table(slip_values(**changes))))


def ordinary_record(**changes: str | None) -> str:
    return hoso(("XML1", summary_table(MA_LOAI_RV="1", **changes)))


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], Verdict.NO_TRANSFER),
        ([ordinary_record()], Verdict.NO_TRANSFER),
        ([slip_record(), ordinary_record()], Verdict.ACCEPTED),
        ([slip_record(), slip_record(HO_TEN="")], Verdict.REFUSED),
        ([slip_record(), slip_record(NGAY_VAO="", NGAY_VAO_NOI_TRU="", NGAY_RA="202611010000")], Verdict.WAIT),
    ],
)
def test_verdict_of_a_file_is_that_of_its_worst_slip(records: list[str], verdict: Verdict) -> None:
    report = read(envelope(*records).encode())

    assert report.verdict is verdict
    check(report)


def test_slips_and_discharges_are_counted_apart() -> None:
    report = read(envelope(ordinary_record(), slip_record(), ordinary_record(), slip_record(HO_TEN="")).encode())

    assert [slip.dossier.position for slip in report.slips] == [2, 4]
    assert [slip.verdict for slip in report.slips] == [Verdict.ACCEPTED, Verdict.REFUSED]
    assert [one.dossier.position for one in report.ordinary] == [1, 3]
    assert [found.hoso for found in report.all_findings] == [4]


def test_transfer_whose_slip_is_missing_is_told() -> None:
    report = read(export(("XML1", summary_table())))

    assert report.verdict is Verdict.NO_TRANSFER
    assert [found.reason for found in report.all_findings] == [ReasonCode.SLIP_MISSING]


def test_wrong_count_is_told_only_beside_slips() -> None:
    assert [found.reason for found in read(envelope(slip_record(), stated=3).encode()).findings] == [
        ReasonCode.COUNT_DIFFERS
    ]
    assert read(envelope(ordinary_record(), stated=3).encode()).findings == ()


def test_other_xml_in_the_folder_is_left_in_peace() -> None:
    report = read(b"<config><a/></config>")

    assert (report.verdict, report.all_findings) == (Verdict.NO_TRANSFER, ())


@pytest.mark.parametrize("data", [b"", sample("11")[:-1000], b"\xef\xbb\xbf", b"<GIAMDINHHS>"])
def test_what_may_still_grow_waits(data: bytes) -> None:
    report = read(data)

    assert report.verdict is Verdict.WAIT
    assert [(found.reason, found.field) for found in report.all_findings] == [(ReasonCode.FILE_STILL_GROWING, "file")]


def test_empty_directory_knows_no_destination() -> None:
    report = read_file(sample("05"), "a", Directory([]), None, NOW)

    assert ReasonCode.DESTINATION_UNKNOWN in {found.reason for found in report.all_findings}


def test_yes_of_a_person_lets_an_old_slip_go() -> None:
    later = NOW + timedelta(days=9)

    assert read_file(slip_export(), "a", directory(), None, later).verdict is Verdict.WAIT
    assert read_file(slip_export(), "a", directory(), None, later, needs_yes_after=None).verdict is Verdict.ACCEPTED


# --- totality --------------------------------------------------------------------------------------------------

TRICKS = [
    b"",
    b"\0" * 100,
    b"\xff" * 100,
    b"\xff\xfe",
    b"PK\x03\x04",
    b"%PDF-1.7",
    b"{}",
    b"<",
    b"<!DOCTYPE a>",
    b"<a xmlns:x='u'><x:b/></a>",
    b"<GIAMDINHHS/>",
    b"<GIAMDINHHS><HOSO/></GIAMDINHHS>",
    b"<GIAMDINHHS><HOSO><HOSO><FILEHOSO/></HOSO></HOSO></GIAMDINHHS>",
    b"<GIAMDINHHS><FILEHOSO><LOAIHOSO>XML13</LOAIHOSO></FILEHOSO></GIAMDINHHS>",
    b"<GIAMDINHHS><HOSO><FILEHOSO><FILEHOSO/></FILEHOSO></HOSO></GIAMDINHHS>",
]


@pytest.mark.parametrize("data", TRICKS)
def test_tricks_get_a_verdict(data: bytes) -> None:
    check(read(data))


@given(st.binary(max_size=2000))
def test_any_bytes_get_a_verdict(data: bytes) -> None:
    check(read(data))
    check(read(envelope(f"<HOSO>{filehoso('XML13', b64(data))}</HOSO>").encode()))
    check(read(export(("XML1", data), ("XML4", data), ("XML13", slip_table(slip_values())))))


SAMPLES = [path.read_bytes() for path in (*good_files(), *bad_files())]


@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=12), st.integers(0, 40)), max_size=6),
)
def test_damaged_samples_get_a_verdict(data: bytes, damages: list[tuple[float, bytes, int]]) -> None:
    for where, put, cut in damages:
        at = int(where * len(data))
        data = data[:at] + put + data[at + cut :]
    check(read(data))


@given(st.sampled_from(SAMPLES), st.randoms(use_true_random=False))
def test_damaged_inner_tables_get_a_verdict(data: bytes, chance: random.Random) -> None:
    """Damage below the base64, where the parser of the envelope sees nothing."""
    table = bytearray(slip_table(slip_values()))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(table))
        table[at : at + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 9))
    check(read(export(("XML13", bytes(table)))))
    check(read(data))


@settings(max_examples=30)
@given(st.text(max_size=200), st.sampled_from(["HO_TEN", "QT_BENHLY", "MA_BENH_CHINH", "NGAY_RA"]))
@example("&x;", "HO_TEN")
@example("]]>", "QT_BENHLY")
@example("<b>", "HO_TEN")
def test_any_raw_text_in_a_field_gets_a_verdict(text: str, tag: str) -> None:
    table = slip_table(slip_values(**{tag: "@@"})).decode().replace("@@", text)
    check(read(export(("XML13", table.encode("utf-8", "surrogatepass")))))


@given(st.sampled_from([path.name for path in good_files()]), st.integers(min_value=0, max_value=200))
def test_a_file_growing_under_our_eyes_is_taken_only_whole(name: str, steps: int) -> None:
    data = sample(name[:2])
    whole = data.rindex(b">") + 1
    seen = [
        read_file(data[:end], name, directory(), None, NOW).verdict for end in range(0, whole, 1 + whole // (steps + 1))
    ]

    assert set(seen) == {Verdict.WAIT}


@pytest.mark.parametrize(
    "data",
    [
        b" " * (50 * MIB),
        b"\0" * (50 * MIB),
        sample("05") + b" " * (50 * MIB),
        random.Random(1).randbytes(31 * MIB),
        envelope(*[slip_record()] * 400).encode(),
        envelope(f"<HOSO>{filehoso('XML13', 'A' * (9 * MIB))}</HOSO>").encode(),
        envelope("<HOSO>" + filehoso("XML13", b64(b"<A>" + b"<b/>" * 290_000 + b"</A>")) * 3 + "</HOSO>").encode(),
        export(("XML13", slip_table(slip_values(QT_BENHLY="x" * 512 * 1024)))),
        export(("XML13", slip_table(slip_values(MA_BENH_KT=";" * 500_000)))),
        export(("XML13", slip_table(slip_values(HO_TEN="A" + "\u0301" * 200_000)))),
        export(("XML13", slip_table(slip_values(MA_THE_BHYT="DT22099990002;" * 40_000)))),
    ],
    ids=lambda data: f"{len(data)}-{data[:12]!r}",
)
def test_large_and_nasty_files_are_answered_within_seconds(data: bytes) -> None:
    begun = time.process_time()
    report = read(data)

    assert time.process_time() - begun < 10
    check(report)


def test_long_runs_of_entities_inside_base64_are_refused_within_a_second() -> None:
    bomb = next(path for path in bad_files() if path.name.startswith("b05")).read_bytes()
    begun = time.process_time()
    report = read(bomb)

    assert time.process_time() - begun < 1
    assert report.verdict is Verdict.REFUSED
