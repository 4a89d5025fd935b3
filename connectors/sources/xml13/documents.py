"""One XML document, read so that it can harm nobody: size, encoding, DOCTYPE and amount of markup before any parser.

Without the checks: an internal entity is expanded or, worse, silently dropped with the text around it; ``<a/>``
repeated needs thirty times its size in memory; a document in a wrong encoding becomes somebody else's name.
"""

import codecs
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from lxml import etree

from schemas.limits import MIB
from schemas.reasons import ReasonCode, Refused

Answer = TypeVar("Answer")

TABLE_MAX_BYTES: Final = 6 * MIB  # one decoded table; 5,000 laboratory lines need about 3 MiB
TAGS_MAX: Final = 300_000  # "<" in one document: 5,000 laboratory lines written out have 130,000; each costs 150 bytes
EQUALS_MAX: Final = 200_000  # "=" in one document bounds its attributes; each table ends in at most two of base64
DEPTH_MAX: Final = 32  # nested elements; the export needs 8, a table written out in it 4 more
_CHUNK: Final = 64 * 1024

_UTF8: Final = frozenset({"utf-8", "utf8"})
_ASCII: Final = frozenset({"us-ascii", "ascii"})
_DECLARED: Final = re.compile(rb"""^<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_DECLARATION: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)", re.IGNORECASE)
_BLANK: Final = b" \t\r\n"
_NO_ELEMENT: Final = 1  # libxml2 stopped without saying why: an entity that nobody declared
_RESOURCE_LIMIT: Final = 114  # XML_ERR_RESOURCE_LIMIT


_HARDENED: Final[dict[str, Any]] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
}


class CutShortError(Exception):
    """Well-formed so far, and then it ends: it may still be being written."""


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A document as UTF-8 without byte-order mark, DOCTYPE or excess. ``cut``: it ends inside a character."""

    utf8: bytes
    cut: bool = False


def checked(data: bytes, max_bytes: int) -> CheckedText:
    """The document as safe UTF-8 bytes.

    UTF-8 with or without mark and UTF-16 with mark are read; whatever else is declared or found is refused.

    Raises:
        Refused: FILE_TOO_LARGE, ENCODING_WRONG, DOCTYPE_REFUSED, FILE_TOO_COMPLEX, FILE_NOT_XML.
    """
    if len(data) > max_bytes:
        raise Refused(ReasonCode.FILE_TOO_LARGE, "file")
    text = _to_utf8(data)
    if _DECLARATION.search(text.utf8):
        raise Refused(ReasonCode.DOCTYPE_REFUSED, "DOCTYPE")
    if text.utf8.count(b"<") > TAGS_MAX or text.utf8.count(b"=") > EQUALS_MAX:
        raise Refused(ReasonCode.FILE_TOO_COMPLEX, "file")
    if text.utf8 and not text.utf8.startswith(b"<"):
        raise Refused(ReasonCode.FILE_NOT_XML, "file")
    return text


def _to_utf8(data: bytes) -> CheckedText:
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return _transcoded(data[2:], name)
    if data and codecs.BOM_UTF8.startswith(data):
        return CheckedText(b"", cut=True)
    body = _content(data.removeprefix(codecs.BOM_UTF8))
    declared = _declared(body)
    if declared not in _UTF8 | _ASCII:
        raise Refused(ReasonCode.ENCODING_WRONG, "encoding")
    if declared in _ASCII and not body.isascii():
        raise Refused(ReasonCode.ENCODING_WRONG, "encoding")
    return CheckedText(body, cut=_ends_inside_character(body))


def _transcoded(data: bytes, encoding: str) -> CheckedText:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    parts = bytearray()
    try:
        for start in range(0, len(data), _CHUNK):
            parts += decoder.decode(data[start : start + _CHUNK]).encode("utf-8")
    except UnicodeError:
        raise Refused(ReasonCode.ENCODING_WRONG, "encoding") from None
    body = _content(bytes(parts))
    if not _declared(body, default="utf-16").startswith("utf-16"):
        raise Refused(ReasonCode.ENCODING_WRONG, "encoding")
    return CheckedText(body, cut=bool(decoder.getstate()[0]))


def _content(utf8: bytes) -> bytes:
    """Without blanks before, and without the NUL after it: Windows reserves a file's length before it writes."""
    return utf8.lstrip(_BLANK).rstrip(b"\0")


def _declared(body: bytes, default: str = "utf-8") -> str:
    match = _DECLARED.match(body[:300])
    return match[1].decode("ascii").lower() if match else default


def _ends_inside_character(body: bytes) -> bool:
    """Checks every byte without keeping the text, which would need twice the file in memory."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for start in range(0, len(body), _CHUNK):
            decoder.decode(body[start : start + _CHUNK])
    except UnicodeError:
        raise Refused(ReasonCode.ENCODING_WRONG, "encoding") from None
    return bool(decoder.getstate()[0])


def walk(text: CheckedText) -> Iterator[tuple[str, etree._Element, int]]:
    """``("start" | "end", element, depth)`` for every element as it is read; the root has depth 1.

    The taker may clear an element at its end, so that a large file is never in memory as a tree.

    Raises:
        CutShortError: the text is well-formed as far as it goes.
        Refused: FILE_NOT_XML, FILE_TOO_COMPLEX.
    """
    body = text.utf8
    if not body:
        raise CutShortError
    parser = _parser()
    depth = events = 0
    try:
        for start in range(0, len(body), _CHUNK):
            parser.feed(body[start : start + _CHUNK])
            for event, found in parser.read_events():
                element = cast(etree._Element, found)
                events += 1
                depth += event == "start"
                if depth > DEPTH_MAX:
                    raise Refused(ReasonCode.FILE_TOO_COMPLEX, "file")
                yield event, element, depth
                depth -= event == "end"
    except etree.XMLSyntaxError as error:
        raise _broken(error) from None
    try:
        parser.close()
    except etree.XMLSyntaxError as error:
        closed = events > 0 and depth == 0
        if closed or _code(error) == _NO_ELEMENT:
            raise _broken(error) from None
        raise CutShortError from None


def _parser() -> etree.XMLPullParser:
    return etree.XMLPullParser(events=("start", "end"), **_HARDENED)


def _code(error: etree.XMLSyntaxError) -> int:
    return int(getattr(error, "code", 0))  # not in the type stubs


def _broken(error: etree.XMLSyntaxError) -> Refused:
    return Refused(ReasonCode.FILE_TOO_COMPLEX if _code(error) == _RESOURCE_LIMIT else ReasonCode.FILE_NOT_XML, "file")


def apart(work: Callable[[], Answer]) -> Answer:
    """The answer of some reading, done in a thread of its own.

    lxml keeps every name it ever met for as long as the thread lives that met it: some files made to do so would fill
    the memory of a connector that runs for months. No element may be part of the answer.
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            error.__context__ = None  # it would keep parser and elements alive
            errors.append(error.with_traceback(None))

    thread = threading.Thread(target=run, name="xml")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


def tag_of(element: etree._Element) -> str:
    """The tag without namespace, in capitals."""
    tag = element.tag
    return tag.rpartition("}")[2].upper() if isinstance(tag, str) else ""


def parse_table(data: bytes) -> etree._Element:
    """The root of one inner table.

    Raises:
        Refused: as ``checked``; TABLE_UNREADABLE where the XML is broken or cut; TABLE_TOO_LARGE.
    """
    if len(data) > TABLE_MAX_BYTES:
        raise Refused(ReasonCode.TABLE_TOO_LARGE, "NOIDUNGFILE")
    parser = etree.XMLParser(**_HARDENED)
    try:
        parser.feed(checked(data, TABLE_MAX_BYTES).utf8)
        root: etree._Element = parser.close()
    except (Refused, etree.XMLSyntaxError) as error:
        if isinstance(error, Refused) and error.reason is not ReasonCode.FILE_NOT_XML:
            raise
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE") from None
    return root
