"""What writing down needs beside the decision: the moment, the exchange's voice, and fresh random bytes."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from broker.audit.actions import Action
from broker.audit.entry import SALT_BYTES, make_entry
from broker.recording.ledger import Ledger
from broker.recording.rows import outbox_row
from broker.recording.signer import Signer
from broker.recording.stamping import facts_of
from broker.recording.writes import Writes
from broker.stages.known import Standing
from broker.stages.submission import Pointer, Submission
from schemas.reasons import ReasonCode
from schemas.times import iso
from schemas.topics import RecordType


@dataclass
class Context:
    """One turn: what is known, what is written, when, and as whom. ``fresh`` gives so many random bytes."""

    ledger: Ledger
    writes: Writes
    signer: Signer
    now: datetime  # by the database's clock
    fresh: Callable[[int], bytes]

    @cached_property
    def at(self) -> str:
        """``now`` as tokens and rows hold it."""
        return iso(self.now)

    def is_cut_off(self, facility: str) -> bool:
        """True while a facility is suspended, or was never admitted: nothing that it signs has an effect."""
        return self.ledger.standings.get(facility) is not Standing.ACTIVE

    def new_id(self) -> str:
        """A random UUID (version 4)."""
        return str(UUID(bytes=self.fresh(16), version=4))

    def audit(self, action: Action, facts: Mapping[str, str | int | None], *parties: str | None) -> str:
        """Write one audit entry; returns its leaf hash. ``parties`` are the facilities that may see it."""
        entry = make_entry(action, self.now, facts, self.fresh(SALT_BYTES))
        self.writes.audit.append(
            {
                "entry_id": self.fresh(16).hex(),
                "salt": entry.salt,
                "entry": entry.entry,
                "leaf_hash": entry.leaf_hash,
                "at": self.at,
                "parties": " ".join(party for party in parties if party),
            }
        )
        return entry.leaf_hash

    def alarm(self, alarm: str, facility: str | None, pointer: Pointer | None, message_id: str | None = None) -> None:
        """Let the operator see something."""
        self.writes.alarms.append(
            {
                "at": self.at,
                "alarm": alarm,
                "facility": facility,
                "topic": pointer.topic if pointer else None,
                "offset": pointer.offset if pointer else None,
                "message_id": message_id,
            }
        )

    def set_aside(
        self, pointer: Pointer, record_type: str | None, reason: ReasonCode, where: str, facility: str | None
    ) -> None:
        """A quarantine row: the record's place, digest and reason."""
        self.writes.quarantine.append(
            {
                "topic": pointer.topic,
                "offset": pointer.offset,
                "partition": pointer.partition,
                "record_type": record_type,
                "record_sha256": pointer.record_sha256 or None,
                "size": pointer.size,
                "facility": facility,
                "reason": reason,
                "position": where[:200] or None,
                "found_at": self.at,
            }
        )

    def set_token_aside(self, submission: Submission, reason: ReasonCode, where: str = "", **facts: str | int) -> None:
        """A proven facility's token that has no effect: kept as evidence, and audited."""
        pointer = submission.pointer
        self.set_aside(pointer, submission.record_type, reason, where, submission.facility)
        self.audit(
            Action.TOKEN_REFUSED,
            {
                "facility": submission.facility,
                "record_type": submission.record_type,
                "reason": reason,
                "record_sha256": pointer.record_sha256,
                "topic": pointer.topic,
                "offset": pointer.offset,
                **facts,
            },
            submission.facility,
        )

    def send_token(
        self, record_type: RecordType, recipient: str, token: str, *, rank: int, ids: Mapping[str, str | None]
    ) -> None:
        """Queue a signed token for one inbox; it stands in its outbox row. ``ids``: further members of its stamp."""
        digest = hashlib.sha256(token.encode("ascii")).hexdigest()
        facts = facts_of(record_type, self.signer.urn, recipient, digest, accepted_at=self.at, **ids)
        self.writes.new_outbox.append(
            outbox_row(
                recipient,
                record_type,
                rank,
                facts,
                self.at,
                record_sha256=digest,
                size=len(token),
                token=token,
                ids=ids,
            )
        )
