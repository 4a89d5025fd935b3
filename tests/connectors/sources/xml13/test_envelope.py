"""The whole file: many records, each on its own; the variants that exports show."""

import textwrap
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources.xml13.documents import CutShortError
from connectors.sources.xml13.envelope import HOSO_MAX, Envelope, is_whole, read_envelope
from connectors.sources.xml13.records import Dossier
from schemas.limits import EXPORT_MAX_BYTES, MIB
from schemas.reasons import ReasonCode, Refused
from tests.connectors.sources.exports import (
    b64,
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
    table,
)

SLIP = slip_table(slip_values())
KEY = slip_values()["MA_LK"] or ""


def one(data: bytes) -> Dossier:
    (dossier,) = read_envelope(data).dossiers
    return dossier


def reasons(dossier: Dossier) -> list[tuple[ReasonCode, str]]:
    return [(found.reason, found.field) for found in dossier.findings]


def numbers(read: Envelope) -> list[str]:
    return [dossier.slip.text("SO_HOSO") for dossier in read.dossiers if dossier.slip]


def test_facts_of_the_envelope() -> None:
    read = read_envelope(sample("05"))

    assert (read.sender, read.made_on, read.findings) == ("20Z01", "20261119", ())


@given(st.integers(min_value=0, max_value=12))
def test_n_records_stay_apart_and_in_order(count: int) -> None:
    records = [hoso(("XML13", slip_table(slip_values(SO_HOSO=f"HS-{number}")))) for number in range(count)]
    read = read_envelope(envelope(*records).encode())

    assert numbers(read) == [f"HS-{number}" for number in range(count)]
    assert [dossier.position for dossier in read.dossiers] == list(range(1, count + 1))
    assert all(dossier.sender == "20Z01" for dossier in read.dossiers)


