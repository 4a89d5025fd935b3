"""What a corrected slip changes, field by field, and how the update says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from connectors.mapping.elements import holds

QUOTED_MAX_CHARS: Final = 150  # characters of an old or new text in the note; the whole new text stands in the Bundle


class ReadSlip(Protocol):
    """A slip: field name to text, "" where the field was empty, None where it was not there."""

    @property
    def values(self) -> Mapping[str, str | None]: ...


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after. None means that the field was not in the slip."""

    field: str
    old: str | None
    new: str | None


def diff_slips(old: ReadSlip, new: ReadSlip) -> list[FieldChange]:
    """Every field whose text differs, in the order of the new slip and then of the old; absent and empty differ.

    A slip of the other dialect compares by field name: fields of one dialect only appear as added or removed.
    """
    names = [*new.values, *(name for name in old.values if name not in new.values)]
    return [
        FieldChange(name, old.values.get(name), new.values.get(name))
        for name in names
        if old.values.get(name) != new.values.get(name)
    ]


def in_words(changes: Sequence[FieldChange]) -> str:
    """The changes for people, one line each, Vietnamese first."""
    lines = [f"{change.field}: {_quoted(change.old)} → {_quoted(change.new)}" for change in changes]
    return "\n".join(["Thay đổi so với bản trước / Changed since the version before:", *lines])


def _quoted(text: str | None) -> str:
    if text is None:
        return "(không có / absent)"
    if not text.strip():
        return "(trống / empty)"
    visible = " ".join(text.split())
    if not holds(visible, len(visible)):
        return "(không hiển thị được / cannot be displayed)"
    return f"“{visible[:QUOTED_MAX_CHARS]}…”" if len(visible) > QUOTED_MAX_CHARS else f"“{visible}”"
