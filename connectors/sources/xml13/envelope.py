"""``GIAMDINHHS`` files: the envelope, its records (HOSO), and the tables packed in each record.

Read leniently where nothing can be mistaken (byte-order mark, CDATA, plain XML for base64, attributes, the signature in
one place or another), refused where something could be. A record that cannot be read does not take the others down.
"""

from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from connectors.sources.xml13.dialects import ROOTS
from connectors.sources.xml13.documents import CutShortError, apart, checked, tag_of, walk
from connectors.sources.xml13.findings import Finding, finding
from connectors.sources.xml13.packing import Packed, pack
from connectors.sources.xml13.records import Dossier, open_record
from schemas.limits import EXPORT_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

HOSO_MAX: Final = 2_000  # records in one file; a large hospital transfers about 400 patients a month
_ROOT: Final = "GIAMDINHHS"
_KIND_MAX_CHARS: Final = 10  # "XML13"; whatever is longer is no kind that we read
_FACTS: Final = (
    ("MACSKCB", ["THONGTINDONVI"]),
    ("NGAYLAP", ["THONGTINHOSO"]),
    ("SOLUONGHOSO", ["THONGTINHOSO"]),
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One export file.

    ``sender`` is MACSKCB, ``made_on`` NGAYLAP as written, both ``""`` if absent. A file of another kind has no
    dossiers. ``findings`` concern the file as a whole.
    """

    sender: str
    made_on: str
    dossiers: tuple[Dossier, ...]
    findings: tuple[Finding, ...] = ()


def read_envelope(data: bytes) -> Envelope:
    """The envelope in an export file of at most 32 MiB.

    Raises:
        Refused: FILE_TOO_LARGE, FILE_NOT_XML, DOCTYPE_REFUSED, ENCODING_WRONG, FILE_TOO_COMPLEX.
        CutShortError: the file ends before its root element does; it may still be being written.
    """
    return apart(lambda: _read(data))


def is_whole(data: bytes) -> bool:
    """False while a file may still be being written: it is empty, or well-formed so far and not at its end."""
    return apart(lambda: _is_whole(data))


def _read(data: bytes) -> Envelope:
    reading = _Reading()
    for event, element, _ in walk(checked(data, EXPORT_MAX_BYTES)):
        if event == "start":
            reading.begin(tag_of(element))
        else:
            reading.end(element)
    if reading.root in ROOTS:  # a slip without its envelope
        return Envelope("", "", (open_record(1, "", (Packed("XML13", data),)),))
    return reading.envelope()


def _is_whole(data: bytes) -> bool:
    try:
        for event, element, depth in walk(checked(data, EXPORT_MAX_BYTES)):
            if event == "end" and depth > 1:
                element.clear()
    except CutShortError:
        return False
    except Refused:
        return True
    return True


class _Reading:
    """What was read so far. Elements are emptied as soon as they are understood."""

    def __init__(self) -> None:
        self.root = ""
        self._path: list[str] = []
        self._facts: dict[str, str] = {}
        self._packed: list[Packed] = []
        self._dossiers: list[Dossier] = []

    def begin(self, tag: str) -> None:
        self.root = self.root or tag
        self._path.append(tag)

    def end(self, element: etree._Element) -> None:
        tag = self._path.pop()
        if self.root != _ROOT or "FILEHOSO" in self._path:
            if self.root not in (_ROOT, *ROOTS):
                element.clear()
            return
        if tag == "FILEHOSO":
            self._packed.append(_packed(element))
        elif tag == "HOSO":
            self._end_record()
        elif (tag, self._path[-1:]) in _FACTS:
            self._fact(tag, (element.text or "").strip())
        element.clear()

    def _fact(self, tag: str, text: str) -> None:
        if self._facts.setdefault(tag, text) != text:
            raise Refused(ReasonCode.FIELD_REPEATED, tag)

    def _end_record(self) -> None:
        if len(self._dossiers) == HOSO_MAX:
            raise Refused(ReasonCode.FILE_TOO_COMPLEX, "HOSO")
        self._dossiers.append(open_record(len(self._dossiers) + 1, "", self._packed))
        self._packed = []

    def envelope(self) -> Envelope:
        sender = self._facts.get("MACSKCB", "")  # it may stand after the records
        stated = self._facts.get("SOLUONGHOSO", "")
        wrong = self.root == _ROOT and stated != "" and stated.lstrip("0") != str(len(self._dossiers)).lstrip("0")
        return Envelope(
            sender=sender,
            made_on=self._facts.get("NGAYLAP", ""),
            dossiers=tuple(replace(dossier, sender=sender) for dossier in self._dossiers),
            findings=(finding(ReasonCode.COUNT_DIFFERS, "SOLUONGHOSO"),) if wrong else (),
        )


def _packed(filehoso: etree._Element) -> Packed:
    kinds = [child for child in filehoso if tag_of(child) == "LOAIHOSO"]
    contents = [child for child in filehoso if tag_of(child) == "NOIDUNGFILE"]
    kind = "".join((kinds[0].text or "").upper().split())[:_KIND_MAX_CHARS] if kinds else ""
    return pack(kind, contents[0]) if len(contents) == 1 else Packed(kind, "")
