"""Attack files, each with the one reason it must meet, quickly and without growth."""

import csv
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from certs.trust import TrustMaterial
from certs.unseal import open_envelope, verify_token
from certs.verify_message import verify_message
from schemas.reasons import REASONS, Disposition, ReasonCode, Refused
from tests.certs.attacks import generate
from tests.certs.conftest import NOW
from tests.certs.pki import BACH_MAI, TestPki

FOLDER = Path(__file__).parent / "attacks"
with (FOLDER / "expected.csv").open() as table:
    ROWS = [(row["file"], row["door"], row["reason"]) for row in csv.DictReader(table)]

Door = Callable[[bytes], object]


@pytest.fixture(scope="module")
def doors(pki: TestPki, trust: TrustMaterial) -> dict[str, Door]:
    key = pki.exchange.signing.token_key
    return {
        "envelope": lambda raw: open_envelope(raw, pki.exchange.decryption_keys),
        "message": lambda raw: verify_message(raw, trust, now=NOW, owner=BACH_MAI),
        "token": lambda raw: verify_token(raw, typ="lienvien-receipt+jws", keys={key.kid: key.public_key}),
    }


def refusal(door: Door, raw: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        door(raw)
    return refused.value


@pytest.mark.parametrize(("name", "door", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_file(doors: dict[str, Door], name: str, door: str, reason: str) -> None:
    found = refusal(doors[door], (FOLDER / name).read_bytes())
    assert found.reason == reason
    assert REASONS[found.reason].disposition is Disposition.QUARANTINE  # nobody is proven, no id is burnt


@pytest.mark.parametrize("name", generate.LARGE)
def test_large(doors: dict[str, Door], name: str) -> None:
    door, reason, make = generate.LARGE[name]
    raw = make()
    start = time.perf_counter()
    assert refusal(doors[door], raw).reason == reason
    assert time.perf_counter() - start < 5  # seconds; a hang, not a speed, is what this finds


@pytest.mark.parametrize("name", ["oversize", "five-thousand-recipients", "message-of-dots", "message-header-large"])
def test_large_ones_do_not_grow(doors: dict[str, Door], name: str) -> None:
    door, _, make = generate.LARGE[name]
    raw = make()
    tracemalloc.start()
    try:
        refusal(doors[door], raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_every_file_at_every_door_is_refused(doors: dict[str, Door]) -> None:
    for name, _, _ in ROWS:
        for door in doors.values():
            refusal(door, (FOLDER / name).read_bytes())


def test_the_table_is_the_folder() -> None:
    files = {path.name for path in FOLDER.iterdir() if path.suffix in (".bin", ".json", ".txt")}
    assert files == {name for name, _, _ in ROWS} == set(generate.FILES)
    assert {reason for _, _, reason in ROWS} <= set(ReasonCode)


def test_the_files_are_what_the_generator_writes() -> None:
    for name, (_, _, content) in generate.FILES.items():
        expected = content.encode() if isinstance(content, str) else content
        assert (FOLDER / name).read_bytes() == expected, name


def test_nothing_was_fetched(doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch) -> None:
    """No door opens a socket or a file for anything that a record names."""
    import builtins
    import socket

    raws = [(FOLDER / name).read_bytes() for name, _, _ in ROWS]
    monkeypatch.setattr(socket, "socket", lambda *args, **options: pytest.fail("a socket was opened"))
    monkeypatch.setattr(builtins, "open", lambda *args, **options: pytest.fail("a file was opened"))
    for raw in raws:
        for door in doors.values():
            refusal(door, raw)
