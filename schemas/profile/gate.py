"""The gate: may this Bundle travel, and what is missing in it?

The rule. Four things can be wrong with a Bundle, and what follows depends on the message.

1. *It cannot be read*: an element that the table does not hold, a wrong datatype, a code outside its list, a date that
   does not exist, an element of need MUST or SAID that is not there, a rule marked ``always`` (two resources under one
   address, no patient behind a reference, endpoints that name another destination …). Refused for everyone.
2. *An element of need R says nothing*, neither a value nor a reason for its absence; or a rule not so marked is broken
   (a time in the future, an attachment unlike its digest, Task and ServiceRequest at odds …). Refused, except that a
   message which is stat or unclassified travels, with the element named as incomplete.
3. *An element of need W is not there.* Never refused, and not incomplete either (an insurance export never has some
   of them); named apart, as wanted.
4. *A reason stands where a value could.* That is an answer, not a fault, and not named here; ``said_to_be_unknown``
   lists these for those who show a case to people.

The verdict depends on the Bundle alone, never on the clock: a repeat is judged as it was when it first came. What needs
certificates, directory, state or time (authenticity, registered destination, identity, order) is judged elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from schemas.events import SUPPORTED
from schemas.message import MessageFacts
from schemas.profile import faults
from schemas.profile.completeness import gaps, wanted
from schemas.profile.contents import Broken, Finding, lay_out
from schemas.profile.json_schema import validator_for
from schemas.profile.rules import FRAME, RULES
from schemas.profile.rules.times import signed_after
from schemas.reasons import ReasonCode

__all__ = ["FINDINGS_MAX", "Finding", "Judgement", "judge"]

FINDINGS_MAX: Final = 50  # findings of one kind in a judgement: more help nobody, and a hostile Bundle has thousands


@dataclass(frozen=True, slots=True)
class Judgement:
    """``refusals`` stop the message; ``missing`` marks it incomplete; ``wanted`` would have been useful."""

    refusals: tuple[Finding, ...] = ()
    missing: tuple[Finding, ...] = ()
    wanted: tuple[Finding, ...] = ()

    @property
    def accepted(self) -> bool:
        """True where nothing stops the message."""
        return not self.refusals


def judge(bundle: dict[str, Any], facts: MessageFacts, *, signed_at: datetime | None = None) -> Judgement:
    """The verdict on a parsed Bundle (``strict_json.loads``) whose facts were read (``message.read_facts``).

    ``signed_at`` (aware UTC) is the signature's ``iat``; where given, ``Bundle.timestamp`` may not be later than it.
    """
    if facts.event not in SUPPORTED:
        return Judgement((Finding(ReasonCode.EVENT_UNKNOWN, "MessageHeader.eventCoding"),))
    found: list[Broken] = []
    try:
        if not validator_for(facts.event, complete=True).is_valid(bundle):
            if not validator_for(facts.event).is_valid(bundle):
                return Judgement(faults.locate(bundle, facts.event)[:FINDINGS_MAX])
            found += [Broken(gap) for gap in islice(gaps(bundle, facts.event), FINDINGS_MAX)]
    except ValueError:  # nested deeper than the validator follows; strict_json lets no such thing through
        return Judgement((Finding(ReasonCode.JSON_TOO_DEEP, "Bundle"),))
    contents = lay_out(bundle, facts)
    for rule in FRAME:
        found += rule(contents)
    if any(broken.always for broken in found):
        return _verdict(found, facts, ())
    for rule in RULES:
        found += rule(contents)
    if signed_at is not None:
        found += signed_after(contents, signed_at)
    return _verdict(found, facts, wanted(contents))


def _verdict(found: list[Broken], facts: MessageFacts, also: Iterator[Finding] | tuple[()]) -> Judgement:
    refusals = [broken.finding for broken in found if broken.always or not facts.lenient]
    missing = [broken.finding for broken in found if facts.lenient and not broken.always]
    return Judgement(tuple(refusals[:FINDINGS_MAX]), tuple(missing[:FINDINGS_MAX]), tuple(islice(also, FINDINGS_MAX)))
