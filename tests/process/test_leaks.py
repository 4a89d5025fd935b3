"""The search for leaked words finds what is planted, however it is written; else its silence would mean nothing."""

import base64
import gzip
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.process.leaks import SHORTEST, below, in_bytes, in_folder, places, spellings

WORDS = {"name": "HOÀNG YẾN QXZVKPWJYB"}
NAME = WORDS["name"]


def _twice(data: bytes) -> bytes:
    return base64.b64encode(b'{"signed":"' + base64.urlsafe_b64encode(data) + b'"}')


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.encode(),
        lambda text: unicodedata.normalize("NFD", text).encode(),
        lambda text: text.lower().encode(),
        lambda text: json.dumps({"name": text}).encode(),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode().hex().encode(),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: text.encode("ascii", "xmlcharrefreplace"),
        lambda text: b"GET /cases/HO%C3%80NG%20Y%E1%BA%BEN%20QXZVKPWJYB HTTP/1.1",
        lambda text: repr(text).encode(),
        lambda text: ascii(text).encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: _twice(text.encode()),
    ],
)
def test_a_planted_word_is_found(tmp_path: Path, write: Callable[[str], bytes]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.bin").write_bytes(os.urandom(500) + write(NAME) + os.urandom(500))
    assert places(in_folder(tmp_path, WORDS)) == {"deep/file.bin"}


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_base64_hides_nothing_wherever_the_word_stands(before: bytes, after: bytes) -> None:
    hidden = base64.b64encode(before + NAME.encode() + after)
    assert in_bytes("x", hidden, WORDS)
    assert in_bytes("x", base64.urlsafe_b64encode(b"." + hidden + b"."), WORDS)


def test_a_word_in_a_name_is_found_also_where_contents_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / f"{NAME}.txt").write_bytes(b"")
    found = in_folder(tmp_path, WORDS, below("inside"))
    assert places(found) == {"name of inside/…"}
    assert not any(NAME in hit.where for hit in found)  # a failing test does not print it


def test_only_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    for folder in ("inside", "inside-too", "out"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(NAME, "utf-8")
    assert places(in_folder(tmp_path, WORDS, below("inside"))) == {"inside-too/a", "out/a"}
    assert places(in_folder(tmp_path, WORDS, below("inside", "out/a"))) == {"inside-too/a"}


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(2_000_000))
    (tmp_path / "b").write_text("HOÀNG YẾN, không phải người bệnh của chúng ta", "utf-8")
    assert in_folder(tmp_path, WORDS) == []


def test_every_spelling_is_long_enough_to_mean_something() -> None:
    assert min(map(len, spellings(NAME).values())) >= SHORTEST
    assert len(set(spellings(NAME).values())) == len(spellings(NAME)) > 20


def test_compressed_data_is_beyond_this_search() -> None:
    assert in_bytes("x", gzip.compress(NAME.encode() + b"." * 99), WORDS) == []  # so nothing searched may be compressed
