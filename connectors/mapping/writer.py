"""XML13 and its envelope, written strictly: the HIS of the receiver reads what the sender's HIS wrote."""

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from lxml import etree

from connectors.sources.xml13.dialects import FIELDS, Dialect, Slip

ROOT: Final = "CHI_TIEU_GIAYCHUYENTUYEN"
_SCHEMA_INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema"


def write_xml13(slip: Slip) -> bytes:
    """Table 13 as UTF-8 with declaration: the fields of the dialect in their order, absent ones left out.

    Raises:
        ValueError: for a text that no XML 1.0 document can hold (control characters).
    """
    return slip_xml(slip.dialect, slip.values)


def slip_xml(dialect: Dialect, values: Mapping[str, str | None]) -> bytes:
    """As ``write_xml13``, from the values."""
    root = etree.Element(ROOT)
    for field in FIELDS[dialect]:
        text = values.get(field.tag)
        if text is not None:
            child = etree.SubElement(root, field.tag)
            child.text = text
    return _document(root)


def write_envelope(facility: str, day: date, tables: Sequence[tuple[str, bytes]]) -> bytes:
    """A GIAMDINHHS envelope (letter 1245) of one record: LOAIHOSO and content of each table, in base64.

    ``facility`` is the sender (MACSKCB); ``day`` is NGAYLAP. CHUKYDONVI stays empty: the signature that counts is the
    message's.
    """
    root = etree.Element("GIAMDINHHS", nsmap={"xsi": _SCHEMA_INSTANCE, "xsd": _SCHEMA})
    _text(etree.SubElement(root, "THONGTINDONVI"), "MACSKCB", facility)
    about = etree.SubElement(root, "THONGTINHOSO")
    _text(about, "NGAYLAP", f"{day:%Y%m%d}")
    _text(about, "SOLUONGHOSO", "1")
    record = etree.SubElement(etree.SubElement(about, "DANHSACHHOSO"), "HOSO")
    for kind, content in tables:
        file = etree.SubElement(record, "FILEHOSO")
        _text(file, "LOAIHOSO", kind)
        _text(file, "NOIDUNGFILE", base64.b64encode(content).decode("ascii"))
    etree.SubElement(root, "CHUKYDONVI")
    return _document(root)


def _text(parent: etree._Element, tag: str, text: str) -> None:
    etree.SubElement(parent, tag).text = text


def _document(root: etree._Element) -> bytes:
    etree.indent(root)
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return body + b"\n"
