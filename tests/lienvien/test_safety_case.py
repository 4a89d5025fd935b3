"""The safety case names tests that exist, or says that there are none yet."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "safety-case.md"
HAZARDS = [f"H{number}" for number in range(1, 16)]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ANY_PATH = re.compile(r"tests/[^\s`|]+")


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each hazard's row, by its number."""
    table = [line.strip().strip("|").split("|") for line in page.splitlines() if line.startswith("| H")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in table}


def missing(page: str, root: Path) -> list[str]:
    """Tests that a page names and that do not exist below ``root``."""
    return [f"{path}::{name}" for path, name in _NAMED.findall(page) if not _exists(root / path, name)]


def _exists(path: Path, name: str) -> bool:
    return (
        path.is_file() and re.search(rf"^\s*(async )?def {name}\(", path.read_text("utf-8"), re.MULTILINE) is not None
    )


def test_every_named_test_exists() -> None:
    assert missing(PAGE.read_text("utf-8"), ROOT) == []


def test_every_hazard_has_its_row_complete() -> None:
    found = rows(PAGE.read_text("utf-8"))
    assert list(found) == HAZARDS
    assert all(len(cells) == 5 and all(cells) for cells in found.values())


@pytest.mark.parametrize("hazard", HAZARDS)
def test_every_hazard_names_a_test_or_says_not_yet(hazard: str) -> None:
    _, _, scores, measures, shown = rows(PAGE.read_text("utf-8"))[hazard]
    assert re.fullmatch("[1-5]/[1-5]", scores)
    assert _NAMED.search(shown) or "**not yet**" in measures.lower()


def test_every_path_of_a_test_on_the_page_is_written_so_that_it_is_checked() -> None:
    page = PAGE.read_text("utf-8")
    checked = {f"{path}::{name}" for path, name in _NAMED.findall(page)} | {"tests/lienvien/test_safety_case.py"}
    assert set(_ANY_PATH.findall(page)) <= checked


def test_the_page_says_who_has_not_scored_it() -> None:
    assert "A clinician must score them" in PAGE.read_text("utf-8")


def test_a_name_that_does_not_exist_is_found(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("async def test_one() -> None: ...\n# def test_two\n", "utf-8")
    page = (
        "`tests/test_a.py::test_one` `tests/test_a.py::test_two` `tests/test_b.py::test_one` `tests/test_a.py::test_on`"
    )
    assert missing(page, tmp_path) == [
        "tests/test_a.py::test_two",
        "tests/test_b.py::test_one",
        "tests/test_a.py::test_on",
    ]
