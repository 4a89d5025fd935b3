"""One XML document: what is refused before any parser sees it, and what counts as cut short."""

import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from connectors.sources.xml13.documents import (
    DEPTH_MAX,
    EQUALS_MAX,
    TABLE_MAX_BYTES,
    TAGS_MAX,
    CutShortError,
    apart,
    checked,
    parse_table,
    tag_of,
    walk,
)
from connectors.sources.xml13.envelope import is_whole
from schemas.limits import EXPORT_MAX_BYTES, MIB
from schemas.reasons import ReasonCode, Refused
from tests.connectors.sources.exports import sample

PLAIN = "<a><b>Nguyễn Thị Ơn</b></a>"


def refusal(data: bytes, max_bytes: int = EXPORT_MAX_BYTES) -> ReasonCode:
    with pytest.raises(Refused) as caught:
        for _ in walk(checked(data, max_bytes)):
            pass
    return caught.value.reason


def text_of(data: bytes) -> str:
    root = parse_table(data)
    return "".join(root.itertext())


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        f'<?xml version="1.0" encoding="UTF-8"?>{PLAIN}'.encode(),
        f"<?xml version='1.0' encoding = 'utf8' standalone='yes'?>{PLAIN}".encode(),
        b"\r\n " + PLAIN.encode(),
        PLAIN.encode() + b"\n\0\0\0",
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        b"\xff\xfe" + f'<?xml version="1.0" encoding="utf-16"?>{PLAIN}'.encode("utf-16-le"),
        "<a><b><![CDATA[Nguyễn Thị]]> Ơn</b></a>".encode(),
        "<a><!-- Trần --><b>Nguyễn<!-- Văn --> Thị Ơn<?pi Lê?></b></a>".encode(),
        b"<a><b>Nguy&#7877;n Th&#x1ECB; &#416;n</b></a>",
        f'<x:a xmlns:x="urn:x"><x:b>{PLAIN[6:-8]}</x:b></x:a>'.encode(),
    ],
)
def test_every_honest_spelling_of_a_document_is_read(data: bytes) -> None:
    assert text_of(data) == "Nguyễn Thị Ơn"


@pytest.mark.parametrize(
    "encoding", ["windows-1258", "windows-1252", "iso-8859-1", "utf-7", "utf-32", "tcvn", "utf-16"]
)
def test_other_declared_encodings_are_refused_even_if_the_bytes_are_utf8(encoding: str) -> None:
    assert refusal(f'<?xml version="1.0" encoding="{encoding}"?>{PLAIN}'.encode()) is ReasonCode.ENCODING_WRONG


@pytest.mark.parametrize(
    "data",
    [
        "<a>Tr\u00e2\u0300n</a>".encode("windows-1258"),
        "<a>Trân</a>".encode("latin-1"),
        b"<a>\xc0\xaf</a>",  # an overlong slash
        b"<a>\xed\xa0\x80</a>",  # half a surrogate pair
        b'<?xml version="1.0" encoding="us-ascii"?><a>\xc3\xa2</a>',
        b"\xff\xfe" + "<a>Trần</a>".encode("utf-16-le")[:-8] + b"\x00\xd8" + "</a>".encode("utf-16-le"),
        b"\xff\xfe" + '<?xml version="1.0" encoding="utf-8"?><a/>'.encode("utf-16-le"),
        b"\xef\xbb\xbf\xff\xfe<a/>",
    ],
)
def test_bytes_that_are_not_the_encoding_are_refused(data: bytes) -> None:
    assert refusal(data) is ReasonCode.ENCODING_WRONG


@pytest.mark.parametrize(
    "data", ["<a/>".encode("utf-32"), "<a/>".encode("utf-16-le"), b"\x4c\x6f\xa7\x94", b"{}", b"%PDF-", b"a"]
)
def test_what_does_not_begin_like_xml_is_no_xml(data: bytes) -> None:
    assert refusal(data) in {ReasonCode.FILE_NOT_XML, ReasonCode.ENCODING_WRONG}


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        "<!doctype a>",
        "<!DOCTYPE\na>",
        "<! DOCTYPE a>",
        '<!ENTITY x "y">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_doctype_is_refused_in_every_encoding(declaration: str, encoding: str) -> None:
    data = f"{declaration}<a>&x;</a>".encode(encoding)

    assert refusal(data) is ReasonCode.DOCTYPE_REFUSED