BROKEN = {
    "cut base64": filehoso("XML13", b64(SLIP)[:-3]),
    "no base64": filehoso("XML13", "%%%"),
    "empty": filehoso("XML13", ""),
    "cut inside": filehoso("XML13", b64(SLIP[:-30])),
    "not xml": filehoso("XML13", b64(b"hello world")),
    "foreign root": filehoso("XML13", b64(b"<html/>")),
    "doctype": filehoso("XML13", b64(b"<!DOCTYPE a>" + SLIP)),
    "encoding": filehoso("XML13", b64(SLIP.replace("cấp".encode(), b"c\xe2p"))),
    "two": filehoso("XML13", b64(SLIP)) + filehoso("XML13", b64(SLIP.replace(b"<SO_HOSO>", b"<SO_HOSO>1"))),
    "no content": "<FILEHOSO><LOAIHOSO>XML13</LOAIHOSO></FILEHOSO>",
    "two contents": "<FILEHOSO><LOAIHOSO>XML13</LOAIHOSO><NOIDUNGFILE/><NOIDUNGFILE/></FILEHOSO>",
    "gzip": filehoso("XML13", b64(b"\x1f\x8b\x08\x00" + bytes(60))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_record_takes_no_other_down(name: str) -> None:
    before, after = (hoso(("XML13", slip_table(slip_values(SO_HOSO=text)))) for text in ("before", "after"))
    read = read_envelope(envelope(before, f"<HOSO>{BROKEN[name]}</HOSO>", after).encode())

    assert numbers(read) == ["before", "after"]
    broken = read.dossiers[1]
    assert broken.slip is None
    assert broken.is_transfer
    assert [found.hoso for found in broken.findings] == [2]
    assert not read.dossiers[0].findings
    assert not read.dossiers[2].findings


def test_findings_of_broken_tables_name_the_table() -> None:
    (found,) = one(envelope(f"<HOSO>{BROKEN['cut base64']}</HOSO>").encode()).findings

    assert (found.reason, found.field, found.table) == (ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE", "XML13")
    assert found.vi.startswith("NOIDUNGFILE (XML13, nội dung bảng): ")


VARIANTS = {
    "signature inside THONGTINDONVI": lambda text: text.replace(
        "</THONGTINDONVI>", "<CHUKYDONVI>x</CHUKYDONVI></THONGTINDONVI>"
    ),
    "signature with XML inside": lambda text: text.replace(
        "<CHUKYDONVI/>", "<CHUKYDONVI><Signature xmlns='urn:x'><MACSKCB>99999</MACSKCB></Signature></CHUKYDONVI>"
    ),
    "no signature": lambda text: text.replace("<CHUKYDONVI/>", ""),
    "id on THONGTINHOSO": lambda text: text.replace("<THONGTINHOSO>", '<THONGTINHOSO Id="a1">'),
    "mark": lambda text: "\ufeff" + text,
    "namespace": lambda text: text.replace("<GIAMDINHHS>", '<GIAMDINHHS xmlns="urn:giamdinh">'),
    "prefix": lambda text: text.replace("<GIAMDINHHS>", '<g:GIAMDINHHS xmlns:g="urn:g">').replace(
        "</GIAMDINHHS>", "</g:GIAMDINHHS>"
    ),
    "comments": lambda text: text.replace("<HOSO>", "<!-- một --><HOSO><!-- hai -->"),
    "no DANHSACHHOSO": lambda text: text.replace("<DANHSACHHOSO>", "").replace("</DANHSACHHOSO>", ""),
    "lower case": lambda text: text.replace("FILEHOSO", "filehoso").replace("MACSKCB", "macskcb"),
    "kind in blanks": lambda text: text.replace("<LOAIHOSO>XML13<", "<LOAIHOSO>\n xml 13 <"),
    "sender last": lambda text: text.replace("<THONGTINDONVI><MACSKCB>20Z01</MACSKCB></THONGTINDONVI>", "").replace(
        "<CHUKYDONVI/>", "<THONGTINDONVI><MACSKCB>20Z01</MACSKCB></THONGTINDONVI>"
    ),
    "CDATA": lambda text: text.replace(b64(SLIP), f"<![CDATA[{b64(SLIP)}]]>"),
    "plain in CDATA": lambda text: text.replace(b64(SLIP), f"<![CDATA[{SLIP.decode()}]]>"),
    "plain": lambda text: text.replace(b64(SLIP), SLIP.decode().partition("?>")[2]),
    "plain and escaped": lambda text: text.replace(b64(SLIP), SLIP.decode().replace("<", "&lt;")),
    "broken lines": lambda text: text.replace(b64(SLIP), "\n".join(textwrap.wrap(b64(SLIP), 76))),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_seen_in_exports_mean_the_same(name: str) -> None:
    plain = export(("XML13", SLIP)).decode()
    changed = VARIANTS[name](plain)
    assert changed != plain
    read, expected = one(changed.encode()), one(plain.encode())

    assert read.slip is not None
    assert expected.slip is not None
    assert dict(read.slip.values) == dict(expected.slip.values)
    assert (read.sender, read.findings) == ("20Z01", ())


def test_export_in_utf16_means_the_same() -> None:
    text = envelope(hoso(("XML13", SLIP)), declaration="utf-16")

    assert numbers(read_envelope(text.encode("utf-16"))) == ["HS-2611-0052"]


def test_tags_of_a_written_out_table_are_not_those_of_the_envelope() -> None:
    inside = "<MACSKCB>99999</MACSKCB><HOSO/><SOLUONGHOSO>9</SOLUONGHOSO>"
    inner = f"<CHI_TIEU_GIAYCHUYENTUYEN>{inside}</CHI_TIEU_GIAYCHUYENTUYEN>"
    read = read_envelope(envelope(f"<HOSO>{filehoso('XML13', inner)}</HOSO>").encode())

    assert (read.sender, len(read.dossiers), read.findings) == ("20Z01", 1, ())


def test_two_senders_in_one_envelope_are_refused() -> None:
    data = envelope().replace("</MACSKCB>", "</MACSKCB><MACSKCB>24Z01</MACSKCB>").encode()
    with pytest.raises(Refused) as caught:
        read_envelope(data)
    assert (caught.value.reason, caught.value.where) == (ReasonCode.FIELD_REPEATED, "MACSKCB")


@pytest.mark.parametrize(
    ("stated", "told"), [("1", False), ("01", False), ("", False), ("2", True), ("0", True), ("một", True)]
)
def test_stated_number_of_records_is_compared(stated: str, told: bool) -> None:
    data = envelope(hoso(("XML13", SLIP))).replace("<SOLUONGHOSO>1<", f"<SOLUONGHOSO>{stated}<").encode()

    assert [found.field for found in read_envelope(data).findings] == ["SOLUONGHOSO"] * told


def test_no_records_and_zero_stated() -> None:
    assert read_envelope(envelope().encode()) == Envelope("20Z01", "20261119", ())


@pytest.mark.parametrize("data", [b"<html><body/></html>", b"<HOSO><FILEHOSO/></HOSO>", b"<CONFIG a='b'/>"])
def test_other_xml_holds_no_record(data: bytes) -> None:
    assert read_envelope(data).dossiers == ()


def test_slip_without_its_envelope_is_read() -> None:
    dossier = one(SLIP)

    assert dossier.slip is not None
    assert dossier.slip.raw == SLIP
    assert dossier.sender == ""


# --- ordinary discharges ---------------------------------------------------------------------------------------


def test_ordinary_discharge_is_left_in_peace() -> None:
    dossier = one(export(("XML1", summary_table(MA_LOAI_RV="1")), ("XML3", b"anything"), ("XML7", b"\0")))

    assert not dossier.is_transfer
    assert dossier.findings == ()
    assert dossier.about("MA_LOAI_RV") == "1"


@pytest.mark.parametrize("content", [b"<!DOCTYPE a><TONG_HOP/>", b"garbage", b""])
def test_broken_summary_of_a_discharge_is_nobodys_business(content: bytes) -> None:
    dossier = one(export(("XML1", content), ("XML4", content)))

    assert not dossier.is_transfer
    assert dossier.summary is None


def test_appointment_under_the_slips_label_is_no_transfer() -> None:
    assert not one(export(("XML13", table("CHI_TIEU_GIAYHEN_KHAMLAI", {"MA_LK": KEY})))).is_transfer


@pytest.mark.parametrize("kind", ["XML14", ""])
def test_slip_under_the_appointments_label_or_none_is_found(kind: str) -> None:
    assert one(export((kind, SLIP))).slip is not None


@pytest.mark.parametrize("kind", ["XML14", ""])
@pytest.mark.parametrize(
    "content", [b"garbage", b"<!DOCTYPE a><a/>", table("CHI_TIEU_GIAYHEN_KHAMLAI", {"MA_LK": KEY})]
)
def test_anything_else_there_is_left_in_peace(kind: str, content: bytes) -> None:
    assert not one(export((kind, content))).is_transfer


def test_same_slip_twice_is_one_slip() -> None:
    dossier = one(export(("XML13", SLIP), ("XML13", SLIP + b"\n")))

    assert dossier.slip is not None
    assert dossier.findings == ()


# --- size ------------------------------------------------------------------------------------------------------


def test_fifty_megabytes_are_refused_at_once_and_without_memory() -> None:
    data = b"<GIAMDINHHS>" + b" " * (50 * MIB)
    tracemalloc.start()
    with pytest.raises(Refused) as caught:
        read_envelope(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert caught.value.reason is ReasonCode.FILE_TOO_LARGE
    assert peak < MIB


def test_file_at_the_limit_is_read_record_by_record() -> None:
    """What is not carried is never decoded, so that memory follows one record and not the file."""
    bulk = filehoso("XML3", "QUJD" * (MIB // 4))
    record = f"<HOSO>{bulk}{filehoso('XML13', b64(SLIP))}</HOSO>"
    data = envelope(*[record] * 31).encode()
    assert 30 * MIB < len(data) < EXPORT_MAX_BYTES
    tracemalloc.start()
    read = read_envelope(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(numbers(read)) == 31
    assert peak < 12 * MIB


def test_records_at_the_limit_and_above() -> None:
    assert len(read_envelope(envelope(*["<HOSO/>"] * HOSO_MAX).encode()).dossiers) == HOSO_MAX
    with pytest.raises(Refused) as caught:
        read_envelope(envelope(*["<HOSO/>"] * (HOSO_MAX + 1)).encode())
    assert caught.value.reason is ReasonCode.FILE_TOO_COMPLEX


# --- whole or not ----------------------------------------------------------------------------------------------


@given(st.data())
def test_beginnings_of_samples_are_never_whole_and_never_taken(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(good_files())).read_bytes()
    end = data.draw(st.integers(min_value=0, max_value=content.rindex(b">")))

    assert not is_whole(content[:end])
    with pytest.raises(CutShortError):
        read_envelope(content[:end])


@pytest.mark.parametrize("data", [slip_export(), b"garbage", b"<a/>", b"<a></b>", b"<!DOCTYPE a>", b" " * 33 * MIB])
def test_whole_or_hopeless_is_not_waited_for(data: bytes) -> None:
    assert is_whole(data)


@given(st.binary(max_size=300))
def test_whole_agrees_with_reading(data: bytes) -> None:
    for content in (data, envelope().encode()[: len(data)] + data):
        try:
            read_envelope(content)
            whole = True
        except CutShortError:
            whole = False
        except Refused:
            whole = True
        assert is_whole(content) is whole
