"""How a table is packed into NOIDUNGFILE: base64 of XML, once; some exports put the XML there as it is."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from connectors.sources.xml13.documents import TABLE_MAX_BYTES
from schemas.reasons import ReasonCode, Refused

_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Packed:
    """One FILEHOSO: ``kind`` as LOAIHOSO says (``XML13``; ``""`` if it does not), and its content, still packed."""

    kind: str
    content: str | bytes = field(repr=False)  # text of NOIDUNGFILE, or the bytes of an element found in it


def unpack(packed: Packed) -> bytes:
    """The table's bytes. Base64 is undone once only: base64 inside base64 is no table.

    Raises:
        Refused: TABLE_TOO_LARGE before anything is decoded; TABLE_UNREADABLE for empty or cut content, foreign
            characters, or something that is not XML.
    """
    if isinstance(packed.content, bytes):
        return _bounded(packed.content)
    text = packed.content.strip().removeprefix(_MARK)
    if text.startswith("<"):
        return _bounded(text.encode("utf-8"))
    compact = "".join(text.split())
    if len(compact) // 4 * 3 > TABLE_MAX_BYTES:
        raise Refused(ReasonCode.TABLE_TOO_LARGE, "NOIDUNGFILE")
    try:
        data = base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or len(compact) % 4:  # the decoder lets some superfluous padding pass
        raise Refused(ReasonCode.TABLE_UNREADABLE, "NOIDUNGFILE")
    return data


def _bounded(data: bytes) -> bytes:
    if len(data) > TABLE_MAX_BYTES:
        raise Refused(ReasonCode.TABLE_TOO_LARGE, "NOIDUNGFILE")
    return data


def pack(filehoso_kind: str, content: etree._Element | None) -> Packed:
    """What NOIDUNGFILE holds: its text, or the one element written out in it."""
    if content is None:
        return Packed(filehoso_kind, "")
    if len(content):
        return Packed(filehoso_kind, etree.tostring(content[0], encoding="utf-8", with_tail=False))
    return Packed(filehoso_kind, content.text or "")