def test_doctype_hidden_from_a_careless_search_is_refused_all_the_same() -> None:
    hidden = [
        b"<a><![CDATA[<!DOCTYPE b>]]></a>",  # may become a document of its own
        b"<!-- --><!DOCTYPE a><a/>",
        b'<?xml version="1.0"?>' + b" " * 100_000 + b"<!DOCTYPE a><a/>",
        b"<!DOCTYPE a",  # cut: it need not be whole to be refused
    ]
    assert {refusal(data) for data in hidden} == {ReasonCode.DOCTYPE_REFUSED}


@pytest.mark.parametrize("data", [b"<a>&x;</a>", b'<a b="&x;"/>', b"<a>text &x; text</a>"])
def test_undeclared_entity_is_refused_not_dropped(data: bytes) -> None:
    assert refusal(data) is ReasonCode.FILE_NOT_XML


@pytest.mark.parametrize(
    "data",
    [
        b"<a></b>",
        b"<a/><b/>",
        b"<a/>text",
        b"<a b=1/>",
        b'<a b="1" b="2"/>',
        b"<a>\x01</a>",
        b"<a>\0</a>",
        b"<a>&#0;</a>",
        b"<a>&#xD800;</a>",
        b"<a>]]></a>",
        b"<x:a/>" * 2,
    ],
)
def test_broken_xml_is_no_xml(data: bytes) -> None:
    assert refusal(data) is ReasonCode.FILE_NOT_XML


@pytest.mark.parametrize(
    "data", [b"", b"\xef", b"\xef\xbb", b"\xef\xbb\xbf", b"   ", b"\0" * 5000, b"<", b"<a", b"<a>", b"<a>\xc3", b"<?xm"]
)
def test_what_may_still_become_a_document_is_cut_short(data: bytes) -> None:
    with pytest.raises(CutShortError):
        list(walk(checked(data, EXPORT_MAX_BYTES)))


def test_every_beginning_of_an_export_is_cut_short_and_the_whole_is_not() -> None:
    """Not one byte of a file half written may look like a broken file, or like a whole one."""
    data = sample("01")
    whole = data.rindex(b">") + 1
    for end in range(whole):
        with pytest.raises(CutShortError):
            for _ in walk(checked(data[:end], EXPORT_MAX_BYTES)):
                pass
    for end in range(whole, len(data) + 1):
        assert list(walk(checked(data[:end], EXPORT_MAX_BYTES)))


@given(st.integers(min_value=2, max_value=200))
def test_beginnings_in_utf16_are_cut_short_too(end: int) -> None:
    data = ("<a>" + "Nguyễn " * 20 + "</a>").encode("utf-16")
    with pytest.raises(CutShortError):
        list(walk(checked(data[:end], EXPORT_MAX_BYTES)))


@pytest.mark.parametrize("padding", [1, 511, 100_000])
def test_reserved_but_unwritten_rest_counts_as_cut(padding: int) -> None:
    with pytest.raises(CutShortError):
        list(walk(checked(sample("01")[:2000] + b"\0" * padding, EXPORT_MAX_BYTES)))


def test_size_is_judged_first() -> None:
    assert refusal(b"x" * 11, max_bytes=10) is ReasonCode.FILE_TOO_LARGE
    assert refusal(b"x" * (EXPORT_MAX_BYTES + 1)) is ReasonCode.FILE_TOO_LARGE


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_depth_at_the_limit_and_above() -> None:
    assert len(list(walk(checked(nested(DEPTH_MAX), EXPORT_MAX_BYTES)))) == 2 * DEPTH_MAX
    for depth in (DEPTH_MAX + 1, 300, 100_000):
        assert refusal(nested(depth)) is ReasonCode.FILE_TOO_COMPLEX


def test_tags_at_the_limit_and_above() -> None:
    inside = TAGS_MAX - 2
    assert sum(1 for _ in walk(checked(b"<a>" + b"<b/>" * inside + b"</a>", EXPORT_MAX_BYTES))) == 2 * (inside + 1)
    assert refusal(b"<a>" + b"<b/>" * (inside + 1) + b"</a>") is ReasonCode.FILE_TOO_COMPLEX


def test_attributes_above_the_limit() -> None:
    many = b"".join(b' a%d=""' % number for number in range(EQUALS_MAX + 1))
    assert refusal(b"<a" + many + b"/>") is ReasonCode.FILE_TOO_COMPLEX


