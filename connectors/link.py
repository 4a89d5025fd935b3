"""The conversation with the exchange's Kafka, as two small ports: records out, records in.

Neither retries by itself and neither keeps a position: what was confirmed is written down by the caller, and reading
goes on where the caller says. Errors are of two kinds: the link is down (try again, with a pause), or one stretch of
the log cannot be expanded or is damaged (step over it, one record at a time).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from connectors.receive import InboxRecord
from schemas.topics import RecordType


class Trouble(StrEnum):
    """Why the link is down; the page says it in words."""

    UNREACHABLE = "unreachable"  # no broker, or any fault of TLS: Kafka does not tell them apart
    NOT_ALLOWED = "not-allowed"  # the facility is suspended, or its topics do not exist yet
    LOST = "lost"  # the connection broke, or an answer did not come in time
    TOO_LARGE = "too-large"  # this one record will never be taken


class LinkDownError(Exception):
    """The record may or may not have been written; nothing was read."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class UnexpandableError(Exception):
    """The record at ``offset`` lies in a batch that cannot be expanded, or is damaged; the caller may step over it."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"offset {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record for the own submit topic."""

    record_type: RecordType
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The oldest offset still there, and the one after the newest."""

    start: int
    end: int


class SubmitLink(Protocol):
    """Writes to the own submit topic. Safe to call concurrently; records leave in the order of the calls."""

    async def send(self, record: Outgoing) -> None:
        """Returns when every replica has the record. Raises LinkDownError: then its fate is unknown."""

    async def close(self) -> None:
        """End; what is not confirmed within a few seconds is unknown."""


class InboxLink(Protocol):
    """Reads the own inbox topic. One reader at a time."""

    @property
    def topic(self) -> str:
        """The inbox topic."""

    async def connect(self) -> LogBounds:
        """Connect anew and say what there is. Raises LinkDownError."""

    async def record_at(self, offset: int) -> InboxRecord | None:
        """One record; None where there is none. Reading then has to ``seek``. Raises LinkDownError."""

    async def seek(self, offset: int) -> None:
        """The next ``read`` begins here."""

    async def read(self, max_records: int, patience_s: float) -> list[InboxRecord]:
        """Some records in order, or none after a while. Raises LinkDownError, UnexpandableError."""

    async def end(self) -> int:
        """The offset after the newest record now: a question to the broker, so also a sign of life.

        Raises LinkDownError.
        """

    async def close(self) -> None:
        """End."""
