"""The pages that are made from the contract's tables are those of today's tables."""

from pathlib import Path

import pytest

from lienvien import handbook
from schemas.lifecycle import DECISION, DELIVERY, JOURNEY, LOOP
from schemas.reasons import REASONS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["docs/reasons.md", "docs/profile.md", "README.md"])
def test_a_page_is_up_to_date(name: str) -> None:
    wanted = handbook.pages(ROOT)[ROOT / name]
    assert (ROOT / name).read_text("utf-8") == wanted, "run: python -m lienvien.handbook"


def test_every_reason_stands_on_its_page_in_both_languages() -> None:
    page = handbook.reasons_page()
    assert all(f"`{reason.code}`" in page and reason.vi in page and reason.en in page for reason in REASONS.values())


def test_every_move_of_every_table_is_drawn() -> None:
    drawn = handbook.lifecycle_diagrams()
    for table in (DELIVERY, DECISION, JOURNEY, LOOP):
        for (source, step), target in table.items():
            if source is not target:
                lines = [line for line in drawn.splitlines() if f"{source.value} --> {target.value}:" in line]
                assert any(step.value in line for line in lines), (source, step, target)


def test_a_readme_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        handbook.with_diagrams("# nothing")
