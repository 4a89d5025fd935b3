"""DiagnosticReport of the summary of results, and Procedures: services used, operations, coded procedures."""

from typing import Final

from connectors.mapping.addresses import FIELD, ICD9CM
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, absent, concept, is_code, parts
from connectors.mapping.source import Source, said, told_time

SUMMARY: Final = "TOMTAT_KQ"
SERVICES: Final = "TEN_DICH_VU"
PROCEDURES_MAX: Final = 8  # operations and coded procedures; the course text holds them all

_SUMMARY_TITLE: Final = "Tóm tắt kết quả xét nghiệm, cận lâm sàng"


def add_summary(draft: Draft, source: Source, patient: Element, encounter: Element) -> None:
    """Adds the slip's own summary of results, when it has one."""
    text = source.text(SUMMARY)
    if text:
        report = {"status": "final", "code": concept(FIELD, SUMMARY, _SUMMARY_TITLE), "subject": patient}
        draft.add("DiagnosticReport", report | {"encounter": encounter, "conclusion": text})


def add_procedures(draft: Draft, source: Source, patient: Element, encounter: Element) -> None:
    """Adds the services of the slip, operations of the course, and codes of XML1.

    The course says when the note was written, not when the operation was: that is said in words, never as a time.
    """
    services = source.text(SERVICES)
    found: list[Element] = []
    if services:
        found.append({"code": concept(FIELD, SERVICES, services), "_performedString": absent()})
    for row in source.course:
        text = said(row, "PHAU_THUAT")
        if text:
            noted = f"ghi trong diễn biến lúc {told_time(row, 'THOI_DIEM_DBLS') or '?'}"
            found.append({"code": {"text": text}, "performedString": noted})
    for code in parts(said(source.one, "MA_PTTT_QT") or ""):
        if is_code(code):
            found.append({"code": concept(ICD9CM, code), "_performedString": absent()})
    for content in found[: PROCEDURES_MAX + 1]:
        subject = {"subject": patient, "encounter": encounter}
        draft.add("Procedure", {"status": "completed", "code": content.pop("code")} | subject | content)
