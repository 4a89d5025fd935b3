"""Results of XML4: one Observation or DiagnosticReport each, and what to do when there are more than fit.

``issued`` is NGAY_KQ, the time of the result; when the sample was taken the table does not say, so there is no
effective time, and no reference range is invented. A value with a decimal comma, a sign or words stays text.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from connectors.mapping.addresses import xml13
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, absent_concept, coding, concept, holds, is_code, without_nothing
from connectors.mapping.parties import licence_reference
from connectors.mapping.source import Source, said, told_time
from connectors.mapping.times import to_instant
from connectors.mapping.units import ucum
from connectors.sources.xml13.tables import Row
from schemas.codes import systems
from schemas.limits import TEXT_MAX_CHARS

LINE_MAX_CHARS: Final = TEXT_MAX_CHARS - 200  # of a result as an entry; its words are joined with a few of ours
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,8})?", re.ASCII)


def newest_per_indicator(rows: Sequence[Row]) -> list[Row]:
    """The newest row of each indicator (MA_CHI_SO, else its name), in the order of the table."""
    newest: dict[str, Row] = {}
    for row in rows:
        key = row.get("MA_CHI_SO") or row.get("TEN_CHI_SO") or row.get("MA_DICH_VU") or ""
        if key not in newest or (row.get("NGAY_KQ") or "") >= (newest[key].get("NGAY_KQ") or ""):
            newest[key] = row
    kept = {id(row) for row in newest.values()}
    return [row for row in rows if id(row) in kept]


def choose(rows: Sequence[Row], room: int) -> tuple[list[Row], list[Row]]:
    """``(as entries, as text)``: all when they fit, else the newest of each indicator, else the newest of those.

    A result whose words are too long for one element is always text.
    """
    fitting = [row for row in rows if len(line(row)) <= LINE_MAX_CHARS]
    if len(fitting) > room:
        fitting = newest_per_indicator(fitting)
    newest = sorted(fitting, key=lambda row: row.get("NGAY_KQ") or "", reverse=True)
    chosen = {id(row) for row in newest[: max(room, 0)]}
    return [row for row in rows if id(row) in chosen], [row for row in rows if id(row) not in chosen]


def add_results(draft: Draft, source: Source, rows: Sequence[Row], patient: Element, encounter: Element) -> None:
    """Adds each row: with a value as Observation, with words only as DiagnosticReport."""
    about = {"subject": patient, "encounter": encounter}
    for row in rows:
        if said(row, "GIA_TRI") or not (said(row, "MO_TA") or said(row, "KET_LUAN")):
            draft.add("Observation", _observation(source, row) | about)
        else:
            draft.add("DiagnosticReport", _report(source, row) | about)


def line(row: Row) -> str:
    """One result as a line of text, in the words of the table."""
    value = " ".join(filter(None, (said(row, "GIA_TRI"), said(row, "DON_VI_DO"))))
    name = said(row, "TEN_CHI_SO") or said(row, "MA_CHI_SO") or said(row, "MA_DICH_VU") or "?"
    told = "; ".join(filter(None, (value, said(row, "MO_TA"), said(row, "KET_LUAN"))))
    return f"{told_time(row, 'NGAY_KQ') or '?'} | {name}: {told or '-'}"


def _code(row: Row) -> Element:
    codes = [(field, row.get(field)) for field in ("MA_CHI_SO", "MA_DICH_VU")]
    codings = [coding(xml13(field), code) for field, code in codes if is_code(code)]
    name = said(row, "TEN_CHI_SO")
    return without_nothing({"coding": codings, "text": name}) or absent_concept()


def _observation(source: Source, row: Row) -> Element:
    value, unit = said(row, "GIA_TRI"), said(row, "DON_VI_DO")
    notes = [text for text in (said(row, "MO_TA"), said(row, "KET_LUAN")) if text]
    told = _value(value, unit)
    if holds(unit) and "valueString" in told:
        notes.insert(0, f"Đơn vị: {unit}")
    notes += _odd_time(source, row)
    content: Element = {
        "status": "final",
        "category": [concept(systems.OBSERVATION_CATEGORY, "laboratory")],
        "code": _code(row),
        "issued": to_instant(source.happened(row.get("NGAY_KQ"))),
        "performer": licence_reference(said(row, "MA_BS_DOC_KQ")),
        **told,
        "note": [{"text": text} for text in notes],
    }
    return without_nothing(content)


def _odd_time(source: Source, row: Row) -> list[str]:
    """A time that is no instant, or lies in the future, in words: it is not believed, and not lost."""
    told = told_time(row, "NGAY_KQ")
    believed = to_instant(source.happened(row.get("NGAY_KQ")))
    return [f"Thời điểm ghi trong bảng: {told}"] if told and not believed else []


def _value(value: str | None, unit: str | None) -> Element:
    if value is None:
        return {"dataAbsentReason": absent_concept()}
    if _NUMBER.fullmatch(value) is None:
        return {"valueString": value}
    quantity: Element = {"value": Decimal(value)}
    if holds(unit):
        code = ucum(unit)
        quantity |= {"unit": unit} | ({"system": systems.UCUM, "code": code} if code else {})
    return {"valueQuantity": quantity}


def _report(source: Source, row: Row) -> Element:
    told = [text for text in (said(row, "MO_TA"), said(row, "KET_LUAN")) if text]
    odd = "".join(f"\n{text}" for text in _odd_time(source, row))
    content: Element = {
        "status": "final",
        "code": _code(row),
        "issued": to_instant(source.happened(row.get("NGAY_KQ"))),
        "performer": licence_reference(said(row, "MA_BS_DOC_KQ")),
        "conclusion": "\nKết luận: ".join(told) + odd,
    }
    return without_nothing(content)
