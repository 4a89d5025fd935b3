"""The slip (Table 13), read in the dialect that its own tags show; dates of decisions never decide."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from lxml import etree

from connectors.sources.xml13.documents import parse_table, tag_of
from connectors.sources.xml13.fields import MISSPELT, QD3176_FIELDS, QD4750_FIELDS, Field
from schemas.reasons import ReasonCode, Refused

ROOTS: Final = frozenset({"CHI_TIEU_GIAYCHUYENTUYEN", "CHI_TIEU_DU_LIEU_GIAY_CHUYEN_TUYEN"})
FIELDS_MAX: Final = 300  # fields of one record; Table 1 has 66
UNKNOWN_TAGS_KEPT: Final = 20  # names only, never content


class Dialect(StrEnum):
    """The decision whose form a slip has."""

    QD4750 = "4750"
    QD3176 = "3176"


FIELDS: Final[Mapping[Dialect, tuple[Field, ...]]] = MappingProxyType(
    {Dialect.QD4750: QD4750_FIELDS, Dialect.QD3176: QD3176_FIELDS}
)
_TAGS: Final = {dialect: frozenset(entry.tag for entry in fields) for dialect, fields in FIELDS.items()}
_ONLY: Final = {
    Dialect.QD4750: _TAGS[Dialect.QD4750] - _TAGS[Dialect.QD3176],
    Dialect.QD3176: _TAGS[Dialect.QD3176] - _TAGS[Dialect.QD4750],
}
DESTINATION_TAG: Final = {Dialect.QD4750: "MA_NOI_DEN", Dialect.QD3176: "MA_CSKCB_DEN"}
CAME_FROM_TAG: Final = {Dialect.QD4750: "MA_NOI_DI", Dialect.QD3176: "MA_CSKCB_DI"}


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip. ``values`` has every tag of the dialect, in its order: text, ``""`` if empty, None if absent.

    Blanks around a text are not part of it. ``raw`` is the table as it stood in the file (decoded from base64), for
    evidence; ``misspelt`` and ``unknown`` name tags, never content.
    """

    dialect: Dialect
    values: Mapping[str, str | None] = field(repr=False)  # no patient in a traceback
    raw: bytes = field(repr=False)
    sha256: str
    misspelt: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def text(self, tag: str) -> str:
        """The text of a field; ``""`` where it is empty, absent, or not in this dialect."""
        return self.values.get(tag) or ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of this slip's dialect, in order."""
        return FIELDS[self.dialect]

    @property
    def destination_tag(self) -> str:
        """MA_NOI_DEN or MA_CSKCB_DEN."""
        return DESTINATION_TAG[self.dialect]

    @property
    def destination(self) -> str:
        """The code of the receiving facility, or ``""``."""
        return self.text(self.destination_tag)

    @property
    def came_from(self) -> str:
        """The facility (QĐ 3176: several with semicolons) that sent the patient here before, or ``""``."""
        return self.text(CAME_FROM_TAG[self.dialect])


def detect(tags: Sequence[str]) -> Dialect:
    """The dialect whose own tags are present; the destination's tag decides between a mixture."""
    present = frozenset(tags)
    for dialect in Dialect:
        other = Dialect.QD3176 if dialect is Dialect.QD4750 else Dialect.QD4750
        if DESTINATION_TAG[dialect] in present and DESTINATION_TAG[other] not in present:
            return dialect
    own = {dialect: len(present & _ONLY[dialect]) for dialect in Dialect}
    return Dialect.QD4750 if own[Dialect.QD4750] > own[Dialect.QD3176] else Dialect.QD3176


def read_slip(raw: bytes) -> Slip | None:
    """The slip in a table; None when the table is another paper under the slip's label (a re-examination slip).

    Raises:
        Refused: as ``parse_table``; FIELD_REPEATED, DESTINATIONS_DIFFER; TABLE_UNREADABLE for an unknown root.
    """
    root = parse_table(raw)
    if tag_of(root) == "CHI_TIEU_GIAYHEN_KHAMLAI":
        return None
    if tag_of(root) not in ROOTS:
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE")
    found = single_values(root)
    written = [tag_of(child) for child in root]
    dialect = detect(tuple(found))
    _only_one_destination(found)
    values = {entry.tag: found.get(entry.tag) for entry in FIELDS[dialect]}
    return Slip(
        dialect=dialect,
        values=MappingProxyType(values),
        raw=raw,
        sha256=hashlib.sha256(raw).hexdigest(),
        misspelt=tuple(tag for tag in dict.fromkeys(written) if tag in MISSPELT),
        unknown=tuple(tag for tag in found if tag not in values)[:UNKNOWN_TAGS_KEPT],
    )


def _only_one_destination(found: Mapping[str, str]) -> None:
    named = {found[tag] for tag in DESTINATION_TAG.values() if found.get(tag)}
    if len(named) > 1:
        raise Refused(ReasonCode.DESTINATIONS_DIFFER, DESTINATION_TAG[Dialect.QD3176])


def single_values(record: etree._Element) -> dict[str, str]:
    """Tag to text of a record's children, misspelt tags put right.

    Raises:
        Refused: FIELD_REPEATED for a tag with two different texts; TABLE_UNREADABLE for markup inside a field, or more
            fields than any table has.
    """
    if len(record) > FIELDS_MAX:
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE")
    found: dict[str, str] = {}
    for child in record:
        written = tag_of(child)
        tag = MISSPELT.get(written, written)
        if len(child):
            raise Refused(ReasonCode.TABLE_UNREADABLE, tag)
        text = (child.text or "").strip()
        if found.setdefault(tag, text) != text:
            raise Refused(ReasonCode.FIELD_REPEATED, tag)
    return found
