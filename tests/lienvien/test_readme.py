"""What the README tells a newcomer to type exists: commands, their options, make's targets, files."""

import re
import shlex

import pytest

from tests.lienvien.command_lines import ROOT, complete, every_command, faults_of, make_targets, typed

README = (ROOT / "README.md").read_text("utf-8")
TARGETS = make_targets((ROOT / "Makefile").read_text("utf-8"))
LINES = typed(README)


@pytest.mark.parametrize("line", LINES)
def test_everything_typed_exists(line: str) -> None:
    assert faults_of(line, TARGETS) == []


@pytest.mark.parametrize("line", [one for one in LINES if one.startswith("lienvien ") and " --" in one])
def test_a_line_with_options_is_complete(line: str) -> None:
    assert "--help" in line or complete(line)


def test_the_readme_has_its_two_commands_first_and_many_more() -> None:
    assert LINES[:2] == ["make demo", "make test"]
    assert len(LINES) > 20


def test_every_file_of_the_project_that_is_typed_is_there() -> None:
    words = [word for line in LINES for word in shlex.split(line)]
    files = [word for word in words if word.startswith(("tests/", "docs/", "deploy/"))]
    assert files
    assert [word for word in files if not (ROOT / word).exists()] == []


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        ("lienvien connector acept X", ["acept"]),
        ("lienvien conector accept X", ["conector"]),
        ("lienvien connector accept X --by Y --wrad Z", ["--wrad"]),
        ("lienvien status --jsn=1 -q", ["--jsn", "-q"]),
        ("lienvien exchange facility suspend 20Z01 --yes", []),
        ("make PYTHON=/usr/bin/python3 demo", []),
        ("make deom", ["deom"]),
    ],
)
def test_what_does_not_exist_is_found(line: str, faults: list[str]) -> None:
    assert faults_of(line, TARGETS) == faults


def test_what_is_wanting_is_found() -> None:
    assert not complete("lienvien connector decline 24Z01-2211-001-7 --by X")  # no reason
    assert complete("lienvien connector decline 24Z01-2211-001-7 --by X --reason no-bed")


def test_commands_are_taken_from_blocks_and_from_sentences() -> None:
    page = "Type `make demo` or:\n\n    .venv/bin/lienvien status\n    ls\n\nnot lienvien status\n"
    assert typed(page) == ["lienvien status", "make demo"]


def test_every_command_has_help() -> None:
    assert [name for name, command in every_command() if not (command.help or "").strip()] == []


def test_every_command_that_does_something_shows_an_example() -> None:
    doing = [(name, command) for name, command in every_command() if not hasattr(command, "commands")]
    assert len(doing) > 30
    assert [name for name, command in doing if "lienvien" not in (command.epilog or "")] == []


def test_the_exchange_is_never_asked_for_a_slip_number_which_it_does_not_keep() -> None:
    asked = [line for line in LINES if line.startswith("lienvien status") and "exchange.toml" in line]
    assert asked
    assert [line for line in asked if re.search(r"\d/20\d\d/\d", line)] == []
