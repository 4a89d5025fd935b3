"""DocumentReference: the form, and what does not fit into entries of its own as one text each."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from connectors.mapping.context import RENDITION, SIGNED_FORM, Attachment
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, absent, concept
from connectors.mapping.medicines import DRUGS_MAX, newest_orders, order_line
from connectors.mapping.results import line
from connectors.mapping.source import Source, said, told_time
from connectors.mapping.times import fhir_time
from connectors.sources.xml13.tables import Row
from schemas.codes import systems

COURSE: Final = "course"
LABS: Final = "labs"
MEDICINES: Final = "medicines"
PLAIN: Final = "text/plain; charset=utf-8"
TEXT_MAX_BYTES: Final = 64 * 1024  # one text attachment; the lines left out are counted in its last line

_NAMES: Final = {
    RENDITION: "Bản thể hiện, không thay phiếu đã ký",
    SIGNED_FORM: "Phiếu chuyển cơ sở khám bệnh, chữa bệnh đã ký số",
    COURSE: "Diễn biến lâm sàng",
    LABS: "Kết quả cận lâm sàng khác",
    MEDICINES: "Thuốc khác",
}


def add_documents(draft: Draft, attachments: Sequence[Attachment], patient: Element, at: datetime | None) -> None:
    """Adds the PDFs as they are."""
    for file in attachments:
        document = _document(file.purpose, file.title, file.content_type, file.content, patient=patient, at=at)
        draft.add("DocumentReference", document | ({"description": file.verification} if file.verification else {}))


def add_course(draft: Draft, source: Source, patient: Element, at: datetime | None) -> None:
    """Adds the whole course as one text, when there is one."""
    if source.course:
        _add_text(draft, COURSE, [_course_line(row) for row in source.course], patient, at)


def add_other_results(draft: Draft, rows: Sequence[Row], patient: Element, at: datetime | None) -> None:
    """Adds results that have no entry of their own as one text."""
    if rows:
        _add_text(draft, LABS, [line(row) for row in rows], patient, at)


def add_other_medicines(draft: Draft, source: Source, patient: Element, at: datetime | None) -> None:
    """Adds medicines of XML2 that have no entry of their own as one text."""
    rest = newest_orders(source)[DRUGS_MAX:]
    if rest:
        _add_text(draft, MEDICINES, [order_line(row) for row in rest], patient, at)


def shortened(lines: Sequence[str], longest: int = TEXT_MAX_BYTES) -> str:
    """The lines as one text of at most ``longest`` bytes; lines left out at the end are counted in words."""
    kept: list[str] = []
    size = 0
    for text in lines:
        size += len(text.encode()) + 1
        if size > longest:
            left = len(lines) - len(kept)
            kept.append(f"(Còn {left} dòng không gửi kèm vì quá dài / {left} more lines are not attached, too long)")
            break
        kept.append(text)
    return "\n".join(kept)


def _add_text(draft: Draft, purpose: str, lines: Sequence[str], patient: Element, at: datetime | None) -> None:
    content = shortened(lines).encode()
    draft.add("DocumentReference", _document(purpose, _NAMES[purpose], PLAIN, content, patient=patient, at=at))


def _course_line(row: Row) -> str:
    told = [said(row, "DIEN_BIEN_LS")]
    told += [
        f"{name}: {text}"
        for name, field in (("Giai đoạn", "GIAI_DOAN_BENH"), ("Hội chẩn", "HOI_CHAN"), ("Phẫu thuật", "PHAU_THUAT"))
        if (text := said(row, field))
    ]
    return f"{told_time(row, 'THOI_DIEM_DBLS') or '?'} | {'; '.join(filter(None, told))}"


def _document(
    purpose: str, title: str, content_type: str, content: bytes, *, patient: Element, at: datetime | None
) -> Element:
    """A DocumentReference dated with the transfer, not with the building of the Bundle."""
    digest = {"url": systems.EXT_SHA256, "valueString": hashlib.sha256(content).hexdigest()}
    attachment = {
        "extension": [digest],
        "contentType": content_type,
        "data": base64.b64encode(content).decode("ascii"),
        "size": len(content),
        "title": title,
    }
    return {
        "status": "current",
        "type": concept(systems.DOCUMENT, purpose, _NAMES.get(purpose)),
        "subject": patient,
        **({"date": fhir_time(at)} if at else {"_date": absent()}),
        "content": [{"attachment": attachment}],
    }
