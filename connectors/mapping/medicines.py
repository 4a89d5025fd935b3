"""AllergyIntolerance and MedicationStatement: what the record says, or the word that it says nothing.

"The source does not say" is never written as "none": no insurance table has a place for allergies.
"""

from typing import Final

from connectors.mapping.addresses import SOURCE_TABLE
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, concept, holds, parts
from connectors.mapping.source import Source, said, told_time
from connectors.sources.xml13.tables import Row
from schemas.codes import systems
from schemas.limits import TEXT_MAX_CHARS

TEXT_PIECES_MAX: Final = 20  # medicines in TEN_THUOC; a longer list stays one text
DRUGS_MAX: Final = 15  # medicines of XML2 as entries of their own; the others stand in a text attachment


def add_allergies(draft: Draft, patient: Element) -> None:
    """Adds the one statement that is true of every export: it says nothing about allergies."""
    draft.add("AllergyIntolerance", {"code": concept(systems.ABSENT_UNKNOWN, "no-allergy-info"), "patient": patient})


def add_medicines(draft: Draft, source: Source, patient: Element, encounter: Element) -> None:
    """Adds TEN_THUOC piece by piece and the newest order of each medicine of XML2."""
    about = {"subject": patient, "context": encounter}
    statements = [_statement("XML13", piece) for piece in _pieces(source.text("TEN_THUOC"))]
    statements += [_ordered(row) for row in newest_orders(source)[:DRUGS_MAX]]
    for statement in statements:
        draft.add("MedicationStatement", statement | about)
    if not statements:
        nothing = {
            "status": "unknown",
            "medicationCodeableConcept": concept(systems.ABSENT_UNKNOWN, "no-medication-info"),
        }
        draft.add("MedicationStatement", nothing | about)


def newest_orders(source: Source) -> list[Row]:
    """The newest row of XML2 for each medicine, newest first."""
    newest: dict[tuple[str | None, str | None], Row] = {}
    for row in sorted(source.drugs, key=lambda row: row.get("NGAY_YL") or ""):
        if said(row, "TEN_THUOC"):
            newest[row.get("TEN_THUOC"), row.get("HAM_LUONG")] = row
    return sorted(newest.values(), key=lambda row: row.get("NGAY_YL") or "", reverse=True)


def order_line(row: Row) -> str:
    """One order as a line of text."""
    return f"{_name(row)}: {_dosage(row)}"


def _pieces(text: str | None) -> list[str]:
    if text is None:
        return []
    pieces = [piece for piece in parts(text) if holds(piece)]
    return pieces if 0 < len(pieces) <= TEXT_PIECES_MAX else [text]


def _statement(table: str, text: str) -> Element:
    return {
        "status": "unknown",
        "category": concept(SOURCE_TABLE, table),
        "medicationCodeableConcept": {"text": text},
    }


def _ordered(row: Row) -> Element:
    name, dosage = _name(row), _dosage(row)
    told = {"dosage": [{"text": dosage}]} if holds(dosage, TEXT_MAX_CHARS) else {}
    return _statement("XML2", name if holds(name, TEXT_MAX_CHARS) else str(said(row, "TEN_THUOC"))) | told


def _name(row: Row) -> str:
    return " ".join(filter(None, (said(row, "TEN_THUOC"), said(row, "HAM_LUONG"))))


def _dosage(row: Row) -> str:
    """Dose, way and time of the *order*: nobody recorded here when it was given."""
    pieces = [said(row, field) for field in ("LIEU_DUNG", "CACH_DUNG", "DUONG_DUNG")]
    ordered = told_time(row, "NGAY_YL")
    return "; ".join([piece for piece in pieces if piece] + ([f"y lệnh {ordered}"] if ordered else []))
