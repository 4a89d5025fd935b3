"""One record (HOSO): its slip, and the tables of the same treatment episode joined to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from connectors.sources.xml13.dialects import Slip, read_slip
from connectors.sources.xml13.fields import is_plain_tag
from connectors.sources.xml13.findings import Finding, finding
from connectors.sources.xml13.packing import Packed, unpack
from connectors.sources.xml13.tables import Row, read_rows, read_summary
from schemas.reasons import ReasonCode, Refused

SENSITIVE: Final = ("XML6", "XML15")  # HIV, tuberculosis: presence is noticed, content never read
_SLIP_KINDS: Final = ("XML13", "XML14", "")  # one HIS labels the slip as the appointment; some label nothing
_ROWS: Final = ("XML2", "XML4", "XML5")
_UNLABELLED: Final = frozenset({"XML14", ""})


@dataclass(frozen=True, slots=True)
class Dossier:
    """One record of an envelope.

    ``position`` counts from 1. ``sender`` is MACSKCB of the envelope (``""`` if it has none). ``slip`` is None for an
    ordinary discharge, and where the slip cannot be read; ``findings`` tells which. ``summary`` is XML1 or None;
    ``drugs``, ``results``, ``course`` are rows of XML2, XML4, XML5 of the slip's own MA_LK. ``tables`` names every
    table present, in order, ``held_back`` the ones never read.
    """

    position: int
    sender: str
    slip: Slip | None = None
    summary: Row | None = field(default=None, repr=False)  # no patient in a traceback
    drugs: tuple[Row, ...] = field(default=(), repr=False)
    results: tuple[Row, ...] = field(default=(), repr=False)
    course: tuple[Row, ...] = field(default=(), repr=False)
    tables: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_transfer(self) -> bool:
        """False for an ordinary discharge: no slip, and nothing that could have been one."""
        return self.slip is not None or bool(self.findings)

    def about(self, tag: str) -> str:
        """A text of XML1; ``""`` where empty, absent, or without XML1."""
        return (self.summary or {}).get(tag) or ""


def open_record(position: int, sender: str, packed: Sequence[Packed]) -> Dossier:
    """The record behind its packed tables. Never raises: what is wrong stands in ``findings``.

    Without a slip only XML1 is looked at (it may say that a slip is missing).
    """
    return _Reading(position, sender, tuple(packed)).dossier()


class _Reading:
    """The state of reading one record."""

    def __init__(self, position: int, sender: str, packed: tuple[Packed, ...]) -> None:
        self._position = position
        self._sender = sender
        self._packed = packed
        self._findings: list[Finding] = []

    def dossier(self) -> Dossier:
        """Slip first; what cannot be joined to one is not decoded."""
        slip = self._slip()
        kinds = tuple(table.kind for table in self._packed)
        summary = self._summary(slip)
        rows = {kind: self._rows(kind, slip) if slip else () for kind in _ROWS}
        return Dossier(
            position=self._position,
            sender=self._sender,
            slip=slip,
            summary=summary,
            drugs=rows["XML2"],
            results=rows["XML4"],
            course=rows["XML5"],
            tables=kinds,
            held_back=tuple(kind for kind in SENSITIVE if kind in kinds),
            findings=tuple(self._findings),
        )

    def _note(self, code: ReasonCode, place: str, table: str = "") -> None:
        found = finding(code, place, table=table, hoso=self._position)
        if found not in self._findings:
            self._findings.append(found)

    def _slip(self) -> Slip | None:
        found: list[Slip] = []
        for table in self._packed:
            if table.kind not in _SLIP_KINDS:
                continue
            try:
                slip = read_slip(unpack(table))
            except Refused as refusal:
                if table.kind not in _UNLABELLED:
                    self._note(refusal.reason, _place(refusal), "XML13")
                continue
            if slip is not None:
                found.append(slip)
        if any(slip.values != found[0].values for slip in found):
            self._note(ReasonCode.SLIP_AMBIGUOUS, "LOAIHOSO")
            return None
        return found[0] if found else None

    def _summary(self, slip: Slip | None) -> Row | None:
        rows = self._read("XML1", lambda raw: (read_summary(raw),), told=slip is not None)
        if not rows:
            return None
        if any(row != rows[0] for row in rows):
            self._note(ReasonCode.TABLE_LEFT_OUT, "XML1")
            return None
        return rows[0] if slip is None or self._joined("XML1", slip, rows) else None

    def _rows(self, kind: str, slip: Slip) -> tuple[Row, ...]:
        return self._joined(kind, slip, self._read(kind, lambda raw: read_rows(kind, raw), told=True))

    def _read(self, kind: str, reader: Callable[[bytes], tuple[Row, ...]], *, told: bool) -> tuple[Row, ...]:
        """All rows of a kind; a table exported twice counts once."""
        rows: list[Row] = []
        for table in dict.fromkeys(table for table in self._packed if table.kind == kind):
            try:
                rows.extend(reader(unpack(table)))
            except Refused as refusal:
                if not told:
                    continue
                if refusal.reason is ReasonCode.DOCTYPE_REFUSED:
                    self._note(refusal.reason, "DOCTYPE", kind)
                else:
                    self._note(ReasonCode.TABLE_LEFT_OUT, kind)
        return tuple(rows)

    def _joined(self, kind: str, slip: Slip, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """The rows of the slip's own episode. Another episode is a refusal; a row without key is left out."""
        key = slip.text("MA_LK")
        if any(row["MA_LK"] and row["MA_LK"] != key for row in rows):
            self._note(ReasonCode.EPISODES_DIFFER, "MA_LK", kind)
        own = tuple(row for row in rows if row["MA_LK"] and row["MA_LK"] == key)
        if key and any(not row["MA_LK"] for row in rows):
            self._note(ReasonCode.TABLE_LEFT_OUT, kind)
        return own


def _place(refusal: Refused) -> str:
    """Where in the slip. A tag comes from the file, so that only a plain one is repeated."""
    plain = is_plain_tag(refusal.where) or refusal.where == "encoding"
    return refusal.where if plain else "NOIDUNGFILE"