def test_one_endless_text_is_refused_without_growing() -> None:
    data = b"<a>" + b"x" * (20 * MIB) + b"</a>"
    tracemalloc.start()
    reason = refusal(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reason is ReasonCode.FILE_TOO_COMPLEX
    assert peak < 2 * MIB


BOMBS = {
    "entities": b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
    + b"]><a>&m;</a>",
    "quadratic": b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 100_000 + b'">]><a>' + b"&a;" * 100_000 + b"</a>",
    "depth": nested(1_000_000),
    "tags": b"<a>" + b"<b/>" * 5_000_000 + b"</a>",
    "attributes": b"<a" + b' b=""' * 2_000_000 + b"/>",
    "namespaces": b"<a" + b"".join(b' xmlns:n%d="u"' % n for n in range(300_000)) + b"/>",
    "comments": b"<a>" + b"<!---->" * 2_000_000 + b"</a>",
    "references": b"<a>" + b"&amp;" * 4_000_000 + b"</a>",
    "marks": b"<" * 10_000_000,
    "declaration": b"<?xml " + b"encoding=" * 1_000_000,
    "long name": b"<" + b"a" * 20_000_000 + b"/>",
    "cdata": b"<a>" + b"<![CDATA[x]]>" * 1_000_000 + b"</a>",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_answered_within_seconds(name: str) -> None:
    begun = time.process_time()
    try:
        for _ in walk(checked(BOMBS[name], EXPORT_MAX_BYTES)):
            pass
    except (Refused, CutShortError):
        pass
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("name", ["entities", "quadratic"])
def test_entity_bomb_costs_nothing(name: str) -> None:
    tracemalloc.start()
    reason = refusal(BOMBS[name])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reason is ReasonCode.DOCTYPE_REFUSED
    assert peak < MIB


@given(st.binary(max_size=400))
@example(b"<?xml version='1.0' encoding='\xff'?>")
@example(b"\xff\xfe<\x00")
def test_any_bytes_are_read_refused_or_waited_for(data: bytes) -> None:
    for content in (data, b"<" + data, b"<a>" + data + b"</a>", b'<?xml version="1.0"?>' + data, b"\xff\xfe" + data):
        try:
            for _ in walk(checked(content, EXPORT_MAX_BYTES)):
                pass
        except Refused as refusal:
            said = str(refusal)
        except CutShortError as error:
            said = str(error)
        else:
            continue
        assert len(said) < 60


@given(st.text(max_size=50))
def test_what_is_read_is_what_another_parser_reads(text: str) -> None:
    element = etree.Element("a")
    try:
        element.text = text
    except ValueError:
        return  # not a character of XML
    data = etree.tostring(element, encoding="utf-8")
    read = parse_table(data).text or "" if text.find("<!") < 0 else text

    assert read == (etree.fromstring(data).text or "")


def test_table_that_is_cut_or_broken_is_unreadable() -> None:
    for data in (b"", b"<a>", b"<a></b>", b"text", b"\0\0"):
        with pytest.raises(Refused) as caught:
            parse_table(data)
        assert caught.value.reason is ReasonCode.TABLE_UNREADABLE


def test_table_above_its_limit() -> None:
    with pytest.raises(Refused) as caught:
        parse_table(b"<a>" + b" " * TABLE_MAX_BYTES + b"</a>")
    assert caught.value.reason is ReasonCode.TABLE_TOO_LARGE


def test_tag_without_namespace_in_capitals() -> None:
    root = etree.fromstring('<x:ho_Ten xmlns:x="urn:x"/>')
    assert tag_of(root) == "HO_TEN"


def test_reading_apart_gives_answers_and_errors() -> None:
    assert apart(lambda: 42) == 42
    with pytest.raises(Refused) as caught:
        apart(lambda: parse_table(b"text").tag)
    assert caught.value.reason is ReasonCode.TABLE_UNREADABLE
    assert caught.value.__context__ is None
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)


def resident() -> int:
    """KiB of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_names_of_one_file_do_not_stay_in_memory_for_ever() -> None:
    def read(number: int) -> None:
        names = b"".join(b"<" + b"n" * 20_000 + b"%d/>" % (number * 1000 + name) for name in range(500))
        assert is_whole(b"<a>" + names + b"</a>")

    for number in range(3):
        read(number)
    before = resident()
    for number in range(3, 9):
        read(number)

    assert resident() - before < 20 * 1024  # kept, they would be 57 MiB
