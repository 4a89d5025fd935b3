"""How commands answer: JSON or words, refusals in both languages, one exit code for each kind of end."""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import typer

from schemas.reasons import Refused, reason

REFUSED: Final = 1  # judged and refused, or faults found
USAGE: Final = 2
ENVIRONMENT: Final = 3  # cannot reach, cannot read, locked: a person must act
LATER: Final = 4  # of a process that runs: something is in the way that may pass, as a folder in use or a full disk
START_AGAIN: Final = 70  # the outcome of something is unknown: a supervisor must start the process again

Answer = TypeVar("Answer")


def show(value: Any, *, as_json: bool, words: Callable[[], str]) -> None:
    """Prints an answer: one JSON document, or words for a person."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str) if as_json else words())


def refuse(refused: Refused, *, as_json: bool) -> NoReturn:
    """Says what was refused, where, and who must act; ends with exit code 1."""
    known = reason(refused.reason)
    facts = {"code": known.code, "where": refused.where, "fixer": known.fixer, "vi": known.vi, "en": known.en}
    if as_json:
        typer.echo(json.dumps({"refused": facts}, ensure_ascii=False))
    else:
        typer.echo(f"{known.vi}\n{known.en}\n[{known.code}] {refused.where}".rstrip(), err=True)
    raise typer.Exit(REFUSED)


def cannot(what: str, *, as_json: bool = False) -> NoReturn:
    """Says what the surroundings do not allow; ends with exit code 3."""
    if as_json:
        typer.echo(json.dumps({"error": what}, ensure_ascii=False))
    else:
        typer.echo(what, err=True)
    raise typer.Exit(ENVIRONMENT)
