"""Pages of the handbook that are made from the contract's own tables, so that they cannot tell another story.

``python -m lienvien.handbook`` writes them; a test fails when one is out of date.
"""

from pathlib import Path
from typing import Final

from schemas import lifecycle
from schemas.events import Event
from schemas.profile.datatypes import DATATYPES
from schemas.profile.rows import MANY, Coded, Fixed, Matches, OneOf, Row
from schemas.profile.table import ROWS, resources
from schemas.reasons import REASONS

README_BEGIN: Final = "<!-- lifecycle: made by python -m lienvien.handbook -->"
README_END: Final = "<!-- /lifecycle -->"
_MADE: Final = "<!-- made by python -m lienvien.handbook; do not edit -->"


def reasons_page() -> str:
    """Every reason code with what happens, who must act, and its sentence in both languages."""
    lines = ["# Reason codes", "", _MADE, ""]
    lines += ["| code | disposition | who acts | Tiếng Việt | English |", "|---|---|---|---|---|"]
    for reason in REASONS.values():
        lines.append(f"| `{reason.code}` | {reason.disposition} | {reason.fixer} | {reason.vi} | {reason.en} |")
    return "\n".join([*lines, ""])


def profile_page() -> str:
    """The transfer profile, element by element, and which resources each event holds."""
    lines = ["# The transfer profile, element by element", "", _MADE, ""]
    lines += [
        "Every element that has no row is refused. **must**: refused without it. **said**, **R**: a value or a",
        "data-absent-reason. **W**: wanted, named when absent. `[ ]` marks a JSON array.",
        "",
        "## Resources of each event",
        "",
    ]
    for event in Event:
        try:
            held = resources(event)
        except KeyError:
            continue
        parts = [f"{name} {h.low}..{'*' if h.high == MANY else h.high}" for name, h in held.items()]
        lines.append(f"- `{event}`: {', '.join(parts)}")
    lines += [
        "",
        "## Elements of resources",
        "",
        *_rows(ROWS),
        "",
        "## Elements of datatypes",
        "",
        *_rows(DATATYPES),
        "",
    ]
    return "\n".join(lines)


def _rows(rows: tuple[Row, ...]) -> list[str]:
    lines = ["| element | times | type | need | bound to | only in |", "|---|---|---|---|---|---|"]
    everything = frozenset(Event)
    for row in rows:
        times = f"{row.low}..{'*' if row.high == MANY else row.high}"
        times = f"[{times}]" if row.many else times
        only = "" if row.on == everything else ", ".join(sorted(event.removeprefix("transfer-") for event in row.on))
        kind = row.type.replace("|", " or ")
        lines.append(f"| `{row.path}` | {times} | {kind} | {row.need} | {_bound(row)} | {only} |")
    return lines


def _bound(row: Row) -> str:
    match row.binding:
        case Fixed(value):
            return f"`{value}`"
        case OneOf(codes):
            return ", ".join(codes)
        case Matches(pattern):
            return "`" + pattern.replace("|", "\\|") + "`"
        case Coded(system, codes):
            return f"`{system}`" + (f": {', '.join(codes)}" if codes else "")
        case _:
            return ""


def lifecycle_diagrams() -> str:
    """The four tables as Mermaid diagrams, for the README."""
    diagrams = {
        "Delivery: how far the slip has come": lifecycle.diagram(lifecycle.DELIVERY, lifecycle.Delivery.SUBMITTED),
        "Decision: what the people decided": lifecycle.diagram(lifecycle.DECISION, lifecycle.Decision.OPEN),
        "Journey: where the patient is": lifecycle.diagram(lifecycle.JOURNEY, lifecycle.Journey.NOT_DEPARTED),
        "Loop: whether the summary came back": lifecycle.diagram(lifecycle.LOOP, lifecycle.Loop.NONE),
    }
    parts = [f"**{title}**\n\n```mermaid\n{diagram}\n```" for title, diagram in diagrams.items()]
    return "\n\n".join(parts)


def with_diagrams(readme: str) -> str:
    """The README with the diagrams of today's tables between its two marks. Raises ValueError without the marks."""
    before, _, rest = readme.partition(README_BEGIN)
    _, end, after = rest.partition(README_END)
    if not end:
        raise ValueError("the README has no place for the diagrams")
    return f"{before}{README_BEGIN}\n{lifecycle_diagrams()}\n{README_END}{after}"


def pages(root: Path) -> dict[Path, str]:
    """Every page that is made, by path, as it should be."""
    readme = root / "README.md"
    return {
        root / "docs/reasons.md": reasons_page(),
        root / "docs/profile.md": profile_page(),
        readme: with_diagrams(readme.read_text("utf-8")),
    }


def main() -> None:
    """Writes the pages below the working folder."""
    for path, text in pages(Path.cwd()).items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
