"""Stamps. Their facts are known with the decision; number and generation only when the relay gives the number.

So the facts wait as JSON text beside the outbox row, and the stamp is that text with two members more.
"""

from typing import Any, Final

import orjson

from broker.recording.signer import Signer
from broker.stages.checking import CheckedMessage
from broker.stages.known import Transfer
from certs.base64url import decode
from certs.seal import sign_token
from schemas.lifecycle import TransferState
from schemas.tokens.stamp import MEMBERS, Stamp
from schemas.topics import RecordType

_NUMBERED: Final = ("delivery_seq", "generation")


def facts_of(record_type: RecordType, urn: str, recipient: str, record_sha256: str, **members: Any) -> str:
    """The facts of a stamp as compact JSON; members without value are left out.

    Raises:
        ValueError: a member that this record type may not have, an error of the program.
    """
    if not members.keys() <= MEMBERS[record_type]:
        raise ValueError("a member that does not apply to this record type")
    facts = {
        "exchange": urn,
        "recipient": recipient,
        "record_type": record_type,
        "record_sha256": record_sha256,
        **{name: value for name, value in members.items() if value is not None},
    }
    return orjson.dumps(facts).decode()


def state_members(state: TransferState) -> dict[str, str]:
    """A state as tokens hold it."""
    return {"delivery": state.delivery, "decision": state.decision, "journey": state.journey, "loop": state.loop}


def envelope_facts(urn: str, message: CheckedMessage, transfer: Transfer, accepted_at: str) -> str:
    """The facts of an accepted message's stamp."""
    facts = message.facts
    marks = sorted(message.tags | message.flags)
    return facts_of(
        RecordType.ENVELOPE,
        urn,
        transfer.other(facts.sender),
        message.submission.pointer.record_sha256,
        accepted_at=accepted_at,
        message_id=facts.message_id,
        bundle_id=facts.bundle_id,
        case_id=facts.case_id,
        transfer_id=facts.transfer_id,
        event=facts.event,
        sender=facts.sender,
        priority=facts.priority,
        kind=facts.kind or transfer.kind,
        tags=marks or None,
        event_seq=transfer.event_seq,
        state=state_members(transfer.state),
        payload_sha256=message.payload_sha256,
    )


def repeated_facts(stamp_or_facts: str, record_sha256: str) -> str:
    """The facts of an earlier stamp (or its facts still waiting) for other bytes of the same message."""
    text = stamp_or_facts if stamp_or_facts.startswith("{") else _payload(stamp_or_facts)
    facts = orjson.loads(text)
    for name in _NUMBERED:
        facts.pop(name, None)
    return orjson.dumps({**facts, "record_sha256": record_sha256, "possible_duplicate": True}).decode()


def sign_stamp(facts: str, delivery_seq: int, generation: int, signer: Signer) -> str:
    """The stamp of a numbered record."""
    payload = f'{facts[:-1]},"generation":{generation},"delivery_seq":{delivery_seq}}}'
    return sign_token(payload.encode(), Stamp.TYP, signer.key)


def _payload(stamp: str) -> str:
    return decode(stamp.split(".")[1].encode("ascii")).decode()
