"""An honest run is green, and what is not there is never taken for right."""

import json
from pathlib import Path

import pytest

from tests.judge.__main__ import main
from tests.judge.honest import finish, honest_story
from tests.judge.judging import judge
from tests.judge.verdict import TITLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return finish(honest_story()).write(tmp_path / "run")


def test_the_honest_run_is_green(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, verdict = judge(folder)
    assert {one.name: one.first for one in verdict.invariants.values() if one.first} == {}
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out.endswith("GREEN\n")


def test_every_invariant_looked_at_something(folder: Path) -> None:
    _, verdict = judge(folder)
    assert all(verdict[name].seen >= 3 for name in TITLES)


def test_the_json_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["green"] is True
    assert said["counts"]["intents"] == 4
    assert [one["name"] for one in said["invariants"]] == list(TITLES)


def test_no_folder_is_red_everywhere(tmp_path: Path) -> None:
    assert main([str(tmp_path / "nothing")]) == 1
    _, verdict = judge(tmp_path / "nothing")
    assert verdict.red == set(TITLES)


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "ca.pem",
        "exchange.pem",
        "sender/24Z01.jsonl",
        "believed/24Z01.jsonl",
        "receiver/01929.jsonl",
        "faults.jsonl",
        "topics/xfer.submit.24Z01.jsonl",
        "topics/xfer.inbox.01929.jsonl",
        "database/message.jsonl",
        "database/outbox.jsonl",
        "database/audit_entry.jsonl",
        "audit/entries.jsonl",
        "audit/checkpoints.txt",
        "audit/log-key.txt",
    ],
)
@pytest.mark.parametrize("how", ["missing", "empty", "garbled"])
def test_whatever_is_missing_empty_or_garbled_is_red(folder: Path, name: str, how: str) -> None:
    if how == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(b"" if how == "empty" else b"{\xff\n")
    _, verdict = judge(folder)
    assert not verdict.green
    if how == "missing" or (how == "garbled" and name.endswith("jsonl")):
        assert any(problem.startswith(name) for problem in verdict["inputs"].unclear)
