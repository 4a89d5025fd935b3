"""Who sends, who receives: without these two facts a slip cannot go anywhere."""

from connectors.sources.directory import Standing
from connectors.sources.xml13.checks import Case, Remarks, Said
from connectors.sources.xml13.dialects import CAME_FROM_TAG
from connectors.sources.xml13.identity import codes_in
from schemas.ids import is_facility_id
from schemas.reasons import ReasonCode


def check_sender(case: Case) -> Remarks:
    """MA_CSKCB issues the slip; the envelope, XML1 and this connector must agree with it."""
    sender = case.slip.text("MA_CSKCB")
    if not sender:
        yield Said(ReasonCode.SENDER_MISSING, "MA_CSKCB")
        return
    if not is_facility_id(sender):
        yield Said(ReasonCode.FACILITY_CODE_MALFORMED, "MA_CSKCB")
        return
    if case.dossier.sender not in {"", sender}:
        yield Said(ReasonCode.SENDERS_DIFFER, "MACSKCB")
    if case.dossier.about("MA_CSKCB") not in {"", sender}:
        yield Said(ReasonCode.SENDERS_DIFFER, "MA_CSKCB", "XML1")
    if case.own not in {None, sender}:
        yield Said(ReasonCode.NOT_OUR_SLIP, "MA_CSKCB")
    if case.directory.standing(sender, case.day) is not Standing.VALID:
        yield Said(ReasonCode.SENDER_NOT_LISTED, "MA_CSKCB")


def check_destination(case: Case) -> Remarks:
    """One other facility, listed and valid on the day of transfer."""
    tag, code = case.slip.destination_tag, case.slip.destination
    if not code:
        yield Said(ReasonCode.DESTINATION_MISSING, tag)
        return
    if case.dossier.about("MA_NOI_DEN") not in {"", code}:
        yield Said(ReasonCode.DESTINATIONS_DIFFER, tag, "XML1")
    if not is_facility_id(code):
        yield Said(ReasonCode.FACILITY_CODE_MALFORMED, tag)
    elif code == case.slip.text("MA_CSKCB"):
        yield Said(ReasonCode.DESTINATION_IS_SENDER, tag)
    else:
        yield from _standing(case, tag, code)


def _standing(case: Case, tag: str, code: str) -> Remarks:
    standing = case.directory.standing(code, case.day)
    facility = case.directory.find(code, case.day)
    if standing is Standing.UNKNOWN:
        yield Said(ReasonCode.DESTINATION_UNKNOWN, tag)
    elif standing is Standing.CLOSED:
        yield Said(ReasonCode.DESTINATION_CLOSED, tag)
    elif facility is not None and facility.connected is False:
        yield Said(ReasonCode.DESTINATION_NOT_CONNECTED, tag)


def check_came_from(case: Case) -> Remarks:
    """Where the patient was before; only told, never refused."""
    if not all(is_facility_id(code) for code in codes_in(case.slip.came_from)):
        yield Said(ReasonCode.CODE_UNKNOWN, CAME_FROM_TAG[case.slip.dialect])
