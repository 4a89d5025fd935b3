"""Condition: the main diagnosis with its text, then the accompanying codes."""

import re
from typing import Final

from connectors.mapping.addresses import xml13
from connectors.mapping.draft import Draft
from connectors.mapping.elements import Element, absent, coding, composed, concept, is_code, parts
from connectors.mapping.source import Source
from schemas.codes import systems

CONDITIONS_MAX: Final = 20  # of a transfer; more codes are carried as text
MAIN_CODES_MAX: Final = 5  # one is the rule; some exports put several into MA_BENH_CHINH
_DOUBT: Final = re.compile(r"^\s*(?:theo dõi|td\b|nghi\b|chưa loại trừ)", re.IGNORECASE)  # "observed for", "suspected"
TRADITIONAL_MAX: Final = 5  # codes of traditional medicine on the main diagnosis


def add_conditions(draft: Draft, source: Source, patient: Element, encounter: Element) -> list[Element]:
    """Adds the main diagnosis first. Codes stay as written, dots included; nothing is corrected."""
    others = [code for code in parts(source.text("MA_BENH_KT") or "") if is_code(code)][: CONDITIONS_MAX - 1]
    about = {"subject": patient, "encounter": encounter}
    sure = "provisional" if _DOUBT.search(composed(source.text("CHAN_DOAN_RV"))) else "confirmed"
    main = draft.add("Condition", _condition(_main(source), sure) | about)
    return [main, *(draft.add("Condition", _condition(concept(systems.ICD10, code)) | about) for code in others)]


def _main(source: Source) -> Element:
    code, text = source.text("MA_BENH_CHINH"), source.text("CHAN_DOAN_RV")
    codings = [coding(systems.ICD10, item) for item in parts(code or "")[:MAIN_CODES_MAX] if is_code(item)]
    words = {"text": text} if text else {} if codings else {"_text": absent()}
    traditional = [item for item in parts(source.text("MA_BENH_YHCT") or "") if is_code(item)]
    codings += [coding(xml13("MA_BENH_YHCT"), item) for item in traditional[:TRADITIONAL_MAX]]
    return {"coding": codings, **words} if codings else words


def _condition(code: Element, sure: str = "confirmed") -> Element:
    return {
        "clinicalStatus": concept(systems.CONDITION_CLINICAL, "active"),
        "verificationStatus": concept(systems.CONDITION_VERIFICATION, sure),
        "category": [concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
        "code": code,
    }
