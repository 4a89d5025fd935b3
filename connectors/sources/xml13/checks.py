"""What the checks of a slip share: their input, and what one of them says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from connectors.sources.directory import Directory
from connectors.sources.xml13.dates import VIETNAM, SourceTime, read_birth, read_time
from connectors.sources.xml13.dialects import Slip
from connectors.sources.xml13.records import Dossier
from schemas.reasons import ReasonCode, Refused


@dataclass(frozen=True, slots=True)
class Said:
    """One remark of a check: reason, field, and the table if it is not the slip."""

    reason: ReasonCode
    field: str
    table: str = ""


Remarks = Iterator[Said]


@dataclass(frozen=True, slots=True)
class Case:
    """One slip with everything it is judged against. ``now`` is aware; ``own`` is this connector's facility or None."""

    dossier: Dossier
    slip: Slip
    directory: Directory
    own: str | None
    now: datetime

    @property
    def leaving(self) -> SourceTime | None:
        """NGAY_RA, the time of transfer, where it can be read."""
        return self.time("NGAY_RA")

    @property
    def day(self) -> date:
        """The local day of the transfer; today where it is unknown."""
        leaving = self.leaving
        return (self.now.astimezone(VIETNAM) if leaving is None else leaving.earliest).date()

    @property
    def birth(self) -> SourceTime | None:
        """NGAY_SINH, where it can be read and is known."""
        return readable_birth(self.slip.text("NGAY_SINH"))

    def time(self, tag: str) -> SourceTime | None:
        """A time of the slip, or None where it is empty or impossible."""
        try:
            return read_time(self.slip.text(tag), tag)
        except Refused:
            return None


def readable_birth(text: str) -> SourceTime | None:
    """A birth date, or None where it is empty, unknown or impossible."""
    try:
        return read_birth(text, "NGAY_SINH")
    except Refused:
        return None
