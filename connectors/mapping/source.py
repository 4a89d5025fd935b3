"""The exported record as the mapping reads it: the slip and the tables joined to it, texts unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connectors.mapping.elements import holds
from connectors.mapping.times import start_of, words
from connectors.sources.xml13.dialects import CAME_FROM_TAG, Dialect
from connectors.sources.xml13.records import Dossier
from connectors.sources.xml13.tables import Row
from schemas.limits import EXPECTED_TRANSFER_AHEAD, IAT_MAX_AHEAD, TEXT_MAX_CHARS


@dataclass(frozen=True, slots=True)
class Source:
    """One record. ``slip`` is XML13, ``one`` XML1 (empty without it), the others are rows of XML2, XML4 and XML5."""

    dialect: Dialect
    slip: Row
    one: Row
    drugs: Sequence[Row]
    results: Sequence[Row]
    course: Sequence[Row]
    now: datetime | None = None  # where given, a later time is not believed

    def happened(self, time: str | None) -> str | None:
        """A time of the record, when it is not in the future (beyond the skew of a hospital's clock)."""
        return self._until(time, IAT_MAX_AHEAD)

    def expected(self, time: str | None) -> str | None:
        """The transfer's own time, which may be up to a day ahead."""
        return self._until(time, EXPECTED_TRANSFER_AHEAD)

    def _until(self, time: str | None, ahead: timedelta) -> str | None:
        at = start_of(time)
        return None if at is not None and self.now is not None and at > self.now + ahead else time

    def text(self, field: str) -> str | None:
        """A field of the slip, when it says something that a FHIR string can hold."""
        return said(self.slip, field)

    @property
    def came_from(self) -> str | None:
        """The facility (or several with semicolons) that the patient came from before."""
        return self.text(CAME_FROM_TAG[self.dialect])


def source_of(dossier: Dossier, now: datetime | None = None) -> Source:
    """The record that holds a slip; ``now`` is aware. Raises ValueError for a record without slip."""
    if dossier.slip is None:
        raise ValueError("no slip, no transfer")
    return Source(
        dialect=dossier.slip.dialect,
        slip=dossier.slip.values,
        one=dossier.summary or {},
        drugs=dossier.drugs,
        results=dossier.results,
        course=dossier.course,
        now=now,
    )


TIME_MAX_CHARS: Final = 40  # of a time that is none; longer ones are not quoted


def told_time(row: Row, field: str) -> str:
    """A time of a row in words; a short text that is no time as it is; "" where nothing can be quoted."""
    text = row.get(field)
    return words(text) if holds(text, TIME_MAX_CHARS) else ""


def said(row: Row, field: str) -> str | None:
    """A field of a row, when it says something that a FHIR string can hold; else None."""
    value = row.get(field)
    return value if holds(value, TEXT_MAX_CHARS) else None
