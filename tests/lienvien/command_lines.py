"""Judges command lines that stand in texts against the command tree and the Makefile, without running any."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

from lienvien.__main__ import app

ROOT = Path(__file__).parents[2]
TREE = typer.main.get_command(app)
_INLINE = re.compile(r"`((?:lienvien|make) [^`]+)`")


def typed(page: str) -> list[str]:
    """Every line of an indented block, without the folder of the virtual environment, and every inline command."""
    blocks = [line.strip().replace(".venv/bin/", "") for line in page.splitlines() if line.startswith("    ")]
    return [line for line in blocks if line.startswith(("lienvien ", "make "))] + _INLINE.findall(page)


def faults_of(line: str, targets: set[str]) -> list[str]:
    """What a line names that does not exist."""
    words = shlex.split(line)
    if words[0] == "make":
        return [word for word in words[1:] if "=" not in word and word not in targets]
    return list(_faults_of_command(TREE, words[1:]))


def _faults_of_command(command: Any, words: list[str]) -> Iterator[str]:
    if isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        inner = command.commands.get(words[0])
        if inner is None:
            yield words[0]
        else:
            yield from _faults_of_command(inner, words[1:])
        return
    options = [one for one in command.params if one.param_type_name == "option"]
    known = {name for one in options for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    yield from (word.partition("=")[0] for word in words if word[:1] == "-" and word.partition("=")[0] not in known)


def complete(line: str) -> bool:
    """True if the command line parses as it stands: no argument or mandatory option is wanting."""
    words = shlex.split(line)[1:]
    command: Any = TREE
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    try:
        command.make_context("x", words)
    except typer.TyperException:
        return False
    return True


def make_targets(makefile: str) -> set[str]:
    """The targets of a Makefile that are words."""
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def every_command(command: Any = TREE, name: str = "lienvien") -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    yield name, command
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            yield from every_command(inner, f"{name} {inner.name}")
