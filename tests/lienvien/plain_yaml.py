"""Reads a plain subset of YAML: mappings by two blanks, lists of scalars, flow lists as JSON. All else is refused."""

import json
import re
from typing import Any

_PAIR = re.compile(r"([A-Za-z0-9_.-]+):(?: (.+))?$")


def load(text: str) -> dict[str, Any]:
    """The document. Raises ValueError with the number of the line that is not plain."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.split("#")[0].strip()]
    if any("\t" in line for _, line in lines):
        raise ValueError("a tab")
    found, rest = _block(lines, 0)
    if rest:
        raise ValueError(f"line {rest[0][0]}")
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    return found


def _block(lines: list[tuple[int, str]], indent: int) -> tuple[Any, list[tuple[int, str]]]:
    mapping: dict[str, Any] = {}
    items: list[Any] = []
    while lines and _indent(lines[0][1]) == indent:
        (number, line), lines = lines[0], lines[1:]
        word = line.strip()
        if word.startswith("- "):
            items.append(_scalar(word[2:]))
            continue
        pair = _PAIR.fullmatch(word)
        if pair is None or pair[1] in mapping:
            raise ValueError(f"line {number}")
        if pair[2] is None and lines and _indent(lines[0][1]) == indent + 2:
            mapping[pair[1]], lines = _block(lines, indent + 2)
        else:
            mapping[pair[1]] = None if pair[2] is None else _scalar(pair[2])
    if mapping and items:
        raise ValueError("a list inside a mapping")
    return items or mapping, lines


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(word: str) -> Any:
    if word[0] in '[{"':
        return json.loads(word)
    if word[0] in "&*!|>%@`'" or ": " in word or " #" in word:
        raise ValueError(word)
    return {"true": True, "false": False}.get(word, word)
