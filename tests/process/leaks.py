"""Searches what a system leaves behind for words that must not be there, in every spelling that costs little to try."""

import base64
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

SHORTEST = 8  # bytes of a spelling; a shorter one would be found in any random data


@dataclass(frozen=True)
class Hit:
    """A word was found. ``word`` is the name it goes by here, so that a failing test does not print it either."""

    where: str
    word: str
    spelling: str


@lru_cache(maxsize=64)
def spellings(text: str) -> Mapping[str, bytes]:
    """Ways in which a program may write a text: letters, escapes, encodings. At least ``SHORTEST`` bytes each."""
    found: dict[str, bytes] = {}
    for form in ("NFC", "NFD"):
        normal = unicodedata.normalize(form, text)
        for case, letters in (("", normal), (" lower", normal.lower()), (" upper", normal.upper())):
            for how, written in _written(letters):
                if len(written) >= SHORTEST and written not in found.values():
                    found[f"{form}{case} {how} ({len(found)})"] = written
    return found


def _written(text: str) -> Iterator[tuple[str, bytes]]:
    plain = text.encode()
    yield "plain", plain
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "XML", escape(text).encode("ascii", "xmlcharrefreplace")
    yield "Python", text.encode("unicode_escape")
    yield "address", quote(text).encode()
    for codec in ("utf-16-le", "utf-16-be"):
        yield codec, text.encode(codec)
    yield "hex", plain.hex().encode()
    yield "HEX", plain.hex().upper().encode()
    for number, once in enumerate(_base64_cores(plain)):
        yield f"base64 {number}", once
        yield f"base64url {number}", once.translate(_URL_SAFE)
        for inner in {once, once.translate(_URL_SAFE)}:
            for again, twice in enumerate(_base64_cores(inner)):
                yield f"base64 twice {number}.{again}", twice
                yield f"base64url twice {number}.{again}", twice.translate(_URL_SAFE)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64_cores(data: bytes) -> list[bytes]:
    """What every base64 text with ``data`` somewhere in it contains, for each of the three places in a group."""
    cores = []
    for before in range(3):
        first = -(-before * 8 // 6)  # the characters that also hold bits of what stands before
        whole = (before + len(data)) * 8 // 6  # and without those that also hold bits of what follows
        cores.append(base64.b64encode(b"\0" * before + data)[first:whole])
    return cores


def in_bytes(where: str, data: bytes, words: Mapping[str, str]) -> list[Hit]:
    """Every word (by its name) and spelling found in ``data``."""
    return [
        Hit(where, name, how)
        for name, word in words.items()
        for how, written in spellings(word).items()
        if written in data
    ]


def in_folder(
    folder: Path, words: Mapping[str, str], leave_out: Callable[[Path], bool] = lambda path: False
) -> list[Hit]:
    """Every word found in a file or a name below a folder. ``leave_out`` gets paths relative to the folder.

    Names are searched also where contents are left out.
    """
    found: list[Hit] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        found += in_bytes(f"name of {inside.parent}/…", path.name.encode(), words)
        if path.is_file() and not leave_out(inside):
            found += in_bytes(str(inside), path.read_bytes(), words)
    return found


def below(*parts: str) -> Callable[[Path], bool]:
    """True for paths below one of some relative folders, or equal to one of them."""
    return lambda path: any(path.is_relative_to(part) for part in parts)


def places(hits: Iterable[Hit]) -> set[str]:
    """Where something was found."""
    return {hit.where for hit in hits}
