"""Which case a slip belongs to, and what a new export of it means: pure.

The key is the sender's slip number; without one the episode, the destination and the day. The same content again is
nothing new. Other content is an update of the same transfer, never a second case, with three exceptions in which a
person decides: the slip now names another destination, its transfer was taken back or refused, or the slip number has
come to another patient.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from connectors.asking import Ask
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.records import Dossier
from connectors.store.case_keys import KnownCase
from connectors.store.outbox_rows import OutState
from schemas.lifecycle import Decision
from schemas.urgency import Priority

_PATIENT: Final = ("MA_LK", "HO_TEN")


@dataclass(frozen=True, slots=True)
class OldSlip:
    """The values of a slip as they were stored, for the difference that an update shows."""

    values: Mapping[str, str | None]


class Meaning(StrEnum):
    """What a good slip is beside what was sent before."""

    NEW = "new"  # a new case
    SAME = "same"  # recognised: nothing is sent
    UPDATE = "update"  # a correction of the same transfer
    AGAIN = "again"  # the same transfer, whose slip never reached the exchange for good: submitted anew
    NEW_OFFER = "new-offer"  # another transfer of the same case: a person decides


@dataclass(frozen=True, slots=True)
class Standing:
    """How the last message of a known case stands: its submit in the outbox, and its transfer's decision."""

    submit_state: str | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class Judged:
    """The meaning of a slip; ``ask`` is set where a person must say yes before it is sent."""

    meaning: Meaning
    ask: Ask | None = None


def case_key(slip: Slip, sender: str) -> str:
    """What identifies a slip within its sender."""
    number = slip.text("GIAY_CHUYEN_TUYEN")
    if number:
        return f"{sender}|slip|{number}"
    return f"{sender}|episode|{slip.text('MA_LK')}|{slip.destination}|{slip.text('NGAY_RA')[:8]}"


def patient_key(slip: Slip, sender: str) -> str:
    """The key of a slip whose number already belongs to another patient."""
    return f"{case_key(slip, sender)}|{slip.text('MA_LK')}"


def is_other_patient(known: KnownCase, slip: Slip) -> bool:
    """True when a known slip number comes with another episode and another name: a number used twice, no correction."""
    old = old_slip(known).values
    return all((old.get(tag) or "") != slip.text(tag) for tag in _PATIENT)


def content_digest(dossier: Dossier) -> str:
    """Recognises the same record: slip, summary and the tables joined to it."""
    slip = dossier.slip
    content = {
        "dialect": slip.dialect.value if slip else "",
        "slip": dict(slip.values) if slip else {},
        "summary": dict(dossier.summary or {}),
        "drugs": [dict(row) for row in dossier.drugs],
        "results": [dict(row) for row in dossier.results],
        "course": [dict(row) for row in dossier.course],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def slip_text(slip: Slip) -> str:
    """A slip's values as they are stored."""
    return json.dumps(dict(slip.values), ensure_ascii=False)


def old_slip(known: KnownCase) -> OldSlip:
    """The values stored last."""
    return OldSlip(MappingProxyType(json.loads(known.slip)))


_NEVER_ARRIVED: Final = frozenset({OutState.REFUSED.value, OutState.DISCARDED.value})
_ENDED: Final = frozenset({Decision.CANCELLED, Decision.EXPIRED})
_FREE_TO_GO_ELSEWHERE: Final = frozenset(
    {Decision.CANCELLED, Decision.EXPIRED, Decision.DECLINED, Decision.REDIRECT_SUGGESTED, Decision.WITHDRAWN}
)


def judge_slip(
    known: KnownCase | None,
    digest: str,
    destination: str,
    standing: Standing | None,
    at_least: Priority | None = None,
) -> Judged:
    """What a good slip means.

    Args:
        known: the case behind its key.
        digest: ``content_digest`` of the record.
        destination: the facility that it now names.
        standing: how the known case stands.
        at_least: an urgency that a person or the folder asks for; a higher one is a change.
    """
    if known is None or standing is None:
        return Judged(Meaning.NEW)
    if destination != known.destination:
        free = standing.decision in _FREE_TO_GO_ELSEWHERE or standing.submit_state in _NEVER_ARRIVED
        return Judged(Meaning.NEW_OFFER, None if free else Ask.DESTINATION_CHANGED)
    raised = at_least is not None and at_least.rank < Priority(known.priority).rank
    if digest == known.slip_sha256 and not raised:
        return Judged(Meaning.SAME)
    if standing.submit_state in _NEVER_ARRIVED:
        return Judged(Meaning.AGAIN)
    if standing.decision in _ENDED:
        return Judged(Meaning.NEW_OFFER, Ask.TRANSFER_ENDED)
    return Judged(Meaning.UPDATE)
