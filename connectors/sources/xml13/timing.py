"""The times of a slip: they exist, they are in order, and the transfer is neither far ahead nor long past."""

from datetime import timedelta

from connectors.sources.xml13.checks import Case, Remarks, Said
from connectors.sources.xml13.dates import read_birth, read_day, read_time
from connectors.sources.xml13.identity import codes_in
from schemas.limits import EXPECTED_TRANSFER_AHEAD, IAT_MAX_AHEAD
from schemas.reasons import ReasonCode, Refused


def check_dates_exist(case: Case) -> Remarks:
    """Impossible dates refuse; an impossible end date of a card is only told, since no care depends on it."""
    for tag in ("NGAY_SINH", "NGAY_VAO", "NGAY_VAO_NOI_TRU", "NGAY_RA"):
        text = case.slip.text(tag)
        try:
            if text and tag == "NGAY_SINH":
                read_birth(text, tag)
            elif text:
                read_time(text, tag)
        except Refused as refusal:
            yield Said(refusal.reason, refusal.where)
    for part in codes_in(case.slip.text("GT_THE_DEN")):
        try:
            read_day(part, "GT_THE_DEN")
        except Refused as refusal:
            yield Said(ReasonCode.CARD_DOUBTFUL, refusal.where)


def check_order(case: Case) -> Remarks:
    """Born, arrived and admitted before leaving; parts that are unknown contradict nothing."""
    leaving = case.leaving
    if leaving is None:
        return
    before = {
        "NGAY_SINH": case.birth,
        "NGAY_VAO": case.time("NGAY_VAO"),
        "NGAY_VAO_NOI_TRU": case.time("NGAY_VAO_NOI_TRU"),
    }
    for tag, time in before.items():
        if time is not None and time.earliest > leaving.latest:
            yield Said(ReasonCode.DATES_OUT_OF_ORDER, tag)


def check_ahead(case: Case) -> Remarks:
    """An expected time of up to 24 hours ahead travels; more is a mistake."""
    leaving = case.leaving
    if leaving is None or leaving.earliest <= case.now + IAT_MAX_AHEAD:
        return
    far = leaving.earliest > case.now + EXPECTED_TRANSFER_AHEAD
    yield Said(ReasonCode.TRANSFER_IN_FUTURE if far else ReasonCode.TRANSFER_AHEAD, "NGAY_RA")


def check_age(case: Case, needs_yes_after: timedelta | None) -> Remarks:
    """An old slip asks a person, so that years of exports never flood the receiving desk."""
    leaving = case.leaving
    if needs_yes_after is not None and leaving is not None and leaving.latest < case.now - needs_yes_after:
        yield Said(ReasonCode.SLIP_OLD, "NGAY_RA")
